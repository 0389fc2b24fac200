-- What became of accepted messages, as the statuses that webhooks told say: rows of
-- message_status_logs. Nobody writes them into send_queue, so they change these counts alone, which
-- shown_totals.sql shows in campaigns. (A program that writes a row's status itself meets guard.sql.)

-- One step of counting what became of one campaign's messages, at most p_limit log rows. Delivered
-- are distinct message ids with delivered or read, read those with read, replied distinct phones
-- that wrote to one of its numbers after its first message. Returns the campaign if it is counted.
create or replace function public.wacampaign_count_delivery(p_limit int default 50000)
returns uuid language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off set plan_cache_mode = force_custom_plan as $$
declare
    v_now constant timestamptz := clock_timestamp();
    -- A message has two such rows at most, and one more says that its are complete.
    v_limit constant int := greatest(p_limit, 3);
    v_campaign uuid;
    v_before public.wacampaign_delivery%rowtype;
    v_rows int;
    v_delivered int;
    v_read int;
    v_last text;
    v_replied bigint;
begin
    -- Campaigns that run, and those that ended within three days, ever more rarely: a hundredth of
    -- the time since.
    select d.campaign_id into v_campaign
    from public.wacampaign_runs r
    join public.campaigns k on k.id = r.campaign_id
    cross join lateral (
        select r.campaign_id, (
            select d.counted_at from public.wacampaign_delivery d
            where d.campaign_id = r.campaign_id) as counted_at
        offset 0) as d
    where r.first_sent_at is not null
      and (k.status = 'running' or r.last_settled_at > v_now - interval '3 days')
      and (d.counted_at is null
           or d.counted_at < v_now - greatest(interval '10 seconds',
                                              least(v_now - r.last_settled_at, interval '3 days') / 100))
    order by d.counted_at nulls first, d.campaign_id
    limit 1;
    if v_campaign is null then
        return null;
    end if;
    insert into public.wacampaign_delivery (campaign_id) values (v_campaign)
    on conflict do nothing;
    select * into v_before from public.wacampaign_delivery
    where campaign_id = v_campaign
    for update skip locked;
    if not found then
        return null;
    end if;

    with log as materialized (
        select l.whatsapp_message_id as wamid, l.status
        from public.message_status_logs l
        where l.campaign_id = v_campaign and l.status in ('delivered', 'read')
          and l.whatsapp_message_id > v_before.after_wamid
        order by l.whatsapp_message_id
        limit v_limit
    ), message as (
        select wamid, bool_or(status = 'read') as read
        from log
        -- The last one's other status may be beyond the limit: next time.
        where (select count(*) from log) < v_limit or wamid < (select max(wamid) from log)
        group by wamid
    )
    select (select count(*) from log), count(*), count(*) filter (where read), max(wamid)
    into v_rows, v_delivered, v_read, v_last
    from message;
    v_delivered := v_delivered + v_before.so_far_delivered;
    v_read := v_read + v_before.so_far_read;
    if v_rows >= v_limit then
        update public.wacampaign_delivery
        set so_far_delivered = v_delivered, so_far_read = v_read,
            after_wamid = v_last
        where campaign_id = v_campaign;
        return null;
    end if;

    select count(distinct m.user_phone) into v_replied
    from public.wacampaign_runs r
    join (select distinct c.whatsapp_number_id from public.wacampaign_counts c
          where c.campaign_id = v_campaign) as n on true
    join public.messages m
        on m.whatsapp_number_id = n.whatsapp_number_id and m.direction = 'incoming'
        and m.created_at >= r.first_sent_at
    where r.campaign_id = v_campaign;
    update public.wacampaign_delivery
    set delivered = v_delivered, read = v_read, replied = v_replied, counted_at = v_now,
        so_far_delivered = 0, so_far_read = 0, after_wamid = ''
    where campaign_id = v_campaign;
    return v_campaign;
end
$$;
