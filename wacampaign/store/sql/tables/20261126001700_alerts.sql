-- What somebody is told about, once a cause, and whose turn it is to look.

-- One row. Whoever has the turn looks whether all is well, until `turn_until`; then anybody may. What
-- ended or fell silent before `since` is told to nobody.
create table if not exists public.wacampaign_watch (
    only_one bool primary key default true check (only_one),
    since timestamptz not null default clock_timestamp(),
    turn uuid,
    watcher text,
    turn_until timestamptz not null default '-infinity'
);

-- One row a cause, while it stands and a month longer. The same cause has the same key, whoever finds
-- it (wacampaign/core/alerts).
--   settles, ends_after: seconds that it has to stand before it is told, and to be gone before that is
--   once: an event, told once, with neither reminder nor end
--   bell: false: what caused it has written its own notification
--   returns: how often it came back within an hour after its end
--   due, telling, leased_by, leased_until: what is being told, its id, in which turn, and until when
--     nobody else does; attempts: how often that was tried; taken_by: which addresses have it
--   problem: why it was not taken at the last attempt
create table if not exists public.wacampaign_alerts (
    key text primary key,
    kind text not null,
    severity text not null check (severity in ('info', 'success', 'warning', 'error')),
    campaign_id uuid,
    campaign text,
    title text not null,
    text text not null,
    command text not null,
    settles int not null default 0,
    ends_after int not null default 30,
    once bool not null default false,
    bell bool not null default true,
    first_seen_at timestamptz not null default clock_timestamp(),
    last_seen_at timestamptz not null default clock_timestamp(),
    returns int not null default 0,
    last_told_at timestamptz,
    times_told int not null default 0,
    ended_at timestamptz,
    end_told_at timestamptz,
    due text check (due in ('new', 'reminder', 'end')),
    telling text,
    leased_by uuid,
    leased_until timestamptz,
    attempts int not null default 0,
    taken_by text[] not null default '{}',
    problem text
);
