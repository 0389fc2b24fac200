-- What Meta decided last of each template, number and account, so that nothing older replaces it.
create table if not exists public.wacampaign_news (
    about text primary key,
    -- The event's own time, and the fingerprints of what was said in that second.
    at timestamptz not null,
    heard text[] not null default '{}',
    kind text not null,
    said jsonb,
    taken_at timestamptz not null default clock_timestamp(),
    -- Holds that it made, for the day when Meta takes it back.
    holds uuid[] not null default '{}'
);
