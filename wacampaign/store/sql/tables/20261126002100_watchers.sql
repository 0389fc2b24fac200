-- Watchers with and without addresses, what only the backend's notifications were told or are yet to be,
-- and workers that ended without a goodbye.

-- When a watcher with addresses was last there, and whether the one that has the turn has any (null: a
-- program of an earlier version, which does not say).
alter table public.wacampaign_watch
    add column if not exists addressed_at timestamptz not null default '-infinity',
    add column if not exists addressed bool;

-- What was told by a watcher without addresses: `new`, or (addresses had heard of it) its `end`.
alter table public.wacampaign_alerts
    add column if not exists bell_only text check (bell_only in ('new', 'end'));

-- Notifications that are to be written, of a cause (`key`) the latest. In a table of their own: whoever
-- writes one may have to wait for the backend's table, and alerts do not wait for him.
create table if not exists public.wacampaign_bells (
    id bigint generated always as identity primary key,
    key text not null,
    at timestamptz not null default clock_timestamp(),
    type text not null,
    title text not null,
    message text not null,
    campaign_id uuid,
    -- How often it was refused, and when it is tried again.
    refused int not null default 0,
    next_at timestamptz not null default '-infinity'
);
create index if not exists wacampaign_bells_key on public.wacampaign_bells (key, id);

-- Whether `stopped_at` is when its journal was found without its process: that is no goodbye.
alter table public.wacampaign_workers
    add column if not exists found_dead bool not null default false;
