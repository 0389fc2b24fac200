-- The rate and what a message costs: what a run shows the backend, and when. Safe to repeat.

-- How a campaign goes along, in a table of ours: each change of a row of `campaigns` makes the
-- backend's open dashboards read all logs. Written with each batch of outcomes.
create table if not exists public.wacampaign_runs (
    campaign_id uuid primary key,
    last_settled_at timestamptz,
    first_sent_at timestamptz,
    shown_at timestamptz
) with (fillfactor = 50);

-- What became of the accepted messages, from the backend's status logs and incoming messages.
-- Counted in steps by the workers' heartbeats; `so_far_*` and `after_wamid` belong to a count that
-- has not come to its end.
create table if not exists public.wacampaign_delivery (
    campaign_id uuid primary key,
    delivered int,
    read int,
    replied int,
    counted_at timestamptz,
    so_far_delivered int not null default 0,
    so_far_read int not null default 0,
    after_wamid text not null default ''
) with (fillfactor = 50);

alter table public.wacampaign_runs enable row level security;
alter table public.wacampaign_delivery enable row level security;

-- The campaigns whose rows a claim handed out, so that its fence reads no rows.
alter table public.wacampaign_claims
    add column if not exists campaign_ids uuid[];

do $$
begin
    -- It stood in `campaigns`, where each batch changed it.
    if exists (
        select 1 from pg_catalog.pg_attribute
        where attrelid = 'public.campaigns'::regclass
          and attname = 'last_settled_at' and not attisdropped
    ) then
        insert into public.wacampaign_runs (campaign_id, last_settled_at)
        select id, last_settled_at from public.campaigns where last_settled_at is not null
        on conflict (campaign_id) do nothing;
        alter table public.campaigns drop column last_settled_at;
    end if;
end
$$;

-- The statuses of a campaign, those of one message side by side: counted without reading the logs.
create index if not exists wacampaign_logs_campaign
    on public.message_status_logs (campaign_id, whatsapp_message_id, status)
    where status in ('delivered', 'read');
-- Who wrote to a number since when.
create index if not exists wacampaign_messages_incoming
    on public.messages (whatsapp_number_id, created_at, user_phone)
    where direction = 'incoming';

-- One step of counting what became of one campaign's messages, at most p_limit log rows. Delivered
-- are distinct message ids with delivered or read, read those with read, replied distinct phones
-- that wrote to one of its numbers after its first message. Returns the campaign if it is counted.
create or replace function public.wacampaign_count_delivery(p_limit int default 50000)
returns uuid
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_custom_plan
as $$
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

-- Part of each heartbeat, and of the last worker's goodbye (p_seconds 0): counts what became of a
-- campaign's messages, and brings the rows of `campaigns` up to date that lag behind their counts.
-- Rows that somebody else has locked come another time: nobody waits, and a beat least of all.
create or replace function public.wacampaign_show_progress(p_seconds int default 10)
returns void
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_counted uuid;
    v_due uuid[];
begin
    if p_seconds > 0 then
        v_counted := public.wacampaign_count_delivery();
    elsif exists (select 1 from public.wacampaign_workers w where public.wacampaign_is_alive(w.id)) then
        return;
    end if;
    select array_agg(t.id) into v_due
    from (
        select k.id from public.campaigns k
        where k.id in (
            select r.campaign_id from public.wacampaign_runs r
            where (r.last_settled_at > r.shown_at or r.shown_at is null
                   or r.campaign_id = v_counted)
              and (p_seconds = 0 or r.shown_at is null
                   or r.shown_at < clock_timestamp() - make_interval(secs => p_seconds)))
        order by k.id
        limit 100
        for no key update skip locked
    ) as t;
    perform public.wacampaign_show_totals(v_due, p_seconds);
end
$$;

select public.wacampaign_keep_rights();
