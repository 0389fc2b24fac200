-- Writes a batch of outcomes, each to the row and claim it belongs to. All arrays have one length.
--   p_outcomes: sent | failed | retry | wait | in_doubt (core/outcomes.py)
--   p_slow, p_hold_cumulative: 0 or 1 (arrays of booleans do not survive every REST server)
--   p_wait_ms: base of the wait; a retry doubles it each time, both get jitter
--   p_rest_hours: how long people rest whom Meta wants to have a rest (131049)
--   p_hold_*: what to stop when so many such answers have come on the row's number and template
--   p_held: 1: Meta accepted the message, and keeps it back until it has judged the template
-- Returns settled, repeated (was settled by the same claim before) and the ids of lost rows: their
-- claim is no longer the holder, so nothing was written.
drop function if exists public.wacampaign_settle(uuid, uuid[], uuid[], text[], text[], int[], text[], int[], int[], int[], text[], int[], int[], int[], text[]);
drop function if exists public.wacampaign_settle(uuid, uuid[], uuid[], text[], text[], int[], text[], int[], int[], int[], text[], int[], int[], int[], text[], int[]);
create or replace function public.wacampaign_settle(
    p_worker_id uuid, p_ids uuid[], p_claim_ids uuid[], p_outcomes text[], p_wamids text[],
    p_codes int[], p_texts text[], p_wait_ms int[], p_max_retries int[], p_slow int[],
    p_hold_scopes text[], p_hold_after int[], p_hold_cumulative int[], p_hold_seconds int[],
    p_reasons text[], p_held int[] default null, p_rest_hours double precision default 24)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off
-- By row id, one index lookup each, is the only plan wanted. A plan kept from earlier calls walked
-- the whole claim for each of its rows, and "is true" hides the rest from the partial indexes.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan as $$
declare
    v_now timestamptz := clock_timestamp();
    v_slow uuid[];
    v_campaigns uuid[];
    v_campaigns_locked uuid[];
    v_done uuid[];
    v_lost jsonb := '[]';
    v_held jsonb := '[]';
    v_repeated int;
    v_faults bool;
    v_fault record;
    -- Seconds between two changes of a campaign's row while it runs (wacampaign_show_totals).
    c_show_seconds constant int := 10;
begin
    if 1 = any (p_slow) then
        select array_agg(distinct q.whatsapp_number_id) into v_slow
        from unnest(p_ids, p_slow) as o (id, slow)
        join public.send_queue q on q.id = o.id
        where o.slow = 1;
        perform public.wacampaign_slow_numbers(v_slow);
    end if;
    select array_agg(distinct q.campaign_id) into v_campaigns
    from public.send_queue q where q.id = any (p_ids);
    -- A hold may pause others, too: they are locked now, as rows and counts come after campaigns.
    v_campaigns_locked := v_campaigns || public.wacampaign_held_with(p_ids, p_hold_scopes);
    perform 1 from public.campaigns where id = any (v_campaigns_locked)
    order by id for no key update;

    with o as materialized (
        select * from unnest(
            p_ids, p_claim_ids, p_outcomes, p_wamids, p_codes, p_texts, p_wait_ms, p_max_retries,
            p_hold_scopes, p_hold_cumulative
        ) as t (id, claim_id, outcome, wamid, code, text, wait_ms, max_retries, hold_scope, cumulative)
    ), done as (
        update public.send_queue q
        set status = case
                when o.outcome = 'sent' then 'sent'
                when o.outcome = 'failed' then 'failed'
                when o.outcome = 'retry' and q.retry_count >= o.max_retries then 'failed'
                when o.outcome in ('retry', 'wait') then 'ready'
                else q.status end,
            revision = case when o.outcome = 'in_doubt' then q.revision
                       else coalesce(q.revision, 0) + 1 end,
            retry_count = q.retry_count
                + case when o.outcome = 'retry' and q.retry_count < o.max_retries then 1 else 0 end,
            next_retry_at = case
                when o.outcome = 'retry' and q.retry_count < o.max_retries then v_now + make_interval(
                    secs => o.wait_ms / 1000.0 * power(2, least(greatest(q.retry_count, 0), 16))
                        * (0.75 + 0.5 * random()))
                when o.outcome = 'wait' then v_now + make_interval(
                    secs => o.wait_ms / 1000.0 * (1 + 0.25 * random())) end,
            in_doubt_since = case when o.outcome = 'in_doubt' then v_now end,
            in_doubt_cause = case when o.outcome = 'in_doubt' then 'no_answer' end,
            whatsapp_message_id = coalesce(o.wamid, q.whatsapp_message_id),
            error_code = o.code,
            error_message = o.text,
            sent_at = case when o.outcome = 'sent' then v_now else q.sent_at end,
            actual_sent_at = case when o.outcome = 'sent' then v_now else q.actual_sent_at end,
            updated_at = v_now
        from o
        where q.id = o.id
          and (q.claim_id = o.claim_id and q.status = 'processing'
               and q.in_doubt_since is null) is true
        returning q.id, q.campaign_id, q.whatsapp_number_id, q.template_name, q.phone, q.status,
                  q.whatsapp_message_id, o.outcome, o.code, o.hold_scope, o.cumulative
    ), inbox as (
        insert into public.messages
            (whatsapp_number_id, user_phone, direction, message_type, template_name, campaign_id,
             whatsapp_message_id, status, created_at)
        select whatsapp_number_id, phone, 'outgoing', 'template', template_name, campaign_id,
               whatsapp_message_id, 'sent', v_now
        -- Without an id (a second row was given the same) there is nothing for a webhook to find,
        -- and some databases take no such row.
        from done where outcome = 'sent' and whatsapp_message_id is not null
        on conflict (whatsapp_message_id) do nothing
    ), lanes as (
        insert into public.wacampaign_lanes as l
            (campaign_id, whatsapp_number_id, template_name, run_accepted, opaque_answers,
             faults_in_a_row, began_at, ramp_at)
        select campaign_id, whatsapp_number_id, template_name,
               count(*) filter (where outcome = 'sent'),
               count(*) filter (where hold_scope is not null and cumulative = 1),
               greatest(0, count(*) filter (where hold_scope is not null and cumulative = 0)
                   - count(*) filter (where outcome = 'sent')),
               v_now, case when bool_or(outcome = 'sent') then v_now end
        from done
        group by 1, 2, 3
        order by 1, 2, 3
        on conflict (campaign_id, whatsapp_number_id, template_name) do update
        set run_accepted = l.run_accepted + excluded.run_accepted,
            began_at = coalesce(l.began_at, excluded.began_at),
            ramp_at = case when l.run_accepted < public.wacampaign_ramp_rows()
                      then coalesce(excluded.ramp_at, l.ramp_at) else l.ramp_at end,
            -- One opaque answer is forgiven for each 1,000 accepted since, so that a few odd
            -- recipients in a million do not stop a healthy campaign.
            opaque_answers = greatest(0, l.opaque_answers - case
                when l.accepted_since_opaque + excluded.run_accepted >= 1000 then 1 else 0 end)
                + excluded.opaque_answers,
            accepted_since_opaque = case
                when excluded.opaque_answers > 0 then 0
                else (l.accepted_since_opaque + excluded.run_accepted) % 1000 end,
            -- "In a row" under concurrency: each accepted answer takes one fault back.
            faults_in_a_row = greatest(0, l.faults_in_a_row - excluded.run_accepted)
                + excluded.faults_in_a_row
    ), pace as (
        insert into public.wacampaign_pace as p (campaign_id, at, sent, failed, in_doubt)
        select campaign_id, date_trunc('second', v_now),
               count(*) filter (where status = 'sent'),
               count(*) filter (where status = 'failed'),
               count(*) filter (where outcome = 'in_doubt')
        from done
        group by 1
        order by 1
        on conflict (campaign_id, at) do update
        set sent = p.sent + excluded.sent, failed = p.failed + excluded.failed,
            in_doubt = p.in_doubt + excluded.in_doubt
    ), errors as (
        insert into public.wacampaign_error_minutes as e (campaign_id, at, code, n)
        select campaign_id, date_trunc('minute', v_now), code, count(*)
        from done where outcome <> 'sent' and code is not null
        group by 1, 3
        order by 1, 3
        on conflict (campaign_id, at, code) do update set n = e.n + excluded.n
    ), runs as (
        insert into public.wacampaign_runs as r (campaign_id, last_settled_at, first_sent_at)
        select campaign_id, v_now, case when bool_or(outcome = 'sent') then v_now end
        from done
        group by 1
        order by 1
        on conflict (campaign_id) do update
        set last_settled_at = excluded.last_settled_at,
            first_sent_at = coalesce(r.first_sent_at, excluded.first_sent_at)
    )
    select coalesce(array_agg(id), '{}') into v_done from done;

    if 'in_doubt' = any (p_outcomes) then
        -- Given up as its worker's, and now the worker itself says that it had no answer: it was
        -- sent, perhaps, and no journal is to be asked any more.
        update public.send_queue q
        set in_doubt_cause = 'no_answer', error_code = o.code, error_message = o.text,
            updated_at = v_now
        from unnest(p_ids, p_claim_ids, p_outcomes, p_codes, p_texts)
            as o (id, claim_id, outcome, code, text)
        where o.outcome = 'in_doubt' and q.id = o.id
          and (q.claim_id = o.claim_id and q.status = 'processing'
               and q.in_doubt_cause = 'worker_lost') is true;
    end if;

    if 1 = any (p_held) then
        insert into public.wacampaign_logged_statuses (wamid, status, at, whatsapp_number_id, source)
        select o.wamid, 'held', v_now, q.whatsapp_number_id, 'worker'
        from unnest(p_ids, p_wamids, p_held) as o (id, wamid, held)
        join public.send_queue q on q.id = o.id
        where o.held = 1 and o.wamid is not null and o.id = any (v_done);
    end if;
    perform public.wacampaign_show_totals(v_campaigns, c_show_seconds);
    if p_codes && array[131049, 131050] then
        perform public.wacampaign_heed_answers(v_done, p_ids, p_codes, p_rest_hours);
    end if;

    -- Faults that may stop more than their row. One hold for each thing they concern.
    v_faults := array_to_string(p_hold_scopes, '') <> '';
    if v_faults then
        for v_fault in
            select distinct on (f.scope, q.whatsapp_number_id, q.template_name)
                   f.*, q.campaign_id, q.whatsapp_number_id, q.template_name,
                   case when f.cumulative = 1 then (
                       select sum(l.opaque_answers) from public.wacampaign_lanes l
                       join public.campaigns k on k.id = l.campaign_id and k.status = 'running'
                       where l.whatsapp_number_id = q.whatsapp_number_id
                         and l.template_name = q.template_name)
                   else (
                       select l.faults_in_a_row from public.wacampaign_lanes l
                       where l.campaign_id = q.campaign_id
                         and l.whatsapp_number_id = q.whatsapp_number_id
                         and l.template_name = q.template_name) end as answers
            from unnest(p_ids, p_hold_scopes, p_hold_after, p_hold_cumulative, p_hold_seconds,
                        p_codes, p_reasons)
                as f (id, scope, after, cumulative, seconds, code, reason)
            join public.send_queue q on q.id = f.id
            where f.scope is not null and f.id = any (v_done)
            order by f.scope, q.whatsapp_number_id, q.template_name, f.after, f.id
        loop
            if v_fault.answers >= v_fault.after then
                perform public.wacampaign_hold(
                    v_fault.scope, v_fault.campaign_id, v_fault.whatsapp_number_id,
                    v_fault.template_name, v_fault.code, v_fault.reason, v_fault.seconds, p_worker_id);
            end if;
        end loop;
    end if;

    -- What was not written: settled before by the same claim, or lost to another. Another message
    -- id than this answer's was not written by the claim, though it stands in its row.
    if cardinality(v_done) < cardinality(p_ids) then
        select count(*) filter (where s.by_this_claim),
               coalesce(jsonb_agg(o.id) filter (where not s.by_this_claim
                   and not (o.outcome = 'in_doubt' and q.claim_id = o.claim_id
                            and q.in_doubt_since is not null)), '[]'::jsonb)
        into v_repeated, v_lost
        from unnest(p_ids, p_claim_ids, p_outcomes, p_wamids) as o (id, claim_id, outcome, wamid)
        left join public.send_queue q on q.id = o.id
        cross join lateral (
            select coalesce(q.claim_id = o.claim_id and q.in_doubt_since is null
                            and q.status <> 'processing', false)
                   and (o.outcome = 'sent' and q.whatsapp_message_id <> o.wamid) is not true
                   as by_this_claim) as s
        where o.id <> all (v_done);
    end if;
    if v_faults then
        select coalesce(jsonb_agg(distinct jsonb_build_object(
            'number', h.whatsapp_number_id, 'template', h.template_name)), '[]'::jsonb)
        into v_held
        from public.wacampaign_holds h
        join public.send_queue q on q.whatsapp_number_id = h.whatsapp_number_id
        where q.id = any (p_ids) and h.lifted_at is null
          and (h.held_until is null or h.held_until > v_now)
          and (h.campaign_id is null or h.campaign_id = q.campaign_id)
          and (h.template_name is null or h.template_name = q.template_name);
    end if;

    return jsonb_build_object(
        'settled', cardinality(v_done), 'repeated', coalesce(v_repeated, 0), 'lost', v_lost,
        -- What the worker must not send any more, though it may hold rows of it.
        'stopped_campaigns', (
            select coalesce(jsonb_agg(k.id), '[]'::jsonb) from public.campaigns k
            where k.id = any (v_campaigns) and k.status <> 'running'),
        'held', v_held);
exception
    when unique_violation then
        -- A message id that another row already has: that row keeps it, this one is sent without,
        -- and the audit shows it. The rest of the batch is not to suffer.
        if not public.wacampaign_tell_taken_ids(p_worker_id, p_ids, p_wamids) then
            raise;
        end if;
        return public.wacampaign_settle(
            p_worker_id, p_ids, p_claim_ids, p_outcomes,
            public.wacampaign_free_ids(p_ids, p_wamids),
            p_codes, p_texts, p_wait_ms, p_max_retries, p_slow, p_hold_scopes, p_hold_after,
            p_hold_cumulative, p_hold_seconds, p_reasons, p_held, p_rest_hours);
end
$$;
