-- Exact counts by statement-level triggers, and the wake-up when a campaign starts. Safe to repeat.

-- The error code of a row: ours, or read from the text that the old backend wrote.
create or replace function public.wacampaign_error_code(p_code int, p_message text)
returns int
language sql
immutable
set search_path = public, extensions, pg_temp
as $$
    select coalesce(
        p_code,
        substring(p_message from '\(#([0-9]{1,7})\)')::int,
        substring(p_message from '"code" *: *([0-9]{1,7})')::int,
        0
    )
$$;

-- security definer: whoever writes to send_queue (the backend's UI too) keeps the counts right.
create or replace function public.wacampaign_count_rows()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    -- A backend that lets a column be null must not be stopped by our counting.
    c_none constant uuid := '00000000-0000-0000-0000-000000000000';
begin
    if tg_op = 'TRUNCATE' then
        delete from public.wacampaign_counts;
        return null;
    end if;
    -- Sorted, so that two writers take the counters' locks in one order.
    if tg_op = 'INSERT' then
        insert into public.wacampaign_counts as c
        select coalesce(campaign_id, c_none), coalesce(whatsapp_number_id, c_none),
               coalesce(template_name, ''), coalesce(status, ''),
               public.wacampaign_error_code(error_code, error_message), count(*)
        from new_rows
        group by 1, 2, 3, 4, 5
        order by 1, 2, 3, 4, 5
        on conflict (campaign_id, whatsapp_number_id, template_name, status, error_code)
        do update set n = c.n + excluded.n;
    elsif tg_op = 'DELETE' then
        insert into public.wacampaign_counts as c
        select coalesce(campaign_id, c_none), coalesce(whatsapp_number_id, c_none),
               coalesce(template_name, ''), coalesce(status, ''),
               public.wacampaign_error_code(error_code, error_message), -count(*)
        from old_rows
        group by 1, 2, 3, 4, 5
        order by 1, 2, 3, 4, 5
        on conflict (campaign_id, whatsapp_number_id, template_name, status, error_code)
        do update set n = c.n + excluded.n;
    else
        insert into public.wacampaign_counts as c
        select campaign_id, whatsapp_number_id, template_name, status, code, sum(d)
        from (
            select coalesce(campaign_id, c_none) as campaign_id,
                   coalesce(whatsapp_number_id, c_none) as whatsapp_number_id,
                   coalesce(template_name, '') as template_name,
                   coalesce(status, '') as status,
                   public.wacampaign_error_code(error_code, error_message) as code, -1 as d
            from old_rows
            union all
            select coalesce(campaign_id, c_none), coalesce(whatsapp_number_id, c_none),
                   coalesce(template_name, ''), coalesce(status, ''),
                   public.wacampaign_error_code(error_code, error_message), 1
            from new_rows
        ) as change
        group by 1, 2, 3, 4, 5
        having sum(d) <> 0
        order by 1, 2, 3, 4, 5
        on conflict (campaign_id, whatsapp_number_id, template_name, status, error_code)
        do update set n = c.n + excluded.n;
    end if;
    return null;
end
$$;

-- A campaign that becomes `running`, whoever did it, begins a new run: the ramp starts again, and
-- workers that listen wake.
create or replace function public.wacampaign_campaign_started()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    delete from public.wacampaign_lanes where campaign_id = new.id;
    perform pg_notify('wacampaign', new.id::text);
    return null;
end
$$;

-- Counts the rows anew under a lock that keeps writers (not readers) out. Called by the migration
-- and by whoever finds the counts wrong after a restore that skipped triggers.
create or replace function public.wacampaign_recount()
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
as $$
declare
    c_none constant uuid := '00000000-0000-0000-0000-000000000000';
    v_rows bigint;
begin
    lock table public.send_queue in share row exclusive mode;
    delete from public.wacampaign_counts;
    insert into public.wacampaign_counts
    select coalesce(campaign_id, c_none), coalesce(whatsapp_number_id, c_none),
           coalesce(template_name, ''), coalesce(status, ''),
           public.wacampaign_error_code(error_code, error_message), count(*)
    from public.send_queue
    group by 1, 2, 3, 4, 5;
    select coalesce(sum(n), 0) into v_rows from public.wacampaign_counts;
    return jsonb_build_object('rows', v_rows);
end
$$;

do $$
declare
    v_trigger text;
begin
    if (
        select count(*) from pg_catalog.pg_trigger
        where tgrelid = 'public.send_queue'::regclass and tgname like 'wacampaign\_count\_%'
    ) < 4 then
        lock table public.send_queue in share row exclusive mode;
        foreach v_trigger in array array['insert', 'update', 'delete', 'truncate'] loop
            execute format('drop trigger if exists wacampaign_count_%s on public.send_queue', v_trigger);
        end loop;
        create trigger wacampaign_count_insert after insert on public.send_queue
            referencing new table as new_rows
            for each statement execute function public.wacampaign_count_rows();
        create trigger wacampaign_count_update after update on public.send_queue
            referencing old table as old_rows new table as new_rows
            for each statement execute function public.wacampaign_count_rows();
        create trigger wacampaign_count_delete after delete on public.send_queue
            referencing old table as old_rows
            for each statement execute function public.wacampaign_count_rows();
        create trigger wacampaign_count_truncate after truncate on public.send_queue
            for each statement execute function public.wacampaign_count_rows();
        perform public.wacampaign_recount();
    end if;
    if not exists (
        select 1 from pg_catalog.pg_trigger
        where tgrelid = 'public.campaigns'::regclass and tgname = 'wacampaign_campaign_started'
    ) then
        create trigger wacampaign_campaign_started after update of status on public.campaigns
            for each row when (new.status = 'running' and old.status is distinct from 'running')
            execute function public.wacampaign_campaign_started();
    end if;
end
$$;
