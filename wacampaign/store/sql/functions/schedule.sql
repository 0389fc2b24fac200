-- When the campaign starts by itself; null: it does not. `scheduled` is the backend's own, or of
-- an earlier version of ours.
create or replace function public.wacampaign_starts_at(p_campaign_id uuid)
returns timestamptz language sql stable
set search_path = public, extensions, pg_temp as $$
    select case k.status
        when 'paused' then (select s.start_at from public.wacampaign_schedule s
                            where s.campaign_id = k.id)
        when 'scheduled' then k.scheduled_start_time
    end
    from public.campaigns k where k.id = p_campaign_id
$$;

-- Whoever starts, ends or cancels a campaign in the meantime has decided: the time is forgotten, and
-- does not start it again after it was paused.
create or replace function public.wacampaign_schedule_over()
returns trigger language plpgsql security definer
set search_path = '' as $$
begin
    delete from public.wacampaign_schedule where campaign_id = new.id;
    return null;
end
$$;

-- The campaign stays `paused`, where no scheduler of the backend looks, and says when it starts. One
-- that is over or running is not scheduled; nor one of which not all contacts are in the queue
-- (PT409). PT400: the time (p_at, ISO 8601) is over.
create or replace function public.wacampaign_schedule(p_campaign_id uuid, p_at text, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    c_at constant timestamptz := p_at::timestamptz;
    v_campaign constant public.campaigns := public.wacampaign_campaign(p_campaign_id);
begin
    if v_campaign.status not in ('paused', 'scheduled') then
        raise sqlstate 'PT409' using
            message = format('the campaign is %s, so it cannot be scheduled', v_campaign.status);
    end if;
    if c_at <= clock_timestamp() then
        raise sqlstate 'PT400' using message = 'that time is over';
    end if;
    if v_campaign.pause_reason = public.wacampaign_being_written() then
        raise sqlstate 'PT409' using
            message = 'not all of its contacts are in the queue, so it cannot be scheduled';
    end if;
    if exists (select 1 from public.campaign_contacts where campaign_id = p_campaign_id)
       and (v_campaign.status = 'scheduled' or public.wacampaign_missing(p_campaign_id) > 0) then
        raise sqlstate 'PT409' using
            message = 'the backend has its contacts, and enqueues them when it starts the campaign'
                || ' itself: schedule it there';
    end if;
    if exists (select 1 from public.wacampaign_schedule
               where campaign_id = p_campaign_id and start_at = c_at)
       and v_campaign.status = 'paused' then
        return jsonb_build_object('changed', false, 'was', v_campaign.status);
    end if;
    -- scheduled_start_time is the backend's: with ours in it, its screens would promise a start.
    update public.campaigns
    set status = 'paused', scheduled_start_time = null, is_scheduled = false,
        pause_reason = 'starts at ' || to_char(c_at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
            || ' UTC (wacampaign start --at)'
    where id = p_campaign_id;
    insert into public.wacampaign_schedule (campaign_id, start_at, set_by)
    values (p_campaign_id, c_at, p_actor)
    on conflict (campaign_id)
    do update set start_at = excluded.start_at, set_by = excluded.set_by,
                  set_at = clock_timestamp(), resumes = false;
    perform public.wacampaign_event(
        p_campaign_id, 'scheduled', p_actor,
        p_detail => jsonb_build_object('was', v_campaign.status,
                                       'pause_reason', v_campaign.pause_reason, 'at', c_at));
    return jsonb_build_object('changed', true, 'was', v_campaign.status);
end
$$;

-- A running campaign pauses, and one that was started goes on by itself at a time (p_at, ISO 8601).
-- PT400: it is over. PT409: the campaign is over, or was never started.
create or replace function public.wacampaign_pause_until(
    p_campaign_id uuid, p_at text, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    c_at constant timestamptz := p_at::timestamptz;
    v_campaign constant public.campaigns := public.wacampaign_campaign(p_campaign_id);
begin
    if v_campaign.status not in ('running', 'paused') then
        raise sqlstate 'PT409' using
            message = format('the campaign is %s, so it cannot be paused', v_campaign.status);
    end if;
    if v_campaign.status = 'paused' and v_campaign.start_time is null then
        raise sqlstate 'PT409' using
            message = 'the campaign was never started, so it cannot go on: start it at a time',
            hint = 'wacampaign start ' || p_campaign_id || ' --at TIME';
    end if;
    if c_at <= clock_timestamp() then
        raise sqlstate 'PT400' using message = 'that time is over';
    end if;
    if v_campaign.status = 'paused' and exists (
        select 1 from public.wacampaign_schedule
        where campaign_id = p_campaign_id and start_at = c_at and resumes
    ) then
        return jsonb_build_object('changed', false, 'was', v_campaign.status);
    end if;
    update public.campaigns
    set status = 'paused',
        pause_reason = format('paused until %s UTC by %s',
                              to_char(c_at at time zone 'utc', 'YYYY-MM-DD HH24:MI'), p_actor)
    where id = p_campaign_id;
    insert into public.wacampaign_schedule (campaign_id, start_at, set_by, resumes)
    values (p_campaign_id, c_at, p_actor, true)
    on conflict (campaign_id)
    do update set start_at = excluded.start_at, set_by = excluded.set_by,
                  set_at = clock_timestamp(), resumes = true;
    perform public.wacampaign_show_totals(array[p_campaign_id]);
    perform public.wacampaign_event(
        p_campaign_id, 'paused', p_actor, public.wacampaign_counted(p_campaign_id, 'ready'),
        p_detail => jsonb_build_object('was', v_campaign.status,
                                       'pause_reason', v_campaign.pause_reason, 'until', c_at));
    return jsonb_build_object('changed', true, 'was', v_campaign.status);
end
$$;

-- Campaigns whose time has come; at most 20. Whether one can start is what its preflight says, but
-- `scheduled` ones (the backend's, and those of an earlier version of ours) only when their contacts
-- are all in the queue: the backend enqueues its own.
create or replace function public.wacampaign_due_campaigns(p_campaign_ids uuid[] default null)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'name', k.name)
                              order by k.start_at, k.id), '[]'::jsonb)
    from (
        select k.id, k.name, due.start_at
        from (
            select s.campaign_id, s.start_at, 'paused' as status
            from public.wacampaign_schedule s where s.start_at <= clock_timestamp()
            union all
            select b.id, b.scheduled_start_time, 'scheduled'
            from public.campaigns b
            where b.status = 'scheduled' and b.scheduled_start_time <= clock_timestamp()
        ) as due
        join public.campaigns k on k.id = due.campaign_id and k.status = due.status
        where (p_campaign_ids is null or k.id = any (p_campaign_ids))
          -- A case: it may have to count contacts, so only where it is asked.
          and case when k.status = 'paused' then true else
                  exists (select 1 from public.wacampaign_counts c
                          where c.campaign_id = k.id and c.n > 0)
                  and public.wacampaign_missing(k.id) = 0 end
        order by due.start_at, k.id
        limit 20
    ) as k
$$;

-- A due campaign starts or goes on, or (with p_failure) stays paused and says why. Its time is then gone, so of
-- several workers one does it, and a campaign that a person paused meanwhile stays paused. What came to
-- hold it after the time was set stands: no person has looked at that. `late_seconds`: after its time.
create or replace function public.wacampaign_start_scheduled(
    p_campaign_id uuid, p_actor text, p_failure text default null)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_name text;
    v_was text;
    v_reason text;
    v_resumes bool;
    v_set_at timestamptz;
    v_due timestamptz;
    v_late interval;
    v_answer jsonb;
begin
    select name, status into v_name, v_was from public.campaigns
    where id = p_campaign_id for update;
    if not found then
        return jsonb_build_object('changed', false);
    end if;
    -- Looked up after the lock: another worker may just have started it.
    v_due := public.wacampaign_starts_at(p_campaign_id);
    v_late := clock_timestamp() - v_due;
    if (v_late >= interval '0') is not true then
        return jsonb_build_object('changed', false);
    end if;
    select resumes, set_at into v_resumes, v_set_at from public.wacampaign_schedule
    where campaign_id = p_campaign_id;
    if p_failure is null then
        v_answer := public.wacampaign_set_status(
            p_campaign_id, case when v_resumes then 'resume' else 'start' end, p_actor,
            'its time had come' || case when v_late >= interval '1 minute' then
                format(' at %s UTC, %s min before',
                       to_char(v_due at time zone 'utc', 'YYYY-MM-DD HH24:MI'),
                       floor(extract(epoch from v_late) / 60)) else '' end,
            -- The backend keeps no note of when it set its own time.
            coalesce(v_set_at, '-infinity'));
        return v_answer || jsonb_build_object(
            'late_seconds', round(extract(epoch from v_late)::numeric, 1));
    end if;
    v_reason := case when v_resumes then 'not resumed' else 'not started' end
        || ' at its time: ' || p_failure;
    delete from public.wacampaign_schedule where campaign_id = p_campaign_id;
    update public.campaigns set status = 'paused', pause_reason = v_reason
    where id = p_campaign_id;
    perform public.wacampaign_event(
        p_campaign_id, 'preflight_failed', p_actor, p_reason => p_failure);
    perform public.wacampaign_bell(
        'error', case when v_resumes then 'Campaign not resumed: ' else 'Campaign not started: ' end
            || v_name,
        v_reason, '/campaigns', p_campaign_id);
    return jsonb_build_object('changed', true, 'was', v_was, 'status', 'paused');
end
$$;
