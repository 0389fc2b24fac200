-- The rows of stopped campaigns, put right. What was accepted is never touched.

-- Settles rows that the backend's own `messages` prove to have been accepted, at most p_limit: rows
-- in doubt, and rows that wait to be sent. Proof is a template message of this campaign to the row's
-- phone that no row owns, when the campaign has that phone once. (Of several, the first belongs to
-- the row; the others stay for the audit.)
create or replace function public.wacampaign_settle_by_messages(
    p_campaign_id uuid, p_actor text, p_limit int default 5000)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
    v_sent int;
begin
    perform 1 from public.campaigns where id = p_campaign_id for no key update;
    with message as materialized (
        select distinct on (m.user_phone) m.user_phone as phone, m.template_name,
               m.whatsapp_message_id as wamid, m.created_at
        from public.messages m
        where m.campaign_id = p_campaign_id and m.direction = 'outgoing'
          and m.message_type = 'template' and m.whatsapp_message_id is not null
          -- What failed later may have been put back on purpose.
          and m.status <> 'failed'
          and not exists (select 1 from public.send_queue o
                          where o.whatsapp_message_id = m.whatsapp_message_id)
          and not exists (select 1 from public.wacampaign_events e
                          where e.campaign_id = p_campaign_id
                            and e.kind in ('accepted_twice', 'message_id_twice',
                                           'answer_without_row')
                            and e.detail ->> 'wamid' = m.whatsapp_message_id)
        order by m.user_phone, m.created_at, m.whatsapp_message_id
    ), own as materialized (
        select q.phone, count(*) as n, min(q.id::text)::uuid as id
        from public.send_queue q
        where q.campaign_id = p_campaign_id
          and exists (select 1 from message)
          and q.phone in (select phone from message)
        group by q.phone
    ), proved as materialized (
        select q.id, m.wamid, m.created_at
        from own
        join message m on m.phone = own.phone
        join public.send_queue q on q.id = own.id
        where own.n = 1 and q.template_name is not distinct from m.template_name
          and q.whatsapp_message_id is null
          and (q.status in ('ready', 'pending')
               or (q.status = 'processing'
                   and (q.in_doubt_since is not null
                        or not exists (select 1 from public.wacampaign_claims c
                                       where c.id = q.claim_id and c.closed_at is null)))
               or (q.status = 'sent' and q.in_doubt_cause = 'assumed_sent'))
        limit p_limit
        -- What a worker has claimed meanwhile is looked at again, and left out.
        for update of q
    )
    update public.send_queue q
    set status = 'sent', revision = coalesce(q.revision, 0) + 1, whatsapp_message_id = p.wamid,
        error_code = null, error_message = null, next_retry_at = null, in_doubt_since = null,
        in_doubt_cause = null, sent_at = coalesce(q.sent_at, p.created_at),
        actual_sent_at = coalesce(q.actual_sent_at, p.created_at), updated_at = clock_timestamp()
    from proved p
    where q.id = p.id;
    get diagnostics v_sent = row_count;
    if v_sent > 0 then
        perform public.wacampaign_event(
            p_campaign_id, 'recovered', p_actor, v_sent,
            'evidence: ' || v_sent || ' accepted, told by the messages table');
        perform public.wacampaign_show_totals(array[p_campaign_id]);
    end if;
    return jsonb_build_object('sent', v_sent);
end
$$;

-- One step of what the rows of a stopped campaign need, at most p_limit of each kind:
--   accepted: rows to be sent, in doubt or in nobody's hands that have a message id were accepted:
--     they are `sent`
--   pending: rows never sent that no worker takes, or that wait for more than a day: `ready` now
--   in_doubt: rows in `processing` of another program, and rows to be sent though in doubt: nobody
--     knows, so they are in doubt
-- The same call again until all three are 0.
create or replace function public.wacampaign_mend_rows(
    p_campaign_id uuid, p_actor text, p_limit int default 5000)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set plan_cache_mode = force_custom_plan as $$
declare
    v_limit constant int := least(greatest(p_limit, 1), 5000);
    v_now constant timestamptz := clock_timestamp();
    v_far constant timestamptz := public.wacampaign_far_away();
    v_status constant text := (public.wacampaign_campaign(p_campaign_id)).status;
    v_ids uuid[];
    v_accepted int;
    v_pending int;
    v_doubt int;
begin
    -- All locks on rows before the first write, which takes those on the counts; and one write, which
    -- takes them in one order. What a worker takes at this moment is its own.
    select array_agg(r.id) into v_ids
    from (
        select q.id from public.send_queue q
        where q.id in (
            (select a.id from public.send_queue a
             where a.campaign_id = p_campaign_id and a.status in ('ready', 'pending')
               and a.whatsapp_message_id is not null limit v_limit)
            union all
            (select a.id from public.send_queue a
             where a.campaign_id = p_campaign_id and a.status = 'processing'
               and a.in_doubt_since is not null and a.whatsapp_message_id is not null
             limit v_limit)
            union all
            (select a.id from public.send_queue a
             where a.campaign_id = p_campaign_id and a.status in ('ready', 'pending')
               and a.in_doubt_since is not null limit v_limit)
            union all
            (select a.id from public.send_queue a
             where v_status in ('running', 'completed') and a.campaign_id = p_campaign_id
               and a.status = 'pending' and a.whatsapp_message_id is null
               and a.in_doubt_since is null limit v_limit)
            union all
            (select a.id from public.send_queue a
             where v_status in ('running', 'completed') and a.campaign_id = p_campaign_id
               and a.status = 'ready' and a.next_retry_at > v_far
               and a.whatsapp_message_id is null and a.in_doubt_since is null limit v_limit)
            union all
            (select o from public.wacampaign_orphans(p_campaign_id, v_limit) as o))
        order by q.id
        for update skip locked
    ) as r;

    with changed as (
        update public.send_queue q
        set status = case when q.whatsapp_message_id is not null then 'sent'
                          when q.status = 'processing' or q.in_doubt_since is not null
                          then 'processing' else 'ready' end,
            revision = case when q.status = 'processing' and q.whatsapp_message_id is not null
                       then coalesce(q.revision, 0) + 1 else q.revision end,
            sent_at = case when q.whatsapp_message_id is not null
                      then coalesce(q.sent_at, q.updated_at) else q.sent_at end,
            next_retry_at = case when q.whatsapp_message_id is null
                                  and q.next_retry_at <= v_far then q.next_retry_at end,
            -- Since when it stands as it does: who saw it before is who decides about it.
            in_doubt_since = case when q.whatsapp_message_id is null and q.status = 'processing'
                             then coalesce(q.in_doubt_since, least(q.updated_at, v_now))
                             when q.whatsapp_message_id is null then q.in_doubt_since end,
            in_doubt_cause = case when q.whatsapp_message_id is null and q.status = 'processing'
                             then coalesce(q.in_doubt_cause, 'no_claim')
                             when q.whatsapp_message_id is null then q.in_doubt_cause end,
            error_code = case when q.whatsapp_message_id is null then q.error_code end,
            error_message = case when q.whatsapp_message_id is not null then null
                when q.status = 'processing' and q.in_doubt_since is null
                then 'in doubt: another program took this row and never said what became of it'
                else q.error_message end,
            updated_at = v_now
        where q.id = any (v_ids)
          -- again: it may have changed before it was locked
          and (q.status in ('ready', 'pending') or (
              q.status = 'processing'
              and (q.in_doubt_since is null or q.whatsapp_message_id is not null)
              and (q.in_doubt_since is not null
                   or not exists (select 1 from public.wacampaign_claims c
                                  where c.id = q.claim_id and c.closed_at is null))))
          and (q.status <> 'ready' or q.whatsapp_message_id is not null
               or q.in_doubt_since is not null or q.next_retry_at > v_far)
        returning q.status
    )
    select count(*) filter (where status = 'sent'), count(*) filter (where status = 'ready'),
           count(*) filter (where status = 'processing')
    into v_accepted, v_pending, v_doubt
    from changed;

    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason)
    select p_campaign_id, 'recovered', p_actor, v_accepted,
           'they were to be sent, but have the id of an accepted message'
    where v_accepted > 0;
    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason)
    select p_campaign_id, 'readied', p_actor, v_pending,
           'they were pending, which no worker takes, or waited for a time far away'
    where v_pending > 0;
    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason)
    select p_campaign_id, 'in_doubt', p_actor, v_doubt,
           'taken by another program, without a word of what became of them'
    where v_doubt > 0;
    perform public.wacampaign_show_totals(array[p_campaign_id]);
    return jsonb_build_object('accepted', v_accepted, 'pending', v_pending, 'in_doubt', v_doubt);
end
$$;
