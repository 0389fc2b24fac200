-- What the backend's UI reads follows the deliveries. It is shown only: a lock, a rule or a trigger of
-- somebody else on these tables keeps no status from being taken, and no failure from being acted upon.

-- Shows these, or notes that they are to be shown later.
create or replace function public.wacampaign_show_deliveries(p_wamids text[])
returns void language plpgsql
set search_path = public, extensions, pg_temp set lock_timeout = '200ms' as $$
begin
    perform public.wacampaign_write_deliveries(p_wamids);
exception when others then
    update public.wacampaign_deliveries
    set show_at = clock_timestamp() + interval '1 second'
    where wamid = any (p_wamids) and row_id is not null;
end
$$;

-- Shows what could not be shown, each alone; ever more rarely, for 31 days. Returns how many were tried.
create or replace function public.wacampaign_show_again(p_limit int)
returns int language plpgsql
set search_path = public, extensions, pg_temp set lock_timeout = '20ms' set enable_seqscan = off as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_one record;
    v_tried int := 0;
begin
    for v_one in
        select d.wamid, d.first_seen_at from public.wacampaign_deliveries d
        where d.show_at <= v_now order by d.show_at limit p_limit for update skip locked
    loop
        v_tried := v_tried + 1;
        begin
            perform public.wacampaign_write_deliveries(array[v_one.wamid]);
            update public.wacampaign_deliveries set show_at = null where wamid = v_one.wamid;
        exception when others then
            update public.wacampaign_deliveries
            set show_at = case when v_one.first_seen_at > v_now - interval '31 days'
                then v_now + greatest(interval '5 seconds', (v_now - v_one.first_seen_at) / 4) end
            where wamid = v_one.wamid;
        end;
    end loop;
    return v_tried;
end
$$;

-- What the backend's UI reads, from statuses that its own handler did not store, or could not join: the
-- log, the message's status by rank, and the campaign of both. Raises what the backend's tables raise.
create or replace function public.wacampaign_write_deliveries(p_wamids text[])
returns void language plpgsql
set search_path = public, extensions, pg_temp set enable_seqscan = off
set enable_hashjoin = off set enable_mergejoin = off as $$
begin
    -- Our own rows of the log are no news: the trigger that copies them leaves these out.
    perform set_config('wacampaign.taking', '1', true);
    insert into public.message_status_logs
        (message_id, whatsapp_number_id, campaign_id, user_phone, whatsapp_message_id, status,
         error_code, error_message, created_at)
    select m.id, coalesce(m.whatsapp_number_id, d.whatsapp_number_id),
           coalesce(m.campaign_id, d.campaign_id), coalesce(m.user_phone, d.phone), d.wamid, e.status,
           case when e.status = 'failed' then d.code end,
           case when e.status = 'failed' then coalesce(d.details, d.title) end, e.at
    from public.wacampaign_deliveries d
    cross join lateral (values ('sent', d.sent_at), ('delivered', d.delivered_at), ('read', d.read_at),
                               ('failed', d.failed_at)) as e (status, at)
    join public.messages m on m.whatsapp_message_id = d.wamid
    where d.wamid = any (p_wamids) and e.at is not null
      and not exists (select 1 from public.message_status_logs l
                      where l.whatsapp_message_id = d.wamid and l.status = e.status)
    order by d.wamid, e.status
    on conflict do nothing;
    update public.message_status_logs l
    set campaign_id = coalesce(l.campaign_id, m.campaign_id), message_id = coalesce(l.message_id, m.id)
    from public.messages m
    where l.whatsapp_message_id = any (p_wamids) and m.whatsapp_message_id = l.whatsapp_message_id
      and (l.message_id is null or (l.campaign_id is null and m.campaign_id is not null));
    update public.messages m
    set status = w.word
    from public.wacampaign_deliveries d
    cross join lateral (
        select case d.state when 'undelivered' then 'failed' else d.state end as word) as w
    where d.wamid = any (p_wamids) and m.whatsapp_message_id = d.wamid and m.direction = 'outgoing'
      and d.state <> 'held'
      -- Never down: a failure is less than a delivery, and more than `sent`.
      and array_position(array['sent', 'failed', 'delivered', 'read'], w.word)
          > coalesce(array_position(array['sent', 'failed', 'delivered', 'read'], m.status), 0);
    perform set_config('wacampaign.taking', '', true);
end
$$;
