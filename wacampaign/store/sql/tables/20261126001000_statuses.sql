-- What became of accepted messages, as Meta's statuses tell: whoever stored them, in whatever order,
-- however often. A row of send_queue stays `sent` whatever its statuses say.

-- One row a message id. Times are the events' own. The state follows from them and goes up only: held <
-- sent < undelivered < delivered < read; a failure that came beside a delivery stays written here.
create table if not exists public.wacampaign_deliveries (
    wamid text primary key,
    -- The row of the queue whose message this is; null while nobody knows one.
    campaign_id uuid,
    row_id uuid,
    whatsapp_number_id uuid,
    template_name text,
    -- The recipient as the statuses say it: digits, or a business-scoped id.
    phone text,
    person text,
    user_id text,
    callback text,
    held_at timestamptz,
    sent_at timestamptz,
    failed_at timestamptz,
    delivered_at timestamptz,
    read_at timestamptz,
    code int,
    title text,
    details text,
    state text not null
        check (state in ('held', 'sent', 'undelivered', 'delivered', 'read')),
    sources text[] not null default '{}',
    -- Status → Meta's whole object.
    said jsonb not null default '{}',
    first_seen_at timestamptz not null default clock_timestamp(),
    last_at timestamptz not null,
    -- When its row is looked for again; null: no more.
    look_at timestamptz
) with (fillfactor = 70);
create index if not exists wacampaign_deliveries_unjoined
    on public.wacampaign_deliveries (look_at) where row_id is null and look_at is not null;
create index if not exists wacampaign_deliveries_nobodys
    on public.wacampaign_deliveries (whatsapp_number_id, person)
    where row_id is null;
create index if not exists wacampaign_deliveries_campaign
    on public.wacampaign_deliveries (campaign_id, wamid) where campaign_id is not null;

-- How many messages of each state there are, exact: the function that changes a state changes these.
-- `contradicted` stands beside the five: delivered or read, and failed as well.
create table if not exists public.wacampaign_delivery_counts (
    campaign_id uuid not null,
    whatsapp_number_id uuid not null,
    template_name text not null,
    state text not null,
    -- Of undelivered messages, else 0.
    code int not null,
    n bigint not null,
    primary key (campaign_id, whatsapp_number_id, template_name, state, code)
) with (fillfactor = 50);

-- From acceptance to delivery: `step` is the whole part of log(seconds) to the base 1.2.
create table if not exists public.wacampaign_delivery_lags (
    campaign_id uuid not null,
    step int not null,
    n bigint not null,
    primary key (campaign_id, step)
) with (fillfactor = 50);

-- Statuses that wait to be taken: what the backend's handler has logged (a trigger copies it), and what
-- the worker was told at acceptance.
create table if not exists public.wacampaign_logged_statuses (
    id bigint generated always as identity primary key,
    wamid text not null,
    status text not null,
    at timestamptz,
    whatsapp_number_id uuid,
    phone text,
    code text,
    title text,
    source text not null default 'backend',
    -- Why it could not be taken.
    fault text
);
create index if not exists wacampaign_logged_statuses_waiting
    on public.wacampaign_logged_statuses (id) where fault is null;

-- How far the logs that were there before are read. One row; read anew each day, for what a trigger that
-- was switched off has missed.
create table if not exists public.wacampaign_logs_read (
    id int primary key default 1 check (id = 1),
    after_wamid text not null default '',
    after_status text not null default '',
    through_at timestamptz
);

-- Whether statuses arrive for a number. `asked_at`: when a first message waited for one.
create table if not exists public.wacampaign_hearing (
    number_id uuid primary key,
    first_status_at timestamptz,
    last_status_at timestamptz,
    asked_at timestamptz
);

-- How the messages of this run fare after they were accepted. `began_at`: when its first outcome was
-- written. `ramp_at`: when the last of the ramp's messages was accepted; `ramp_heard`: how many of them have
-- a status. `undelivered_in_a_row`: failures by status that count towards a hold; each delivered message
-- takes one back.
alter table public.wacampaign_lanes
    add column if not exists began_at timestamptz,
    add column if not exists ramp_at timestamptz,
    add column if not exists ramp_heard int not null default 0,
    add column if not exists undelivered_in_a_row int not null default 0;

-- What is known of message ids beyond one a row, by the id.
create index if not exists wacampaign_events_wamid
    on public.wacampaign_events ((detail ->> 'wamid'))
    where kind in ('accepted_twice', 'message_id_twice', 'answer_without_row');

-- When a status of its messages was last taken: what the backend's UI is shown lags behind until then.
alter table public.wacampaign_runs
    add column if not exists last_heard_at timestamptz;
-- What it says of deliveries is counted above now; of replies it says the rest.
comment on table public.wacampaign_delivery is 'who replied, counted by heartbeats; delivered, read, so_far_* and after_wamid are no longer used';
