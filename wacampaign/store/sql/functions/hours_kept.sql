-- Sending hours as a claim keeps to them, and the counts of the rows that wait for them.

-- Works out anew for which zones it is the hour, where that may have changed. Rows that another claim
-- is at are passed by: an hour that is over is no hour, whatever the row says.
create or replace function public.wacampaign_hours_due(p_campaign_ids uuid[] default null)
returns void language sql
set search_path = public, extensions, pg_temp as $$
    with due as materialized (
        select z.campaign_id, z.zone_id
        from public.wacampaign_window_zones z
        join public.wacampaign_windows w on w.campaign_id = z.campaign_id
        where z.changes_at <= clock_timestamp()
          and (p_campaign_ids is null or z.campaign_id = any (p_campaign_ids))
        order by z.campaign_id, z.zone_id
        for update of z skip locked
    )
    update public.wacampaign_window_zones z
    set zones = e.zones,
        is_open = public.wacampaign_hours_open(e.zones, w.opens, w.closes, t.now),
        -- Where no change is in sight (clocks may be set), it is looked at again.
        changes_at = coalesce(
            public.wacampaign_hours_change(e.zones, w.opens, w.closes, t.now),
            t.now + interval '6 hours')
    from due d
    join public.wacampaign_windows w on w.campaign_id = d.campaign_id
    left join public.wacampaign_zones s on s.id = d.zone_id
    cross join lateral (select clock_timestamp() as now offset 0) as t
    cross join lateral (
        select public.wacampaign_hours_zones(
            coalesce(s.zones, '{}'), w.zone, w.opens, w.closes, t.now) as zones
        offset 0) as e
    where z.campaign_id = d.campaign_id and z.zone_id = d.zone_id
$$;

-- Marks rows of running campaigns with hours by their zones, as a step of a claim: those that are new,
-- and those whose wait for another try is over. Whether there are more.
--   p_numbers: of these numbers only
create or replace function public.wacampaign_sort_by_hours(p_campaign_ids uuid[], p_numbers uuid[])
returns bool language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    -- Rows of one claim: some 50 ms.
    c_at_once constant int := 1000;
    c_first constant timestamptz := (public.wacampaign_hours_marks()).first;
    c_last constant timestamptz := (public.wacampaign_hours_marks()).last;
    c_nowhere constant int := 86399;
    v_now constant timestamptz := clock_timestamp();
    v_left int := c_at_once;
    v_lane record;
    v_n int;
begin
    for v_lane in
        select distinct c.campaign_id, c.whatsapp_number_id, c.template_name
        from public.wacampaign_windows w
        join public.campaigns k on k.id = w.campaign_id and k.status = 'running'
        join public.wacampaign_counts c
            on c.campaign_id = w.campaign_id and c.status = 'ready' and c.n > 0
        where (p_campaign_ids is null or k.id = any (p_campaign_ids))
          and c.whatsapp_number_id = any (p_numbers)
        order by 1, 2, 3
    loop
        with found as materialized (
            select d.tid from (
                select q.ctid as tid from public.send_queue q
                where q.status = 'ready' and q.next_retry_at >= c_last and q.next_retry_at <= v_now
                  and q.campaign_id = v_lane.campaign_id
                  and q.whatsapp_number_id = v_lane.whatsapp_number_id
                  and q.template_name = v_lane.template_name
                order by q.next_retry_at limit v_left
                for update skip locked) as d
            union all
            select o.tid from (
                select q.ctid as tid from public.send_queue q
                where q.status = 'ready' and q.next_retry_at <= c_first
                  and q.campaign_id = v_lane.campaign_id
                  and q.whatsapp_number_id = v_lane.whatsapp_number_id
                  and q.template_name = v_lane.template_name
                limit v_left
                for update skip locked) as o
            union all
            select f.tid from (
                select q.ctid as tid from public.send_queue q
                where q.status = 'ready' and q.next_retry_at is null
                  and q.campaign_id = v_lane.campaign_id
                  and q.whatsapp_number_id = v_lane.whatsapp_number_id
                  and q.template_name = v_lane.template_name
                order by q.created_at, q.id limit v_left
                for update skip locked) as f
            limit v_left
        ), zoned as materialized (
            -- Nowhere: the table of zones was emptied. It keeps no other campaign from sending.
            select f.tid, coalesce(public.wacampaign_phone_zone(q.phone), c_nowhere) as zone_id
            from found f
            join public.send_queue q on q.ctid = f.tid
        ), marked as (
            update public.send_queue q
            set next_retry_at = public.wacampaign_hours_mark(z.zone_id), updated_at = v_now
            from zoned z
            where q.ctid = z.tid
        ), counted as (
            insert into public.wacampaign_window_zones as w (campaign_id, zone_id, n)
            select v_lane.campaign_id, z.zone_id, count(*) from zoned z group by 2 order by 2
            on conflict (campaign_id, zone_id) do update set n = w.n + excluded.n
        )
        select count(*) into v_n from zoned;
        v_left := v_left - v_n;
        exit when v_left <= 0;
    end loop;
    return v_left <= 0;
end
$$;

-- For each lane of a claim the sets of zones in whose hours a slot up to p_until lies, those first that
-- close first, as text; null: the lane's campaign has no hours.
create or replace function public.wacampaign_lane_hours(p_campaigns uuid[], p_until timestamptz)
returns text[] language sql stable
set search_path = public, extensions, pg_temp as $$
    select array_agg(case when w.campaign_id is not null then coalesce((
            select array_agg(z.zone_id order by z.changes_at, z.zone_id)::text
            from public.wacampaign_window_zones z
            where z.campaign_id = u.id and z.is_open and z.changes_at > p_until), '{}') end
        order by u.place)
    from unnest(p_campaigns) with ordinality as u (id, place)
    left join public.wacampaign_windows w on w.campaign_id = u.id
$$;

-- Counts the rows that wait for their hours by zones, of campaigns of which that was not done for a while.
-- A count is worth its time: it takes a hundredth of a screen's at most.
create or replace function public.wacampaign_count_hours(p_campaign_ids uuid[] default null)
returns void language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off as $$
declare
    -- So long a count holds at least: a worker takes seconds from claim to answer.
    c_holds constant interval := '5 seconds';
    c_first constant timestamptz := (public.wacampaign_hours_marks()).first;
    c_last constant timestamptz := (public.wacampaign_hours_marks()).last;
    v_campaign uuid;
    v_began timestamptz;
begin
    if not exists (select 1 from public.wacampaign_windows) then
        return;
    end if;
    perform public.wacampaign_hours_due(p_campaign_ids);
    for v_campaign in
        select w.campaign_id
        from public.wacampaign_windows w
        join public.campaigns k on k.id = w.campaign_id and k.status in ('running', 'paused')
        where (p_campaign_ids is null or w.campaign_id = any (p_campaign_ids))
          and (w.counted_at > clock_timestamp() - greatest(c_holds, 100 * w.took)) is not true
        order by 1
        for update of w skip locked
    loop
        v_began := clock_timestamp();
        with lane as materialized (
            select distinct c.whatsapp_number_id, c.template_name
            from public.wacampaign_counts c
            where c.campaign_id = v_campaign and c.status = 'ready' and c.n > 0
        ), counted as materialized (
            select m.next_retry_at as mark, sum(m.n) as n
            from lane
            cross join lateral (
                select q.next_retry_at, count(*) as n
                from public.send_queue q
                where q.campaign_id = v_campaign and q.status = 'ready'
                  and q.whatsapp_number_id = lane.whatsapp_number_id
                  and q.template_name = lane.template_name
                  and q.next_retry_at > c_first and q.next_retry_at < c_last
                group by 1) as m
            group by 1
        ), strange as (
            -- Marks that a row brought from elsewhere, as somebody moved or copied it: the claim
            -- goes by the zones that are known of the campaign, and would never come to it.
            insert into public.wacampaign_window_zones (campaign_id, zone_id, n)
            select v_campaign, extract(epoch from c.mark - c_first)::int, c.n
            from counted c
            order by 2
            on conflict (campaign_id, zone_id) do nothing
        )
        update public.wacampaign_window_zones z
        set n = t.n
        from (
            select o.zone_id, coalesce(c.n, 0) as n
            from (select zone_id from public.wacampaign_window_zones
                  where campaign_id = v_campaign order by zone_id for update) as o
            left join counted c on c.mark = public.wacampaign_hours_mark(o.zone_id)
        ) as t
        where z.campaign_id = v_campaign and z.zone_id = t.zone_id and z.n <> t.n;
        if exists (select 1 from public.wacampaign_window_zones
                   where campaign_id = v_campaign and changes_at = '-infinity') then
            perform public.wacampaign_hours_due(array[v_campaign]);
        end if;
        update public.wacampaign_windows
        set counted_at = clock_timestamp(), took = clock_timestamp() - v_began
        where campaign_id = v_campaign;
    end loop;
end
$$;

-- The sets of zones that rows of a campaign wait in, whether it is the hour there now, and until when
-- (null: for ever, as no clock of them is known here). Of one that is over none waits, and nobody counts them any more.
create or replace function public.wacampaign_hours_now(p_campaign_id uuid)
returns table (zones text[], n bigint, is_open bool, changes_at timestamptz) language sql stable
set search_path = public, extensions, pg_temp as $$
    select z.zones, z.n,
           case when k.known then z.is_open
           else public.wacampaign_hours_open(z.zones, w.opens, w.closes, t.now) end,
           case when z.zones = '{}' then null when k.known then z.changes_at
           else public.wacampaign_hours_change(z.zones, w.opens, w.closes, t.now) end
    from public.wacampaign_windows w
    join public.campaigns c on c.id = w.campaign_id and c.status not in ('completed', 'failed')
    join public.wacampaign_window_zones z on z.campaign_id = w.campaign_id
    cross join (select clock_timestamp() as now offset 0) as t
    -- Past it no claim has worked the next change out yet.
    cross join lateral (select z.changes_at > t.now as known) as k
    where w.campaign_id = p_campaign_id and z.n > 0
$$;

-- How many of a campaign's rows wait for their hours, and when the first of them begin.
create or replace function public.wacampaign_hours_closed(
    p_campaign_id uuid, out n bigint, out opens_at timestamptz)
returns record language plpgsql stable
set search_path = public, extensions, pg_temp as $$
begin
    n := 0;
    if exists (select 1 from public.wacampaign_windows where campaign_id = p_campaign_id) then
        select coalesce(sum(h.n), 0), min(h.changes_at) into n, opens_at
        from public.wacampaign_hours_now(p_campaign_id) as h
        where not h.is_open;
    end if;
end
$$;
