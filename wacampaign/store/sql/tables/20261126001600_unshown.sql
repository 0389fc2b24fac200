-- Deliveries that the backend's tables did not take yet: `show_at` says when writing what its UI reads is
-- tried again; null: it is written.

alter table public.wacampaign_deliveries
    add column if not exists show_at timestamptz;
create index if not exists wacampaign_deliveries_unshown
    on public.wacampaign_deliveries (show_at) where show_at is not null;
