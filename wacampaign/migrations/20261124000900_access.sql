-- Who may do what: service_role everything of ours, everybody else nothing. The last file, so that
-- it covers every function and table above. Roles that do not exist (plain Postgres) are skipped.

-- The version of this schema; `wacampaign db check` compares it with the package's.
create or replace function public.wacampaign_schema_version()
returns jsonb
language sql
immutable
set search_path = public, extensions, pg_temp
as $$
    select jsonb_build_object('version', '20261124000900')
$$;

do $$
declare
    v_role text;
    v_object record;
begin
    for v_object in
        select p.oid::regprocedure::text as name
        from pg_catalog.pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proname like 'wacampaign\_%'
    loop
        execute format('revoke execute on function %s from public', v_object.name);
        foreach v_role in array array['anon', 'authenticated'] loop
            if exists (select 1 from pg_catalog.pg_roles where rolname = v_role) then
                execute format('revoke execute on function %s from %I', v_object.name, v_role);
            end if;
        end loop;
        if exists (select 1 from pg_catalog.pg_roles where rolname = 'service_role') then
            execute format('grant execute on function %s to service_role', v_object.name);
        end if;
    end loop;

    for v_object in
        select c.oid::regclass::text as name, c.relkind as kind
        from pg_catalog.pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'S')
          and c.relname like 'wacampaign\_%'
    loop
        foreach v_role in array array['anon', 'authenticated'] loop
            if exists (select 1 from pg_catalog.pg_roles where rolname = v_role) then
                execute format('revoke all on table %s from %I', v_object.name, v_role);
            end if;
        end loop;
        if v_object.kind = 'r'
           and exists (select 1 from pg_catalog.pg_roles where rolname = 'service_role') then
            execute format('grant select, insert, update, delete on table %s to service_role', v_object.name);
        end if;
    end loop;

    -- The backend's tables: service_role needs them (explicit since 2026); others keep what they
    -- have. On a database where these tables are new, nobody else has anything.
    if exists (select 1 from pg_catalog.pg_roles where rolname = 'service_role') then
        grant usage on schema public to service_role;
        grant select, insert, update, delete on table
            public.whatsapp_numbers, public.templates, public.campaigns, public.campaign_contacts,
            public.send_queue, public.messages, public.message_status_logs, public.notifications,
            public.media_library
        to service_role;
    end if;
end
$$;

notify pgrst, 'reload schema';
