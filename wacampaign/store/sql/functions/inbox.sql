-- The inbox: what people wrote, by conversation, newest first.

-- A message, as it is shown. `at`: exact, for the next page; window_until: a day after the last
-- message of the conversation; free_until: three days after one that came from an ad, when it was
-- answered within a day (whatsapp-cloud-api, 3.2).
create or replace function public.wacampaign_inbox_told(p_wamid text)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp as $$
declare
    c_window constant interval := '24 hours';
    c_free constant interval := '72 hours';
begin
    return (
        select jsonb_build_object(
            'n', m.n, 'wamid', m.wamid, 'at', m.at,
            'time', public.wacampaign_utc(m.at),
            'number_id', coalesce(m.whatsapp_number_id,
                                  '00000000-0000-0000-0000-000000000000'),
            'number', (select coalesce(w.display_name, w.phone_number_id) from public.whatsapp_numbers w
                       where w.id = m.whatsapp_number_id),
            'person', m.person, 'phone', m.phone, 'user_id', m.user_id,
            'name', coalesce(m.name, c.name), 'kind', m.kind,
            'text', m.body, 'campaign_id', m.campaign_id,
            'campaign', (select k.name from public.campaigns k where k.id = m.campaign_id),
            'window_until', public.wacampaign_utc(greatest(m.at, c.at) + c_window),
            'window_seconds', greatest(0, extract(epoch from
                greatest(m.at, c.at) + c_window - clock_timestamp())::bigint),
            'free_until', case when c.free_from > clock_timestamp() - c_free
                               then public.wacampaign_utc(c.free_from + c_free) end,
            'opted_out', exists (select 1 from public.wacampaign_optouts o
                                 where o.person = m.person and o.ended_at is null))
        from public.wacampaign_inbound m
        left join public.wacampaign_conversations c
            on c.whatsapp_number_id = coalesce(m.whatsapp_number_id,
                                               '00000000-0000-0000-0000-000000000000')
            and c.person = m.person
        where m.wamid = p_wamid);
end
$$;

-- Last incoming messages, newest first, one a person and number; with a campaign the last reply to
-- it, one a person. Those since p_since and before (p_before, p_before_number, p_before_person), at
-- most 500.
create or replace function public.wacampaign_inbox(
    p_campaign_id uuid, p_since timestamptz, p_before timestamptz, p_before_number uuid,
    p_before_person text, p_limit int)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set plan_cache_mode = force_custom_plan as $$
declare
    v_before constant timestamptz := coalesce(p_before, 'infinity');
    v_number constant uuid := coalesce(p_before_number, '00000000-0000-0000-0000-000000000000');
    v_person constant text := coalesce(p_before_person, '');
    v_since constant timestamptz := coalesce(p_since, '-infinity');
    v_wamids text[];
begin
    if p_campaign_id is null then
        v_wamids := array(
            select c.wamid from public.wacampaign_conversations c
            where c.at >= v_since and c.at <= v_before
              and (c.at < v_before or (c.whatsapp_number_id, c.person) > (v_number, v_person))
            order by c.at desc, c.whatsapp_number_id, c.person
            limit least(p_limit, 500));
    else
        perform public.wacampaign_campaign(p_campaign_id, false);
        v_wamids := array(
            select r.wamid from public.wacampaign_replies r
            where r.campaign_id = p_campaign_id and r.at >= v_since and r.at <= v_before
              and (r.at < v_before or r.person > v_person)
            order by r.at desc, r.person
            limit least(p_limit, 500));
    end if;
    return (
        select coalesce(jsonb_agg(public.wacampaign_inbox_told(u.wamid) order by u.place), '[]'::jsonb)
        from unnest(v_wamids) with ordinality as u (wamid, place)
        where exists (select 1 from public.wacampaign_inbound i where i.wamid = u.wamid));
end
$$;

-- How many incoming messages have been taken so far.
create or replace function public.wacampaign_inbox_newest()
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_build_object('n', coalesce(max(n), 0)) from public.wacampaign_inbound
$$;

-- Incoming messages taken after the p_n-th, in the order in which they were taken, at most 500.
create or replace function public.wacampaign_inbox_after(p_n bigint, p_campaign_id uuid, p_limit int)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(public.wacampaign_inbox_told(i.wamid) order by i.n), '[]'::jsonb)
    from (select wamid, n from public.wacampaign_inbound
          where n > p_n and (p_campaign_id is null or campaign_id = p_campaign_id)
          order by n limit least(p_limit, 500)) as i
$$;
