-- Evidence from a journal (or another record of Meta's answers) about rows whose claim is dead.
--   p_outcomes: sent (with wamid) | failed | unsent (it certainly never left)
--     | begun (it may have left, and there is no more evidence: no other journal may say `unsent`)
-- p_worker_id null: the evidence is a status that a webhook told.
-- Turns a doubt into a fact; writes over nothing that is known: a row that somebody else set to
-- `failed` since (a webhook does) stays so, with its code, and only gets the message id. A message that
-- was accepted though its row has been sent again is told in an event: the audit counts it as a
-- duplicate. So is one whose row is gone.
create or replace function public.wacampaign_recover(
    p_worker_id uuid, p_ids uuid[], p_claim_ids uuid[], p_outcomes text[], p_wamids text[],
    p_codes int[], p_texts text[])
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off
-- As in settle.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_custom_plan as $$
declare
    v_now timestamptz := clock_timestamp();
    v_campaigns uuid[];
    v_sent int;
    v_failed int;
    v_unsent int;
    v_twice int;
begin
    select array_agg(distinct q.campaign_id) into v_campaigns
    from public.send_queue q where q.id = any (p_ids);
    perform 1 from public.campaigns where id = any (v_campaigns) order by id for no key update;

    update public.send_queue q
    set in_doubt_cause = 'no_answer', updated_at = v_now
    from unnest(p_ids, p_claim_ids, p_outcomes) as o (id, claim_id, outcome)
    where o.outcome = 'begun' and q.id = o.id
      and (q.claim_id = o.claim_id and q.status = 'processing'
           and q.in_doubt_cause = 'worker_lost') is true;

    with o as materialized (
        -- No exists(): it may be answered by a hash of the whole queue.
        select t.*, t.outcome = 'unsent' and (
                   select k.status from public.send_queue q
                   join public.campaigns k on k.id = q.campaign_id
                   where q.id = t.id) is not distinct from 'completed' as too_late
        from unnest(p_ids, p_claim_ids, p_outcomes, p_wamids, p_codes, p_texts)
            as t (id, claim_id, outcome, wamid, code, text)
        where t.outcome <> 'begun'
    ), twice as (
        insert into public.wacampaign_events (campaign_id, kind, actor, worker_id, row_count, reason, detail)
        select q.campaign_id, 'accepted_twice',
               case when p_worker_id is null then 'database' else 'worker' end, p_worker_id, 1,
               case when exists (select 1 from public.wacampaign_events e
                                 where e.campaign_id = q.campaign_id and e.kind = 'doubt_resent')
                    then 'sent twice, by hand: it was in doubt, a person had it sent again, and both '
                         'messages were accepted'
                    else 'an earlier attempt at this row turned out to have been accepted' end,
               jsonb_build_object('row', q.id, 'wamid', o.wamid, 'other_wamid', q.whatsapp_message_id)
        from o join public.send_queue q on q.id = o.id
        where o.outcome = 'sent'
          and (q.whatsapp_message_id <> o.wamid
               or (q.status = 'processing' and q.claim_id is distinct from o.claim_id)) is true
          and not exists (select 1 from public.wacampaign_events e
                          where e.kind = 'accepted_twice' and e.detail ->> 'wamid' = o.wamid)
        returning 1
    ), done as (
        update public.send_queue q
        -- A campaign that completed with this doubt hands out nothing any more: the row is not to
        -- be left behind in silence.
        -- Failed under this very claim, which did not write it: somebody else did, later.
        set status = case when q.status = 'failed' and q.claim_id = o.claim_id then q.status
                          when o.outcome = 'sent' then 'sent'
                          when o.outcome = 'failed' or o.too_late then 'failed'
                          else 'ready' end,
            revision = coalesce(q.revision, 0) + 1,
            whatsapp_message_id = coalesce(o.wamid, q.whatsapp_message_id),
            error_code = case when q.status = 'failed' and q.claim_id = o.claim_id
                then q.error_code else o.code end,
            error_message = case when q.status = 'failed' and q.claim_id = o.claim_id
                then q.error_message
                when o.too_late
                then 'never sent: its worker was lost, and the campaign completed before that was known'
                else o.text end,
            in_doubt_since = null,
            in_doubt_cause = null,
            next_retry_at = case when o.outcome = 'unsent' then q.next_retry_at end,
            -- A status may come weeks later: it went out with its claim.
            sent_at = case when o.outcome = 'sent' then coalesce(
                    q.sent_at, case when p_worker_id is null then q.claimed_at end, v_now)
                else q.sent_at end,
            actual_sent_at = case when o.outcome = 'sent' then coalesce(
                    q.actual_sent_at, case when p_worker_id is null then q.claimed_at end, v_now)
                else q.actual_sent_at end,
            claim_id = case when o.outcome = 'unsent' then null else o.claim_id end,
            worker_id = case when o.outcome = 'unsent' then null else q.worker_id end,
            updated_at = v_now
        from o
        where q.id = o.id
          and case o.outcome
              when 'sent' then q.whatsapp_message_id is null
                  -- Without a claim: another program took it.
                  and ((q.status = 'processing' and q.claim_id is not distinct from o.claim_id)
                       -- given back or failed since: accepted all the same, so not to be sent again
                       or q.status in ('ready', 'failed', 'pending', 'sent'))
              else q.claim_id = o.claim_id
                  and (q.status = 'processing'
                       -- it certainly was not sent, so it may be tried again
                       or (q.status = 'failed' and q.in_doubt_since is not null)) end
        returning q.id, q.campaign_id, q.whatsapp_number_id, q.template_name, q.phone, q.status,
                  q.whatsapp_message_id, q.sent_at, o.outcome
    ), inbox as (
        insert into public.messages
            (whatsapp_number_id, user_phone, direction, message_type, template_name, campaign_id,
             whatsapp_message_id, status, created_at)
        select whatsapp_number_id, phone, 'outgoing', 'template', template_name, campaign_id,
               whatsapp_message_id, status, coalesce(sent_at, v_now)
        -- When it went out: a reply to it may be there already, and its day be over.
        from done where outcome = 'sent' and whatsapp_message_id is not null
        on conflict (whatsapp_message_id) do nothing
    ), logged as (
        insert into public.wacampaign_events (campaign_id, kind, actor, worker_id, row_count, reason)
        select campaign_id, 'recovered',
               case when p_worker_id is null then 'database' else 'worker' end, p_worker_id, count(*),
               case when p_worker_id is null then 'statuses by webhook: ' else 'evidence: ' end || count(*) filter (where outcome = 'sent') || ' accepted, '
               || count(*) filter (where outcome = 'failed') || ' refused, '
               || count(*) filter (where outcome = 'unsent') || ' never sent'
        from done group by campaign_id
    )
    select count(*) filter (where outcome = 'sent'), count(*) filter (where outcome = 'failed'),
           count(*) filter (where outcome = 'unsent'), (select count(*) from twice)
    into v_sent, v_failed, v_unsent, v_twice
    from done;

    perform public.wacampaign_answers_without_row(p_worker_id, p_ids, p_outcomes, p_wamids);
    -- Their statuses may have come before.
    update public.wacampaign_deliveries d
    set look_at = v_now
    where d.wamid = any (p_wamids) and d.row_id is null and d.look_at is distinct from v_now;
    insert into public.wacampaign_runs as r (campaign_id, last_settled_at)
    select id, v_now from unnest(v_campaigns) as u (id) order by id
    on conflict (campaign_id) do update set last_settled_at = excluded.last_settled_at;
    perform public.wacampaign_show_totals(v_campaigns);
    return jsonb_build_object('sent', v_sent, 'failed', v_failed, 'unsent', v_unsent,
                              'accepted_twice', v_twice);
exception
    when unique_violation then
        -- As in settle: a message id that another row has is kept by that row.
        if not public.wacampaign_tell_taken_ids(p_worker_id, p_ids, p_wamids) then
            raise;
        end if;
        return public.wacampaign_recover(
            p_worker_id, p_ids, p_claim_ids, p_outcomes,
            public.wacampaign_free_ids(p_ids, p_wamids), p_codes, p_texts);
end
$$;
