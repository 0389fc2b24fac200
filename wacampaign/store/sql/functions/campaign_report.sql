-- What the report for a client says of a campaign. Several calls: each stays below the 8 s of REST at a
-- million messages.

-- One campaign, by what is kept of it. `templates`: with the payloads of some rows each, to show one
-- without what is a recipient's own. `before`: the campaign that began last before it, of the same
-- number or with one of its templates; null: there is none.
-- PT404: no such campaign.
create or replace function public.wacampaign_report_facts(p_campaign_id uuid)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_campaign constant public.campaigns := public.wacampaign_campaign(p_campaign_id, false);
    v_first timestamptz;
    v_last timestamptz;
begin
    select min(p.at), max(p.at) into v_first, v_last
    from public.wacampaign_pace p where p.campaign_id = p_campaign_id and p.sent > 0;
    if v_first is null then  -- another program sent it
        select min(q.sent_at), max(q.sent_at) into v_first, v_last
        from public.send_queue q where q.campaign_id = p_campaign_id and q.status = 'sent';
    end if;
    return (
        with count as materialized (
            select c.template_name, c.whatsapp_number_id, c.status, c.error_code, c.n
            from public.wacampaign_counts c
            where c.campaign_id = p_campaign_id and c.n > 0
        ), fate as materialized (
            select d.template_name, d.state, sum(d.n) as n
            from public.wacampaign_delivery_counts d
            where d.campaign_id = p_campaign_id and d.n > 0
            group by 1, 2
        ), left_out as materialized (
            select q.template_name, count(*) as n
            from public.send_queue q
            where q.campaign_id = p_campaign_id and q.status = 'failed'
              and exists (select 1 from count c where c.status = 'failed' and c.error_code = 0)
              -- by the index of failed rows
              and public.wacampaign_error_code(q.error_code, q.error_message) = 0
              and public.wacampaign_is_left_out(q.error_message)
            group by 1
        )
        select jsonb_build_object(
            'began_at', public.wacampaign_utc(v_first),
            'last_sent_at', public.wacampaign_utc(v_last),
            'unusable', greatest(coalesce(v_campaign.invalid_contacts_count, 0), 0),
            'delivery', public.wacampaign_delivery_of(p_campaign_id),
            'left_out', (select coalesce(sum(l.n), 0) from left_out l),
            -- A code of Meta's says that they had opted out before.
            'opted_out', (select count(*) from public.wacampaign_optouts o
                          where o.campaign_id = p_campaign_id and o.ended_at is null
                            and o.cause <> 'code'),
            'refused', (
                select coalesce(jsonb_agg(jsonb_build_array(e.error_code, e.n)), '[]'::jsonb)
                from (select c.error_code, sum(c.n) as n from count c
                      where c.status = 'failed' group by 1 order by 2 desc limit 200) as e),
            'senders', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'name', coalesce(nullif(btrim(w.verified_name), ''), w.display_name),
                    'number', w.number) order by w.display_name, w.id), '[]'::jsonb)
                from public.whatsapp_numbers w
                where w.id in (select c.whatsapp_number_id from count c)),
            'templates', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'name', t.template_name,
                    'counts', jsonb_build_object(
                        'waiting', t.waiting, 'sent', t.sent, 'failed', t.failed,
                        'in_doubt', 0),
                    'left_out', coalesce((select l.n from left_out l
                                          where l.template_name = t.template_name), 0),
                    'delivery', (
                        select jsonb_build_object(
                            'delivered', coalesce(sum(f.n) filter (
                                where f.state in ('delivered', 'read')), 0),
                            'read', coalesce(sum(f.n) filter (where f.state = 'read'), 0),
                            'undelivered', coalesce(sum(f.n) filter (
                                where f.state = 'undelivered'), 0),
                            'held', coalesce(sum(f.n) filter (where f.state = 'held'), 0))
                        from fate f where f.template_name = t.template_name),
                    'payloads', case when t.place <= 20 then (
                        select coalesce(jsonb_agg(q.payload), '[]'::jsonb)
                        from (
                            select case when pg_column_size(r.payload) < 20000 then r.payload end
                                   as payload
                            from public.send_queue r
                            where r.campaign_id = p_campaign_id
                              and r.template_name = t.template_name
                            limit 20) as q) else '[]'::jsonb end
                ) order by t.place), '[]'::jsonb)
                from (
                    select c.template_name, row_number() over (order by sum(c.n) desc,
                                                               c.template_name) as place,
                           coalesce(sum(c.n) filter (where c.status = 'sent'), 0) as sent,
                           coalesce(sum(c.n) filter (where c.status = 'failed'), 0) as failed,
                           coalesce(sum(c.n) filter (
                               where c.status not in ('sent', 'failed')), 0) as waiting
                    from count c group by 1) as t
                where t.place <= 100),
            'before', (
                select jsonb_build_object('id', b.id, 'name', b.name, 'status', b.status)
                from public.campaigns b
                where b.id <> p_campaign_id
                  and b.start_time < coalesce(v_campaign.start_time, v_first, clock_timestamp())
                  and (b.whatsapp_number_id = v_campaign.whatsapp_number_id
                       or b.template_names && v_campaign.template_names)
                  and exists (select 1 from public.wacampaign_counts c
                              where c.campaign_id = b.id and c.status = 'sent' and c.n > 0)
                order by b.start_time desc, b.id
                limit 1)));
end
$$;

-- When its messages were sent, in stretches from `from` on: `bins`, each [seconds after `from`, how many].
-- `from` null: nothing was sent.
create or replace function public.wacampaign_report_times(p_campaign_id uuid)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_from timestamptz;
    v_paced bool := true;
begin
    select date_trunc('minute', min(p.at)) into v_from
    from public.wacampaign_pace p where p.campaign_id = p_campaign_id and p.sent > 0;
    if v_from is null then  -- another program sent it
        v_paced := false;
        select date_trunc('minute', min(q.sent_at)) into v_from
        from public.send_queue q where q.campaign_id = p_campaign_id and q.status = 'sent';
    end if;
    return (
        with minute as (
            select floor(date_part('epoch', p.at - v_from) / 60)::int as minute, sum(p.sent) as n
            from public.wacampaign_pace p
            where v_paced and p.campaign_id = p_campaign_id and p.sent > 0
            group by 1
            union all
            select floor(date_part('epoch', q.sent_at - v_from) / 60)::int, count(*)
            from public.send_queue q
            where not v_paced and q.campaign_id = p_campaign_id and q.status = 'sent'
            group by 1
        ), bin as (
            select public.wacampaign_report_age(minute) as age, sum(n) as n
            from minute where minute is not null
            group by 1
        )
        select jsonb_build_object(
            'from', public.wacampaign_utc(v_from),
            'bins', coalesce(jsonb_agg(jsonb_build_array(age, n) order by age), '[]'::jsonb))
        from bin);
end
$$;

-- The stretch of a minute after a campaign's first message, in seconds: of a minute in the first six hours,
-- of ten minutes in the first two days, then of an hour; what is more than 31 days after counts as then.
create or replace function public.wacampaign_report_age(p_minute int)
returns int language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select age - age % (case when age < 21600 then 60 when age < 172800 then 600 else 3600 end)
    from (select least(2678400, greatest(0, p_minute::bigint * 60))::int as age) as t
$$;

-- What Meta's statuses say of its messages, a page of at most p_limit of them over their ids.
--   p_from: see wacampaign_report_times; null: no times
-- `bins`: delivered, read, failed, each as there; `prices`: how many messages of each category and type of
-- the bill (failed ones are not billed); `next`: where to go on, null at the end.
create or replace function public.wacampaign_report_page(
    p_campaign_id uuid, p_from timestamptz, p_after text, p_limit int)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off as $$
    with page as materialized (
        select d.wamid, d.state, d.delivered_at, d.read_at, d.failed_at,
               case when d.state <> 'undelivered' then coalesce(
                   d.said -> 'sent' -> 'pricing', d.said -> 'delivered' -> 'pricing',
                   d.said -> 'read' -> 'pricing') end as pricing
        from public.wacampaign_deliveries d
        where d.campaign_id = p_campaign_id and d.wamid > p_after
        order by d.wamid
        limit p_limit
    ), event as (
        -- date_part: extract counts in numeric, which takes twice as long.
        select e.what, floor(date_part('epoch', e.at - p_from) / 60)::int as minute, count(*) as n
        from page p
        cross join lateral (values
            ('delivered', case when p.state in ('delivered', 'read')
                          then coalesce(p.delivered_at, p.read_at) end),
            ('read', case when p.state = 'read' then p.read_at end),
            ('failed', case when p.state = 'undelivered' then p.failed_at end)) as e (what, at)
        where e.at is not null and p_from is not null
        group by 1, 2
    ), bin as (
        select what, public.wacampaign_report_age(minute) as age, sum(n) as n
        from event group by 1, 2
    ), price as (
        select left(p.pricing ->> 'category', 60) as category, left(p.pricing ->> 'type', 60) as type,
               case when jsonb_typeof(p.pricing -> 'billable') = 'boolean'
                    then (p.pricing ->> 'billable')::bool end as billable, sum(p.n) as n
        -- Few of them for many messages: each is taken apart once.
        from (select pricing, count(*) as n from page where pricing is not null group by 1) as p
        group by 1, 2, 3
        order by 4 desc
        limit 50
    )
    select jsonb_build_object(
        'next', case when (select count(*) from page) >= p_limit then (select max(wamid) from page) end,
        'bins', (
            select coalesce(jsonb_object_agg(t.what, t.bins), '{}'::jsonb)
            from (select what, jsonb_agg(jsonb_build_array(age, n)) as bins from bin group by 1) as t),
        'prices', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'category', category, 'type', type, 'billable', billable, 'count', n)), '[]'::jsonb)
            from price))
$$;
