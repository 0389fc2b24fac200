-- Whose turn it is to look whether all is well, and what the statistics do not say.

-- Takes the turn, if it is free: so all workers and receivers together look once in p_seconds. In a
-- turn it tells as well what ended and which processes fell silent; `turn` false: somebody else looks.
--   p_turn: made by the caller; a repeated call has the same, and the same answer
--   p_addressed: whether the caller has addresses to tell. One without leaves the turn to those that have
--     some, until none of them has been there for a minute. Null: an earlier version, which does not say
drop function if exists public.wacampaign_watch_turn(uuid, text, numeric);
create or replace function public.wacampaign_watch_turn(
    p_turn uuid, p_watcher text, p_seconds numeric, p_addressed bool default null)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_now constant timestamptz := clock_timestamp();
    -- They ask every five seconds, or after a look, which takes 40 at most.
    c_addressed_gone constant interval := '1 minute';
    c_noted_again constant interval := '3 seconds';
    v_since timestamptz;
begin
    insert into public.wacampaign_watch (only_one) values (true) on conflict do nothing;
    if p_addressed then
        update public.wacampaign_watch w
        set addressed_at = v_now
        where w.only_one = (
            select f.only_one from public.wacampaign_watch f
            where f.addressed_at < v_now - c_noted_again
            for update skip locked);
    end if;
    update public.wacampaign_watch w
    set turn = p_turn, watcher = p_watcher, addressed = p_addressed,
        turn_until = v_now + make_interval(secs => p_seconds::float8)
    where w.only_one = (
        -- Not waited for: whoever holds the row looks at this moment.
        select f.only_one from public.wacampaign_watch f
        where f.turn = p_turn
           or (f.turn_until <= v_now
               and (p_addressed is not false or f.addressed_at < v_now - c_addressed_gone))
        for update skip locked)
    returning w.since into v_since;
    if not found then
        return jsonb_build_object('turn', false);
    end if;
    return jsonb_build_object(
        'turn', true, 'ended', public.wacampaign_just_ended(v_since),
        'gone', public.wacampaign_gone(v_since),
        -- Statuses of these may still be missed.
        'recent', (
            select coalesce(jsonb_agg(k.id order by k.end_time desc), '[]'::jsonb)
            from (select c.id, c.end_time from public.campaigns c
                  where c.status = 'completed' and c.end_time > v_now - interval '1 day'
                    and c.end_time > v_since
                  order by c.end_time desc limit 20) as k));
end
$$;

-- Campaigns that ended since then, in the last day, and of which nobody was told yet.
--   by: who ended it; null: another program set its status
create or replace function public.wacampaign_just_ended(p_since timestamptz)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', k.id, 'name', k.name, 'status', k.status, 'key', k.key,
        'start_time', k.start_time, 'end_time', public.wacampaign_utc(k.end_time),
        'counts', public.wacampaign_row_counts(k.id),
        'by', (select e.actor from public.wacampaign_events e
               where e.campaign_id = k.id and e.at > k.end_time - interval '1 minute'
                 and e.kind = case k.status when 'completed' then 'completed' else 'cancelled' end
               order by e.id desc limit 1)
    ) order by k.end_time, k.id), '[]'::jsonb)
    from (
        select c.*, format('ended:%s:%s', c.id, extract(epoch from c.end_time)) as key
        from public.campaigns c
        where c.status in ('completed', 'failed')
          and c.end_time > greatest(p_since, clock_timestamp() - interval '1 day')
    ) as k
    where not exists (select 1 from public.wacampaign_alerts a
                      where a.key = k.key and a.times_told > 0)
$$;

-- Workers and receivers that fell silent since then, in the last three days, without a goodbye, and
-- that no other process on their machine has replaced.
create or replace function public.wacampaign_gone(p_since timestamptz)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    with known as (
        -- One that another process on its machine found dead said no goodbye.
        select 'worker' as kind, w.id, w.host, w.pid, w.started_at, w.last_beat_at,
               case when not w.found_dead then w.stopped_at end as stopped_at
        from public.wacampaign_workers w
        where w.last_beat_at > greatest(p_since, clock_timestamp() - interval '3 days')
        union all
        select 'receiver', r.id, r.host, r.pid, r.started_at, r.last_beat_at, r.stopped_at
        from public.wacampaign_receivers r
        where r.last_beat_at > greatest(p_since, clock_timestamp() - interval '3 days')
    ), silent as (
        select k.*, count(*) over (partition by k.kind, k.host
                                   order by k.last_beat_at desc, k.id) as nth
        from known k
        where k.stopped_at is null
          and k.last_beat_at <= clock_timestamp() - public.wacampaign_dead_after()
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'kind', s.kind, 'id', s.id, 'host', s.host, 'pid', s.pid,
        'silent_seconds', round(extract(epoch from clock_timestamp() - s.last_beat_at)::numeric)
    ) order by s.last_beat_at desc, s.id), '[]'::jsonb)
    from silent s
    -- As many have begun there since as fell silent: each has its successor.
    where (select count(*) from known k
           where k.kind = s.kind and k.host = s.host and k.started_at > s.last_beat_at) < s.nth
$$;
