-- Who may use what of ours: service_role everything, everybody else nothing; tables of ours have row
-- level security. Called after everything that makes functions or tables, so that nothing of ours is
-- open to others in between.
--
-- Roles that do not exist (plain Postgres) are skipped. What is as it should be is not written: two
-- writers of one catalogue row fail.
create or replace function public.wacampaign_keep_rights()
returns void language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_roles text[];
    v_service bool := exists (select 1 from pg_catalog.pg_roles where rolname = 'service_role');
    v_role text;
    v_object record;
begin
    select coalesce(array_agg(rolname::text), '{}') into v_roles
    from pg_catalog.pg_roles where rolname in ('anon', 'authenticated');

    for v_object in
        select p.oid, p.oid::regprocedure::text as name,
               -- Said where the function is made: an index calls it with the rights of whoever
               -- writes a row.
               coalesce(obj_description(p.oid, 'pg_proc'), '') like 'for everybody:%' as open
        from pg_catalog.pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proname like 'wacampaign\_%'
    loop
        if v_object.open then
            if not has_function_privilege('public', v_object.oid, 'execute') then
                execute format('grant execute on function %s to public', v_object.name);
            end if;
        else
            foreach v_role in array array['public'] || v_roles loop
                if has_function_privilege(v_role, v_object.oid, 'execute') then
                    execute format('revoke execute on function %s from %I', v_object.name, v_role);
                end if;
            end loop;
        end if;
        if v_service and not has_function_privilege('service_role', v_object.oid, 'execute') then
            execute format('grant execute on function %s to service_role', v_object.name);
        end if;
    end loop;

    for v_object in
        select c.oid, c.oid::regclass::text as name, c.relkind as kind,
               c.relkind = 'r' and not c.relrowsecurity as bare
        from pg_catalog.pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'S')
          and c.relname like 'wacampaign\_%'
    loop
        if v_object.bare then
            execute format('alter table %s enable row level security', v_object.name);
        end if;
        foreach v_role in array v_roles loop
            if (case when v_object.kind = 'S'
                    then has_sequence_privilege(v_role, v_object.oid, 'usage, select, update')
                    else has_table_privilege(v_role, v_object.oid,
                        'select, insert, update, delete, truncate, references, trigger') end) then
                execute format('revoke all on table %s from %I', v_object.name, v_role);
            end if;
        end loop;
        if v_service and v_object.kind = 'r'
           and not (has_table_privilege('service_role', v_object.oid, 'select')
                    and has_table_privilege('service_role', v_object.oid, 'insert')
                    and has_table_privilege('service_role', v_object.oid, 'update')
                    and has_table_privilege('service_role', v_object.oid, 'delete')) then
            execute format('grant select, insert, update, delete on table %s to service_role',
                           v_object.name);
        end if;
    end loop;
end
$$;
