-- The worker's protocol: register, heartbeat, reap, claim, begin, release. (settle: next file.)
-- Every function is safe to repeat, takes scalars and arrays, and returns one jsonb value.
-- The search_path is fixed but not empty: triggers of the backend fire inside these functions, and
-- find their own tables by it. (What runs as its owner has an empty one.)
-- Locks are always taken in this order: buckets, campaigns, send_queue, counts.

create or replace function public.wacampaign_register(
    p_worker_id uuid,
    p_host text,
    p_pid int,
    p_version text
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
as $$
declare
    v_new bool;
begin
    insert into public.wacampaign_workers (id, host, pid, version)
    values (p_worker_id, p_host, p_pid, p_version)
    on conflict (id) do update
    set last_beat_at = clock_timestamp(), stopped_at = null
    returning xmax = 0 into v_new;
    if v_new then
        insert into public.wacampaign_events (kind, actor, worker_id, detail)
        values ('worker_started', 'worker', p_worker_id,
                jsonb_build_object('host', p_host, 'pid', p_pid, 'version', p_version));
    end if;
    return public.wacampaign_reap();
end
$$;

-- A worker is alive while it has not stopped and has beaten within 30 s: three beats of 10 s
-- may be missed (a hosted database stalls for seconds now and then).
create or replace function public.wacampaign_is_alive(p_worker_id uuid)
returns bool
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select exists (
        select 1 from public.wacampaign_workers w
        where w.id = p_worker_id
          and w.stopped_at is null
          and w.last_beat_at > clock_timestamp() - interval '30 seconds'
    )
$$;

-- Gives up the claims of dead workers, and claims whose lease is over. Rows of a claim that never
-- began were never sent: they are ready again. Rows of one that began may have been sent: in doubt.
-- p_dead names workers known to be dead (their lock is gone), whatever their last beat says.
create or replace function public.wacampaign_reap(p_dead uuid[] default '{}')
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
as $$
declare
    v_unsent uuid[];
    v_begun uuid[];
    v_released int := 0;
    v_doubt int := 0;
begin
    update public.wacampaign_workers set stopped_at = clock_timestamp()
    where id = any (p_dead) and stopped_at is null;

    with dead as materialized (
        select c.id
        from public.wacampaign_claims c
        where c.closed_at is null
          and (c.lease_until < clock_timestamp() or not public.wacampaign_is_alive(c.worker_id))
        order by c.id
        for update skip locked
    ), closed as (
        update public.wacampaign_claims c
        set closed_at = clock_timestamp()
        from dead
        where c.id = dead.id
        returning c.id, c.begun_at
    )
    select coalesce(array_agg(id) filter (where begun_at is null), '{}'),
           coalesce(array_agg(id) filter (where begun_at is not null), '{}')
    into v_unsent, v_begun
    from closed;

    if cardinality(v_unsent) > 0 then
        with freed as (
            update public.send_queue q
            set status = 'ready', claim_id = null, worker_id = null, claimed_at = null,
                lease_until = null, updated_at = clock_timestamp()
            where q.claim_id = any (v_unsent) and q.status = 'processing'
              and q.in_doubt_since is null
            returning q.campaign_id
        ), logged as (
            insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason)
            select campaign_id, 'released', 'database', count(*),
                   'their worker stopped before it began to send them'
            from freed group by campaign_id
            returning row_count
        )
        select coalesce(sum(row_count), 0) into v_released from logged;
    end if;

    if cardinality(v_begun) > 0 then
        with doubted as (
            update public.send_queue q
            set in_doubt_since = clock_timestamp(), in_doubt_cause = 'worker_lost', updated_at = clock_timestamp(),
                error_message = 'in doubt: the worker stopped while it was sending this row'
            where q.claim_id = any (v_begun) and q.status = 'processing'
              and q.in_doubt_since is null
            returning q.campaign_id
        ), logged as (
            insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason)
            select campaign_id, 'in_doubt', 'database', count(*),
                   'their worker stopped while it was sending them'
            from doubted group by campaign_id
            returning row_count
        )
        select coalesce(sum(row_count), 0) into v_doubt from logged;
    end if;

    return jsonb_build_object('released', v_released, 'in_doubt', v_doubt);
end
$$;

-- One row a worker, beaten on a connection of its own. Cleans up after the dead while it is there.
create or replace function public.wacampaign_heartbeat(p_worker_id uuid, p_in_flight int default 0)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
as $$
declare
    v_known bool;
begin
    update public.wacampaign_workers
    set last_beat_at = clock_timestamp(), in_flight = p_in_flight
    where id = p_worker_id and stopped_at is null;
    v_known := found;
    -- An hour of closed claims is kept for questions; charts go back a month.
    delete from public.wacampaign_claims
    where closed_at is not null and claimed_at < clock_timestamp() - interval '1 hour';
    delete from public.wacampaign_pace where at < clock_timestamp() - interval '31 days';
    return public.wacampaign_reap() || jsonb_build_object('known', v_known);
end
$$;

create or replace function public.wacampaign_goodbye(p_worker_id uuid)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
as $$
begin
    update public.wacampaign_workers set stopped_at = clock_timestamp(), in_flight = 0
    where id = p_worker_id and stopped_at is null;
    if found then
        insert into public.wacampaign_events (kind, actor, worker_id)
        values ('worker_stopped', 'worker', p_worker_id);
    end if;
    return public.wacampaign_reap();
end
$$;

-- The rate of a number now, in messages per second: what is configured, or less after throttling,
-- coming back by a twentieth of the configured rate every five seconds.
create or replace function public.wacampaign_rate(
    p_configured int,
    p_lowered numeric,
    p_changed_at timestamptz,
    p_now timestamptz
)
returns numeric
language sql
immutable
set search_path = public, extensions, pg_temp
as $$
    select case
        when p_lowered is null then greatest(coalesce(p_configured, 60), 0)
        else least(
            greatest(coalesce(p_configured, 60), 0),
            p_lowered
                + floor(extract(epoch from p_now - p_changed_at) / 5)
                * greatest(1, coalesce(p_configured, 60) / 20.0)
        )
    end
$$;

-- The rows of a claim as the worker needs them. `slot_ms`: send no earlier than that from now.
create or replace function public.wacampaign_claimed_rows(p_claim_id uuid, p_lease_seconds int)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', q.id,
        'campaign', q.campaign_id,
        'number', q.whatsapp_number_id,
        'template', q.template_name,
        'phone', q.phone,
        'payload', q.payload,
        'slot_ms', greatest(0, floor(1000 * extract(epoch from
            q.lease_until - make_interval(secs => p_lease_seconds) - clock_timestamp())))::int
    ) order by q.lease_until, q.created_at, q.id), '[]'::jsonb)
    from public.send_queue q
    where q.claim_id = p_claim_id and q.status = 'processing' and q.in_doubt_since is null
$$;

-- Hands out at most p_limit rows that may be sent within p_ahead_ms, and reserves a sending slot
-- of their number for each. The same claim id again returns the same rows and reserves nothing.
-- p_stalled_*: pairs of number and template that this worker wants no rows of (their requests hang).
create or replace function public.wacampaign_claim(
    p_worker_id uuid,
    p_claim_id uuid,
    p_limit int,
    p_ahead_ms int default 1000,
    p_lease_seconds int default 120,
    p_campaign_ids uuid[] default null,
    p_stalled_numbers uuid[] default '{}',
    p_stalled_templates text[] default '{}'
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
-- An ordered walk of the partial indexes is the only plan wanted, whatever the statistics of a
-- freshly filled table say.
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_custom_plan
as $$
declare
    -- One message, then four more, then the full rate: each after the answers of the last.
    c_ramp_first constant int := 1;
    c_ramp_total constant int := 5;
    -- Rows: a tenth of a second's work.
    c_accepted_at_once constant int := 2000;
    v_numbers uuid[];
    v_number record;
    v_now timestamptz;
    v_start timestamptz;
    v_horizon timestamptz;
    v_rate numeric;
    v_n int;
    v_got int;
    v_ids uuid[];
    v_leases timestamptz[];
    v_all_ids uuid[] := '{}';
    v_all_leases timestamptz[] := '{}';
    v_left int := least(greatest(p_limit, 0), 5000);
    v_turns int;
    v_next timestamptz := 'infinity';
    v_due timestamptz;
begin
    perform 1 from public.wacampaign_claims where id = p_claim_id;
    if found then
        return jsonb_build_object(
            'rows', public.wacampaign_claimed_rows(p_claim_id, p_lease_seconds),
            'next_ms', 0, 'repeated', true, 'campaigns', public.wacampaign_work(p_campaign_ids));
    end if;
    if not public.wacampaign_is_alive(p_worker_id) then
        -- It stood still and was given up; who claims lives. Its old claims stay given up.
        update public.wacampaign_workers
        set last_beat_at = clock_timestamp(), stopped_at = null
        where id = p_worker_id;
        if not found then
            raise sqlstate 'PT409' using message = 'this worker is not registered';
        end if;
    end if;

    select array_agg(distinct c.whatsapp_number_id) into v_numbers
    from public.wacampaign_counts c
    join public.campaigns k on k.id = c.campaign_id
    where k.status = 'running' and c.status = 'ready' and c.n > 0
      and (p_campaign_ids is null or k.id = any (p_campaign_ids));

    if v_numbers is not null and v_left > 0 then
        insert into public.wacampaign_buckets (whatsapp_number_id)
        select n from unnest(v_numbers) as n order by n
        on conflict do nothing;
        -- One claim at a time a number: its slots are handed out once.
        perform 1 from public.wacampaign_buckets b
        where b.whatsapp_number_id = any (v_numbers)
        order by b.whatsapp_number_id
        for update;
        -- The same claim from another connection may have held that lock.
        perform 1 from public.wacampaign_claims where id = p_claim_id;
        if found then
            return jsonb_build_object(
                'rows', public.wacampaign_claimed_rows(p_claim_id, p_lease_seconds),
                'next_ms', 0, 'repeated', true, 'campaigns', public.wacampaign_work(p_campaign_ids));
        end if;
        v_now := clock_timestamp();
        -- Put back by another program after they were accepted: they are `sent`.
        with accepted as (
            select q.id, q.campaign_id
            from public.campaigns k
            cross join lateral (
                select r.id, r.campaign_id from public.send_queue r
                where r.campaign_id = k.id and r.status = 'ready'
                  and r.whatsapp_message_id is not null
                limit c_accepted_at_once
                for update skip locked) as q
            where k.status = 'running'
              and (p_campaign_ids is null or k.id = any (p_campaign_ids))
        ), mended as (
            update public.send_queue q
            set status = 'sent', sent_at = coalesce(q.sent_at, q.updated_at), next_retry_at = null,
                error_code = null, error_message = null, updated_at = v_now
            from accepted
            where q.id = accepted.id
            returning q.campaign_id
        )
        insert into public.wacampaign_events (campaign_id, kind, actor, worker_id, row_count, reason)
        select campaign_id, 'recovered', 'database', p_worker_id, count(*),
               'they were to be sent, but have the id of an accepted message'
        from mended group by campaign_id;
        v_horizon := v_now + make_interval(secs => p_ahead_ms / 1000.0);
        v_turns := cardinality(v_numbers);

        for v_number in
            select b.whatsapp_number_id as id, b.next_slot_at,
                   case when w.is_active is false then 0 else public.wacampaign_rate(
                       w.max_send_rate_per_sec, b.rate, b.rate_changed_at, v_now) end as rate,
                   w.max_send_rate_per_sec as configured, b.rate as lowered
            from public.wacampaign_buckets b
            left join public.whatsapp_numbers w on w.id = b.whatsapp_number_id
            where b.whatsapp_number_id = any (v_numbers)
            -- The number that waited longest is served first, so that none starves another.
            order by b.next_slot_at, b.whatsapp_number_id
        loop
            v_rate := v_number.rate;
            v_start := greatest(v_number.next_slot_at, v_now);
            if v_rate <= 0 then
                v_turns := v_turns - 1;
                continue;
            end if;
            if v_start >= v_horizon then
                v_next := least(v_next, v_start);
                v_turns := v_turns - 1;
                continue;
            end if;
            v_n := least(
                ceil(v_rate * extract(epoch from v_horizon - v_start))::int,
                ceil(v_left::numeric / v_turns)::int);
            v_turns := v_turns - 1;

            with lane as materialized (
                select c.campaign_id, c.template_name,
                       least(v_n, case
                           when coalesce(l.run_accepted, 0) >= c_ramp_total then v_n
                           else greatest(0,
                               case when coalesce(l.run_accepted, 0) < c_ramp_first
                                    then c_ramp_first
                                    else c_ramp_total - coalesce(l.run_accepted, 0) end
                               - (select count(*) from public.wacampaign_claims o
                                  join public.send_queue q on q.claim_id = o.id
                                  where o.closed_at is null and q.status = 'processing'
                                    and q.in_doubt_since is null
                                    and q.campaign_id = c.campaign_id
                                    and q.whatsapp_number_id = c.whatsapp_number_id
                                    and q.template_name = c.template_name))
                       end)::int as room
                from public.wacampaign_counts c
                join public.campaigns k on k.id = c.campaign_id and k.status = 'running'
                left join public.wacampaign_lanes l
                    on l.campaign_id = c.campaign_id
                    and l.whatsapp_number_id = c.whatsapp_number_id
                    and l.template_name = c.template_name
                where c.whatsapp_number_id = v_number.id
                  and c.status = 'ready' and c.n > 0
                  and (p_campaign_ids is null or c.campaign_id = any (p_campaign_ids))
                  and not exists (
                      select 1 from public.wacampaign_holds h
                      where h.whatsapp_number_id = c.whatsapp_number_id
                        and h.lifted_at is null
                        and (h.held_until is null or h.held_until > v_now)
                        and (h.template_name is null or h.template_name = c.template_name)
                        and (h.campaign_id is null or h.campaign_id = c.campaign_id))
                  and not exists (
                      select 1 from unnest(p_stalled_numbers, p_stalled_templates) as s (number, template)
                      where s.number = c.whatsapp_number_id and s.template = c.template_name)
                group by c.campaign_id, c.whatsapp_number_id, c.template_name, l.run_accepted
            ), fresh as materialized (
                select r.* from lane cross join lateral (
                    select q.id, q.campaign_id, q.template_name, q.created_at
                    from public.send_queue q
                    where q.status = 'ready' and q.next_retry_at is null
                      and q.whatsapp_message_id is null
                      and q.campaign_id = lane.campaign_id
                      and q.whatsapp_number_id = v_number.id
                      and q.template_name = lane.template_name
                    order by q.created_at, q.id
                    limit lane.room
                    for update skip locked
                ) as r
            ), due as materialized (
                select r.* from lane cross join lateral (
                    select q.id, q.campaign_id, q.template_name, q.created_at
                    from public.send_queue q
                    where q.status = 'ready' and q.next_retry_at <= v_now
                      and q.whatsapp_message_id is null
                      and q.campaign_id = lane.campaign_id
                      and q.whatsapp_number_id = v_number.id
                      and q.template_name = lane.template_name
                    order by q.next_retry_at
                    limit lane.room
                    for update skip locked
                ) as r
            ), ordered as (
                select r.id, r.created_at, lane.room,
                       row_number() over (partition by r.campaign_id, r.template_name
                                          order by r.created_at, r.id) as in_lane,
                       row_number() over (partition by r.campaign_id
                                          order by r.created_at, r.id) as in_campaign
                from (select * from due union all select * from fresh) as r
                join lane on lane.campaign_id = r.campaign_id
                    and lane.template_name = r.template_name
            ), picked as materialized (
                -- Campaigns of a number take turns; within one, the oldest row goes first.
                select id, (row_number() over (order by in_campaign, created_at, id) - 1) as slot
                from ordered
                where in_lane <= room
                order by in_campaign, created_at, id
                limit v_n
            )
            select count(*), array_agg(id order by slot),
                   array_agg(v_start + make_interval(
                       secs => (slot / v_rate)::double precision + p_lease_seconds) order by slot)
            into v_got, v_ids, v_leases
            from picked;

            if v_got > 0 then
                v_all_ids := v_all_ids || v_ids;
                v_all_leases := v_all_leases || v_leases;
                v_left := v_left - v_got;
                update public.wacampaign_buckets
                set next_slot_at = v_start + make_interval(secs => (v_got / v_rate)::double precision)
                where whatsapp_number_id = v_number.id;
                if v_number.lowered is not null and v_rate >= v_number.configured then
                    update public.wacampaign_buckets
                    set rate = null, rate_changed_at = v_now
                    where whatsapp_number_id = v_number.id;
                    update public.whatsapp_numbers
                    set last_stable_rate_per_sec = max_send_rate_per_sec
                    where id = v_number.id;
                end if;
                insert into public.wacampaign_claims (id, worker_id, claimed_at, lease_until)
                values (p_claim_id, p_worker_id, v_now,
                        v_now + make_interval(secs => p_lease_seconds + p_ahead_ms / 1000.0))
                on conflict (id) do nothing;
                v_next := least(v_next, v_start + make_interval(secs => (v_got / v_rate)::double precision));
            end if;
            exit when v_left <= 0;
        end loop;
        -- One statement for all numbers: it takes the counters' locks in the order of all others.
        update public.send_queue q
        set status = 'processing', claim_id = p_claim_id, worker_id = p_worker_id,
            claimed_at = v_now, updated_at = v_now, in_doubt_since = null, in_doubt_cause = null,
            lease_until = t.lease
        from unnest(v_all_ids, v_all_leases) as t (id, lease)
        where q.id = t.id;
    end if;

    -- When something becomes due by itself: a retry, or the end of a timed hold.
    v_now := clock_timestamp();
    select min(t.at) into v_due from (
        select (select min(q.next_retry_at) from public.send_queue q
                where q.status = 'ready' and q.next_retry_at > v_now
                  and q.campaign_id = c.campaign_id
                  and q.whatsapp_number_id = c.whatsapp_number_id
                  and q.template_name = c.template_name) as at
        from public.wacampaign_counts c
        join public.campaigns k on k.id = c.campaign_id and k.status = 'running'
        where c.status = 'ready' and c.n > 0
        union all
        select h.held_until from public.wacampaign_holds h
        where h.lifted_at is null and h.held_until > v_now
    ) as t;
    v_next := least(v_next, coalesce(v_due, 'infinity'));

    return jsonb_build_object(
        'rows', public.wacampaign_claimed_rows(p_claim_id, p_lease_seconds),
        'next_ms', case when v_next = 'infinity' then null
            else greatest(0, ceil(1000 * extract(epoch from v_next - v_now)))::int end,
        'repeated', false,
        'campaigns', public.wacampaign_work(p_campaign_ids));
end
$$;

-- The running campaigns with what is left of each: `unsent` rows are ready (now or later),
-- `in_flight` rows are held by a live claim.
create or replace function public.wacampaign_work(p_campaign_ids uuid[] default null)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', k.id,
        'unsent', (select coalesce(sum(c.n), 0) from public.wacampaign_counts c
                   where c.campaign_id = k.id and c.status = 'ready'),
        'in_flight', (select coalesce(sum(c.n), 0) from public.wacampaign_counts c
                      where c.campaign_id = k.id and c.status = 'processing')
                   - (select count(*) from public.send_queue q
                      where q.campaign_id = k.id and q.status = 'processing'
                        and q.in_doubt_since is not null)
                   -- what the old backend's processor left
                   - (select count(*) from public.send_queue q
                      where q.claim_id is null and q.status = 'processing'
                        and q.campaign_id = k.id and q.in_doubt_since is null)
    ) order by k.id), '[]'::jsonb)
    from public.campaigns k
    where k.status = 'running' and (p_campaign_ids is null or k.id = any (p_campaign_ids))
$$;

-- The fence before the first message of a claim leaves. Refused (ok false) when the claim was given
-- up: then its rows belong to somebody else. `stopped`: campaigns that no longer run, whose rows
-- are to be released, not sent.
create or replace function public.wacampaign_begin(p_worker_id uuid, p_claim_id uuid)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
as $$
declare
    v_stopped jsonb;
begin
    update public.wacampaign_claims
    set begun_at = coalesce(begun_at, clock_timestamp())
    where id = p_claim_id and worker_id = p_worker_id and closed_at is null;
    if not found then
        return jsonb_build_object('ok', false, 'stopped', '[]'::jsonb);
    end if;
    select coalesce(jsonb_agg(distinct q.campaign_id), '[]'::jsonb) into v_stopped
    from public.send_queue q
    join public.campaigns k on k.id = q.campaign_id
    where q.claim_id = p_claim_id and q.status = 'processing' and k.status <> 'running';
    return jsonb_build_object('ok', true, 'stopped', v_stopped);
end
$$;

-- Rows that this worker holds and knows it has not sent go back as they were.
create or replace function public.wacampaign_release(
    p_worker_id uuid,
    p_ids uuid[],
    p_claim_ids uuid[]
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
-- By row id, as in settle.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_custom_plan
as $$
declare
    v_n int;
begin
    with held as (
        select * from unnest(p_ids, p_claim_ids) as t (id, claim_id)
    ), freed as (
        update public.send_queue q
        set status = 'ready', claim_id = null, worker_id = null, claimed_at = null,
            lease_until = null, updated_at = clock_timestamp()
        from held
        where q.id = held.id
          and (q.claim_id = held.claim_id and q.worker_id = p_worker_id
               and q.status = 'processing' and q.in_doubt_since is null) is true
        returning 1
    )
    select count(*) into v_n from freed;
    return jsonb_build_object('released', v_n);
end
$$;

-- Rows in doubt because this worker died while it held them: its journal may tell which never left.
create or replace function public.wacampaign_doubts(p_worker_id uuid)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select coalesce(jsonb_agg(jsonb_build_object('id', q.id, 'claim', q.claim_id)), '[]'::jsonb)
    from public.send_queue q
    where q.status = 'processing' and q.in_doubt_since is not null
      and q.worker_id = p_worker_id and q.in_doubt_cause = 'worker_lost'
$$;
