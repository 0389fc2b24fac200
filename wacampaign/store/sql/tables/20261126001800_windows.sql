-- Sending hours: campaigns that send between two times of day only, by their recipients' clocks.
-- Where a row waits for its hours is said by its next_retry_at (functions/hours.sql), so the backend's
-- queue gets neither a column nor an index.

-- Sets of time zones that a phone's beginning stands for. One without zones: not known. Only added to:
-- rows are marked with the ids.
create table if not exists public.wacampaign_zones (
    id int generated always as identity primary key,
    zones text[] not null
);
create unique index if not exists wacampaign_zones_sets on public.wacampaign_zones (zones);

-- The library's table of phones' beginnings, without those that say what a shorter one says. The empty
-- one is every phone's.
create table if not exists public.wacampaign_zone_prefixes (
    prefix text collate "C" primary key,
    zone_id int not null
);

-- Which version of the library that was.
create table if not exists public.wacampaign_zone_source (
    only_one bool primary key default true check (only_one),
    version text not null,
    taken_at timestamptz not null default clock_timestamp()
);

-- The hours of a campaign; it has none: it sends at any time.
create table if not exists public.wacampaign_windows (
    campaign_id uuid primary key,
    opens time not null,
    closes time not null,
    -- Whose clock counts for phones of which no zone is known, or whose zones have no hour in common.
    zone text not null,
    set_by text not null,
    set_at timestamptz not null default clock_timestamp(),
    -- When its rows were counted by their zones, and how long that took.
    counted_at timestamptz,
    took interval
) with (fillfactor = 70);

-- Each set of zones that rows of a campaign had, or have.
create table if not exists public.wacampaign_window_zones (
    campaign_id uuid not null,
    zone_id int not null,
    -- The zones whose clocks count, and whether it is the hour in all of them, until `changes_at`.
    zones text[] not null default '{}',
    is_open bool not null default false,
    changes_at timestamptz not null default '-infinity',
    -- Rows that wait, as counted last.
    n bigint not null default 0,
    primary key (campaign_id, zone_id)
) with (fillfactor = 50);

-- A time at which a campaign goes on (`pause --until`), not one at which it starts.
alter table public.wacampaign_schedule
    add column if not exists resumes bool not null default false;
