-- Workers: registered, alive while they beat, gone.

-- Where it is set that no trigger fires (session_replication_role): [[database, role]], null for all of
-- them. A login that may not write the queue is left out.
create or replace function public.wacampaign_not_firing()
returns jsonb language sql stable
set search_path = public, extensions, pg_temp as $$
    select coalesce(jsonb_agg(jsonb_build_array(d.datname, r.rolname)
                              order by d.datname, r.rolname), '[]'::jsonb)
    from pg_catalog.pg_db_role_setting s
    left join pg_catalog.pg_database d on d.oid = s.setdatabase
    left join pg_catalog.pg_roles r on r.oid = s.setrole
    where exists (select 1 from unnest(s.setconfig) as c (setting)
                  where lower(c.setting) = 'session_replication_role=replica')
      and (s.setdatabase = 0 or d.datname = current_database())
      and (s.setrole = 0 or r.rolcanlogin and exists (
          -- PostgREST's login writes by a role that it is a member of.
          select 1 from pg_catalog.pg_roles g
          where pg_has_role(r.oid, g.oid, 'member')
            and has_table_privilege(g.oid, to_regclass('public.send_queue'), 'update')))
$$;

-- Whether the guard stands: all of its triggers, and each fires for everybody.
create or replace function public.wacampaign_guarded()
returns bool language sql stable
set search_path = public, extensions, pg_temp as $$
    select count(*) = 6 and current_setting('session_replication_role') <> 'replica'
           and public.wacampaign_not_firing() = '[]'::jsonb
    from pg_catalog.pg_trigger t
    where t.tgrelid in (to_regclass('public.send_queue'), to_regclass('public.campaigns'))
      and t.tgname like 'wacampaign\_guard\_%' and t.tgenabled in ('O', 'A')
$$;

-- A worker begins, or begins again after it was given up; then what the dead hold is given up.
-- 42883 (as for anything that is missing): the guard does not stand.
create or replace function public.wacampaign_register(
    p_worker_id uuid, p_host text, p_pid int, p_version text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_new bool;
begin
    if not public.wacampaign_guarded() then
        raise sqlstate '42883' using message = 'the guard is missing or switched off:'
            || ' without it, what other programs write may have messages sent twice',
            -- `db migrate` makes triggers; the statement that takes a setting away doctor has.
            hint = case when current_setting('session_replication_role') = 'replica'
                             or public.wacampaign_not_firing() <> '[]'::jsonb
                        then 'wacampaign doctor' else '' end;
    end if;
    insert into public.wacampaign_workers (id, host, pid, version)
    values (p_worker_id, p_host, p_pid, p_version)
    on conflict (id) do update
    set last_beat_at = clock_timestamp(), stopped_at = null, found_dead = false
    returning xmax = 0 into v_new;
    if v_new then
        insert into public.wacampaign_events (kind, actor, worker_id, detail)
        values ('worker_started', 'worker', p_worker_id,
                jsonb_build_object('host', p_host, 'pid', p_pid, 'version', p_version));
    end if;
    return public.wacampaign_reap();
end
$$;

-- How long a worker that says nothing is taken to live: three beats of 10 s may be missed (a hosted
-- database stalls for seconds now and then). The worker's own: core/engine/deadlines.py.
create or replace function public.wacampaign_dead_after()
returns interval language sql immutable
set search_path = public, extensions, pg_temp as $$
    select interval '30 seconds'
$$;

-- A worker is alive while it has not stopped and has beaten within wacampaign_dead_after().
create or replace function public.wacampaign_is_alive(p_worker_id uuid)
returns bool language sql stable
set search_path = public, extensions, pg_temp as $$
    select exists (
        select 1 from public.wacampaign_workers w
        where w.id = p_worker_id
          and w.stopped_at is null
          and w.last_beat_at > clock_timestamp() - public.wacampaign_dead_after()
    )
$$;

-- One row a worker, beaten on a connection of its own. Cleans up after the dead while it is there.
create or replace function public.wacampaign_heartbeat(p_worker_id uuid, p_in_flight int default 0)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_known bool;
begin
    -- First, while no lock is held that others wait for: what the backend's UI is shown.
    perform public.wacampaign_show_progress();
    update public.wacampaign_workers
    set last_beat_at = clock_timestamp(), in_flight = p_in_flight
    where id = p_worker_id and stopped_at is null;
    v_known := found;
    -- An hour of closed claims is kept for questions; charts go back a month.
    delete from public.wacampaign_claims
    where closed_at is not null and claimed_at < clock_timestamp() - interval '1 hour';
    delete from public.wacampaign_pace where at < clock_timestamp() - interval '31 days';
    delete from public.wacampaign_error_minutes where at < clock_timestamp() - interval '31 days';
    -- Meta reports on a message for 30 days.
    delete from public.wacampaign_deleted_rows
    where deleted_at < clock_timestamp() - interval '31 days';
    return public.wacampaign_reap()
        || jsonb_build_object('known', v_known, 'guarded', public.wacampaign_guarded());
end
$$;

-- A worker ends; then what the dead hold is given up.
create or replace function public.wacampaign_goodbye(p_worker_id uuid)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
begin
    update public.wacampaign_workers set stopped_at = clock_timestamp(), in_flight = 0
    where id = p_worker_id and stopped_at is null;
    if found then
        insert into public.wacampaign_events (kind, actor, worker_id)
        values ('worker_stopped', 'worker', p_worker_id);
        perform public.wacampaign_show_progress(0);
    end if;
    return public.wacampaign_reap();
end
$$;
