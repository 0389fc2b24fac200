-- Makes failed rows of one code ready again: those after p_after that were never accepted, at most
-- 5,000. A campaign that was completed runs again, if any row was made ready; a paused one stays
-- paused. Rows of people who opted out of the marketing that they are, or rest from it, stay failed
-- (`left_out`). `last` is where the next call goes on; null: there is no more.
-- PT409: the campaign was cancelled.
create or replace function public.wacampaign_retry_failed(
    p_campaign_id uuid, p_code int, p_after uuid, p_limit int, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off set plan_cache_mode = force_custom_plan as $$
declare
    v_after constant uuid := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
    v_limit constant int := least(greatest(p_limit, 1), 5000);
    -- The lock first: what settles a row, and what completes the campaign, takes it too.
    v_was constant text := (public.wacampaign_campaign(p_campaign_id)).status;
    v_ids uuid[];
    v_last uuid;
    v_page int;
    v_left_out int := 0;
    v_n int := 0;
    v_reopened bool := false;
begin
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

    v_page := coalesce(cardinality(v_ids), 0);
    v_last := v_ids[v_page];
    v_ids := public.wacampaign_wanted_rows(v_ids);
    v_left_out := v_page - coalesce(cardinality(v_ids), 0);

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

        perform public.wacampaign_event(
            p_campaign_id, 'retried', p_actor, v_n,
            case when v_reopened then 'it was completed, and runs again' end,
            jsonb_build_object('codes', jsonb_build_array(p_code), 'was', v_was,
                               'first', v_ids[1], 'last', v_ids[v_n]));
        perform pg_notify('wacampaign', p_campaign_id::text);
    end if;

    return jsonb_build_object(
        'rows', v_n,
        'left_out', v_left_out,
        'last', case when v_page = v_limit then v_last end,
        'reopened', v_reopened,
        'status', case when v_reopened then 'running' else v_was end);
end
$$;
