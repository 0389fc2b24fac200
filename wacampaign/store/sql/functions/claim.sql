-- Hands out at most p_limit rows that may be sent within p_ahead_ms, and reserves a sending slot
-- of their phone number for each, none sooner than p_lead_ms: it would have passed before the worker
-- has the row and its fence. Beside other workers none sooner than p_beside_ms: whoever thought that he
-- was alone has to hear of a new worker before its first message. The same claim id again returns the
-- same rows and reserves nothing.
-- p_stalled_*: pairs of number and template that this worker wants no rows of (their requests hang).
-- p_status_wait_ms: how long a run's first messages wait for their statuses where those arrive.
-- PT409: the worker is not registered.
drop function if exists public.wacampaign_claim(uuid, uuid, int, int, int, uuid[], uuid[], text[]);
drop function if exists public.wacampaign_claim(uuid, uuid, int, int, int, uuid[], uuid[], text[], int);
drop function if exists public.wacampaign_claim(uuid, uuid, int, int, int, uuid[], uuid[], text[], int, int);
create or replace function public.wacampaign_claim(
    p_worker_id uuid, p_claim_id uuid, p_limit int, p_ahead_ms int default 1000,
    p_lease_seconds int default 120, p_campaign_ids uuid[] default null,
    p_stalled_numbers uuid[] default '{}', p_stalled_templates text[] default '{}',
    p_lead_ms int default 0, p_beside_ms int default 0, p_status_wait_ms int default 0)
returns json language plpgsql
set search_path = public, extensions, pg_temp set jit = off
-- An ordered walk of the partial indexes is the only plan wanted, whatever the statistics of a
-- freshly filled table say.
set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_generic_plan as $$
declare
    -- Milliseconds that a claim takes when it waits for nobody, and of those for each row and lane:
    -- a first slot that lies so far ahead has not passed when the answer goes out.
    c_takes_ms constant double precision := 5;
    c_each_takes_ms constant double precision := 0.05;
    -- A ramp that waits for statuses is looked at so often: nothing else may wake who asks over REST.
    c_ramp_look constant interval := '0.25 seconds';
    -- So long before its hours end a lane gives no more: a row leaves within a second of its slot.
    c_before_closing constant interval := '2 seconds';
    v_numbers uuid[];
    v_keys text[];
    v_bucket record;
    v_now timestamptz;
    v_start timestamptz;
    v_horizon timestamptz;
    v_rate numeric;
    v_step interval;
    v_n int;
    -- One entry a lane (campaign, number, template): what it may give.
    v_lane_keys text[];
    v_lane_campaigns uuid[];
    v_lane_numbers uuid[];
    v_lane_templates text[];
    v_lane_rooms int[];
    v_lane_hours text[];
    v_campaigns uuid[];
    v_names text[];
    v_ids uuid[];
    v_most int[];
    v_open text[];
    v_tids tid[];
    v_places int[];
    v_left_tids tid[];
    v_left_why text[];
    v_more bool;
    v_all_tids tid[] := '{}';
    v_all_leases timestamptz[] := '{}';
    v_all_campaigns uuid[] := '{}';
    -- Rows of people who want no marketing, and why they fail.
    v_all_left_tids tid[] := '{}';
    v_all_left_why text[] := '{}';
    v_used text[] := '{}';
    v_starts timestamptz[] := '{}';
    v_left int := least(greatest(p_limit, 0), 5000);
    v_turns int;
    v_next timestamptz := 'infinity';
    v_began constant timestamptz := clock_timestamp();
    v_lead interval := make_interval(secs => p_lead_ms / 1000.0);
    v_alive bool;
    v_alone bool;
    -- Null: no number has a messaging limit.
    v_budgets jsonb;
    -- Whether a running campaign has sending hours.
    v_hours bool;
begin
    -- As wacampaign_is_alive has it, of all workers at once.
    select coalesce(bool_or(w.id = p_worker_id), false),
           coalesce(bool_and(w.id = p_worker_id), true)
    into v_alive, v_alone
    from public.wacampaign_workers w
    where w.stopped_at is null and w.last_beat_at > v_began - public.wacampaign_dead_after();
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
    if not v_alive then
        -- It stood still and was given up; who claims lives. Its old claims stay given up.
        update public.wacampaign_workers
        set last_beat_at = clock_timestamp(), stopped_at = null, found_dead = false
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
        -- Put back by another program (while no guard stood) in spite of what is known of them.
        if exists (select 1 from public.send_queue
                   where status in ('ready', 'pending') and in_doubt_since is not null
                     and whatsapp_message_id is null)
           or exists (select 1 from public.send_queue
                      where status in ('ready', 'pending') and whatsapp_message_id is not null) then
            perform public.wacampaign_keep_known_rows(p_worker_id, p_campaign_ids);
        end if;

        v_hours := exists (
            select 1 from public.wacampaign_windows w
            join public.campaigns k on k.id = w.campaign_id and k.status = 'running');
        if v_hours then
            if public.wacampaign_sort_by_hours(p_campaign_ids, v_numbers) then
                v_next := v_began;
            end if;
            perform public.wacampaign_hours_due();
        end if;

        v_budgets := public.wacampaign_open_budgets(v_keys, v_left);
        v_next := least(v_next, (v_budgets ->> 'next')::timestamptz);

        v_now := clock_timestamp();
        v_horizon := v_now + make_interval(secs => p_ahead_ms / 1000.0);
        select array_agg(o.key), array_agg(o.campaign), array_agg(o.number),
               array_agg(o.template), array_agg(o.room)
        into v_lane_keys, v_lane_campaigns, v_lane_numbers, v_lane_templates, v_lane_rooms
        from public.wacampaign_open_lanes(
            p_campaign_ids, v_numbers, v_keys, p_stalled_numbers, p_stalled_templates,
            make_interval(secs => p_status_wait_ms / 1000.0)) as o;
        if v_hours then
            v_lane_hours := public.wacampaign_lane_hours(
                v_lane_campaigns, v_horizon + c_before_closing);
            select array_agg(u.key order by u.place), array_agg(u.campaign order by u.place),
                   array_agg(u.number order by u.place), array_agg(u.template order by u.place),
                   array_agg(u.room order by u.place), array_agg(u.hours order by u.place)
            into v_lane_keys, v_lane_campaigns, v_lane_numbers, v_lane_templates, v_lane_rooms,
                 v_lane_hours
            from unnest(v_lane_keys, v_lane_campaigns, v_lane_numbers, v_lane_templates,
                        v_lane_rooms, v_lane_hours)
                with ordinality as u (key, campaign, number, template, room, hours, place)
            -- Lanes that are closed take no turns.
            where u.hours is distinct from '{}';
        end if;
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
            if v_budgets is not null then
                v_n := least(v_n, public.wacampaign_places_left(v_budgets, v_bucket.key));
                continue when v_n <= 0;
            end if;
            v_start := greatest(
                v_start, v_now + make_interval(secs => (
                    c_takes_ms + c_each_takes_ms * (v_n + cardinality(v_lane_keys))) / 1000));

            select array_agg(u.campaign order by u.place), array_agg(u.number order by u.place),
                   array_agg(u.template order by u.place),
                   array_agg(least(u.room, v_n) order by u.place), array_agg(u.hours order by u.place)
            into v_campaigns, v_ids, v_names, v_most, v_open
            from unnest(v_lane_keys, v_lane_campaigns, v_lane_numbers, v_lane_templates, v_lane_rooms,
                        v_lane_hours)
                with ordinality as u (key, campaign, number, template, room, hours, place)
            where u.key = v_bucket.key;
            select r.tids, r.places, r.left_tids, r.left_why, r.more
            into v_tids, v_places, v_left_tids, v_left_why, v_more
            from public.wacampaign_pick_wanted_rows(
                v_campaigns, v_ids, v_names, v_most, v_open, v_n, v_bucket.turn) as r;
            v_all_left_tids := v_all_left_tids || v_left_tids;
            v_all_left_why := v_all_left_why || v_left_why;
            if v_more then
                v_next := v_now;
            end if;

            v_n := cardinality(v_tids);
            if v_n > 0 then
                v_left := v_left - v_n;
                v_all_tids := v_all_tids || v_tids;
                v_all_campaigns := v_all_campaigns
                    || array(select distinct v_campaigns[p] from unnest(v_places) as p);
                v_all_leases := v_all_leases || array(
                    select v_start + v_step * g + make_interval(secs => p_lease_seconds)
                    from generate_series(0, v_n - 1) as g);
                if v_budgets is not null then
                    v_budgets := public.wacampaign_take_places(v_budgets, v_bucket.key, v_n);
                end if;
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
            if v_budgets is not null then
                perform public.wacampaign_keep_budgets(v_budgets);
            end if;
            insert into public.wacampaign_claims (id, worker_id, claimed_at, lease_until, campaign_ids)
            values (p_claim_id, p_worker_id, v_now,
                    v_now + make_interval(secs => p_lease_seconds + p_ahead_ms / 1000.0),
                    v_all_campaigns);
        end if;
        if cardinality(v_all_left_tids) > 0 then
            perform public.wacampaign_tell_left_out(p_worker_id, v_all_left_tids, v_all_left_why);
        end if;
        if cardinality(v_all_tids || v_all_left_tids) > 0 then
            -- One statement for all numbers: it takes the counters' locks in the order of all others.
            update public.send_queue q
            set status = case when t.why is null then 'processing' else 'failed' end,
                claim_id = case when t.why is null then p_claim_id end,
                worker_id = case when t.why is null then p_worker_id end,
                claimed_at = case when t.why is null then v_now end,
                updated_at = v_now, in_doubt_since = null, in_doubt_cause = null,
                lease_until = t.lease, error_code = case when t.why is null then q.error_code end,
                error_message = coalesce(t.why, q.error_message),
                next_retry_at = case when t.why is null then q.next_retry_at end,
                revision = case when t.why is null then q.revision
                                else coalesce(q.revision, 0) + 1 end
            from unnest(v_all_tids || v_all_left_tids, v_all_leases,
                        array_fill(null::text, array[cardinality(v_all_tids)]) || v_all_left_why)
                as t (tid, lease, why)
            where q.ctid = t.tid;
            if clock_timestamp() > any (v_starts) then
                perform public.wacampaign_move_late_slots(
                    p_claim_id, v_used, v_starts, v_lead, v_numbers, v_keys);
                perform public.wacampaign_give_back_closed(
                    p_claim_id, p_lease_seconds, c_before_closing);
            end if;
        end if;
    end if;

    if cardinality(v_all_tids) = 0 then
        v_next := least(v_next, public.wacampaign_next_due());
        if p_status_wait_ms > 0 and public.wacampaign_ramp_waits() then
            v_next := least(v_next, clock_timestamp() + c_ramp_look);
        end if;
    end if;
    return public.wacampaign_claim_answer(
        p_claim_id, v_began, v_alone, p_lease_seconds, p_campaign_ids, v_next, v_numbers,
        cardinality(v_all_tids) > 0, false);
end
$$;

-- When something becomes due by itself: a retry, the end of a timed hold, or hours that begin. Null:
-- nothing does.
create or replace function public.wacampaign_next_due()
returns timestamptz language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_now constant timestamptz := clock_timestamp();
begin
    return (
        select min(t.at) from (
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
            union all
            select z.changes_at from public.wacampaign_windows w
            join public.campaigns k on k.id = w.campaign_id and k.status = 'running'
            join public.wacampaign_window_zones z on z.campaign_id = w.campaign_id
            where not z.is_open and z.changes_at > v_now
        ) as t);
end
$$;
