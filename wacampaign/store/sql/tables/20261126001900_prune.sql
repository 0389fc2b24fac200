-- What `prune` has done to campaigns that are long over.

-- One row a campaign of whose deliveries it took something.
create table if not exists public.wacampaign_pruned (
    campaign_id uuid primary key,
    -- Meta's words on its messages are shortened as far as this message id; `shortened_at`: all are.
    shortened_to text not null default '',
    shortened_at timestamptz,
    -- The deliveries of messages accepted before then are being removed: what is counted of them stays.
    removing_at timestamptz,
    removed_at timestamptz,
    removed bigint not null default 0
);
-- Deliveries of nobody's messages, to be removed by age.
create index if not exists wacampaign_deliveries_strays
    on public.wacampaign_deliveries (first_seen_at) where row_id is null;
-- A row is written four times within minutes, and once more when it is shortened: by the server's own
-- fifth a year's table would hold two million dead ones before they are used again.
alter table public.wacampaign_deliveries set (autovacuum_vacuum_scale_factor = 0.05);
