-- What the service role needs of the backend's tables, and the version. Applied last: a database
-- that has this version has everything else.

do $$
begin
    -- Explicit since 2026; others keep what they have. On a database where these tables are new,
    -- nobody else has anything.
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

-- The version of this schema, which is put in when the file is read (store/sql_files.py).
create or replace function public.wacampaign_schema_version()
returns jsonb language sql immutable
set search_path = public, extensions, pg_temp as $$
    select jsonb_build_object('version', '@version@')
$$;

notify pgrst, 'reload schema';
