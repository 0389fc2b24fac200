-- The time zones of phones, by how they begin: the table of the library `phonenumbers`, kept here so that
-- the database knows them whoever put a row into the queue.

-- The set of zones of a phone: of the longest beginning that is known.
create or replace function public.wacampaign_phone_zone(p_phone text)
returns int language sql stable
set search_path = public, extensions, pg_temp as $$
    select p.zone_id
    from (select case when p_phone ~ '^[1-9][0-9]*$' then p_phone
                 else public.wacampaign_digits(p_phone) end as digits) as d
    join public.wacampaign_zone_prefixes p on p.prefix = any (array[
        '', left(d.digits, 1), left(d.digits, 2), left(d.digits, 3), left(d.digits, 4),
        left(d.digits, 5), left(d.digits, 6), left(d.digits, 7), left(d.digits, 8),
        left(d.digits, 9)] collate "C")
    order by length(p.prefix) desc
    limit 1
$$;

-- Which version of the library's table is kept; null: none.
create or replace function public.wacampaign_zones_version()
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_build_object('version', (select version from public.wacampaign_zone_source))
$$;

-- Keeps the library's table. p_sets: JSON, a list of `zones` and the `prefixes` that stand for them; all
-- zones of a phone of which nothing is known: an empty list for the empty prefix. Zones that this
-- PostgreSQL does not know are left out.
create or replace function public.wacampaign_keep_zones(p_version text, p_sets text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    -- Asked once: it reads a file a zone.
    c_known constant text[] := array(select name from pg_catalog.pg_timezone_names);
    v_n int;
begin
    -- One at a time.
    lock table public.wacampaign_zone_source in share row exclusive mode;
    insert into public.wacampaign_zones (zones)
    select distinct array(select z from jsonb_array_elements_text(s.one -> 'zones') as z
                          where z = any (c_known) order by z)
    from jsonb_array_elements(p_sets::jsonb) as s (one)
    on conflict (zones) do nothing;
    delete from public.wacampaign_zone_prefixes;
    insert into public.wacampaign_zone_prefixes (prefix, zone_id)
    select p.prefix, z.id
    from jsonb_array_elements(p_sets::jsonb) as s (one)
    join public.wacampaign_zones z
        on z.zones = array(select z from jsonb_array_elements_text(s.one -> 'zones') as z
                           where z = any (c_known) order by z)
    cross join lateral jsonb_array_elements_text(s.one -> 'prefixes') as p (prefix);
    get diagnostics v_n = row_count;
    insert into public.wacampaign_zone_source (version) values (p_version)
    on conflict (only_one)
    do update set version = excluded.version, taken_at = clock_timestamp();
    return jsonb_build_object('prefixes', v_n);
end
$$;
