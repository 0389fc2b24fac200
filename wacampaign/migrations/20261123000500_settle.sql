-- Outcomes: settle (by the holder of a claim), recover (by evidence), and what they may stop.

-- Throttled: the number goes on at seven tenths of its rate, after a second of silence. Several
-- answers of one burst count once. Written back, so that every worker and the backend see it.
create or replace function public.wacampaign_slow_numbers(p_numbers uuid[])
returns void
language plpgsql
set search_path = public, extensions, pg_temp
as $$
declare
    v_now timestamptz;
begin
    insert into public.wacampaign_buckets (key)
    select distinct public.wacampaign_bucket_key(n.id, w.phone_number_id)
    from unnest(p_numbers) as n (id)
    left join public.whatsapp_numbers w on w.id = n.id
    order by 1
    on conflict do nothing;
    perform 1 from public.wacampaign_buckets
    where key in (select public.wacampaign_bucket_key(n.id, w.phone_number_id)
                  from unnest(p_numbers) as n (id)
                  left join public.whatsapp_numbers w on w.id = n.id)
    order by key
    for update;
    v_now := clock_timestamp();
    with fast as materialized (
        select n.key, n.id, c.configured,
               public.wacampaign_rate(c.configured, b.rate, b.rate_changed_at, v_now) as rate
        from (
            select public.wacampaign_bucket_key(w.id, w.phone_number_id) as key, min(w.id::text) as id
            from public.whatsapp_numbers w
            where w.id = any (p_numbers)
            group by 1
        ) as n
        join public.wacampaign_buckets b on b.key = n.key
        cross join lateral (
            select public.wacampaign_bucket_configured(n.key) as configured offset 0) as c
    ), slowed as (
        update public.wacampaign_buckets b
        set rate = greatest(1, 0.7 * fast.rate),
            rate_changed_at = v_now,
            -- The slot after the last one given keeps the new distance from it.
            next_slot_at = greatest(
                b.next_slot_at + make_interval(secs => (
                    1 / greatest(1, 0.7 * fast.rate) - 1 / greatest(1, fast.rate))::double precision),
                v_now + interval '1 second')
        from fast
        where b.key = fast.key
          and (b.rate is null or b.rate_changed_at < v_now - interval '1 second')
        returning b.key, fast.id, b.rate
    ), shown as (
        update public.whatsapp_numbers w
        set last_stable_rate_per_sec = floor(slowed.rate)
        from slowed
        where public.wacampaign_bucket_key(w.id, w.phone_number_id) = slowed.key
    )
    insert into public.wacampaign_events (kind, actor, reason, detail)
    select 'throttled', 'worker', 'Meta answered that the number sends too fast',
           jsonb_build_object('number', id, 'rate_per_second', round(rate, 1))
    from slowed;
end
$$;

-- The numbers that a fault of this scope concerns: a number's, each row that has its phone number; an
-- account's, each of its numbers; a token's, each number that uses the token.
create or replace function public.wacampaign_numbers_of(p_scope text, p_number_id uuid)
returns uuid[]
language plpgsql
stable
set search_path = public, extensions, pg_temp
as $$
begin
    if p_scope not in ('number', 'account', 'token') then
        return array[p_number_id];
    end if;
    return (
        with concerned as materialized (
            select o.id, public.wacampaign_bucket_key(o.id, o.phone_number_id) as key
            from public.whatsapp_numbers n
            join public.whatsapp_numbers o on o.id = n.id
                or (p_scope = 'account'
                    and public.wacampaign_solid(o.waba_id) = public.wacampaign_solid(n.waba_id))
                or (p_scope = 'token'
                    and coalesce(public.wacampaign_solid(o.access_token), '')
                        = coalesce(public.wacampaign_solid(n.access_token), ''))
            where n.id = p_number_id
        )
        select coalesce(array_agg(w.id order by w.id), array[p_number_id])
        from public.whatsapp_numbers w
        where w.id in (select id from concerned)
           or public.wacampaign_bucket_key(w.id, w.phone_number_id) in (select key from concerned));
end
$$;

-- The campaigns that the holds of a batch may touch: those with a lane on a number concerned. Empty
-- without a fault, which is nearly always.
create or replace function public.wacampaign_held_with(p_ids uuid[], p_scopes text[])
returns uuid[]
language plpgsql
stable
set search_path = public, extensions, pg_temp
as $$
begin
    if array_to_string(p_scopes, '') = '' then
        return '{}';
    end if;
    return (
        with number as materialized (
            select distinct unnest(public.wacampaign_numbers_of(f.scope, f.number)) as id
            from (select distinct o.scope, q.whatsapp_number_id as number
                  from unnest(p_ids, p_scopes) as o (id, scope)
                  join public.send_queue q on q.id = o.id
                  where o.scope is not null) as f
        )
        select coalesce(array_agg(t.campaign_id), '{}') from (
            select c.campaign_id from public.wacampaign_counts c
            where c.whatsapp_number_id in (select id from number)
              and c.status in ('ready', 'processing') and c.n > 0
            union
            select l.campaign_id from public.wacampaign_lanes l
            where l.whatsapp_number_id in (select id from number)
        ) as t);
end
$$;

-- Stops what a fault concerns. `until` null: until a person resumes. Campaigns of which no lane is
-- left that may go on are paused, with the reason where the backend's UI shows it.
create or replace function public.wacampaign_hold(
    p_scope text,
    p_campaign_id uuid,
    p_number_id uuid,
    p_template text,
    p_code int,
    p_reason text,
    p_seconds int,
    p_worker_id uuid
)
returns void
language plpgsql
set search_path = public, extensions, pg_temp
as $$
declare
    v_numbers constant uuid[] := public.wacampaign_numbers_of(p_scope, p_number_id);
    v_template text := case when p_scope in ('template', 'media') then p_template end;
    v_campaign uuid := case when p_scope = 'media' then p_campaign_id end;
    v_number uuid;
begin
    foreach v_number in array v_numbers loop
        insert into public.wacampaign_holds
            (scope, whatsapp_number_id, template_name, campaign_id, code, reason, held_until)
        select p_scope, v_number, v_template, v_campaign, p_code, p_reason,
               clock_timestamp() + make_interval(secs => p_seconds)
        where not exists (
            select 1 from public.wacampaign_holds h
            where h.lifted_at is null and h.whatsapp_number_id = v_number
              and h.template_name is not distinct from v_template
              and h.campaign_id is not distinct from v_campaign
              and (h.held_until is null or h.held_until > clock_timestamp() + make_interval(secs => p_seconds)));
        if found then
            insert into public.wacampaign_events (campaign_id, kind, actor, worker_id, reason, detail)
            values (p_campaign_id, 'held', 'worker', p_worker_id, p_reason, jsonb_build_object(
                'scope', p_scope, 'number', v_number, 'template', v_template, 'code', p_code,
                'seconds', p_seconds));
        end if;
    end loop;

    -- What was counted is acted upon: after the hold the next fault starts a new count.
    update public.wacampaign_lanes
    set faults_in_a_row = 0
    where whatsapp_number_id = any (v_numbers)
      and (v_template is null or template_name = v_template);

    perform public.wacampaign_pause_held(k.id)
    from (
        select k.id from public.campaigns k
        where k.status = 'running'
          and exists (select 1 from public.wacampaign_counts c
                      where c.campaign_id = k.id and c.n > 0 and c.status in ('ready', 'processing')
                        and c.whatsapp_number_id = any (v_numbers))
        order by k.id
    ) as k;
end
$$;

-- Pauses a running campaign when all that is left of it is held until a person resumes. True if so.
create or replace function public.wacampaign_pause_held(p_campaign_id uuid)
returns bool
language plpgsql
set search_path = public, extensions, pg_temp
as $$
declare
    v_reason text;
    v_free bool;
    v_name text;
    v_left bigint;
begin
    select min(h.reason) filter (where h.id is not null), bool_or(h.id is null), sum(c.n)
    into v_reason, v_free, v_left
    from public.wacampaign_counts c
    left join lateral (
        select h.id, h.reason from public.wacampaign_holds h
        where h.lifted_at is null and h.held_until is null
          and h.whatsapp_number_id = c.whatsapp_number_id
          and (h.template_name is null or h.template_name = c.template_name)
          and (h.campaign_id is null or h.campaign_id = c.campaign_id)
        order by h.created_at
        limit 1
    ) as h on true
    where c.campaign_id = p_campaign_id and c.status = 'ready' and c.n > 0;
    if v_free is null then
        -- Nothing ready at this moment (all in flight): judge by what is in flight.
        select min(h.reason), bool_or(h.id is null) into v_reason, v_free
        from public.wacampaign_counts c
        left join public.wacampaign_holds h
            on h.lifted_at is null and h.held_until is null
            and h.whatsapp_number_id = c.whatsapp_number_id
            and (h.template_name is null or h.template_name = c.template_name)
            and (h.campaign_id is null or h.campaign_id = c.campaign_id)
        where c.campaign_id = p_campaign_id and c.status = 'processing' and c.n > 0;
    end if;
    if v_free is not false then
        return false;
    end if;
    update public.campaigns
    set status = 'paused', pause_reason = v_reason
    where id = p_campaign_id and status = 'running'
    returning name into v_name;
    if not found then
        return false;
    end if;
    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason)
    values (p_campaign_id, 'paused', 'database', v_left, v_reason);
    perform public.wacampaign_show_totals(array[p_campaign_id]);
    insert into public.notifications
        (type, title, message, related_entity_type, related_entity_id, created_at, is_read)
    values ('error', 'Campaign paused: ' || v_name, v_reason, 'campaign', p_campaign_id,
            clock_timestamp(), false);
    return true;
end
$$;

-- Brings the backend's counters of these campaigns up to the exact counts, in one update: each change
-- of a campaign's row makes the backend's open dashboards read all its logs. p_seconds: not of a
-- running campaign whose row was brought up to date less than so long ago; 0: of all.
drop function if exists public.wacampaign_show_totals(uuid[]);
create or replace function public.wacampaign_show_totals(
    p_campaign_ids uuid[],
    p_seconds int default 0
)
returns void
language plpgsql
set search_path = public, extensions, pg_temp
as $$
declare
    v_due uuid[];
begin
    select array_agg(k.id order by k.id) into v_due
    from public.campaigns k
    left join public.wacampaign_runs r on r.campaign_id = k.id
    where k.id = any (p_campaign_ids)
      and (p_seconds = 0 or k.status <> 'running' or r.shown_at is null
           or r.shown_at < clock_timestamp() - make_interval(secs => p_seconds));
    if v_due is null then
        return;
    end if;
    update public.campaigns k
    set total_sent = t.sent, total_failed = t.failed,
        total_delivered = coalesce(least(t.delivered, t.sent), k.total_delivered),
        total_read = coalesce(least(t.read, t.sent), k.total_read),
        total_replied = coalesce(least(t.replied, t.sent), k.total_replied)
    from (
        select c.campaign_id,
               coalesce(sum(c.n) filter (where c.status = 'sent'), 0)::int as sent,
               coalesce(sum(c.n) filter (where c.status = 'failed'), 0)::int as failed,
               d.delivered, d.read, d.replied
        from public.wacampaign_counts c
        left join public.wacampaign_delivery d on d.campaign_id = c.campaign_id
        where c.campaign_id = any (v_due)
        group by c.campaign_id, d.delivered, d.read, d.replied
    ) as t
    where k.id = t.campaign_id
      and (k.total_sent, k.total_failed, k.total_delivered, k.total_read, k.total_replied)
          is distinct from
          (t.sent, t.failed, coalesce(least(t.delivered, t.sent), k.total_delivered),
           coalesce(least(t.read, t.sent), k.total_read),
           coalesce(least(t.replied, t.sent), k.total_replied));
    insert into public.wacampaign_runs as r (campaign_id, shown_at)
    select id, clock_timestamp() from unnest(v_due) as u (id) order by id
    on conflict (campaign_id) do update set shown_at = excluded.shown_at;
end
$$;

-- Whether what a campaign shows has to be what its rows say: not while it runs and outcomes were
-- written since its totals were, as those follow within seconds.
create or replace function public.wacampaign_totals_due(p_campaign_id uuid)
returns bool
language plpgsql
stable
set search_path = public, extensions, pg_temp
as $$
begin
    return not exists (
        select 1 from public.campaigns k
        join public.wacampaign_runs r on r.campaign_id = k.id
        where k.id = p_campaign_id and k.status = 'running'
          and r.last_settled_at > coalesce(r.shown_at, '-infinity')
          -- three of the worker's beats, which show them
          and r.last_settled_at > clock_timestamp() - interval '30 seconds');
end
$$;

-- The message ids of a batch, without those that another row (of the batch, too) has already.
create or replace function public.wacampaign_free_ids(p_ids uuid[], p_wamids text[])
returns text[]
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select array_agg(case when exists (select 1 from public.send_queue t
                                       where t.whatsapp_message_id = o.wamid and t.id <> o.id)
                            or exists (select 1 from unnest(p_ids, p_wamids) as u (id, wamid)
                                       where u.wamid = o.wamid and u.id < o.id)
                          then null else o.wamid end order by o.place)
    from unnest(p_ids, p_wamids) with ordinality as o (id, wamid, place)
$$;

-- An event for each message id that `wacampaign_free_ids` leaves out; false if there is none.
create or replace function public.wacampaign_tell_taken_ids(
    p_worker_id uuid,
    p_ids uuid[],
    p_wamids text[]
)
returns bool
language plpgsql
set search_path = public, extensions, pg_temp
as $$
begin
    insert into public.wacampaign_events (campaign_id, kind, actor, worker_id, reason, detail)
    select q.campaign_id, 'message_id_twice', 'database', p_worker_id,
           'Meta gave one message id to two rows',
           jsonb_build_object('row', o.id, 'wamid', o.wamid)
    from (select given.id, given.wamid, kept.wamid as free
          from unnest(p_ids, p_wamids) with ordinality as given (id, wamid, place)
          join unnest(public.wacampaign_free_ids(p_ids, p_wamids)) with ordinality
              as kept (wamid, place) on kept.place = given.place) as o
    join public.send_queue q on q.id = o.id
    where o.wamid is not null and o.free is null;
    return found;
end
$$;

-- Writes a batch of outcomes, each to the row and claim it belongs to. All arrays have one length.
--   p_outcomes: sent | failed | retry | wait | in_doubt (core/outcome.py)
--   p_slow, p_hold_cumulative: 0 or 1 (arrays of booleans do not survive every REST server)
--   p_wait_ms: base of the wait; a retry doubles it each time, both get jitter
--   p_hold_*: what to stop when so many such answers have come on the row's number and template
-- Returns settled, repeated (was settled by the same claim before) and the ids of lost rows: their
-- claim is no longer the holder, so nothing was written.
create or replace function public.wacampaign_settle(
    p_worker_id uuid,
    p_ids uuid[],
    p_claim_ids uuid[],
    p_outcomes text[],
    p_wamids text[],
    p_codes int[],
    p_texts text[],
    p_wait_ms int[],
    p_max_retries int[],
    p_slow int[],
    p_hold_scopes text[],
    p_hold_after int[],
    p_hold_cumulative int[],
    p_hold_seconds int[],
    p_reasons text[]
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
-- By row id, one index lookup each, is the only plan wanted. A plan kept from earlier calls walked
-- the whole claim for each of its rows, and "is true" hides the rest from the partial indexes.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
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
                  q.whatsapp_message_id, o.outcome, o.hold_scope, o.cumulative
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
             faults_in_a_row)
        select campaign_id, whatsapp_number_id, template_name,
               count(*) filter (where outcome = 'sent'),
               count(*) filter (where hold_scope is not null and cumulative = 1),
               greatest(0, count(*) filter (where hold_scope is not null and cumulative = 0)
                   - count(*) filter (where outcome = 'sent'))
        from done
        group by 1, 2, 3
        order by 1, 2, 3
        on conflict (campaign_id, whatsapp_number_id, template_name) do update
        set run_accepted = l.run_accepted + excluded.run_accepted,
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
        select campaign_id, date_bin('5 seconds', v_now, 'epoch'::timestamptz),
               count(*) filter (where status = 'sent'),
               count(*) filter (where status = 'failed'),
               count(*) filter (where outcome = 'in_doubt')
        from done
        group by 1
        order by 1
        on conflict (campaign_id, at) do update
        set sent = p.sent + excluded.sent, failed = p.failed + excluded.failed,
            in_doubt = p.in_doubt + excluded.in_doubt
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

    perform public.wacampaign_show_totals(v_campaigns, c_show_seconds);

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
            p_hold_cumulative, p_hold_seconds, p_reasons);
end
$$;

-- Evidence from a journal (or another record of Meta's answers) about rows whose claim is dead.
--   p_outcomes: sent (with wamid) | failed | unsent (it certainly never left)
--     | begun (it may have left, and there is no more evidence: no other journal may say `unsent`)
-- Turns a doubt into a fact; writes over nothing that is known: a row that somebody else set to
-- `failed` since (a webhook does) stays so, with its code, and only gets the message id. A message that
-- was accepted though its row has been sent again is told in an event: the audit counts it as a
-- duplicate. So is one whose row is gone.
create or replace function public.wacampaign_recover(
    p_worker_id uuid,
    p_ids uuid[],
    p_claim_ids uuid[],
    p_outcomes text[],
    p_wamids text[],
    p_codes int[],
    p_texts text[]
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
-- As in settle.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_custom_plan
as $$
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
        select q.campaign_id, 'accepted_twice', 'worker', p_worker_id, 1,
               'an earlier attempt at this row turned out to have been accepted',
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
            sent_at = case when o.outcome = 'sent' then coalesce(q.sent_at, v_now) else q.sent_at end,
            actual_sent_at = case when o.outcome = 'sent' then coalesce(q.actual_sent_at, v_now)
                             else q.actual_sent_at end,
            claim_id = case when o.outcome = 'unsent' then null else o.claim_id end,
            worker_id = case when o.outcome = 'unsent' then null else q.worker_id end,
            updated_at = v_now
        from o
        where q.id = o.id
          and case o.outcome
              when 'sent' then q.whatsapp_message_id is null
                  and ((q.status = 'processing' and q.claim_id = o.claim_id)
                       -- given back or failed since: accepted all the same, so not to be sent again
                       or q.status in ('ready', 'failed', 'pending', 'sent'))
              else q.claim_id = o.claim_id
                  and (q.status = 'processing'
                       -- it certainly was not sent, so it may be tried again
                       or (q.status = 'failed' and q.in_doubt_since is not null)) end
        returning q.id, q.campaign_id, q.whatsapp_number_id, q.template_name, q.phone, q.status,
                  q.whatsapp_message_id, o.outcome
    ), inbox as (
        insert into public.messages
            (whatsapp_number_id, user_phone, direction, message_type, template_name, campaign_id,
             whatsapp_message_id, status, created_at)
        select whatsapp_number_id, phone, 'outgoing', 'template', template_name, campaign_id,
               whatsapp_message_id, status, v_now
        from done where outcome = 'sent' and whatsapp_message_id is not null
        on conflict (whatsapp_message_id) do nothing
    ), logged as (
        insert into public.wacampaign_events (campaign_id, kind, actor, worker_id, row_count, reason)
        select campaign_id, 'recovered', 'worker', p_worker_id, count(*),
               'evidence: ' || count(*) filter (where outcome = 'sent') || ' accepted, '
               || count(*) filter (where outcome = 'failed') || ' refused, '
               || count(*) filter (where outcome = 'unsent') || ' never sent'
        from done group by campaign_id
    )
    select count(*) filter (where outcome = 'sent'), count(*) filter (where outcome = 'failed'),
           count(*) filter (where outcome = 'unsent'), (select count(*) from twice)
    into v_sent, v_failed, v_unsent, v_twice
    from done;

    perform public.wacampaign_answers_without_row(p_worker_id, p_ids, p_outcomes, p_wamids);
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

select public.wacampaign_keep_rights();
