-- Test messages, of an investigation or before a start: written down once.

-- Writes down that a test message of an investigation was sent; a second time: nothing.
create or replace function public.wacampaign_probe_sent(
    p_campaign_id uuid, p_probe uuid, p_actor text, p_accepted int, p_reason text, p_detail text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
begin
    perform public.wacampaign_campaign(p_campaign_id);
    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
    select p_campaign_id, 'probe_sent', p_actor, p_accepted, p_reason,
           p_detail::jsonb || jsonb_build_object('probe', p_probe)
    where not exists (
        select 1 from public.wacampaign_events
        where campaign_id = p_campaign_id and kind = 'probe_sent'
          and detail ->> 'probe' = p_probe::text);
    return jsonb_build_object('written', found);
end
$$;

-- Writes a test message down, once: an event, and for the backend's inbox and status webhook a
-- message without a campaign, so that it counts in none.
create or replace function public.wacampaign_test_sent(
    p_campaign_id uuid, p_test uuid, p_actor text, p_number_id uuid, p_phone text, p_template text,
    p_wamid text, p_reason text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
begin
    perform public.wacampaign_campaign(p_campaign_id);
    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
    select p_campaign_id, 'test_sent', p_actor, case when p_wamid is null then 0 else 1 end, p_reason,
           jsonb_build_object('test', p_test, 'template', p_template, 'wamid', p_wamid)
    where not exists (
        select 1 from public.wacampaign_events
        where campaign_id = p_campaign_id and kind = 'test_sent'
          and detail ->> 'test' = p_test::text);
    if p_wamid is not null then
        insert into public.messages
            (whatsapp_number_id, user_phone, direction, message_type, template_name, campaign_id,
             whatsapp_message_id, status, created_at)
        values (p_number_id, p_phone, 'outgoing', 'template', p_template, null, p_wamid, 'sent',
                clock_timestamp())
        on conflict (whatsapp_message_id) do nothing;
    end if;
    return jsonb_build_object('written', true);
end
$$;

-- What the status webhook said of a message so far, whoever stored it; `received`: whether it says
-- anything of any.
create or replace function public.wacampaign_test_status(p_wamid text)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    with told as materialized (
        select l.status, l.error_code::text as code, l.error_message as text, l.created_at as at
        from public.message_status_logs l where l.whatsapp_message_id = p_wamid
        union all
        select e.status, case when e.status = 'failed' then d.code::text end,
               case when e.status = 'failed' then coalesce(d.details, d.title) end, e.at
        from public.wacampaign_deliveries d
        cross join lateral (values ('sent', d.sent_at), ('delivered', d.delivered_at),
                                   ('read', d.read_at), ('failed', d.failed_at)) as e (status, at)
        where d.wamid = p_wamid and e.at is not null
          and not exists (select 1 from public.message_status_logs l
                          where l.whatsapp_message_id = p_wamid and l.status = e.status)
    )
    select jsonb_build_object(
        'statuses', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'status', t.status, 'code', substring(t.code from '^\s*(\d{1,9})\s*$')::int,
                'text', left(t.text, 500)) order by t.at), '[]'::jsonb)
            from told t),
        'received', exists (select 1 from public.message_status_logs)
            or exists (select 1 from public.wacampaign_hearing where first_status_at is not null))
$$;
