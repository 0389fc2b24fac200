-- Statuses that others store: the backend's handler in message_status_logs, as it comes and as it was
-- there before; and what the worker was told at acceptance.

-- Copies what is entered into the log; never fails, so that the backend's statement does not.
create or replace function public.wacampaign_status_logged()
returns trigger language plpgsql security definer
set search_path = '' as $$
begin
    begin
        if coalesce(current_setting('wacampaign.taking', true), '') <> '1' then
            insert into public.wacampaign_logged_statuses
                (wamid, status, at, whatsapp_number_id, phone, code, title)
            select n.whatsapp_message_id, n.status, n.created_at, n.whatsapp_number_id, n.user_phone,
                   n.error_code::text, n.error_message
            from new_rows n
            where n.whatsapp_message_id is not null and n.status is not null;
        end if;
    exception when others then
        null;  -- the daily reading of the whole log finds it
    end;
    return null;
end
$$;

-- Takes what waits, at most p_limit of each kind: logged statuses, the log from before, and deliveries
-- whose row was not known yet. Called again and again by whoever is there: a worker, a receiver, a
-- command that reads. Two at a time do no harm.
--   p_rules: JSON, as for wacampaign_take_statuses
--   left: whether more waits; ramp: whether a running campaign waits for statuses; running: whether one
--   runs at all
create or replace function public.wacampaign_take_logged(p_limit int, p_rules text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set plan_cache_mode = force_custom_plan as $$
declare
    v_limit constant int := least(greatest(p_limit, 1), 5000);
    -- Seconds between two changes of a running campaign's row, as in settle.
    c_show_seconds constant int := 10;
    -- Of what the backend's tables did not take, so many at a time.
    c_again constant int := 50;
    v_patience constant text := current_setting('lock_timeout');
    v_rules constant jsonb := p_rules;
    v_rows bigint[];
    v_source text;
    v_statuses jsonb;
    v_taken int := 0;
    v_left bool := false;
    v_read jsonb;
    v_looked int;
begin
    for v_source in select distinct t.source from (
        select l.source from public.wacampaign_logged_statuses l
        where l.fault is null order by l.id limit v_limit) as t
    loop
        select array_agg(t.id), jsonb_agg(jsonb_build_object(
                   'wamid', t.wamid, 'status', t.status, 'at', extract(epoch from t.at),
                   'number', t.whatsapp_number_id, 'phone', t.phone,
                   'code', substring(t.code from '^\s*(\d{1,9})\s*$'), 'title', t.title))
        into v_rows, v_statuses
        from (select l.* from public.wacampaign_logged_statuses l
              where l.fault is null and l.source = v_source
              order by l.id limit v_limit
              for update skip locked) as t;
        continue when v_rows is null;
        begin
            perform public.wacampaign_statuses_taken(v_statuses, v_source, v_rules);
            delete from public.wacampaign_logged_statuses where id = any (v_rows);
            v_taken := v_taken + cardinality(v_rows);
        exception
            when deadlock_detected or lock_not_available or serialization_failure then raise;
            when others then
                perform public.wacampaign_take_one_by_one(v_rows, v_rules);
        end;
        v_left := v_left or cardinality(v_rows) >= v_limit;
    end loop;
    begin
        if v_taken > 0 then
            -- What was counted is locked, and these lock campaigns, whose holder may wait for that.
            perform set_config('lock_timeout', '300ms', true);
        end if;
        v_read := public.wacampaign_read_logs(v_limit, v_rules);
        v_looked := public.wacampaign_look_again(v_limit, v_rules);
        v_left := v_left or (v_read ->> 'left')::bool or v_looked >= v_limit;
        perform set_config('lock_timeout', v_patience, true);
    exception
        when deadlock_detected or lock_not_available or serialization_failure then
            if v_taken = 0 then
                raise;
            end if;
            v_read := '{"taken": 0}';
            v_looked := 0;
            v_left := true;
    end;
    v_left := public.wacampaign_show_again(c_again) >= c_again or v_left;
    if v_taken + v_looked + (v_read ->> 'taken')::int > 0 then
        perform public.wacampaign_show_lagging(c_show_seconds);
    end if;
    return jsonb_build_object(
        'taken', v_taken + (v_read ->> 'taken')::int, 'looked', v_looked,
        'left', v_left,
        'ramp', public.wacampaign_ramp_waits(),
        'running', exists (select 1 from public.campaigns k where k.status = 'running'));
end
$$;

-- Of a batch that could not be taken, each alone: one bad status never keeps the others back. What is
-- bad stays, with why.
create or replace function public.wacampaign_take_one_by_one(p_rows bigint[], p_rules jsonb)
returns void language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_one record;
begin
    for v_one in select l.* from public.wacampaign_logged_statuses l where l.id = any (p_rows) order by l.id
    loop
        begin
            perform public.wacampaign_statuses_taken(jsonb_build_array(jsonb_build_object(
                'wamid', v_one.wamid, 'status', v_one.status, 'at', extract(epoch from v_one.at),
                'number', v_one.whatsapp_number_id, 'phone', v_one.phone,
                'code', substring(v_one.code from '^\s*(\d{1,9})\s*$'), 'title', v_one.title)),
                v_one.source, p_rules);
            delete from public.wacampaign_logged_statuses where id = v_one.id;
        exception
            when deadlock_detected or lock_not_available or serialization_failure then raise;
            when others then
                update public.wacampaign_logged_statuses set fault = left(sqlerrm, 500)
                where id = v_one.id;
        end;
    end loop;
end
$$;

-- A step through the log as it stands, in the order of its index: what was logged before the trigger stood
-- or while it was off. Once, and then once a day.
create or replace function public.wacampaign_read_logs(p_limit int, p_rules jsonb)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_sort = off set plan_cache_mode = force_custom_plan as $$
declare
    -- Less than what prune leaves (wacampaign_prune_floor).
    c_read_back constant interval := '40 days';
    v_now constant timestamptz := clock_timestamp();
    v_at public.wacampaign_logs_read;
    v_wamid text;
    v_status text;
    v_rows int;
    v_statuses jsonb;
begin
    insert into public.wacampaign_logs_read default values on conflict do nothing;
    select * into v_at from public.wacampaign_logs_read for update skip locked;
    if not found or v_at.through_at > v_now - interval '1 day' then
        return jsonb_build_object('taken', 0, 'left', false);
    end if;
    with step as materialized (
        select l.whatsapp_message_id as wamid, l.status, l.created_at, l.whatsapp_number_id,
               l.user_phone, l.error_code::text as code, l.error_message
        from public.message_status_logs l
        where (l.whatsapp_message_id, l.status) > (v_at.after_wamid, v_at.after_status)
        order by l.whatsapp_message_id, l.status
        limit p_limit
    )
    select count(*), max(s.wamid), (array_agg(s.status order by s.wamid desc, s.status desc))[1],
           jsonb_agg(jsonb_build_object(
               'wamid', s.wamid, 'status', s.status, 'at', extract(epoch from s.created_at),
               'number', s.whatsapp_number_id, 'phone', s.user_phone,
               'code', substring(s.code from '^\s*(\d{1,9})\s*$'), 'title', s.error_message))
               filter (where case when d.wamid is not null then not d.said ? s.status
                       -- An old one without a delivery: `prune` has removed that.
                       else v_at.through_at is null or s.created_at > v_now - c_read_back end)
    into v_rows, v_wamid, v_status, v_statuses
    from step s
    left join lateral (
        select d.wamid, d.said from public.wacampaign_deliveries d where d.wamid = s.wamid offset 0
    ) as d on true;
    if v_statuses is not null then
        begin
            perform public.wacampaign_statuses_taken(v_statuses, 'backend', p_rules);
        exception
            when deadlock_detected or lock_not_available or serialization_failure then raise;
            when others then
                -- One of them is bad: they wait with the others, each of which is taken alone then.
                insert into public.wacampaign_logged_statuses
                    (wamid, status, at, whatsapp_number_id, phone, code, title)
                select t.wamid, t.status, public.wacampaign_event_time(t.at, v_now), t.number, t.phone,
                       t.code, t.title
                from jsonb_to_recordset(v_statuses) as t (
                    wamid text, status text, at numeric, number uuid, phone text, code text, title text);
        end;
    end if;
    update public.wacampaign_logs_read
    set after_wamid = case when v_rows < p_limit then '' else v_wamid end,
        after_status = case when v_rows < p_limit then '' else v_status end,
        through_at = case when v_rows < p_limit then v_now else v_at.through_at end;
    return jsonb_build_object('taken', coalesce(jsonb_array_length(v_statuses), 0),
                              'left', v_rows >= p_limit);
end
$$;

-- Looks for the rows of deliveries that had none: a status overtakes the row's own outcome, and a doubt
-- is settled later. Ever more rarely, for 31 days (Meta reports on a message for 30). Returns how many.
create or replace function public.wacampaign_look_again(p_limit int, p_rules jsonb)
returns int language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set plan_cache_mode = force_custom_plan as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_wamids text[];
begin
    if not exists (select 1 from public.wacampaign_deliveries
                   where row_id is null and look_at <= v_now) then
        return 0;
    end if;
    perform public.wacampaign_lock_deliveries();
    select array_agg(t.wamid) into v_wamids from (
        select d.wamid from public.wacampaign_deliveries d
        where d.row_id is null and d.look_at <= v_now
        order by d.look_at limit p_limit) as t;
    if v_wamids is null then
        return 0;
    end if;
    begin
        perform public.wacampaign_look_at(v_wamids, p_rules);
    exception
        when deadlock_detected or lock_not_available or serialization_failure then raise;
        when others then
            if p_limit > 1 and cardinality(v_wamids) > 1 then
                -- One of them is bad: the others are not to wait for it.
                return public.wacampaign_look_again(cardinality(v_wamids) / 2, p_rules);
            end if;
    end;
    update public.wacampaign_deliveries d
    set look_at = case when d.first_seen_at > v_now - interval '31 days'
                  then v_now + greatest(interval '0.5 seconds', (v_now - d.first_seen_at) / 4) end
    where d.wamid = any (v_wamids) and d.row_id is null;
    return cardinality(v_wamids);
end
$$;

-- Finds the rows of these now, if there are any: by their callback data, by number and phone, by message id.
create or replace function public.wacampaign_look_at(p_wamids text[], p_rules jsonb)
returns void language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set plan_cache_mode = force_custom_plan as $$
begin
    perform public.wacampaign_lock_campaigns_of(
        array(select d.wamid from public.wacampaign_deliveries d
              where d.wamid = any (p_wamids) and d.failed_at is not null),
        array(select d.callback from public.wacampaign_deliveries d
              where d.wamid = any (p_wamids) and d.callback is not null));
    perform public.wacampaign_clear_doubts(
        (select jsonb_object_agg(d.wamid, d.callback) from public.wacampaign_deliveries d
         where d.wamid = any (p_wamids) and d.callback is not null));
    perform public.wacampaign_clear_doubts_by_phone();
    perform public.wacampaign_join_deliveries(p_wamids, '{}'::jsonb, p_rules);
end
$$;
