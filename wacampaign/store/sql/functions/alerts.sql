-- What is told, when, and by whom: one telling a cause, its reminders and its end.

-- When a cause that was told so often is told again, unless it has ended: after an hour, after four
-- more, then once a day.
create or replace function public.wacampaign_remind_after(p_times_told int)
returns interval language sql immutable
set search_path = public, extensions, pg_temp as $$
    select case p_times_told when 1 then interval '1 hour' when 2 then interval '4 hours'
           else interval '1 day' end
$$;

-- How long after the last word about a cause that keeps coming back the next one may come: the second
-- time within an hour of its end at once, then after 5, 10, 20, 40 and 60 minutes.
create or replace function public.wacampaign_quiet_for(p_returns int)
returns interval language sql immutable
set search_path = public, extensions, pg_temp as $$
    select case when p_returns < 2 then interval '0'
           else least(interval '60 minutes', interval '5 minutes' * power(2, least(p_returns, 8) - 2))
           end
$$;

-- Notes what stands now, and hands out what is to be told: for p_lease_seconds nobody else gets it. Who
-- no longer has the turn notes and gets nothing.
--   p_causes: JSON, a list of key, kind, severity, campaign_id, campaign, title, text, command, settles,
--     ends_after, once and bell, as the columns of wacampaign_alerts
-- What it owes to the backend's notifications wacampaign_alerts_ring writes, so that they keep no alert
-- back; for a program of an earlier version this call does, and `bell` is what that answers.
create or replace function public.wacampaign_alerts_take(
    p_turn uuid, p_causes text, p_lease_seconds numeric)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_now constant timestamptz := clock_timestamp();
    -- As many as can be told within the lease; the next turn gets the others.
    c_at_once constant int := 10;
    v_addressed bool;
    v_one record;
    v_due text;
    v_telling text;
    v_alerts jsonb := '[]';
begin
    select addressed into v_addressed from public.wacampaign_watch where turn = p_turn for update;
    if not found then
        return jsonb_build_object('alerts', v_alerts, 'bell', null);
    end if;
    insert into public.wacampaign_alerts as a
        (key, kind, severity, campaign_id, campaign, title, text, command, settles, ends_after, once,
         bell, first_seen_at, last_seen_at)
    select c.key, c.kind, c.severity, c.campaign_id, c.campaign, c.title, c.text, c.command,
           c.settles, c.ends_after, c.once, c.bell, v_now, v_now
    from jsonb_to_recordset(p_causes::jsonb) as c (
        key text, kind text, severity text, campaign_id uuid, campaign text, title text, text text,
        command text, settles int, ends_after int, once bool, bell bool)
    order by c.key
    on conflict (key) do update
    set severity = excluded.severity, campaign_id = excluded.campaign_id,
        campaign = excluded.campaign, title = excluded.title, text = excluded.text,
        command = excluded.command, settles = excluded.settles, ends_after = excluded.ends_after,
        last_seen_at = v_now,
        -- Ended, and its end was told: another time. Else it has not been away.
        returns = case when a.end_told_at is null then a.returns
                       when a.end_told_at > v_now - interval '1 hour' then a.returns + 1 else 0 end,
        first_seen_at = case when a.end_told_at is null then a.first_seen_at else v_now end,
        times_told = case when a.end_told_at is null then a.times_told else 0 end,
        bell_only = case when a.end_told_at is null then a.bell_only end,
        ended_at = null, end_told_at = null
    where not (a.once and a.times_told > 0);
    if v_addressed then
        -- Whoever was there meanwhile had no address, so nobody was called: that is made up for.
        update public.wacampaign_alerts
        set times_told = case bell_only when 'new' then 0 else times_told end,
            ended_at = case when not once then ended_at end, end_told_at = null
        where times_told > 0
          and case when once then bell_only = 'new' and last_told_at > v_now - interval '1 day'
              else bell_only = 'new' and last_seen_at = v_now
                   or bell_only = 'end' and end_told_at > v_now - interval '1 day' end;
    end if;

    update public.wacampaign_alerts
    set ended_at = v_now,
        -- Nobody has heard of it, or it is only no longer looked at: what was not seen any more
        -- after a day of a campaign that is over, after three of a process, is not said to be over.
        end_told_at = case
            when times_told = 0 and attempts = 0 and bell_only is null then v_now
            when kind in ('worker_gone', 'receiver_gone')
                 and first_seen_at < v_now - interval '71 hours' then v_now
            when exists (select 1 from public.campaigns k
                         where k.id = campaign_id and k.status in ('completed', 'failed')
                           and k.end_time < v_now - interval '23 hours') then v_now end
    where ended_at is null and not once
      and last_seen_at <= v_now - make_interval(secs => ends_after);

    for v_one in
        select a.*, d.due as now_due
        from public.wacampaign_alerts a
        cross join lateral (select case
            when a.ended_at is not null then 'end'
            when not a.once and a.last_seen_at < v_now then null
            when a.times_told = 0
                 and a.first_seen_at <= v_now - make_interval(secs => a.settles)
                 and (a.last_told_at <= v_now - public.wacampaign_quiet_for(a.returns)) is not false
                 then 'new'
            when a.times_told > 0 and not a.once
                 and a.last_told_at <= v_now - public.wacampaign_remind_after(a.times_told)
                 then 'reminder' end as due) as d
        where a.end_told_at is null and d.due is not null
          and (a.leased_until is null or a.leased_until <= v_now or a.leased_by = p_turn)
        -- Of hundreds at once the worst first: that no worker is alive waits for nobody.
        order by a.severity <> 'error' or d.due <> 'new', a.first_seen_at, a.key
        limit c_at_once
    loop
        v_due := v_one.now_due;
        -- The same while it is not confirmed, whoever tries.
        v_telling := case when v_one.due = v_due then v_one.telling end;
        v_one.title := case v_due when 'reminder' then 'Still: ' when 'end' then 'Over: ' else '' end
            || v_one.title;
        if v_telling is null then
            v_telling := gen_random_uuid()::text;
            v_one.taken_by := '{}';
            v_one.attempts := 0;
            if (v_one.bell or v_due <> 'new') and v_one.bell_only is distinct from v_due then
                insert into public.wacampaign_bells (key, type, title, message, campaign_id)
                values (v_one.key,
                        case when v_due = 'end' then 'success' else v_one.severity end, v_one.title,
                        case when v_due = 'end' or v_one.command = '' then v_one.text
                        else v_one.text || ' → ' || v_one.command end, v_one.campaign_id);
            end if;
        end if;
        update public.wacampaign_alerts
        set due = v_due, telling = v_telling, leased_by = p_turn,
            leased_until = v_now + make_interval(secs => p_lease_seconds::float8),
            attempts = v_one.attempts + 1, taken_by = v_one.taken_by
        where key = v_one.key;
        v_alerts := v_alerts || jsonb_build_object(
            'id', v_telling, 'due', v_due, 'key', v_one.key, 'kind', v_one.kind,
            'severity', v_one.severity, 'campaign_id', v_one.campaign_id,
            'campaign', v_one.campaign, 'title', v_one.title, 'text', v_one.text,
            'command', v_one.command, 'first_seen_at', public.wacampaign_utc(v_one.first_seen_at),
            'ended_at', public.wacampaign_utc(v_one.ended_at), 'times_told', v_one.times_told,
            'attempt', v_one.attempts + 1, 'taken_by', v_one.taken_by);
    end loop;
    delete from public.wacampaign_alerts where end_told_at < v_now - interval '31 days';
    return jsonb_build_object('alerts', v_alerts, 'bell', case
        when v_addressed is null then public.wacampaign_alerts_ring(p_turn) ->> 'bell' end);
end
$$;

-- Writes the notifications that are to be written, in the turn: those of errors first, of a cause the
-- latest. One that was refused is tried again after 10, 20, 40 seconds and so on, for a day.
-- Returns in `bell` why one was refused, or that they take long (null: neither), and how many were written.
create or replace function public.wacampaign_alerts_ring(p_turn uuid)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_now constant timestamptz := clock_timestamp();
    -- A turn has some seconds.
    c_takes constant interval := '2 seconds';
    v_one record;
    v_why text;
    v_refused text;
    v_written int := 0;
begin
    -- Not locked: nobody waits for whoever waits for that table.
    if not exists (select 1 from public.wacampaign_watch where turn = p_turn) then
        return jsonb_build_object('bell', null, 'written', 0);
    end if;
    delete from public.wacampaign_bells where at < v_now - interval '1 day';
    for v_one in
        select b.* from public.wacampaign_bells b
        where b.next_at <= v_now
          and not exists (select 1 from public.wacampaign_bells o where o.key = b.key and o.id > b.id)
        order by b.type <> 'error', b.id limit 100
        for update skip locked
    loop
        if clock_timestamp() > v_now + c_takes then
            v_refused := coalesce(v_refused, 'the table notifications is slow');
            exit;
        end if;
        v_why := public.wacampaign_bell(
            v_one.type, v_one.title, v_one.message, '/campaigns', v_one.campaign_id);
        if v_why is null then
            delete from public.wacampaign_bells where key = v_one.key and id <= v_one.id;
            v_written := v_written + 1;
        else
            v_refused := coalesce(v_refused, v_why);
            update public.wacampaign_bells
            set refused = refused + 1,
                next_at = v_now + interval '10 seconds' * power(2, least(v_one.refused, 9))
            where id = v_one.id;
        end if;
    end loop;
    return jsonb_build_object('bell', v_refused, 'written', v_written);
end
$$;

-- A telling was tried: which addresses have taken it, and whether that is all (p_done). If it is not, it
-- is handed out again after one, two, four … minutes.
--   p_problem: why an address did not take it; null: all did
-- Returns known false for a telling that was confirmed before.
create or replace function public.wacampaign_alerts_told(
    p_key text, p_telling text, p_taken_by text[], p_done bool, p_problem text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_one public.wacampaign_alerts;
begin
    select * into v_one from public.wacampaign_alerts
    where key = p_key and telling = p_telling for update;
    if not found then
        return jsonb_build_object('known', false);
    end if;
    if not p_done then
        update public.wacampaign_alerts
        set taken_by = p_taken_by, problem = p_problem, leased_by = null,
            leased_until = v_now + least(interval '1 hour',
                interval '1 minute' * power(2, least(v_one.attempts, 8) - 1))
        where key = p_key;
        return jsonb_build_object('known', true);
    end if;
    if p_problem is not null then
        perform public.wacampaign_event(
            v_one.campaign_id, 'alert_given_up', 'alerts', p_reason => p_problem,
            p_detail => jsonb_build_object('alert', v_one.title, 'due', v_one.due));
    end if;
    update public.wacampaign_alerts
    set due = null, telling = null, leased_by = null, leased_until = null, attempts = 0,
        taken_by = '{}', problem = p_problem, last_told_at = v_now,
        bell_only = case when p_problem is not null or cardinality(p_taken_by) > 0 then null
                         else coalesce(v_one.bell_only, nullif(v_one.due, 'reminder')) end,
        -- It is back, and whoever was told that it is over hears of it again.
        times_told = case when v_one.due <> 'end' then v_one.times_told + 1
                          when v_one.ended_at is null then 0 else v_one.times_told end,
        ended_at = case when v_one.once then v_now else v_one.ended_at end,
        end_told_at = case when v_one.once or (v_one.due = 'end' and v_one.ended_at is not null)
                      then v_now end
    where key = p_key;
    return jsonb_build_object('known', true);
end
$$;
