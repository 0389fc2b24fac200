-- The sending hours of a campaign: set, shown, and what they would mean.

-- Sets the hours of a campaign, or (without times) takes them away; `was`: the hours before.
--   p_opens, p_closes: HH:MM, the end also 24:00; p_zone: whose clock counts where the phone's does not
-- PT400: no such time or zone. PT409: the campaign is over, or no table of zones is kept.
create or replace function public.wacampaign_set_window(
    p_campaign_id uuid, p_opens text, p_closes text, p_zone text, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_campaign constant public.campaigns := public.wacampaign_campaign(p_campaign_id);
    v_was public.wacampaign_windows;
    v_shown text;
begin
    if v_campaign.status in ('completed', 'failed') then
        raise sqlstate 'PT409' using message = format(
            'the campaign is %s, so its hours cannot be changed', v_campaign.status);
    end if;
    select * into v_was from public.wacampaign_windows where campaign_id = p_campaign_id;
    if p_opens is null then
        delete from public.wacampaign_windows where campaign_id = p_campaign_id;
    else
        if p_opens::time = p_closes::time then
            raise sqlstate 'PT400' using message = 'the hours begin when they end';
        end if;
        if not exists (select 1 from pg_catalog.pg_timezone_names where name = p_zone) then
            raise sqlstate 'PT400' using
                message = format('the database knows no time zone %s', p_zone);
        end if;
        if not exists (select 1 from public.wacampaign_zone_source) then
            raise sqlstate 'PT409' using message = 'the table of zones is not kept';
        end if;
        v_shown := format('%s-%s', p_opens, p_closes);
        if (v_was.opens, v_was.closes, v_was.zone) = (p_opens::time, p_closes::time, p_zone) then
            return jsonb_build_object('changed', false, 'was', v_shown);
        end if;
        insert into public.wacampaign_windows (campaign_id, opens, closes, zone, set_by)
        values (p_campaign_id, p_opens::time, p_closes::time, p_zone, p_actor)
        on conflict (campaign_id)
        do update set opens = excluded.opens, closes = excluded.closes, zone = excluded.zone,
                      set_by = excluded.set_by, set_at = clock_timestamp(), counted_at = null;
        update public.wacampaign_window_zones
        set is_open = false, changes_at = '-infinity'
        where campaign_id = p_campaign_id;
        perform public.wacampaign_hours_due(array[p_campaign_id]);
    end if;
    if v_was.campaign_id is not null or p_opens is not null then
        perform public.wacampaign_event(
            p_campaign_id, 'window', p_actor,
            p_reason => coalesce('sends ' || v_shown || ' where its recipients are',
                                 'sends at any time of day'),
            p_detail => jsonb_build_object('opens', p_opens, 'closes', p_closes, 'zone', p_zone,
                                           'was', public.wacampaign_hours_text(v_was.opens, v_was.closes)));
        perform pg_notify('wacampaign', p_campaign_id::text);
    end if;
    return jsonb_build_object(
        'changed', v_was.campaign_id is not null or p_opens is not null,
        'was', public.wacampaign_hours_text(v_was.opens, v_was.closes));
end
$$;

-- Hours as people type them: 09:00-20:00.
create or replace function public.wacampaign_hours_text(p_opens time, p_closes time)
returns text language sql immutable
set search_path = public, extensions, pg_temp as $$
    select left(p_opens::text, 5) || '-' || left(p_closes::text, 5)
$$;

-- The hours of a campaign, for screens. Null: it has none.
--   zones: the sets of zones with rows, the largest first; changes_at: when it opens or closes there
create or replace function public.wacampaign_window_of(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_build_object(
        'opens', left(w.opens::text, 5), 'closes', left(w.closes::text, 5),
        'zone', w.zone, 'set_by', w.set_by,
        'zones', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'zones', h.zones, 'rows', h.n, 'open', h.is_open,
                'changes_at', public.wacampaign_utc(h.changes_at)) order by h.n desc, h.zones), '[]')
            from (select n.zones, n.is_open, min(n.changes_at) as changes_at, sum(n.n) as n
                  from public.wacampaign_hours_now(p_campaign_id) as n group by 1, 2) as h))
    from public.wacampaign_windows w where w.campaign_id = p_campaign_id
$$;

-- What hours would mean for the rows that a campaign has to send: how many there are for which zones'
-- clocks, whether it is the hour there, and when that changes. One look at each row.
create or replace function public.wacampaign_window_survey(
    p_campaign_id uuid, p_opens text, p_closes text, p_zone text)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off
set plan_cache_mode = force_custom_plan as $$
    with deep as materialized (
        -- So many digits tell the zones of a phone that begins so.
        select left(prefix, 2) as head, max(length(prefix)) as digits
        from public.wacampaign_zone_prefixes where length(prefix) > 1 group by 1
    ), beginning as materialized (
        select case when q.phone ~ '^[1-9][0-9]*$' then left(q.phone, coalesce(d.digits, 2))
               else q.phone end as phone, count(*) as n
        from public.send_queue q
        left join deep d on d.head = left(q.phone, 2)
        where q.campaign_id = p_campaign_id and q.status in ('ready', 'pending')
        group by 1
    ), zoned as materialized (
        select public.wacampaign_phone_zone(b.phone) as zone_id, sum(b.n) as n
        from beginning b group by 1
    ), counted as materialized (
        select e.zones, sum(z.n) as n, bool_or(s.zones = '{}') as is_unknown,
               bool_or(s.zones <> '{}' and s.zones <> e.zones) as is_apart
        from zoned z
        join public.wacampaign_zones s on s.id = z.zone_id
        cross join lateral (
            select public.wacampaign_hours_zones(
                s.zones, p_zone, p_opens::time, p_closes::time, now()) as zones offset 0) as e
        group by 1
    )
    select jsonb_build_object('at', public.wacampaign_utc(now()), 'zones', (
        select coalesce(jsonb_agg(jsonb_build_object(
            'zones', c.zones, 'rows', c.n, 'unknown', c.is_unknown, 'apart', c.is_apart,
            'open', public.wacampaign_hours_open(c.zones, p_opens::time, p_closes::time, now()),
            'changes_at', public.wacampaign_utc(public.wacampaign_hours_change(
                c.zones, p_opens::time, p_closes::time, now()))) order by c.n desc, c.zones), '[]')
        from counted c))
$$;
