-- Times at which our workers start a campaign (`start --at`). In a table of ours, and the campaign
-- stays `paused`: the backend's scheduler starts or fails whatever it sees as `scheduled`.
create table if not exists public.wacampaign_schedule (
    campaign_id uuid primary key,
    start_at timestamptz not null,
    set_at timestamptz not null default clock_timestamp(),
    set_by text not null
);
