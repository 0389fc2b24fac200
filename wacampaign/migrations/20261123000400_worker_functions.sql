-- The worker's protocol: register, heartbeat, reap, claim, begin, release. (settle: next file.)
-- Every function is safe to repeat, takes scalars and arrays, and returns one jsonb value.
-- The search_path is fixed but not empty: triggers of the backend fire inside these functions, and
-- find their own tables by it. (What runs as its owner has an empty one.)
-- Locks are always taken in this order: buckets, campaigns, send_queue, counts.

-- Whether the guard stands: all of its triggers, and each fires.
create or replace function public.wacampaign_guarded()
returns bool
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select count(*) = 6
    from pg_catalog.pg_trigger t
    where t.tgrelid in (to_regclass('public.send_queue'), to_regclass('public.campaigns'))
      and t.tgname like 'wacampaign\_guard\_%' and t.tgenabled in ('O', 'A')
$$;

create or replace function public.wacampaign_register(
    p_worker_id uuid,
    p_host text,
    p_pid int,
    p_version text
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_new bool;
begin
    if not public.wacampaign_guarded() then
        -- As for anything else that is missing: `db migrate` makes it.
        raise sqlstate '42883' using message = 'the guard is missing or switched off:'
            || ' without it, what other programs write may have messages sent twice';
    end if;
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

-- Rows of a campaign in the hands of an open claim, be its worker alive or not. A `processing` row that
-- is neither held nor in doubt is an orphan: another program took it, whatever its claim_id says.
-- Claim by claim, so it costs what is held, and not what orphans there are.
create or replace function public.wacampaign_held_rows(p_campaign_id uuid)
returns bigint
language plpgsql
stable
set search_path = public, extensions, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_custom_plan
as $$
begin
    return (
        select coalesce(sum(held.n), 0)
        from public.wacampaign_claims c
        cross join lateral (
            select count(*) as n from public.send_queue q
            where q.claim_id = c.id and q.status = 'processing'
              and q.campaign_id = p_campaign_id and q.in_doubt_since is null) as held
        where c.closed_at is null);
end
$$;

-- Gives up the claims of dead workers, and claims whose lease is over. Rows of a claim that never
-- began were never sent: they are ready again. Rows of one that began may have been sent: in doubt.
-- p_dead names workers known to be dead (their lock is gone), whatever their last beat says.
create or replace function public.wacampaign_reap(p_dead uuid[] default '{}')
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
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
            set status = 'ready', revision = coalesce(q.revision, 0) + 1, claim_id = null,
                worker_id = null, claimed_at = null, lease_until = null,
                updated_at = clock_timestamp()
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
set jit = off
as $$
declare
    v_known bool;
begin
    -- First, while no lock is held that others wait for: what the backend's UI is shown.
    perform public.wacampaign_show_progress();
    update public.wacampaign_workers
    set last_beat_at = clock_timestamp(), in_flight = p_in_flight
    where id = p_worker_id and stopped_at is null;
    v_known := found;
    -- An hour of closed claims is kept for questions; charts go back a month.
    delete from public.wacampaign_claims
    where closed_at is not null and claimed_at < clock_timestamp() - interval '1 hour';
    delete from public.wacampaign_pace where at < clock_timestamp() - interval '31 days';
    -- Meta reports on a message for 30 days.
    delete from public.wacampaign_deleted_rows
    where deleted_at < clock_timestamp() - interval '31 days';
    return public.wacampaign_reap()
        || jsonb_build_object('known', v_known, 'guarded', public.wacampaign_guarded());
end
$$;

create or replace function public.wacampaign_goodbye(p_worker_id uuid)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
begin
    update public.wacampaign_workers set stopped_at = clock_timestamp(), in_flight = 0
    where id = p_worker_id and stopped_at is null;
    if found then
        insert into public.wacampaign_events (kind, actor, worker_id)
        values ('worker_stopped', 'worker', p_worker_id);
        perform public.wacampaign_show_progress(0);
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
                + floor(extract(epoch from p_now - coalesce(p_changed_at, p_now)) / 5)
                * greatest(1, coalesce(p_configured, 60) / 20.0)
        )
    end
$$;

-- What is configured for a phone number, in messages per second. Of several rows of whatsapp_numbers
-- the active ones count, and of those the lowest: the limit is Meta's, and only one can be right.
create or replace function public.wacampaign_bucket_configured(p_key text)
returns int
language plpgsql
stable
set search_path = public, extensions, pg_temp
as $$
begin
    return (
        select coalesce(min(w.max_send_rate_per_sec) filter (where w.is_active is not false),
                        min(w.max_send_rate_per_sec))
        from public.whatsapp_numbers w
        where public.wacampaign_bucket_key(w.id, w.phone_number_id) = p_key);
end
$$;

-- What a row of whatsapp_numbers may send now, together with all others of its phone number.
create or replace function public.wacampaign_number_rate(
    p_id uuid,
    p_phone_number_id text,
    p_now timestamptz
)
returns numeric
language plpgsql
stable
set search_path = public, extensions, pg_temp
as $$
begin
    return (
        select public.wacampaign_rate(
            public.wacampaign_bucket_configured(own.key), b.rate, b.rate_changed_at, p_now)
        from (select public.wacampaign_bucket_key(p_id, p_phone_number_id) as key) as own
        left join public.wacampaign_buckets b on b.key = own.key);
end
$$;

-- The rows of a claim as the worker needs them. `slot_ms`: when to send each, from p_at on;
-- negative when that has passed (the claim is asked for once more).
drop function if exists public.wacampaign_claimed_rows(uuid, int);
create or replace function public.wacampaign_claimed_rows(
    p_claim_id uuid,
    p_lease_seconds int,
    p_at timestamptz
)
returns json
language plpgsql
stable
set search_path = public, extensions, pg_temp
as $$
begin
    -- json, not jsonb: a third of the time, and nobody reads it here.
    return (
        select coalesce(json_agg(r), '[]'::json)
        from (
            select q.id, q.campaign_id as campaign, q.whatsapp_number_id as number,
                   q.template_name as template, q.phone, q.payload,
                   -- A day either way: a lease that another program wrote is no reason to fail.
                   1000 * date_part('epoch',
                       least(greatest(q.lease_until, p_at - interval '1 day'), p_at + interval '1 day')
                       - make_interval(secs => p_lease_seconds) - p_at) as slot_ms
            from public.send_queue q
            where q.claim_id = p_claim_id and q.status = 'processing' and q.in_doubt_since is null
            order by q.lease_until, q.created_at, q.id
        ) as r);
end
$$;

-- The running campaigns with what is left of each: `unsent` rows are ready (now or later),
-- `in_flight` rows are held by an open claim. Counting the latter reads them all, so where rows are
-- unsent and something becomes due soon (p_soon), nobody needs more than the kept count, which has
-- rows in doubt and rows of other programs in it.
drop function if exists public.wacampaign_work(uuid[]);
create or replace function public.wacampaign_work(p_campaign_ids uuid[], p_soon bool)
returns json
language plpgsql
stable
set search_path = public, extensions, pg_temp
as $$
begin
    return (
        with flying as materialized (
            select f.campaign_id, sum(f.n) as n
            from public.wacampaign_claims o
            -- offset 0: claim by claim, whatever else there is in the index
            cross join lateral (
                select q.campaign_id, count(*) as n
                from public.send_queue q
                where q.claim_id = o.id and q.status = 'processing' and q.in_doubt_since is null
                group by q.campaign_id
                offset 0) as f
            where o.closed_at is null
            group by f.campaign_id
        )
        select coalesce(json_agg(json_build_object(
            'id', k.id,
            'unsent', c.unsent,
            'in_flight', case
                when c.processing = 0 then 0
                when p_soon and c.unsent > 0 then c.processing
                else coalesce((select f.n from flying f where f.campaign_id = k.id), 0) end
        ) order by k.id), '[]'::json)
        from public.campaigns k
        cross join lateral (
            select coalesce(sum(n) filter (where status = 'ready'), 0) as unsent,
                   coalesce(sum(n) filter (where status = 'processing'), 0) as processing
            from public.wacampaign_counts
            where campaign_id = k.id) as c
        where k.status = 'running' and (p_campaign_ids is null or k.id = any (p_campaign_ids)));
end
$$;

-- The answer of a claim, also of one that is asked for again. `began`, `at`: the call's begin and end
-- by the database's clock (epoch seconds), the slots count from `at`; `rates`: messages a second of
-- each number that has work; `alone`: no other worker lived at p_began.
create or replace function public.wacampaign_claim_answer(
    p_claim_id uuid,
    p_began timestamptz,
    p_alone bool,
    p_lease_seconds int,
    p_campaign_ids uuid[],
    p_next timestamptz,
    p_numbers uuid[],
    p_got bool,
    p_repeated bool
)
returns json
language plpgsql
set search_path = public, extensions, pg_temp
as $$
declare
    -- Longest `next_ms`: a day. A worker looks again long before.
    c_longest constant interval := interval '1 day';
    -- Until then a worker asks nobody whether a campaign is complete (core/claiming.py).
    c_soon_ms constant int := 2000;
    v_at constant timestamptz := clock_timestamp();
    v_rows constant json := public.wacampaign_claimed_rows(p_claim_id, p_lease_seconds, v_at);
    v_next_ms int;
begin
    if p_next < 'infinity' then
        v_next_ms := greatest(0, ceil(1000 * extract(epoch from
            least(greatest(p_next, v_at), v_at + c_longest) - v_at)));
    end if;
    return json_build_object(
        'began', extract(epoch from p_began),
        'at', extract(epoch from v_at),
        'alone', p_alone,
        'rows', v_rows,
        'next_ms', v_next_ms,
        'repeated', p_repeated,
        'campaigns', public.wacampaign_work(
            p_campaign_ids, p_got or v_next_ms <= c_soon_ms),
        'rates', (
            select coalesce(json_object_agg(u.id, round(public.wacampaign_number_rate(
                u.id, w.phone_number_id, v_at), 3)), '{}'::json)
            from unnest(p_numbers) as u (id)
            left join public.whatsapp_numbers w on w.id = u.id));
end
$$;

-- Deals p_total out evenly: what one cannot take (p_most) goes to the others, and a remainder to those
-- that come first, counted from p_first on (from 0).
create or replace function public.wacampaign_deal(p_most int[], p_total int, p_first bigint)
returns int[]
language plpgsql
immutable
set search_path = public, extensions, pg_temp
as $$
declare
    v_n constant int := cardinality(p_most);
    v_given int[] := array_fill(0, array[v_n]);
    v_left int := p_total;
    v_open int;
    v_each int;
    v_give int;
    v_at int;
begin
    loop
        v_open := 0;
        for i in 1 .. v_n loop
            if v_given[i] < p_most[i] then
                v_open := v_open + 1;
            end if;
        end loop;
        exit when v_open = 0 or v_left <= 0;
        v_each := greatest(1, v_left / v_open);
        for i in 0 .. v_n - 1 loop
            exit when v_left <= 0;
            v_at := 1 + (p_first + i) % v_n;
            v_give := least(v_each, p_most[v_at] - v_given[v_at], v_left);
            if v_give > 0 then
                v_given[v_at] := v_given[v_at] + v_give;
                v_left := v_left - v_give;
            end if;
        end loop;
    end loop;
    return v_given;
end
$$;

-- How many rows each lane gives: p_total dealt out to the campaigns, and each campaign's share to its
-- lanes. Who comes first turns with p_turn, so that nobody waits for ever where there are more of
-- them than rows. One entry a lane, the lanes of a campaign side by side.
create or replace function public.wacampaign_shares(
    p_campaigns uuid[],
    p_most int[],
    p_total int,
    p_turn bigint
)
returns int[]
language plpgsql
immutable
set search_path = public, extensions, pg_temp
as $$
declare
    v_n constant int := cardinality(p_most);
    v_first int[] := '{}';
    v_sums int[] := '{}';
    v_c int := 0;
    v_given int[];
    v_shares int[] := '{}';
    v_last int;
begin
    for i in 1 .. v_n loop
        if i = 1 or p_campaigns[i] <> p_campaigns[i - 1] then
            v_c := v_c + 1;
            v_first[v_c] := i;
            v_sums[v_c] := 0;
        end if;
        v_sums[v_c] := least(v_sums[v_c] + p_most[i], p_total);
    end loop;
    v_given := public.wacampaign_deal(v_sums, p_total, p_turn % v_c);
    if v_c = v_n then
        return v_given;
    end if;
    for c in 1 .. v_c loop
        v_last := coalesce(v_first[c + 1] - 1, v_n);
        v_shares := v_shares || public.wacampaign_deal(
            p_most[v_first[c] : v_last], v_given[c], p_turn / v_c % (v_last - v_first[c] + 1));
    end loop;
    return v_shares;
end
$$;

-- Hands out at most p_limit rows that may be sent within p_ahead_ms, and reserves a sending slot
-- of their phone number for each, none sooner than p_lead_ms: it would have passed before the worker
-- has the row and its fence. Beside other workers none sooner than p_beside_ms: whoever thought that he
-- was alone has to hear of a new worker before its first message. The same claim id again returns the
-- same rows and reserves nothing.
-- p_stalled_*: pairs of number and template that this worker wants no rows of (their requests hang).
drop function if exists public.wacampaign_claim(uuid, uuid, int, int, int, uuid[], uuid[], text[]);
drop function if exists public.wacampaign_claim(uuid, uuid, int, int, int, uuid[], uuid[], text[], int);
create or replace function public.wacampaign_claim(
    p_worker_id uuid,
    p_claim_id uuid,
    p_limit int,
    p_ahead_ms int default 1000,
    p_lease_seconds int default 120,
    p_campaign_ids uuid[] default null,
    p_stalled_numbers uuid[] default '{}',
    p_stalled_templates text[] default '{}',
    p_lead_ms int default 0,
    p_beside_ms int default 0
)
returns json
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
-- An ordered walk of the partial indexes is the only plan wanted, whatever the statistics of a
-- freshly filled table say.
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    -- One message, then four more, then the full rate: each after the answers of the last.
    c_ramp_first constant int := 1;
    c_ramp_total constant int := 5;
    -- Rows: a tenth of a second's work.
    c_accepted_at_once constant int := 2000;
    -- Milliseconds that a claim takes when it waits for nobody, and of those for each row and lane:
    -- a first slot that lies so far ahead has not passed when the answer goes out.
    c_takes_ms constant double precision := 5;
    c_each_takes_ms constant double precision := 0.05;
    -- Looks at the lanes: the second and further ones share out what rows that wait, or that others
    -- have locked, left free.
    c_looks constant int := 4;
    v_numbers uuid[];
    v_keys text[];
    v_bucket record;
    v_now timestamptz;
    v_start timestamptz;
    v_horizon timestamptz;
    v_rate numeric;
    v_step interval;
    v_n int;
    -- One entry a lane (campaign, number, template): what it may give, and what it gave so far.
    v_lane_keys text[];
    v_lane_campaigns uuid[];
    v_lane_numbers uuid[];
    v_lane_templates text[];
    v_lane_rooms int[];
    v_campaigns uuid[];
    v_names text[];
    v_ids uuid[];
    v_most int[];
    v_gave int[];
    v_shares int[];
    v_tids tid[];
    v_places int[];
    v_got tid[];
    v_got_places int[];
    v_all_tids tid[] := '{}';
    v_all_leases timestamptz[] := '{}';
    v_all_campaigns uuid[] := '{}';
    v_used text[] := '{}';
    v_starts timestamptz[] := '{}';
    v_late interval;
    v_place int;
    v_more bool;
    v_left int := least(greatest(p_limit, 0), 5000);
    v_turns int;
    v_next timestamptz := 'infinity';
    v_due timestamptz;
    v_began constant timestamptz := clock_timestamp();
    v_lead interval := make_interval(secs => p_lead_ms / 1000.0);
    v_alone bool;
begin
    select not exists (
        select 1 from public.wacampaign_workers w
        where w.id <> p_worker_id and w.stopped_at is null
          and w.last_beat_at > v_began - interval '30 seconds')
    into v_alone;
    if not v_alone then
        v_lead := greatest(v_lead, make_interval(secs => p_beside_ms / 1000.0));
    end if;
    perform 1 from public.wacampaign_claims where id = p_claim_id;
    if found then
        return public.wacampaign_claim_answer(
            p_claim_id, v_began, v_alone, p_lease_seconds, p_campaign_ids, clock_timestamp(),
            array(select distinct q.whatsapp_number_id from public.send_queue q
                  where q.claim_id = p_claim_id and q.status = 'processing'), true, true);
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

    -- What may send: active numbers with ready rows of running campaigns, and their buckets.
    select array_agg(n.id), array_agg(n.key) into v_numbers, v_keys
    from (
        select t.id, public.wacampaign_bucket_key(t.id, w.phone_number_id) as key
        from (
            select distinct c.whatsapp_number_id as id
            from public.campaigns k
            join public.wacampaign_counts c
                on c.campaign_id = k.id and c.status = 'ready' and c.n > 0
            where k.status = 'running' and (p_campaign_ids is null or k.id = any (p_campaign_ids))
        ) as t
        left join public.whatsapp_numbers w on w.id = t.id
        where w.is_active is not false
    ) as n;

    if v_numbers is not null and v_left > 0 then
        insert into public.wacampaign_buckets (key)
        select distinct k from unnest(v_keys) as k order by k
        on conflict do nothing;
        -- One claim at a time a phone number: its slots are handed out once.
        perform 1 from public.wacampaign_buckets b
        where b.key = any (v_keys)
        order by b.key
        for update;
        -- The same claim from another connection may have held that lock.
        perform 1 from public.wacampaign_claims where id = p_claim_id;
        if found then
            return public.wacampaign_claim_answer(
                p_claim_id, v_began, v_alone, p_lease_seconds, p_campaign_ids, clock_timestamp(),
                v_numbers, true, true);
        end if;
        -- Put back by another program though they are in doubt (while no guard stood): they stay so.
        perform 1 from public.send_queue
        where status in ('ready', 'pending') and in_doubt_since is not null
          and whatsapp_message_id is null
        limit 1;
        if found then
            with doubtful as (
                select q.id
                from public.campaigns k
                cross join lateral (
                    select r.id from public.send_queue r
                    where r.campaign_id = k.id and r.status in ('ready', 'pending')
                      and r.in_doubt_since is not null and r.whatsapp_message_id is null
                    limit c_accepted_at_once
                    for update skip locked) as q
                where k.status = 'running'
                  and (p_campaign_ids is null or k.id = any (p_campaign_ids))
            ), held as (
                update public.send_queue q
                set status = 'processing', updated_at = clock_timestamp()
                from doubtful
                where q.id = doubtful.id
                returning q.campaign_id
            )
            insert into public.wacampaign_events
                (campaign_id, kind, actor, worker_id, row_count, reason)
            select campaign_id, 'in_doubt', 'database', p_worker_id, count(*),
                   'they were to be sent, but are in doubt'
            from held group by campaign_id;
        end if;
        -- Put back by another program after they were accepted: they are `sent`.
        perform 1 from public.send_queue
        where status in ('ready', 'pending') and whatsapp_message_id is not null
        limit 1;
        if found then
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
                    error_code = null, error_message = null, updated_at = clock_timestamp()
                from accepted
                where q.id = accepted.id
                returning q.campaign_id
            )
            insert into public.wacampaign_events (campaign_id, kind, actor, worker_id, row_count, reason)
            select campaign_id, 'recovered', 'database', p_worker_id, count(*),
                   'they were to be sent, but have the id of an accepted message'
            from mended group by campaign_id;
        end if;

        v_now := clock_timestamp();
        v_horizon := v_now + make_interval(secs => p_ahead_ms / 1000.0);
        -- The lanes that may give rows. `room`: of the ramp, less what is in flight of it.
        with lane as materialized (
            select c.campaign_id, c.whatsapp_number_id, c.template_name,
                   sum(c.n) filter (where c.status = 'ready') as ready,
                   coalesce(sum(c.n) filter (where c.status = 'processing'), 0) as processing
            from public.campaigns k
            join public.wacampaign_counts c
                on c.campaign_id = k.id and c.status in ('ready', 'processing') and c.n > 0
            where k.status = 'running' and (p_campaign_ids is null or k.id = any (p_campaign_ids))
            group by c.campaign_id, c.whatsapp_number_id, c.template_name
            having sum(c.n) filter (where c.status = 'ready') > 0
        ), flying as materialized (
            select f.campaign_id, f.whatsapp_number_id, f.template_name, sum(f.n) as n
            from public.wacampaign_claims o
            cross join lateral (
                select q.campaign_id, q.whatsapp_number_id, q.template_name, count(*) as n
                from public.send_queue q
                where q.claim_id = o.id and q.status = 'processing' and q.in_doubt_since is null
                group by 1, 2, 3
                offset 0) as f
            where o.closed_at is null
            group by 1, 2, 3
        ), able as (
            select u.key, lane.*, case
                when l.run_accepted >= c_ramp_total then 1000000
                when coalesce(l.run_accepted, 0) < c_ramp_first then c_ramp_first
                else c_ramp_total - l.run_accepted end
                - case when l.run_accepted >= c_ramp_total or lane.processing = 0 then 0
                  else coalesce((
                    select f.n from flying f
                    where f.campaign_id = lane.campaign_id
                      and f.whatsapp_number_id = lane.whatsapp_number_id
                      and f.template_name = lane.template_name), 0) end as room
            from lane
            join unnest(v_numbers, v_keys) as u (id, key) on u.id = lane.whatsapp_number_id
            left join public.wacampaign_lanes l
                on l.campaign_id = lane.campaign_id
                and l.whatsapp_number_id = lane.whatsapp_number_id
                and l.template_name = lane.template_name
            where not exists (
                    select 1 from public.wacampaign_holds h
                    where h.whatsapp_number_id = lane.whatsapp_number_id
                      and h.lifted_at is null
                      and (h.held_until is null or h.held_until > v_now)
                      and (h.template_name is null or h.template_name = lane.template_name)
                      and (h.campaign_id is null or h.campaign_id = lane.campaign_id))
              and not exists (
                    select 1 from unnest(p_stalled_numbers, p_stalled_templates) as s (number, template)
                    where s.number = lane.whatsapp_number_id and s.template = lane.template_name)
        )
        select array_agg(key), array_agg(campaign_id), array_agg(whatsapp_number_id),
               array_agg(template_name), array_agg(least(ready, room, 5000)::int)
        into v_lane_keys, v_lane_campaigns, v_lane_numbers, v_lane_templates, v_lane_rooms
        from (select * from able where room > 0
              order by campaign_id, whatsapp_number_id, template_name) as o;
        v_turns := (select count(distinct k) from unnest(v_lane_keys) as k);

        for v_bucket in
            select b.key, b.next_slot_at, b.turn, b.rate as lowered,
                   c.configured,
                   public.wacampaign_rate(c.configured, b.rate, b.rate_changed_at, v_now) as rate
            from public.wacampaign_buckets b
            cross join lateral (
                select public.wacampaign_bucket_configured(b.key) as configured offset 0) as c
            where b.key = any (v_lane_keys)
            -- The number that waited longest is served first, so that none starves another.
            order by b.next_slot_at, b.key
        loop
            exit when v_left <= 0;
            v_rate := v_bucket.rate;
            if v_rate <= 0 then
                v_turns := v_turns - 1;
                continue;
            end if;
            -- Whole microseconds, as the clock has them, and never less than the rate allows.
            v_step := interval '1 microsecond' * ceil(1000000 / v_rate)::double precision;
            v_start := greatest(v_bucket.next_slot_at, v_now + v_lead);
            if v_start >= v_horizon then
                v_next := least(v_next, v_start);
                v_turns := v_turns - 1;
                continue;
            end if;
            v_n := least(
                ceil(extract(epoch from v_horizon - v_start) / extract(epoch from v_step)),
                ceil(v_left::numeric / v_turns))::int;
            v_turns := v_turns - 1;
            v_start := greatest(
                v_start, v_now + make_interval(secs => (
                    c_takes_ms + c_each_takes_ms * (v_n + cardinality(v_lane_keys))) / 1000));

            select array_agg(u.campaign order by u.place), array_agg(u.number order by u.place),
                   array_agg(u.template order by u.place),
                   array_agg(least(u.room, v_n) order by u.place)
            into v_campaigns, v_ids, v_names, v_most
            from unnest(v_lane_keys, v_lane_campaigns, v_lane_numbers, v_lane_templates, v_lane_rooms)
                with ordinality as u (key, campaign, number, template, room, place)
            where u.key = v_bucket.key;
            v_gave := array_fill(0, array[cardinality(v_most)]);
            v_tids := '{}';
            v_places := '{}';
            for v_look in 1 .. c_looks loop
                v_shares := public.wacampaign_shares(
                    v_campaigns, v_most, v_n - cardinality(v_tids), v_bucket.turn);
                select array_agg(t.tid order by t.nth, t.place),
                       array_agg(t.place order by t.nth, t.place)
                into v_got, v_got_places
                from (
                    select u.place, r.tid, r.nth
                    from unnest(v_campaigns, v_ids, v_names, v_shares, v_gave)
                        with ordinality as u (campaign, number, template, share, gave, place)
                    cross join lateral (
                        -- Rows whose wait is over and rows never tried take turns: those that fail
                        -- again and again keep none of the others back.
                        select mixed.tid, mixed.nth
                        from (
                            select d.tid, row_number() over () as nth, 1 as kind
                            from (
                                select q.ctid as tid
                                from public.send_queue q
                                where q.status = 'ready' and q.next_retry_at <= v_now
                                  and q.whatsapp_message_id is null and q.in_doubt_since is null
                                  and q.campaign_id = u.campaign
                                  and q.whatsapp_number_id = u.number
                                  and q.template_name = u.template
                                order by q.next_retry_at
                                limit u.share + u.gave
                                for update skip locked) as d
                            union all
                            select f.tid, row_number() over (), 2
                            from (
                                select q.ctid as tid
                                from public.send_queue q
                                where q.status = 'ready' and q.next_retry_at is null
                                  and q.whatsapp_message_id is null and q.in_doubt_since is null
                                  and q.campaign_id = u.campaign
                                  and q.whatsapp_number_id = u.number
                                  and q.template_name = u.template
                                order by q.created_at, q.id
                                limit u.share + u.gave
                                for update skip locked) as f
                        ) as mixed
                        order by mixed.nth, mixed.kind
                        offset u.gave limit u.share
                    ) as r
                    where u.share > 0
                ) as t;
                v_tids := v_tids || v_got;
                v_places := v_places || v_got_places;
                exit when cardinality(v_tids) >= v_n or v_look = c_looks;
                -- Who gave less than its share has no more; the others may have.
                foreach v_place in array coalesce(v_got_places, '{}') loop
                    v_gave[v_place] := v_gave[v_place] + 1;
                    v_shares[v_place] := v_shares[v_place] - 1;
                    v_most[v_place] := v_most[v_place] - 1;
                end loop;
                v_more := false;
                for i in 1 .. cardinality(v_most) loop
                    if v_shares[i] > 0 then
                        v_most[i] := 0;
                    elsif v_most[i] > 0 then
                        v_more := true;
                    end if;
                end loop;
                exit when not v_more;
            end loop;

            v_n := cardinality(v_tids);
            if v_n > 0 then
                v_left := v_left - v_n;
                v_all_tids := v_all_tids || v_tids;
                v_all_campaigns := v_all_campaigns
                    || array(select distinct v_campaigns[p] from unnest(v_places) as p);
                v_all_leases := v_all_leases || array(
                    select v_start + v_step * g + make_interval(secs => p_lease_seconds)
                    from generate_series(0, v_n - 1) as g);
                v_used := v_used || v_bucket.key;
                v_starts := v_starts || v_start;
                update public.wacampaign_buckets
                set next_slot_at = v_start + v_step * v_n,
                    turn = turn + case
                        when v_n < (select count(distinct c) from unnest(v_campaigns) as c) then v_n
                        else 1 end
                where key = v_bucket.key
                returning next_slot_at into v_start;
                v_next := least(v_next, v_start);
                if v_bucket.lowered is not null and v_rate >= v_bucket.configured then
                    update public.wacampaign_buckets
                    set rate = null, rate_changed_at = v_now
                    where key = v_bucket.key;
                    update public.whatsapp_numbers
                    set last_stable_rate_per_sec = max_send_rate_per_sec
                    where public.wacampaign_bucket_key(id, phone_number_id) = v_bucket.key;
                end if;
            end if;
        end loop;

        if cardinality(v_all_tids) > 0 then
            insert into public.wacampaign_claims (id, worker_id, claimed_at, lease_until, campaign_ids)
            values (p_claim_id, p_worker_id, v_now,
                    v_now + make_interval(secs => p_lease_seconds + p_ahead_ms / 1000.0),
                    v_all_campaigns);
            -- One statement for all numbers: it takes the counters' locks in the order of all others.
            update public.send_queue q
            set status = 'processing', claim_id = p_claim_id, worker_id = p_worker_id,
                claimed_at = v_now, updated_at = v_now, in_doubt_since = null, in_doubt_cause = null,
                lease_until = t.lease
            from unnest(v_all_tids, v_all_leases) as t (tid, lease)
            where q.ctid = t.tid;
            -- Another program's transaction may hold a counter: slots that passed meanwhile are not
            -- sent at once, all of them move. The buckets are still locked.
            v_now := clock_timestamp();
            for i in 1 .. cardinality(v_used) loop
                v_late := v_now - v_starts[i];
                continue when v_late <= interval '0';
                v_late := v_late + v_lead;
                update public.send_queue
                set lease_until = lease_until + v_late
                where claim_id = p_claim_id and status = 'processing'
                  and whatsapp_number_id = any (
                      array(select u.id from unnest(v_numbers, v_keys) as u (id, key)
                            where u.key = v_used[i]));
                update public.wacampaign_buckets set next_slot_at = next_slot_at + v_late
                where key = v_used[i];
                update public.wacampaign_claims set lease_until = lease_until + v_late
                where id = p_claim_id;
            end loop;
        end if;
    end if;

    if cardinality(v_all_tids) = 0 then
        -- When something becomes due by itself: a retry, or the end of a timed hold.
        v_now := clock_timestamp();
        select min(t.at) into v_due from (
            select (select min(q.next_retry_at) from public.send_queue q
                    where q.status = 'ready' and q.next_retry_at > v_now
                      and q.campaign_id = c.campaign_id
                      and q.whatsapp_number_id = c.whatsapp_number_id
                      and q.template_name = c.template_name) as at
            from public.campaigns k
            join public.wacampaign_counts c
                on c.campaign_id = k.id and c.status = 'ready' and c.n > 0
            where k.status = 'running'
            group by c.campaign_id, c.whatsapp_number_id, c.template_name
            union all
            select h.held_until from public.wacampaign_holds h
            where h.lifted_at is null and h.held_until > v_now
        ) as t;
        v_next := least(v_next, coalesce(v_due, 'infinity'));
    end if;
    return public.wacampaign_claim_answer(
        p_claim_id, v_began, v_alone, p_lease_seconds, p_campaign_ids, v_next, v_numbers,
        cardinality(v_all_tids) > 0, false);
end
$$;

-- The fence before the first message of a claim leaves. Refused (ok false) when the claim was given
-- up: then its rows belong to somebody else. `stopped`: campaigns that no longer run, whose rows
-- are to be released, not sent. Who passes it lives: a beat goes with it, so that nobody else takes a
-- worker for dead that was just let through.
create or replace function public.wacampaign_begin(p_worker_id uuid, p_claim_id uuid)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
set enable_seqscan = off
as $$
declare
    v_campaigns uuid[];
begin
    update public.wacampaign_claims
    set begun_at = coalesce(begun_at, clock_timestamp())
    where id = p_claim_id and worker_id = p_worker_id and closed_at is null
    returning campaign_ids into v_campaigns;
    if not found then
        return jsonb_build_object('ok', false, 'stopped', '[]'::jsonb);
    end if;
    update public.wacampaign_workers set last_beat_at = clock_timestamp()
    where id = p_worker_id and stopped_at is null;
    if v_campaigns is null then
        -- A claim from before the campaigns were written down with it.
        v_campaigns := array(select distinct q.campaign_id from public.send_queue q
                             where q.claim_id = p_claim_id and q.status = 'processing');
    end if;
    return jsonb_build_object('ok', true, 'stopped', (
        select coalesce(jsonb_agg(u.id), '[]'::jsonb)
        from unnest(v_campaigns) as u (id)
        left join public.campaigns k on k.id = u.id
        where k.status is distinct from 'running'));
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
set jit = off
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
        set status = 'ready', revision = coalesce(q.revision, 0) + 1, claim_id = null,
            worker_id = null, claimed_at = null, lease_until = null,
            updated_at = clock_timestamp()
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
set jit = off
as $$
    select coalesce(jsonb_agg(jsonb_build_object('id', q.id, 'claim', q.claim_id)), '[]'::jsonb)
    from public.send_queue q
    where q.status = 'processing' and q.in_doubt_since is not null
      and q.worker_id = p_worker_id and q.in_doubt_cause = 'worker_lost'
$$;

select public.wacampaign_keep_rights();
