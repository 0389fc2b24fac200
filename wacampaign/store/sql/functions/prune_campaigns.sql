-- What `prune` takes of deliveries: Meta's words first, each message much later, the counts never.

-- Days below which nothing of a message is touched. Meta reports on it for 30; read_logs takes what the
-- logs have of messages without a delivery for 40.
create or replace function public.wacampaign_prune_floor()
returns int language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select 45
$$;

-- Since when nothing has happened to a campaign that is over; null: it is not. One with a row that is
-- being sent or in doubt never is, nor a completed one with rows to do.
create or replace function public.wacampaign_over_since(p_campaign_id uuid)
returns timestamptz language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select greatest(k.created_at, k.end_time, r.first_sent_at, r.last_settled_at, r.last_heard_at)
    from (select p_campaign_id as id) as c
    left join public.campaigns k on k.id = c.id
    left join public.wacampaign_runs r on r.campaign_id = c.id
    where (k.id is null or k.status in ('completed', 'failed'))
      and not exists (
          select 1 from public.wacampaign_counts n
          where n.campaign_id = c.id and n.n > 0
            and (n.status = 'processing'
                 or k.status = 'completed' and n.status in ('ready', 'pending')))
$$;

-- What Meta said of a message, without what nobody reads: which statuses came, and how it was priced.
-- Shortened twice is the same.
create or replace function public.wacampaign_short_words(p_said jsonb)
returns jsonb language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select coalesce(jsonb_object_agg(s.key, case
        when s.value -> 'pricing' is null
             -- Readers look into `delivered` as well.
             or s.key in ('sent', 'read') and s.value -> 'pricing' = p_said -> 'delivered' -> 'pricing'
        then '{}'::jsonb
        else jsonb_build_object('pricing', s.value -> 'pricing') end), '{}'::jsonb)
    from jsonb_each(p_said) as s
$$;

-- The campaigns whose deliveries are due: over for p_days, and not done since.
--   p_remove: to be removed; else to be shortened
create or replace function public.wacampaign_prune_due(p_days int, p_remove bool)
returns setof uuid language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select r.campaign_id
    from public.wacampaign_runs r
    left join public.wacampaign_pruned p on p.campaign_id = r.campaign_id
    cross join lateral (
        select case when p_remove then p.removed_at else p.shortened_at end as done_at) as d
    where (d.done_at is null or d.done_at < greatest(r.last_settled_at, r.last_heard_at))
      and (p_remove or p.removed_at is null)
      and public.wacampaign_over_since(r.campaign_id) < clock_timestamp() - make_interval(days => p_days)
    order by r.campaign_id
$$;

-- The campaign whose deliveries are worked on next: the one that was begun, else the first that is due.
-- Locked; null: none, or somebody else works on it.
create or replace function public.wacampaign_prune_next(p_days int, p_remove bool)
returns public.wacampaign_pruned language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_next public.wacampaign_pruned;
begin
    select p.* into v_next
    from public.wacampaign_pruned p
    where case when p_remove then p.removing_at is not null and p.removed_at is null
          else p.shortened_to <> '' and p.shortened_at is null and p.removed_at is null end
      and public.wacampaign_over_since(p.campaign_id) < clock_timestamp() - make_interval(days => p_days)
    order by p.campaign_id limit 1
    for update skip locked;
    if not found then
        select c into v_next.campaign_id
        from public.wacampaign_prune_due(p_days, p_remove) as c limit 1;
        insert into public.wacampaign_pruned (campaign_id)
        select v_next.campaign_id where v_next.campaign_id is not null
        on conflict (campaign_id) do nothing;
        select p.* into v_next from public.wacampaign_pruned p
        where p.campaign_id = v_next.campaign_id
        for update skip locked;
    end if;
    return v_next;
end
$$;

-- Shortens the next deliveries of the first campaign that is due, at most p_limit. One that somebody
-- is writing stays as it is.
create or replace function public.wacampaign_shorten_deliveries(p_days int, p_limit int)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off set plan_cache_mode = force_custom_plan as $$
declare
    v_at public.wacampaign_pruned;
    v_read int;
    v_last text;
    v_rows int;
begin
    v_at := public.wacampaign_prune_next(p_days, false);
    if v_at.campaign_id is null then
        return jsonb_build_object('rows', 0, 'left', false);
    end if;
    if v_at.shortened_at is not null then
        -- It was opened again since.
        v_at.shortened_to := '';
    end if;
    with step as materialized (
        select d.wamid
        from public.wacampaign_deliveries d
        where d.campaign_id = v_at.campaign_id and d.wamid > v_at.shortened_to
        order by d.wamid limit p_limit
    ), free as materialized (
        select d.wamid, public.wacampaign_short_words(d.said) as said
        from public.wacampaign_deliveries d
        where d.wamid = any (array(select s.wamid from step s))
        for update skip locked
    ), shortened as (
        update public.wacampaign_deliveries d
        set said = f.said, callback = null
        from free f
        where d.wamid = f.wamid and (d.callback is not null or d.said <> f.said)
        returning 1
    )
    select (select count(*) from step), (select max(s.wamid) from step s),
           (select count(*) from shortened)
    into v_read, v_last, v_rows;
    update public.wacampaign_pruned p
    set shortened_to = coalesce(v_last, v_at.shortened_to),
        shortened_at = case when v_read < p_limit then clock_timestamp() end
    where p.campaign_id = v_at.campaign_id;
    return jsonb_build_object('rows', v_rows, 'left', true);
end
$$;

-- Removes the next deliveries of the first campaign that is due, at most p_limit. That they go is
-- written with the first of them: from then on its counts take nothing more of these messages.
create or replace function public.wacampaign_remove_deliveries(p_days int, p_limit int)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off set plan_cache_mode = force_custom_plan as $$
declare
    v_at public.wacampaign_pruned;
    v_read int;
    v_rows int;
    v_done bool;
begin
    -- While the logs of before are being read, a message without a delivery is one to be taken.
    if not exists (select 1 from public.wacampaign_logs_read where through_at is not null) then
        return jsonb_build_object('rows', 0, 'left', false);
    end if;
    v_at := public.wacampaign_prune_next(p_days, true);
    if v_at.campaign_id is null then
        return jsonb_build_object('rows', 0, 'left', false);
    end if;
    with step as materialized (
        select d.wamid from public.wacampaign_deliveries d
        where d.campaign_id = v_at.campaign_id
        limit p_limit
        for update skip locked
    ), removed as (
        delete from public.wacampaign_deliveries d
        where d.wamid = any (array(select s.wamid from step s))
        returning 1
    )
    select (select count(*) from step), (select count(*) from removed) into v_read, v_rows;
    -- Those that somebody has locked are left for the next time.
    v_done := v_read < p_limit and not exists (
        select 1 from public.wacampaign_deliveries d where d.campaign_id = v_at.campaign_id);
    update public.wacampaign_pruned p
    set removing_at = case when v_at.removed_at is null then coalesce(v_at.removing_at, clock_timestamp())
                      else clock_timestamp() end,
        removed_at = case when v_done then clock_timestamp() end,
        removed = p.removed + v_rows
    where p.campaign_id = v_at.campaign_id;
    return jsonb_build_object('rows', v_rows, 'left', v_done or v_rows > 0);
end
$$;
