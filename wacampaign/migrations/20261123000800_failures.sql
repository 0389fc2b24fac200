-- Failed rows: who failed and why, and trying those again. Safe to repeat.
--
-- A row's code is wacampaign_error_code(error_code, error_message): ours, or the one in the text
-- that the old backend wrote; 0 is none. A failed row with a message id was accepted first and
-- failed later (a webhook says so): it is shown, and never sent again.

-- Code by code in the order of the ids: a page, or a batch to try again, is read without sorting.
create index if not exists wacampaign_queue_failed
    on public.send_queue
    (campaign_id, public.wacampaign_error_code(error_code, error_message), id)
    where status = 'failed';
-- With the code, so that they are counted code by code without evaluating it row by row.
create index if not exists wacampaign_queue_failed_later
    on public.send_queue
    (campaign_id, public.wacampaign_error_code(error_code, error_message))
    where status = 'failed' and whatsapp_message_id is not null;

-- Failed rows by code: how many, how many of them had been accepted, and one of their texts.
create or replace function public.wacampaign_failures(p_campaign_id uuid)
returns jsonb
language plpgsql
stable
set search_path = public, extensions, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
    perform 1 from public.campaigns where id = p_campaign_id;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'code', c.code, 'count', c.n, 'accepted', a.n, 'text', t.text
        ) order by c.n desc, c.code), '[]'::jsonb)
        from (
            select error_code as code, sum(n) as n
            from public.wacampaign_counts
            where campaign_id = p_campaign_id and status = 'failed'
            group by 1
            having sum(n) > 0
        ) as c
        cross join lateral (
            select count(*) as n
            from public.send_queue q
            where q.campaign_id = p_campaign_id and q.status = 'failed'
              and q.whatsapp_message_id is not null
              and public.wacampaign_error_code(q.error_code, q.error_message) = c.code
        ) as a
        left join lateral (
            select q.error_message as text
            from public.send_queue q
            where q.campaign_id = p_campaign_id and q.status = 'failed'
              and public.wacampaign_error_code(q.error_code, q.error_message) = c.code
            order by q.id
            limit 1
        ) as t on true
    );
end
$$;

-- One page of the failed rows of one code, over id: those after p_after, at most 1,000.
create or replace function public.wacampaign_failed_rows(
    p_campaign_id uuid,
    p_code int,
    p_after uuid default null,
    p_limit int default 1000
)
returns jsonb
language plpgsql
stable
set search_path = public, extensions, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_custom_plan
as $$
declare
    v_after constant uuid := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', r.id, 'phone', r.phone, 'template', r.template_name, 'text', r.error_message,
            'at', to_char(r.updated_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            'accepted', r.whatsapp_message_id is not null
        ) order by r.id), '[]'::jsonb)
        from (
            select q.id, q.phone, q.template_name, q.error_message, q.updated_at,
                   q.whatsapp_message_id
            from public.send_queue q
            where q.campaign_id = p_campaign_id and q.status = 'failed'
              and public.wacampaign_error_code(q.error_code, q.error_message) = p_code
              and q.id > v_after
            order by q.id
            limit least(p_limit, 1000)
        ) as r
    );
end
$$;

-- Makes failed rows of one code ready again: those after p_after that were never accepted, at most
-- 5,000. A campaign that was completed runs again, if any row was made ready; a paused one stays
-- paused. `last` is where the next call goes on; null: there is no more.
create or replace function public.wacampaign_retry_failed(
    p_campaign_id uuid,
    p_code int,
    p_after uuid,
    p_limit int,
    p_actor text
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_custom_plan
as $$
declare
    v_after constant uuid := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
    v_limit constant int := least(greatest(p_limit, 1), 5000);
    v_was text;
    v_ids uuid[];
    v_n int := 0;
    v_reopened bool := false;
begin
    -- The lock first: what settles a row, and what completes the campaign, takes it too.
    select status into v_was from public.campaigns where id = p_campaign_id for update;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    if v_was = 'failed' then
        raise sqlstate 'PT409' using
            message = 'the campaign was cancelled, so none of its rows is sent again';
    end if;

    select array_agg(t.id order by t.id) into v_ids
    from (
        select q.id from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status = 'failed'
          and public.wacampaign_error_code(q.error_code, q.error_message) = p_code
          -- nor one that another program called failed while nobody knew: it may have been sent
          and q.whatsapp_message_id is null and q.in_doubt_since is null
          and q.id > v_after
        order by q.id
        limit v_limit
        for update
    ) as t;

    if v_ids is not null then
        update public.send_queue
        set status = 'ready', retry_count = 0, error_code = null, error_message = null,
            next_retry_at = null, claim_id = null, worker_id = null, claimed_at = null,
            lease_until = null, updated_at = clock_timestamp()
        where id = any (v_ids);
        get diagnostics v_n = row_count;

        update public.campaigns
        set status = 'running', end_time = null, pause_reason = null
        where id = p_campaign_id and status = 'completed';
        v_reopened := found;
        perform public.wacampaign_show_totals(array[p_campaign_id]);

        insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
        values (p_campaign_id, 'retried', p_actor, v_n,
                case when v_reopened then 'it was completed, and runs again' end,
                jsonb_build_object('codes', jsonb_build_array(p_code), 'was', v_was,
                                   'first', v_ids[1], 'last', v_ids[v_n]));
        perform pg_notify('wacampaign', p_campaign_id::text);
    end if;

    return jsonb_build_object(
        'rows', v_n,
        'last', case when v_n = v_limit then v_ids[v_n] end,
        'reopened', v_reopened,
        'status', case when v_reopened then 'running' else v_was end);
end
$$;

select public.wacampaign_keep_rights();
