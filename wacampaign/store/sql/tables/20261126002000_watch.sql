-- What somebody who watches is told beside the counts: how workers fare, and when which errors came.

-- What a worker measured, a few seconds ago (core/engine/measures.py).
alter table public.wacampaign_workers
    add column if not exists facts jsonb,
    add column if not exists measured_at timestamptz;

-- When the campaign last became `running`.
alter table public.wacampaign_runs
    add column if not exists began_at timestamptz;

-- Answers with an error, one row a campaign, minute and code: those of rows that are tried again, too.
create table if not exists public.wacampaign_error_minutes (
    campaign_id uuid not null,
    at timestamptz not null,
    code int not null,
    n int not null default 0,
    primary key (campaign_id, at, code)
) with (fillfactor = 50);
create index if not exists wacampaign_error_minutes_at on public.wacampaign_error_minutes (at);
