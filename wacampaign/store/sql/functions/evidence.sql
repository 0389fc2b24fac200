-- What an investigation reads of a campaign: outcomes, groups, rows, events.
--
-- Nothing here writes. Rows are read in bounded samples: each answer says how many it has read, and
-- wacampaign_counts how many there are. The time of a failed row is updated_at: exact where wacampaign
-- sent it, a guess where the old backend did.

-- A campaign's exact outcomes by number and template; `code_failed` are those with p_code.
create or replace function public.wacampaign_evidence_lanes(p_campaign_id uuid, p_code int)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp as $$
    select coalesce(jsonb_agg(to_jsonb(l) order by l.rows desc, l.template), '[]'::jsonb)
    from (
        select whatsapp_number_id as number, template_name as template, sum(n) as rows,
               coalesce(sum(n) filter (where status = 'sent'), 0) as sent,
               coalesce(sum(n) filter (where status = 'failed'), 0) as failed,
               coalesce(sum(n) filter (where status = 'failed' and error_code = p_code), 0)
                   as code_failed
        from public.wacampaign_counts
        where campaign_id = p_campaign_id
        group by 1, 2
        having sum(n) > 0
        limit 1000
    ) as l
$$;

-- The campaign itself first, then those nearest to it in time, each with its lanes; at most 300.
create or replace function public.wacampaign_evidence_campaigns(
    p_campaign_id uuid, p_code int, p_limit int default 300, p_also uuid default null)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_agg(jsonb_build_object(
        'id', c.id, 'name', c.name, 'status', c.status, 'number', c.whatsapp_number_id,
        'templates', to_jsonb(coalesce(c.template_names, '{}')), 'total', c.total_contacts,
        'at', public.wacampaign_utc(c.at), 'end', public.wacampaign_utc(c.end_time),
        'lanes', public.wacampaign_evidence_lanes(c.id, p_code)
    ) order by c.place, c.distance, c.id)
    from (
        select t.*, coalesce(t.start_time, t.created_at) as at,
               case t.id when p_campaign_id then 0 when p_also then 1 else 2 end as place,
               abs(extract(epoch from coalesce(t.start_time, t.created_at)
                                      - coalesce(own.start_time, own.created_at))) as distance
        from public.wacampaign_campaign(p_campaign_id, false) as own
        cross join public.campaigns t
        order by place, distance nulls last, t.id
        limit least(greatest(p_limit, 1), 300)
    ) as c
$$;

-- Outcomes by media host, media, country and minute, over at most p_limit rows that failed with
-- p_code and as many that were sent. Only the rows of p_media_templates have a medium: their var1.
create or replace function public.wacampaign_evidence_groups(
    p_campaign_id uuid, p_code int, p_media_templates text[], p_limit int default 100000)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off set plan_cache_mode = force_custom_plan
-- 200,000 rows are grouped in memory rather than on disk.
set work_mem = '64MB' as $$
declare
    v_limit constant int := least(greatest(p_limit, 1), 200000);
begin
    return (
        with raw as materialized (
            (select 'failed' as outcome, q.whatsapp_number_id as number, q.template_name as template,
                    left(q.phone, 3) as prefix, q.updated_at as at,
                    q.whatsapp_message_id is not null as accepted,
                    case when q.template_name = any (p_media_templates)
                         then coalesce(btrim(q.payload ->> 'var1', public.wacampaign_blanks()), '') end as media
             from public.send_queue q
             where q.campaign_id = p_campaign_id and q.status = 'failed'
               and public.wacampaign_error_code(q.error_code, q.error_message) = p_code
             limit v_limit)
            union all
            (select 'sent', q.whatsapp_number_id, q.template_name, left(q.phone, 3),
                    coalesce(q.sent_at, q.updated_at), true,
                    case when q.template_name = any (p_media_templates)
                         then coalesce(btrim(q.payload ->> 'var1', public.wacampaign_blanks()), '') end
             from public.send_queue q
             where q.campaign_id = p_campaign_id and q.status = 'sent'
             limit v_limit)
        ), files as materialized (
            -- Few files for many rows: each address is taken apart once.
            select outcome, number, template, media, count(*) as n
            from raw group by 1, 2, 3, 4
        ), hosted as (
            select f.*, case
                when media is null then null
                when media = '' then 'no media'
                when media ~* '^https?://' then lower(substring(media from '://(?:[^/@?#]*@)?([^/:?#[:space:]]+)'))
                when media ~ '^[0-9]+$' then 'media id'
                else 'neither URL nor id' end as host
            from files f
        )
        select jsonb_build_object(
            'read', (
                select coalesce(jsonb_object_agg(outcome, n), '{}'::jsonb)
                from (select outcome, count(*) as n from raw group by 1) as t),
            'accepted', (select count(*) from raw where outcome = 'failed' and accepted),
            'hosts', (
                select coalesce(jsonb_agg(to_jsonb(t) order by n desc), '[]'::jsonb)
                from (select number, template, host, outcome, sum(n) as n from hosted
                      group by 1, 2, 3, 4 order by 5 desc limit 200) as t),
            'files', (
                select coalesce(jsonb_agg(to_jsonb(t) order by n desc), '[]'::jsonb)
                from (select left(media, 500) as media,
                             coalesce(sum(n) filter (where outcome = 'failed'), 0) as failed,
                             coalesce(sum(n) filter (where outcome = 'sent'), 0) as sent,
                             sum(n) as n
                      from files where media <> '' group by 1 order by 4 desc limit 20) as t),
            'file_count', (select count(distinct media) from files where media <> ''),
            'prefixes', (
                select coalesce(jsonb_agg(to_jsonb(t)), '[]'::jsonb)
                from (select prefix, outcome, count(*) as n from raw
                      group by 1, 2 order by 3 desc limit 1000) as t),
            'minutes', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'at', public.wacampaign_utc(minute), 'failed', failed, 'sent', sent)
                    order by minute), '[]'::jsonb)
                from (select date_trunc('minute', at) as minute,
                             count(*) filter (where outcome = 'failed') as failed,
                             count(*) filter (where outcome = 'sent') as sent
                      from raw where at is not null group by 1 order by 1 limit 500) as t),
            'first_failed', (select public.wacampaign_utc(min(at)) from raw
                             where outcome = 'failed'),
            'last_failed', (select public.wacampaign_utc(max(at)) from raw
                            where outcome = 'failed'),
            'first_sent', (select public.wacampaign_utc(min(at)) from raw where outcome = 'sent'),
            'last_sent', (select public.wacampaign_utc(max(at)) from raw where outcome = 'sent'))
    );
end
$$;

-- A page of the rows that failed with p_code, with their payloads; see wacampaign_failed_page.
create or replace function public.wacampaign_evidence_failed(
    p_campaign_id uuid, p_code int, p_after uuid default null, p_limit int default 1000)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(to_jsonb(r) order by r.id), '[]'::jsonb)
    from (select id, whatsapp_number_id as number, template_name as template, phone, payload,
                 error_message as text, public.wacampaign_utc(updated_at) as at
          from public.wacampaign_failed_page(p_campaign_id, p_code, p_after, p_limit)) as r
$$;

-- Some rows that were sent, with their payloads; at most 1,000.
create or replace function public.wacampaign_evidence_sent(
    p_campaign_id uuid, p_limit int default 100)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off set plan_cache_mode = force_custom_plan
as $$
begin
    return (
        select coalesce(jsonb_agg(to_jsonb(r)), '[]'::jsonb)
        from (
            select q.id, q.whatsapp_number_id as number, q.template_name as template, q.phone,
                   q.payload, null as text,
                   public.wacampaign_utc(coalesce(q.sent_at, q.updated_at)) as at
            from public.send_queue q
            where q.campaign_id = p_campaign_id and q.status = 'sent'
            limit least(p_limit, 1000)
        ) as r
    );
end
$$;

-- What happened around the campaign: its events, those of no campaign and the workers' starts and
-- stops between p_from and p_to (ISO 8601), the newest first, at most 200 of each; and its pace in
-- at most 240 stretches.
create or replace function public.wacampaign_evidence_moments(
    p_campaign_id uuid, p_from text, p_to text)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_from constant timestamptz := p_from::timestamptz;
    v_to constant timestamptz := p_to::timestamptz;
    v_first timestamptz;
    v_last timestamptz;
    v_step int;
begin
    select min(at), max(at) into v_first, v_last
    from public.wacampaign_pace where campaign_id = p_campaign_id;
    -- Whole fives: earlier pace was kept so.
    v_step := greatest(5, 5 * ceil(coalesce(extract(epoch from v_last - v_first), 0) / 1195)::int);
    return jsonb_build_object(
        'events', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'at', public.wacampaign_utc(e.at), 'kind', e.kind, 'actor', e.actor,
                'rows', e.row_count, 'reason', e.reason, 'own', e.campaign_id is not null
            ) order by e.id), '[]'::jsonb)
            from (
                (select * from public.wacampaign_events where campaign_id = p_campaign_id
                 order by id desc limit 200)
                union all
                (select * from public.wacampaign_events
                 where campaign_id is null and at between v_from and v_to
                 order by id desc limit 200)
            ) as e),
        'workers', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'host', w.host, 'pid', w.pid, 'version', w.version,
                'started', public.wacampaign_utc(w.started_at),
                'last_beat', public.wacampaign_utc(w.last_beat_at),
                'stopped', public.wacampaign_utc(w.stopped_at)) order by w.started_at), '[]'::jsonb)
            from (
                select * from public.wacampaign_workers
                where started_at between v_from and v_to or stopped_at between v_from and v_to
                order by started_at desc limit 200
            ) as w),
        'pace_seconds', v_step,
        'pace', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'at', public.wacampaign_utc(p.at), 'sent', p.sent, 'failed', p.failed,
                'in_doubt', p.in_doubt) order by p.at), '[]'::jsonb)
            from (
                select date_bin(make_interval(secs => v_step), at, v_first) as at,
                       sum(sent) as sent, sum(failed) as failed, sum(in_doubt) as in_doubt
                from public.wacampaign_pace where campaign_id = p_campaign_id
                group by 1 order by 1 limit 1000
            ) as p));
end
$$;
