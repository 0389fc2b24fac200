-- What can be known before the first message.

-- The campaign, what it sends from and with, and what stands around it. Tokens are not here.
create or replace function public.wacampaign_readiness(p_campaign_id uuid)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_campaign constant public.campaigns := public.wacampaign_campaign(p_campaign_id, false);
begin
    return (
        with lanes as materialized (
            select c.whatsapp_number_id as number, c.template_name as template,
                   coalesce(sum(c.n) filter (where c.status in ('pending', 'ready')), 0) as unsent,
                   sum(c.n) as n
            from public.wacampaign_counts c
            where c.campaign_id = p_campaign_id
            group by 1, 2
            having sum(c.n) > 0
        ), numbers as materialized (
            select distinct number as id from lanes where unsent > 0
            union
            select v_campaign.whatsapp_number_id where v_campaign.whatsapp_number_id is not null
        )
        select jsonb_build_object(
            'id', v_campaign.id, 'name', v_campaign.name, 'status', v_campaign.status,
            'pause_reason', v_campaign.pause_reason,
            'templates', to_jsonb(coalesce(v_campaign.template_names, '{}')),
            'total', coalesce(v_campaign.total_contacts, 0),
            'rows', (select coalesce(sum(n), 0) from lanes),
            'pending', public.wacampaign_counted(p_campaign_id, 'pending'),
            'missing', coalesce(public.wacampaign_missing(p_campaign_id), 0),
            'scheduled_at', public.wacampaign_utc(public.wacampaign_starts_at(p_campaign_id)),
            'now', public.wacampaign_utc(clock_timestamp()),
            'lanes', (
                select coalesce(jsonb_agg(to_jsonb(l) order by l.unsent desc, l.template), '[]'::jsonb)
                from (select number, template, unsent from lanes where unsent > 0
                      order by unsent desc, template limit 1000) as l),
            'numbers', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'id', w.id, 'phone_number_id', nullif(public.wacampaign_solid(w.phone_number_id), ''),
                    'waba_id', nullif(public.wacampaign_solid(w.waba_id), ''),
                    'name', coalesce(w.display_name, w.verified_name), 'number', w.number,
                    'marketing', public.wacampaign_marketing(w.id),
                    'limit', public.wacampaign_messaging_limit(w.id),
                    'is_active', w.is_active, 'rate_configured', w.max_send_rate_per_sec,
                    'rate_now', round(public.wacampaign_number_rate(
                        w.id, w.phone_number_id, clock_timestamp()), 1),
                    'queued_elsewhere', (
                        select coalesce(sum(c.n), 0)
                        from public.wacampaign_counts c
                        join public.campaigns k on k.id = c.campaign_id and k.status = 'running'
                        where c.whatsapp_number_id = w.id and c.status = 'ready'
                          and c.campaign_id <> p_campaign_id)
                ) order by w.display_name, w.id), '[]'::jsonb)
                from public.whatsapp_numbers w
                where w.id in (select id from numbers)),
            'known', (
                select coalesce(jsonb_agg(to_jsonb(k)), '[]'::jsonb)
                from (select u.number, u.template as name, u.language, u.status, u.category,
                             -- Damaged ones say nothing, and a worker does not go by them.
                             case when d.damaged then u.row_components else u.components end
                                 as components,
                             case when d.damaged then u.row_format else u.parameter_format end
                                 as parameter_format,
                             u.meta_template_id as meta_id,
                             u.is_active, u.is_quarantined, u.planned, u.changed,
                             public.wacampaign_utc(u.last_synced) as synced_at
                      from public.wacampaign_templates_in_use(array[p_campaign_id]) as u
                      cross join lateral (
                          select public.wacampaign_template_fingerprint(u.components) is null
                              as damaged) as d
                      where u.number in (select id from numbers)) as k),
            'holds', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'scope', h.scope, 'template', h.template_name, 'reason', h.reason,
                    'until', public.wacampaign_utc(h.held_until)) order by h.created_at),
                    '[]'::jsonb)
                from (select * from public.wacampaign_holds_over(p_campaign_id, 'pending', 'ready')
                      limit 100) as h),
            'live_workers', (
                select count(*) from public.wacampaign_workers w
                where public.wacampaign_is_alive(w.id))));
end
$$;

-- How many people the rows go to, and who of them is written to more than once.
--   repeated: numbers with more than one row; surplus: the rows beyond one for each
--   perhaps: people who may be one, as their numbers are two national spellings of one
create or replace function public.wacampaign_readiness_recipients(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set enable_seqscan = off set jit = off
set work_mem = '64MB' as $$
    with numbers as materialized (
        select case when q.phone ~ '^[1-9][0-9]*$' then q.phone
                    when q.phone ~ '^[+][1-9][0-9]*$' then substr(q.phone, 2)
                    else public.wacampaign_digits(q.phone) end as phone, count(*) as n
        from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status in ('pending', 'ready')
        group by 1
    ), spelt as materialized (
        select array_agg(phone order by phone) as spellings
        from numbers where phone ~ '^5[245]'
        group by public.wacampaign_person(phone) having count(*) > 1
    )
    select jsonb_build_object(
        'people', count(*) - (select coalesce(sum(cardinality(spellings) - 1), 0) from spelt),
        'repeated', count(*) filter (where n > 1),
        'surplus', coalesce(sum(n - 1), 0),
        'samples', (
            select coalesce(jsonb_agg(jsonb_build_object('phone', s.phone, 'n', s.n)), '[]'::jsonb)
            from (select phone, n from numbers where n > 1 order by n desc, phone limit 3) as s),
        'perhaps', (select count(*) from spelt),
        'perhaps_samples', (
            select coalesce(jsonb_agg(to_jsonb(s.spellings)), '[]'::jsonb)
            from (select spellings from spelt order by spellings limit 3) as s))
    from numbers
$$;

-- How the phones of the rows that would be sent are written: groups of those that begin and are made
-- alike (four digits and the length), the largest first, with one phone of each; at most 2,000, and
-- how many rows are in none (`more`).
create or replace function public.wacampaign_readiness_phones(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set enable_seqscan = off set jit = off
set work_mem = '64MB' as $$
    with shapes as materialized (
        select min(q.phone) as phone, count(*) as n
        from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status in ('pending', 'ready')
        group by case when q.phone ~ '^[0-9]{5,}$' then left(q.phone, 5) || ' ' || length(q.phone)
                      else coalesce(substring(q.phone from '^(?:[^0-9]*[0-9]){5}'), '')
                           || translate(substr(q.phone, 1 + length(coalesce(
                                  substring(q.phone from '^(?:[^0-9]*[0-9]){5}'), ''))),
                              '0123456789', '9999999999') end
    ), kept as (
        select phone, n from shapes order by n desc, phone limit 2000
    )
    select jsonb_build_object(
        'groups', coalesce(jsonb_agg(jsonb_build_object('phone', phone, 'n', n)), '[]'::jsonb),
        'more', (select coalesce(sum(n), 0) from shapes) - coalesce(sum(n), 0))
    from kept
$$;
