-- Makes a trigger, or makes it anew when its text has changed since (its comment tells) or when it
-- is switched off; else nothing is locked.
--   p_says: the statement that makes it, `create or replace`, on a table of `public`
create or replace function public.wacampaign_keep_trigger(p_says text)
returns void language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_name constant text := substring(p_says from 'trigger (\w+)');
    v_table constant text := substring(p_says from ' on (public\.\w+)');
    v_mark constant text := 'wacampaign ' || md5(p_says);
begin
    if not exists (
        select 1 from pg_catalog.pg_trigger t
        where t.tgrelid = v_table::regclass and t.tgname = v_name and t.tgenabled in ('O', 'A')
          and obj_description(t.oid, 'pg_trigger') = v_mark
    ) then
        execute p_says;
        execute format('comment on trigger %I on %s is %L', v_name, v_table, v_mark);
    end if;
end
$$;
