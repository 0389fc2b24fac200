-- Campaigns that stopped though work is left: found with evidence.

-- Facts about each campaign that may be stuck (or is named), newest first, at most 200 of them.
create or replace function public.wacampaign_stuck(p_campaign_ids uuid[] default null)
returns jsonb language plpgsql volatile
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set plan_cache_mode = force_custom_plan as $$
begin
    perform public.wacampaign_count_hours(p_campaign_ids);
    return jsonb_build_object(
        'at', clock_timestamp(),
        'live_workers', (select count(*) from public.wacampaign_workers w
                         where public.wacampaign_is_alive(w.id)),
        'last_worker', (select to_jsonb(w) from (
                            select host, pid, last_beat_at, stopped_at
                            from public.wacampaign_workers order by last_beat_at desc limit 1) as w),
        'campaigns', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'id', k.id, 'name', k.name, 'status', k.status, 'pause_reason', k.pause_reason,
                'created_at', k.created_at, 'start_time', k.start_time, 'end_time', k.end_time,
                'total_contacts', k.total_contacts, 'rows', s.n, 'counts', n.counts,
                'token', public.wacampaign_state_seen(k.id),
                'never_enqueued', case when k.status not in ('running', 'completed')
                                       -- Rows of a campaign that was sent may have been cleared away.
                                       or (s.n = 0 and k.total_sent + k.total_failed > 0)
                                  then 0 else public.wacampaign_missing(k.id) end,
                'budget', case when k.status = 'running' and s.waiting > 0
                          then public.wacampaign_budget_of(k.id) end,
                'starts_at', public.wacampaign_starts_at(k.id),
                'hours_from', case when k.status = 'running' and s.waiting > 0 then (
                    select h.opens_at from public.wacampaign_hours_closed(k.id) as h
                    -- Nothing of it may go now.
                    where h.n >= s.waiting) end,
                'number_active', w.is_active is not false,
                'nobodys', d.facts,
                'alone_since', case when s.processing > 0
                               then public.wacampaign_doubts_alone_since(k.id) end,
                'total_sent', k.total_sent, 'total_failed', k.total_failed,
                'totals_due', public.wacampaign_totals_due(k.id),
                'accepted_but_waiting', case when s.waiting > 0 then (
                    select count(*) from public.send_queue q
                    where q.campaign_id = k.id and q.status in ('ready', 'pending')
                      and q.whatsapp_message_id is not null) else 0 end,
                'doubt_but_waiting', case when s.waiting > 0 then (
                    select count(*) from public.send_queue q
                    where q.campaign_id = k.id and q.status in ('ready', 'pending')
                      and q.in_doubt_since is not null
                      and q.whatsapp_message_id is null) else 0 end,
                'far_away', case when s.waiting > 0 then (
                    select jsonb_build_object('rows', count(*), 'first_at',
                                              least(min(q.next_retry_at), '9999-12-30'))
                    from public.send_queue q
                    where q.campaign_id = k.id and q.status = 'ready'
                      and q.next_retry_at > (select public.wacampaign_far_away())
                      and q.whatsapp_message_id is null and q.in_doubt_since is null) end,
                'holds', case when k.status in ('running', 'paused')
                         then public.wacampaign_standing_holds(k.id) else '[]'::jsonb end,
                'paused_by', (select jsonb_build_object('actor', e.actor, 'at', e.at)
                              from public.wacampaign_events e
                              where e.campaign_id = k.id and e.kind in
                                    ('paused', 'scheduled', 'started', 'resumed', 'restarted', 'created')
                              order by e.id desc limit 1),
                'spam_pause_over', k.spam_paused_until < clock_timestamp() at time zone 'utc',
                'spam_paused_until', k.spam_paused_until,
                'free_lanes', (
                    select count(*) from (
                        select distinct whatsapp_number_id, template_name
                        from public.wacampaign_counts
                        where campaign_id = k.id and status in ('ready', 'pending')
                          and n > 0) as c
                    where not exists (
                        select 1 from jsonb_to_recordset(public.wacampaign_standing_holds(k.id))
                            as h (number uuid, template text, gone text)
                        where h.gone is null and h.number = c.whatsapp_number_id
                          and (h.template is null or h.template = c.template_name)))
            ) order by k.created_at desc, k.id), '[]'::jsonb)
            from (
                select k.id from public.campaigns k
                where case when p_campaign_ids is not null then k.id = any (p_campaign_ids)
                      else (k.status in ('running', 'paused', 'completed') and (
                                exists (select 1 from public.wacampaign_counts c
                                        where c.campaign_id = k.id and c.n > 0
                                          and c.status in ('pending', 'ready', 'processing'))
                                -- Also with nothing left: nobody may have said that it is over.
                                or k.status = 'running'
                                or k.total_contacts > (
                                    select coalesce(sum(c.n), 0) from public.wacampaign_counts c
                                    where c.campaign_id = k.id)))
                          -- Cancelled, but rows of it are in doubt.
                          or (k.status = 'failed' and exists (
                                select 1 from public.wacampaign_counts c
                                where c.campaign_id = k.id and c.n > 0 and c.status = 'processing'))
                      end
                order by k.created_at desc, k.id
                limit 200
            ) as candidate
            join public.campaigns k on k.id = candidate.id
            left join public.whatsapp_numbers w on w.id = k.whatsapp_number_id
            cross join lateral (
                select coalesce(sum(c.n), 0) as n,
                       coalesce(sum(c.n) filter (where c.status in ('ready', 'pending')), 0)
                           as waiting,
                       coalesce(sum(c.n) filter (where c.status = 'processing'), 0) as processing
                from public.wacampaign_counts c where c.campaign_id = k.id) as s
            cross join lateral (
                select public.wacampaign_row_counts(k.id) as counts offset 0) as n
            cross join lateral (
                select case when s.processing > 0 then public.wacampaign_nobodys_rows(k.id) end
                    as facts offset 0) as d));
end
$$;

-- Some rows as samples of a plan: `p_what` ready, or in_doubt. At most 1,000.
create or replace function public.wacampaign_stuck_rows(
    p_campaign_id uuid, p_what text, p_limit int default 5)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set plan_cache_mode = force_custom_plan as $$
begin
    return (
        select coalesce(jsonb_agg(to_jsonb(r)), '[]'::jsonb)
        from (
            (select q.id, q.phone, q.template_name as template from public.send_queue q
             where p_what = 'ready' and q.campaign_id = p_campaign_id and q.status = 'ready'
               and q.next_retry_at is null and q.whatsapp_message_id is null
             limit least(p_limit, 1000))
            union all  -- those that wait for another try or for their hours
            (select q.id, q.phone, q.template_name from public.send_queue q
             where p_what = 'ready' and q.campaign_id = p_campaign_id and q.status = 'ready'
               and q.next_retry_at is not null and q.whatsapp_message_id is null
             limit least(p_limit, 1000))
            union all
            (select q.id, q.phone, q.template_name from public.send_queue q
             where p_what = 'in_doubt' and q.campaign_id = p_campaign_id
               and q.status = 'processing' and q.in_doubt_since is not null
             order by q.in_doubt_since, q.id limit least(p_limit, 1000))
            union all
            (select q.id, q.phone, q.template_name
             from public.wacampaign_orphans(p_campaign_id, least(p_limit, 1000)) as o
             join public.send_queue q on q.id = o
             where p_what = 'in_doubt')
            limit least(p_limit, 1000)
        ) as r
    );
end
$$;
