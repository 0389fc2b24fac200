-- Exact counts by statement-level triggers, and the wake-up when a campaign starts.

-- How many rows of a campaign have one of these states, by the kept counts; without states: all.
create or replace function public.wacampaign_counted(
    p_campaign_id uuid, variadic p_statuses text[] default null)
returns bigint language plpgsql stable
set search_path = public, extensions, pg_temp as $$
begin
    return (
        select coalesce(sum(c.n), 0) from public.wacampaign_counts c
        where c.campaign_id = p_campaign_id and (p_statuses is null or c.status = any (p_statuses)));
end
$$;

-- security definer: whoever writes to send_queue (the backend's UI too) keeps the counts right.
create or replace function public.wacampaign_count_rows()
returns trigger language plpgsql security definer
set search_path = '' set jit = off
-- Rows are grouped by hashing; only the few groups are sorted.
set enable_sort = off as $$
declare
    -- A backend that lets a column be null must not be stopped by our counting.
    c_none constant uuid := '00000000-0000-0000-0000-000000000000';
begin
    if tg_op = 'TRUNCATE' then
        delete from public.wacampaign_counts;
        return null;
    end if;
    -- Sorted, so that two writers take the counters' locks in one order. A text is looked into for a
    -- code only where the row has none.
    if tg_op = 'INSERT' then
        with change as materialized (
            select coalesce(campaign_id, c_none) as campaign_id,
                   coalesce(whatsapp_number_id, c_none) as whatsapp_number_id,
                   coalesce(template_name, '') as template_name,
                   coalesce(status, '') as status,
                   coalesce(error_code, case when error_message is null then 0
                        else public.wacampaign_error_code(null, error_message) end) as code, count(*) as n
            from new_rows
            group by 1, 2, 3, 4, 5
        )
        insert into public.wacampaign_counts as c
        select * from change
        order by 1, 2, 3, 4, 5
        on conflict (campaign_id, whatsapp_number_id, template_name, status, error_code)
        do update set n = c.n + excluded.n;
    elsif tg_op = 'DELETE' then
        with change as materialized (
            select coalesce(campaign_id, c_none) as campaign_id,
                   coalesce(whatsapp_number_id, c_none) as whatsapp_number_id,
                   coalesce(template_name, '') as template_name,
                   coalesce(status, '') as status,
                   coalesce(error_code, case when error_message is null then 0
                        else public.wacampaign_error_code(null, error_message) end) as code, -count(*) as n
            from old_rows
            group by 1, 2, 3, 4, 5
        )
        insert into public.wacampaign_counts as c
        select * from change
        order by 1, 2, 3, 4, 5
        on conflict (campaign_id, whatsapp_number_id, template_name, status, error_code)
        do update set n = c.n + excluded.n;
    else
        with change as materialized (
            select campaign_id, whatsapp_number_id, template_name, status, code, sum(d) as n
            from (
                select coalesce(campaign_id, c_none) as campaign_id,
                       coalesce(whatsapp_number_id, c_none) as whatsapp_number_id,
                       coalesce(template_name, '') as template_name,
                       coalesce(status, '') as status,
                       coalesce(error_code, case when error_message is null then 0
                        else public.wacampaign_error_code(null, error_message) end) as code, -1 as d
                from old_rows
                union all
                select coalesce(campaign_id, c_none), coalesce(whatsapp_number_id, c_none),
                       coalesce(template_name, ''), coalesce(status, ''),
                       coalesce(error_code, case when error_message is null then 0
                        else public.wacampaign_error_code(null, error_message) end), 1
                from new_rows
            ) as r
            group by 1, 2, 3, 4, 5
            having sum(d) <> 0
        )
        insert into public.wacampaign_counts as c
        select * from change
        order by 1, 2, 3, 4, 5
        on conflict (campaign_id, whatsapp_number_id, template_name, status, error_code)
        do update set n = c.n + excluded.n;
    end if;
    return null;
end
$$;

-- Puts the counts right by what they lack, with writers at work and without a lock on the queue.
--
-- Why that is exact: once the triggers stand, each transaction changes the rows and their counts
-- alike, so in whatever snapshot one looks, the difference of the two is the same. One statement
-- (one snapshot) reads that difference; adding it, whenever that happens, leaves none. `create
-- trigger` waits for all transactions that wrote without triggers, so a snapshot taken after its
-- commit knows them all; in its own transaction nobody else writes. Needs `read committed`.
create or replace function public.wacampaign_recount()
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set lock_timeout = '50ms' set jit = off as $$
declare
    c_none constant uuid := '00000000-0000-0000-0000-000000000000';
    -- Tries to get the counters' rows, 50 ms each: a transaction of somebody who writes to the
    -- queue holds them, and we must not hold others' meanwhile.
    c_tries constant int := 200;
    v_drift public.wacampaign_counts[];
    v_rows bigint;
begin
    -- Before the snapshot: a truncate is not seen by snapshots, so it has to be over or to wait.
    lock table public.send_queue in access share mode;
    select array_agg(row(campaign_id, whatsapp_number_id, template_name, status, code, d)
                         ::public.wacampaign_counts
                     order by campaign_id, whatsapp_number_id, template_name, status, code)
    into v_drift
    from (
        select campaign_id, whatsapp_number_id, template_name, status, code, sum(n) as d
        from (
            select coalesce(campaign_id, c_none) as campaign_id,
                   coalesce(whatsapp_number_id, c_none) as whatsapp_number_id,
                   coalesce(template_name, '') as template_name,
                   coalesce(status, '') as status,
                   case when error_code is null and error_message is null then 0
                        else public.wacampaign_error_code(error_code, error_message) end as code,
                   count(*) as n
            from public.send_queue
            group by 1, 2, 3, 4, 5
            union all
            select campaign_id, whatsapp_number_id, template_name, status, error_code, -n
            from public.wacampaign_counts
        ) as compared
        group by 1, 2, 3, 4, 5
        having sum(n) <> 0
    ) as drift;
    for v_try in 1..c_tries loop
        begin
            insert into public.wacampaign_counts as c
            select d.* from unnest(v_drift) as d
            on conflict (campaign_id, whatsapp_number_id, template_name, status, error_code)
            do update set n = c.n + excluded.n;
            exit;
        exception when lock_not_available or deadlock_detected then
            if v_try = c_tries then
                raise;
            end if;
        end;
        perform pg_sleep(0.1 + 0.2 * random());
    end loop;
    select coalesce(sum(n), 0) into v_rows from public.wacampaign_counts;
    return jsonb_build_object('rows', v_rows, 'changed', coalesce(cardinality(v_drift), 0));
end
$$;

-- A campaign that becomes `running`, whoever did it, begins a new run: the ramp starts again, workers
-- that listen wake, and its templates' languages are written down.
create or replace function public.wacampaign_campaign_started()
returns trigger language plpgsql security definer
set search_path = '' as $$
begin
    delete from public.wacampaign_lanes where campaign_id = new.id;
    insert into public.wacampaign_runs as r (campaign_id, began_at)
    values (new.id, clock_timestamp())
    on conflict (campaign_id) do update set began_at = excluded.began_at, shown_at = null;
    perform public.wacampaign_plan_templates(array[new.id], 'database');
    if new.pause_reason <> public.wacampaign_being_written() then
        begin
            -- Another program's resume leaves why it was paused; its next pause would show that.
            update public.campaigns set pause_reason = null
            where id = new.id and status = 'running';
        exception when others then
            null;
        end;
    end if;
    perform pg_notify('wacampaign', new.id::text);
    return null;
end
$$;
