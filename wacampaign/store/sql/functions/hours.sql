-- Sending hours: a campaign sends only while it is between two times of day where its recipients are.
--
-- A row that waits for its hours is `ready`, and its next_retry_at is a mark: a moment of the year 1001
-- that stands for a set of time zones. That is long over, so whoever knows nothing of hours takes the row
-- as due; and the index of rows that wait gives a claim the rows of the sets that are open, and no others.

-- The mark of a set of zones.
create or replace function public.wacampaign_hours_mark(p_zone_id int)
returns timestamptz language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select to_timestamp(-30578688000::double precision + p_zone_id)
$$;

-- Marks are after this moment, and before that one: nobody else writes times of that day.
create or replace function public.wacampaign_hours_marks(out first timestamptz, out last timestamptz)
returns record language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select to_timestamp(-30578688000), to_timestamp(-30578601600)
$$;

-- Whether such a time is a mark.
create or replace function public.wacampaign_is_hours_mark(p_at timestamptz)
returns bool language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select coalesce(p_at > to_timestamp(-30578688000) and p_at < to_timestamp(-30578601600), false)
$$;

-- Whether it is between two times of day by the clocks of all these zones. `closes` before `opens`: over
-- midnight.
create or replace function public.wacampaign_hours_open(
    p_zones text[], p_opens time, p_closes time, p_at timestamptz)
returns bool language sql stable
set search_path = public, extensions, pg_temp as $$
    select coalesce(bool_and(case when p_opens < p_closes
            then t.clock >= p_opens and t.clock < p_closes
            else t.clock >= p_opens or t.clock < p_closes end), false)
    from (select (p_at at time zone z)::time as clock from unnest(p_zones) as z) as t
$$;

-- When that changes next after p_at. Null: not within two days.
create or replace function public.wacampaign_hours_change(
    p_zones text[], p_opens time, p_closes time, p_at timestamptz)
returns timestamptz language sql stable
set search_path = public, extensions, pg_temp as $$
    with edge as (
        -- Each zone's two times on the days around: nothing changes at any other moment,
        select (((p_at at time zone z)::date + d) + t) at time zone z as at
        from unnest(p_zones) as z, generate_series(-1, 2) as d, (values (p_opens), (p_closes)) as c (t)
    ), moment as (
        -- but where clocks are set: that is on a quarter of an hour, and a time that this day has twice
        -- or never is at most an hour and a half away from where PostgreSQL puts it.
        select b.at + q * interval '15 minutes' as at
        from edge
        cross join lateral (
            values (edge.at), (date_bin('15 minutes', edge.at, 'epoch'::timestamptz))) as b (at)
        cross join generate_series(-6, 4) as q
    )
    select min(m.at)
    from moment m
    where m.at > p_at and m.at < p_at + interval '2 days'
      and public.wacampaign_hours_open(p_zones, p_opens, p_closes, m.at)
          <> public.wacampaign_hours_open(p_zones, p_opens, p_closes, p_at)
$$;

-- Whether this PostgreSQL knows a zone: another server's files may lack names that the one before had.
create or replace function public.wacampaign_knows_zone(p_zone text)
returns bool language plpgsql stable
set search_path = public, extensions, pg_temp as $$
begin
    perform now() at time zone p_zone;
    return true;
exception
    when invalid_parameter_value then
        return false;
end
$$;

-- The zones whose clocks count for a set: its own, if they are ever in their hours together, else the
-- campaign's. Empty: no clock of it is known here, so it is never the hour.
create or replace function public.wacampaign_hours_zones(
    p_zones text[], p_zone text, p_opens time, p_closes time, p_at timestamptz)
returns text[] language sql stable
set search_path = public, extensions, pg_temp as $$
    select case when public.wacampaign_hours_open(k.zones, p_opens, p_closes, p_at)
                  or public.wacampaign_hours_change(k.zones, p_opens, p_closes, p_at) is not null
           then k.zones
           else array(select p_zone where public.wacampaign_knows_zone(p_zone)) end
    from (select array(select z from unnest(p_zones) with ordinality as u (z, place)
                       where public.wacampaign_knows_zone(z) order by place) as zones offset 0) as k
$$;
