-- The backend's notifications, which its screens show.

-- Writes a notification. Whatever that table is like, nobody who writes one fails: null, or why it was
-- refused. (`others` is not all errors: a trigger's assertion is none of them.)
--   p_type: info | success | warning | error; p_url: /campaigns | /templates | /whatsapp-numbers | /inbox
create or replace function public.wacampaign_bell(
    p_type text, p_title text, p_message text, p_url text, p_campaign_id uuid default null)
returns text language plpgsql
set search_path = public, extensions, pg_temp set lock_timeout = '2s' as $$
declare
    -- Longer ones are no help on that screen.
    c_title_chars constant int := 200;
    c_message_chars constant int := 1000;
    v_row constant jsonb := jsonb_strip_nulls(jsonb_build_object(
        'type', p_type, 'title', left(p_title, c_title_chars),
        'message', left(p_message, c_message_chars), 'action_url', p_url,
        'related_entity_type', case when p_campaign_id is not null then 'campaign' end,
        'related_entity_id', p_campaign_id, 'created_at', clock_timestamp(), 'is_read', false));
    v_columns text;
begin
    if to_regclass('public.notifications') is null then
        return 'there is no table notifications';
    end if;
    select string_agg(format('%I', a.attname), ', ') into v_columns
    from pg_catalog.pg_attribute a
    where a.attrelid = to_regclass('public.notifications') and a.attnum > 0
      and not a.attisdropped and v_row ? a.attname::text;
    execute format(
        'insert into public.notifications (%1$s) select %1$s'
        ' from jsonb_populate_record(null::public.notifications, $1)', v_columns) using v_row;
    return null;
exception
    when others or assert_failure then
        return sqlerrm;
end
$$;
