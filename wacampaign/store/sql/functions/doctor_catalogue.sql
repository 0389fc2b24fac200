-- What `doctor` sees of the database itself: schema, rights, publications, sizes, settings. Reads the
-- catalogue only, so it costs the same whatever the tables hold.

-- Tables that a role of the web may read or write, and by what: the table's own grants, as far as row
-- level security lets them through. A view reads as its owner, unless it says that it does not.
--   secrets: it has the columns access_token, app_secret or api_key, and the role reads one of them
--   public: the grant is everybody's (PUBLIC), not the role's own
create or replace function public.wacampaign_open_tables()
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    with roles as (
        select r.rolname as name from pg_catalog.pg_roles r
        where r.rolname in ('anon', 'authenticated')
          and has_schema_privilege(r.rolname, 'public', 'usage')
    ), seen as (
        select r.name as role, c.relname as table,
               c.relkind = 'm' or not c.relrowsecurity
                   and coalesce(array_to_string(c.reloptions, ' '), '')
                       !~* 'security_invoker=(t|on|y|1)' as bare,
               has_any_column_privilege(r.name, c.oid, 'select') as may_read,
               c.relkind <> 'v'
                   and has_table_privilege(r.name, c.oid, 'insert, update, delete, truncate')
                   as may_write,
               has_table_privilege('public', c.oid, 'select, insert, update, delete, truncate')
                   as public,
               exists (
                   select 1 from pg_catalog.pg_attribute a
                   where a.attrelid = c.oid and not a.attisdropped
                     and a.attname in ('access_token', 'app_secret', 'api_key')
                     and has_column_privilege(r.name, c.oid, a.attnum, 'select')) as secrets,
               exists (
                   select 1 from pg_catalog.pg_policies p
                   where p.schemaname = 'public' and p.tablename = c.relname
                     and p.permissive = 'PERMISSIVE' and p.cmd in ('ALL', 'SELECT')
                     and p.roles && array[r.name, 'public'::name] and p.qual = 'true') as lets_read,
               exists (
                   select 1 from pg_catalog.pg_policies p
                   where p.schemaname = 'public' and p.tablename = c.relname
                     and p.permissive = 'PERMISSIVE' and p.cmd <> 'SELECT'
                     and p.roles && array[r.name, 'public'::name]
                     and coalesce(p.with_check, p.qual) = 'true') as lets_write
        from pg_catalog.pg_class c
        cross join roles r
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'm', 'v')
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'role', s.role, 'table', s.table, 'public', s.public,
        'reads', s.may_read and (s.bare or s.lets_read),
        'writes', s.may_write and (s.bare or s.lets_write),
        'secrets', s.secrets and (s.bare or s.lets_read)) order by s.role, s.table), '[]'::jsonb)
    from seen s
    where (s.may_read and (s.bare or s.lets_read)) or (s.may_write and (s.bare or s.lets_write))
$$;

-- Names in the schema public, for a comparison with what wacampaign's SQL makes.
--   columns: [table, column]; triggers that fire: [table, name]; not_firing_here: where this connection
--     has it from that none does, null: they do
--   indexes: [name, table, valid, unique, whether of all rows, columns]
--   functions of ours: [name, MD5 of the body, volatility, security definer, settings, whether for
--     everybody, roles that may call it]
create or replace function public.wacampaign_catalogue()
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    with roles as (
        select array_agg(rolname::text) as names from pg_catalog.pg_roles
        where rolname in ('anon', 'authenticated', 'service_role')
    )
    select jsonb_build_object(
        'version', public.wacampaign_schema_version() ->> 'version',
        'roles', coalesce(to_jsonb((select names from roles)), '[]'::jsonb),
        'columns', (
            select coalesce(jsonb_agg(jsonb_build_array(c.relname, a.attname)), '[]'::jsonb)
            from pg_catalog.pg_attribute a
            join pg_catalog.pg_class c on c.oid = a.attrelid
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
              and a.attnum > 0 and not a.attisdropped),
        'indexes', (
            select coalesce(jsonb_agg(jsonb_build_array(
                c.relname, t.relname, i.indisvalid, i.indisunique, i.indpred is null,
                (select coalesce(jsonb_agg(a.attname order by k.place), '[]'::jsonb)
                 from unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
                 left join pg_catalog.pg_attribute a
                     on a.attrelid = i.indrelid and a.attnum = k.attnum))), '[]'::jsonb)
            from pg_catalog.pg_index i
            join pg_catalog.pg_class c on c.oid = i.indexrelid
            join pg_catalog.pg_class t on t.oid = i.indrelid
            where c.relnamespace = 'public'::regnamespace),
        'triggers', (
            select coalesce(jsonb_agg(jsonb_build_array(c.relname, t.tgname)), '[]'::jsonb)
            from pg_catalog.pg_trigger t
            join pg_catalog.pg_class c on c.oid = t.tgrelid
            where not t.tgisinternal and t.tgenabled in ('O', 'A')
              and c.relnamespace = 'public'::regnamespace),
        'switched_off', (
            select coalesce(jsonb_agg(jsonb_build_array(c.relname, t.tgname) order by c.relname, t.tgname), '[]'::jsonb)
            from pg_catalog.pg_trigger t
            join pg_catalog.pg_class c on c.oid = t.tgrelid
            where not t.tgisinternal and t.tgenabled not in ('O', 'A')
              and c.relnamespace = 'public'::regnamespace),
        'not_firing', public.wacampaign_not_firing(),
        'not_firing_here', (
            select s.source from pg_catalog.pg_settings s
            where s.name = 'session_replication_role' and s.setting = 'replica'),
        'functions', (
            select coalesce(jsonb_agg(jsonb_build_array(
                p.proname, md5(convert_to(btrim(p.prosrc, E' \t\n\r'), 'UTF8')),
                case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
                p.prosecdef, coalesce(to_jsonb(p.proconfig), '[]'::jsonb),
                coalesce(obj_description(p.oid, 'pg_proc'), '') like 'for everybody:%',
                (select coalesce(jsonb_agg(r.name), '[]'::jsonb)
                 from unnest((select names from roles)) as r (name)
                 where has_function_privilege(r.name, p.oid, 'execute')))), '[]'::jsonb)
            from pg_catalog.pg_proc p
            where p.pronamespace = 'public'::regnamespace and p.proname like 'wacampaign\_%'),
        'bare', (
            select coalesce(jsonb_agg(c.relname order by c.relname), '[]'::jsonb)
            from pg_catalog.pg_class c
            where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
              and c.relname like 'wacampaign\_%' and not c.relrowsecurity))
$$;

-- Whether the server compiles queries (JIT) for who does not switch that off, as every function of ours does
-- for itself: so it is asked as a session begins.
create or replace function public.wacampaign_compiles()
returns boolean language plpgsql volatile
set search_path = public, extensions, pg_temp set jit = off as $$
begin
    perform set_config('jit', s.reset_val, true) from pg_catalog.pg_settings s where s.name = 'jit';
    return pg_jit_available();
end
$$;

-- What the server says when it writes 3 MB into a file that it takes away again; null: nothing, there is
-- room. Where the disk is full much is still read, and what fits into the files as they are is written.
create or replace function public.wacampaign_disk_full()
returns text language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off set work_mem = '64kB' as $$
begin
    perform count(*) from generate_series(1, 150000);
    return null;
exception
    when disk_full then
        return sqlerrm;
    when others then
        return null;  -- such as a limit of temporary files
end
$$;

-- The server: its clock, its state, and what it publishes and holds.
--   blind: the login that asks, if row level security hides rows from it; disk_full: what it says of that
--   connections: to any database;
--     published: tables that Supabase's realtime sends to every open browser, and whether it is all of them
--   sizes: the largest tables of the schema public: [name, rows by the last analyse, bytes with indexes,
--     dead rows]
create or replace function public.wacampaign_server()
returns jsonb language sql volatile
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_build_object(
        'at', extract(epoch from clock_timestamp()),
        'version', current_setting('server_version'),
        'database', current_database(),
        'jit', public.wacampaign_compiles(),
        'blind', (select current_user from pg_catalog.pg_class c
                  where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
                    and (c.relname like 'wacampaign\_%'
                         or c.relname in ('campaigns', 'send_queue', 'whatsapp_numbers', 'messages'))
                    and row_security_active(c.oid)
                  limit 1),
        'standby', pg_is_in_recovery(),
        'read_only', current_setting('default_transaction_read_only') = 'on',
        'disk_full', public.wacampaign_disk_full(),
        -- What each is and does only a superuser sees; how many there are, everybody.
        'connections', (select sum(numbackends) from pg_catalog.pg_stat_database),
        'connections_most', current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int,
        -- By its schema, too: no table can be taken out of that.
        'published_all', exists (
            select 1 from pg_catalog.pg_publication u
            where u.pubname = 'supabase_realtime' and (u.puballtables or exists (
                select 1 from pg_catalog.pg_publication_tables p
                where p.pubname = u.pubname and p.schemaname = 'public' and not exists (
                    select 1 from pg_catalog.pg_publication_rel r
                    join pg_catalog.pg_class c on c.oid = r.prrelid
                    where r.prpubid = u.oid and c.relname = p.tablename
                      and c.relnamespace = 'public'::regnamespace)))),
        'published', (
            select coalesce(jsonb_agg(p.tablename order by p.tablename), '[]'::jsonb)
            from pg_catalog.pg_publication_tables p
            where p.pubname = 'supabase_realtime' and p.schemaname = 'public'),
        'sizes', (
            select coalesce(jsonb_agg(jsonb_build_array(s.name, s.rows, s.bytes, s.dead)), '[]'::jsonb)
            from (
                select c.relname as name, greatest(c.reltuples, 0)::bigint as rows,
                       pg_total_relation_size(c.oid) as bytes, coalesce(t.n_dead_tup, 0) as dead
                from pg_catalog.pg_class c
                left join pg_catalog.pg_stat_user_tables t on t.relid = c.oid
                where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
                order by 3 desc limit 40) as s))
$$;
