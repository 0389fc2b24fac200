-- The rate and what a message costs: what a run shows the backend, and when.

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
