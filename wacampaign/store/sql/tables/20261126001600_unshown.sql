-- Deliveries that the backend's tables did not take yet.

alter table public.wacampaign_deliveries
    -- When writing what the backend's UI reads is tried again; null: it is written.
    add column if not exists show_at timestamptz;
create index if not exists wacampaign_deliveries_unshown
    on public.wacampaign_deliveries (show_at) where show_at is not null;
