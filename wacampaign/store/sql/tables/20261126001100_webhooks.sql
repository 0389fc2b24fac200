-- What Meta's webhooks brought, as it came, and who receives it.

-- One row a request that was answered with 200. `body` is the request's text where all of it is
-- ASCII, as Meta writes it; else its bytes in base64, so that no encoding of a database refuses it.
create table if not exists public.wacampaign_webhooks (
    -- Made by the receiver before the first attempt to store it: a repeat is the same row.
    id uuid primary key,
    received_at timestamptz not null,
    encoding text not null check (encoding in ('text', 'base64')),
    body text not null,
    stored_at timestamptz not null default clock_timestamp(),
    -- Somebody works on it until then, or will not try it again before then.
    leased_until timestamptz,
    takes int not null default 0,
    taken_at timestamptz,
    -- What of it could not be taken, in words; null: nothing.
    faults text[]
);
create index if not exists wacampaign_webhooks_waiting
    on public.wacampaign_webhooks (received_at, id) where taken_at is null;
create index if not exists wacampaign_webhooks_taken
    on public.wacampaign_webhooks (taken_at) where taken_at is not null;

-- One row a receiver's process; a new identity at each start.
create table if not exists public.wacampaign_receivers (
    id uuid primary key,
    host text not null,
    pid int not null,
    version text not null,
    started_at timestamptz not null default clock_timestamp(),
    last_beat_at timestamptz not null default clock_timestamp(),
    stopped_at timestamptz,
    -- What its /healthz said at the last beat.
    health jsonb
);
