-- What queue-stats and monitor show. Without ids: all campaigns that are not over.
create or replace function public.wacampaign_stats(p_campaign_ids uuid[] default null)
returns jsonb language sql volatile
set search_path = public, extensions, pg_temp set jit = off as $$
    select public.wacampaign_count_hours(p_campaign_ids);
    select jsonb_build_object(
        'at', public.wacampaign_utc(clock_timestamp()),
        'campaigns', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'id', k.id,
                'name', k.name,
                'status', k.status,
                'pause_reason', k.pause_reason,
                'total_contacts', k.total_contacts,
                'counts', n.counts,
                'templates', to_jsonb(k.template_names),
                'number', jsonb_build_object(
                    'id', w.id,
                    'phone_number_id', nullif(public.wacampaign_solid(w.phone_number_id), ''),
                    'display_name', w.display_name,
                    'quality_rating', w.quality_rating, 'is_active', w.is_active,
                    'configured_rate', w.max_send_rate_per_sec,
                    'throughput', (select s.throughput_mps from public.wacampaign_number_settings s
                                   where s.number_id = w.id),
                    'tier', (select m.tier from public.wacampaign_messaging_limits m
                             where m.number_id = w.id),
                    'sharing', (select count(*) from public.campaigns o
                                where o.status = 'running' and o.whatsapp_number_id = w.id),
                    'rate', round(public.wacampaign_number_rate(w.id, w.phone_number_id,
                                                                clock_timestamp()), 1)),
                'oldest_ready_seconds', case when (n.counts ->> 'ready')::bigint > 0 then (
                    select round(extract(epoch from clock_timestamp() - min(o.at)
                                         filter (where isfinite(o.at)))::numeric, 1) from (
                        select distinct c.whatsapp_number_id, c.template_name
                        from public.wacampaign_counts c
                        where c.campaign_id = k.id and c.status = 'ready' and c.n > 0
                    ) as lane
                    cross join lateral (
                        (select q.created_at as at from public.send_queue q
                         where q.campaign_id = k.id and q.status = 'ready' and q.next_retry_at is null
                           and q.whatsapp_number_id = lane.whatsapp_number_id
                           and q.template_name = lane.template_name
                         order by q.created_at, q.id limit 1)
                        union all
                        (select q.next_retry_at from public.send_queue q
                         where q.campaign_id = k.id and q.status = 'ready'
                           -- a subquery: evaluated once, so the index can use it
                           and q.next_retry_at <= (select clock_timestamp())
                           and q.next_retry_at >= (select m.last from public.wacampaign_hours_marks() as m)
                           and q.whatsapp_number_id = lane.whatsapp_number_id
                           and q.template_name = lane.template_name
                         order by q.next_retry_at limit 1)
                    ) as o) end,
                -- For programs of an earlier version, which know no `pace`.
                'rate_per_second', (
                    select round(coalesce(sum(p.sent) / greatest(1, extract(epoch from
                        clock_timestamp() - least(clock_timestamp(), greatest(
                            min(greatest(p.at, k.start_time)),
                            clock_timestamp() - interval '1 minute')))), 0)::numeric, 1)
                    from public.wacampaign_pace p
                    where p.campaign_id = k.id and p.at > clock_timestamp() - interval '1 minute'),
                'pace', public.wacampaign_pace_shown(k.id, clock_timestamp()),
                'error_minutes', public.wacampaign_errors_lately(k.id, clock_timestamp()),
                'ramp', case when k.status = 'running' then public.wacampaign_ramp_shown(k.id) end,
                'run_began_at', r.began_at,
                -- As long as it runs, by this clock: the reader's may be another.
                'run_seconds', case when k.status = 'running' then round(extract(epoch from
                    clock_timestamp() - coalesce(r.began_at, k.start_time))::numeric, 1) end,
                'heard_seconds', round(extract(epoch from
                    clock_timestamp() - r.last_heard_at)::numeric, 1),
                -- Of one campaign only: nobody reads those of many.
                'events', case when cardinality(p_campaign_ids) = 1
                          then public.wacampaign_events_lately(k.id) end,
                'spare_numbers', case when cardinality(p_campaign_ids) = 1 and k.status = 'running'
                                 then public.wacampaign_spare_numbers(k.id, clock_timestamp()) end,
                'errors', (
                    select coalesce(jsonb_agg(to_jsonb(e) order by e.count desc, e.code), '[]'::jsonb)
                    from (select c.error_code as code, sum(c.n) as count
                          from public.wacampaign_counts c
                          where c.campaign_id = k.id and c.error_code <> 0 and c.n > 0
                            and c.status <> 'sent'
                          group by 1) as e),
                'budget', case when k.status in ('scheduled', 'running', 'paused')
                          then public.wacampaign_budget_of(k.id) end,
                'delivery', public.wacampaign_delivery_shown(k.id),
                'never_enqueued', case when k.status in ('running', 'completed')
                                  then public.wacampaign_missing(k.id) else 0 end,
                'deleted', public.wacampaign_deleted(k.id),
                'others', public.wacampaign_others(k.id),
                'window', public.wacampaign_window_of(k.id),
                -- lane by lane: the index begins with those
                'next_retry_at', case when (n.counts ->> 'retry_later')::bigint > 0 then (
                    select case when count(w.at) > 0 then least(min(w.at), '9999-12-30') end from (
                        select distinct c.whatsapp_number_id, c.template_name
                        from public.wacampaign_counts c
                        where c.campaign_id = k.id and c.status = 'ready' and c.n > 0
                    ) as lane
                    cross join lateral (
                        select min(q.next_retry_at) as at from public.send_queue q
                        where q.campaign_id = k.id and q.status = 'ready'
                          and q.whatsapp_number_id = lane.whatsapp_number_id
                          and q.template_name = lane.template_name
                          and q.next_retry_at > (select clock_timestamp())
                        union all
                        select h.opens_at from public.wacampaign_hours_closed(k.id) as h
                    ) as w) end,
                'far_away', public.wacampaign_far_away(),
                'guarded', public.wacampaign_guarded(),
                'scheduled_start_time', public.wacampaign_starts_at(k.id),
                'start_time', k.start_time,
                'end_time', k.end_time,
                'holds', (
                    select coalesce(jsonb_agg(jsonb_build_object(
                        'scope', h.scope, 'template', h.template_name, 'code', h.code,
                        'reason', h.reason,
                        'until', case when h.held_until is not null
                                 then least(h.held_until, '9999-12-30') end)), '[]'::jsonb)
                    from public.wacampaign_holds_over(k.id, 'ready') as h)
            ) order by k.created_at, k.id), '[]'::jsonb)
            from public.campaigns k
            -- offset 0: else it is counted anew wherever the counts are mentioned
            cross join lateral (
                select public.wacampaign_row_counts(k.id) as counts offset 0) as n
            left join public.whatsapp_numbers w on w.id = k.whatsapp_number_id
            left join public.wacampaign_runs r on r.campaign_id = k.id
            where case when p_campaign_ids is null
                  -- Over, but not settled: what is in doubt is shown until it is resolved, what
                  -- another program left in nobody's hands counts as such, and so is what was put
                  -- back into a campaign that is completed.
                  then k.status in ('scheduled', 'running', 'paused')
                      or exists (select 1 from public.wacampaign_counts c
                                 where c.campaign_id = k.id and c.n > 0
                                   and (c.status = 'processing'
                                        or k.status = 'completed'
                                        and c.status in ('pending', 'ready')))
                  else k.id = any (p_campaign_ids) end),
        'workers', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'id', w.id, 'host', w.host, 'pid', w.pid, 'version', w.version,
                'started_at', w.started_at, 'in_flight', w.in_flight,
                'alive', public.wacampaign_is_alive(w.id),
                'facts', case when w.measured_at > clock_timestamp() - interval '30 seconds'
                         then w.facts end,
                'beat_age_seconds', round(extract(epoch from clock_timestamp() - w.last_beat_at)::numeric, 1)
            ) order by w.started_at desc), '[]'::jsonb)
            from public.wacampaign_workers w
            where w.stopped_at is null and w.last_beat_at > clock_timestamp() - interval '1 hour'))
$$;

-- What became of a campaign's accepted messages, and of the silent ones which Meta has passed on and which
-- are late: accepted ten minutes ago or earlier (wacampaign/core/campaign/delivery.py), and nobody told
-- anything of them. Those are counted as if none of the latest had a status, so they are that many at
-- least.
create or replace function public.wacampaign_delivery_shown(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off as $$
    select d.delivery || jsonb_build_object(
        -- Each with Meta's title, for codes that our table does not have.
        'errors', (
            select coalesce(jsonb_agg(e.error || jsonb_build_object('title', (
                select m.title from public.wacampaign_deliveries m
                where m.campaign_id = p_campaign_id and m.state = 'undelivered'
                  and coalesce(m.code, 0) = coalesce((e.error ->> 'code')::int, 0)
                order by m.wamid limit 1)) order by e.place), '[]'::jsonb)
            from jsonb_array_elements(d.delivery -> 'errors') with ordinality as e (error, place)),
        'passed_on', p.n,
        'late', greatest(0, (d.delivery ->> 'silent')::bigint - p.n - (
            select coalesce(sum(a.sent), 0) from public.wacampaign_pace a
            where a.campaign_id = p_campaign_id and a.at > clock_timestamp() - interval '10 minutes')))
    from (select public.wacampaign_delivery_of(p_campaign_id) as delivery offset 0) as d
    cross join (
        select coalesce(sum(c.n), 0)::bigint as n from public.wacampaign_delivery_counts c
        where c.campaign_id = p_campaign_id and c.state = 'sent') as p
$$;
