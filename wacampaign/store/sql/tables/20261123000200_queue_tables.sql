-- What wacampaign adds: columns of a claim, and its own tables.

-- A row in doubt is a `processing` row whose claim is dead, so the backend's CHECK on the five
-- status words stays as it is. No defaults: adding these columns rewrites nothing.
alter table public.send_queue
    add column if not exists claim_id uuid,
    add column if not exists worker_id uuid,
    add column if not exists claimed_at timestamptz,
    add column if not exists lease_until timestamptz,
    add column if not exists in_doubt_since timestamptz,
    add column if not exists in_doubt_cause text,
    add column if not exists error_code int;
comment on column public.send_queue.claim_id is 'the claim that holds the row, or held it last: the fence of every write';
comment on column public.send_queue.in_doubt_since is 'set while nobody knows whether the message was accepted; such a row is never sent again by a machine';
comment on column public.send_queue.in_doubt_cause is 'no_answer: the request went out; worker_lost: its worker died, and a journal may know more; no_claim: another program took it; assumed_sent: a person decided that a row in doubt counts as sent';

alter table public.templates
    add column if not exists meta_template_id text,
    add column if not exists parameter_format text,
    add column if not exists quality_score text,
    add column if not exists rejected_reason text;

-- One row a worker process; a new identity at each start.
create table if not exists public.wacampaign_workers (
    id uuid primary key,
    host text not null,
    pid int not null,
    version text not null,
    started_at timestamptz not null default clock_timestamp(),
    last_beat_at timestamptz not null default clock_timestamp(),
    stopped_at timestamptz,
    in_flight int not null default 0
);

-- One row a claim. `begun_at` is the fence before the first message leaves: a claim that was
-- given up (closed) can no longer begin, and the rows of one that never began were never sent.
create table if not exists public.wacampaign_claims (
    id uuid primary key,
    worker_id uuid not null,
    claimed_at timestamptz not null,
    lease_until timestamptz not null,
    begun_at timestamptz,
    closed_at timestamptz
);
create index if not exists wacampaign_claims_open
    on public.wacampaign_claims (worker_id, lease_until) where closed_at is null;
create index if not exists wacampaign_claims_age
    on public.wacampaign_claims (claimed_at) where closed_at is not null;

-- Exact counts of send_queue, kept by triggers, so right whoever writes.
create table if not exists public.wacampaign_counts (
    campaign_id uuid not null,
    whatsapp_number_id uuid not null,
    template_name text not null,
    status text not null,
    error_code int not null,
    n bigint not null,
    primary key (campaign_id, whatsapp_number_id, template_name, status, error_code)
) with (fillfactor = 50);

-- How one campaign's number and template fare in this run (since the last start or resume).
create table if not exists public.wacampaign_lanes (
    campaign_id uuid not null,
    whatsapp_number_id uuid not null,
    template_name text not null,
    run_accepted bigint not null default 0,
    opaque_answers int not null default 0,
    accepted_since_opaque bigint not null default 0,
    faults_in_a_row int not null default 0,
    primary key (campaign_id, whatsapp_number_id, template_name)
) with (fillfactor = 50);

-- One limiter a phone number, for all workers on all machines: the next free sending slot. Meta's
-- limit is the phone number's, and whatsapp_numbers may have it twice (wacampaign_bucket_key).
do $$
begin
    -- Until now it was one a row.
    if exists (
        select 1 from pg_catalog.pg_attribute
        where attrelid = to_regclass('public.wacampaign_buckets')
          and attname = 'whatsapp_number_id' and not attisdropped
    ) then
        alter table public.wacampaign_buckets rename to wacampaign_buckets_by_row;
        alter index public.wacampaign_buckets_pkey rename to wacampaign_buckets_by_row_pkey;
    end if;
end
$$;
create table if not exists public.wacampaign_buckets (
    key text primary key,
    next_slot_at timestamptz not null default '-infinity',
    rate numeric,
    rate_changed_at timestamptz,
    turn bigint not null default 0
) with (fillfactor = 50);

do $$
begin
    if to_regclass('public.wacampaign_buckets_by_row') is not null then
        insert into public.wacampaign_buckets as b (key, next_slot_at, rate, rate_changed_at)
        select public.wacampaign_bucket_key(o.whatsapp_number_id, w.phone_number_id),
               max(o.next_slot_at), min(o.rate), max(o.rate_changed_at) filter (where o.rate is not null)
        from public.wacampaign_buckets_by_row o
        left join public.whatsapp_numbers w on w.id = o.whatsapp_number_id
        group by 1
        on conflict (key) do nothing;
        drop table public.wacampaign_buckets_by_row;
    end if;
end
$$;

-- What must not be sent for now: a number, or a number's template, or a campaign's template.
create table if not exists public.wacampaign_holds (
    id uuid primary key default gen_random_uuid(),
    scope text not null,
    whatsapp_number_id uuid not null,
    template_name text,
    campaign_id uuid,
    code int,
    reason text not null,
    created_at timestamptz not null default clock_timestamp(),
    held_until timestamptz,
    lifted_at timestamptz
);
create index if not exists wacampaign_holds_standing
    on public.wacampaign_holds (whatsapp_number_id) where lifted_at is null;

-- Every change of a campaign: when, who, what, how many, why.
create table if not exists public.wacampaign_events (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    campaign_id uuid,
    kind text not null,
    actor text not null,
    worker_id uuid,
    row_count int,
    reason text,
    detail jsonb
);
create index if not exists wacampaign_events_campaign
    on public.wacampaign_events (campaign_id, id);

-- Outcomes over time, one row a campaign and second (at first five seconds): rate, ETA and charts.
create table if not exists public.wacampaign_pace (
    campaign_id uuid not null,
    at timestamptz not null,
    sent int not null default 0,
    failed int not null default 0,
    in_doubt int not null default 0,
    primary key (campaign_id, at)
) with (fillfactor = 50);

-- Claim order: oldest first, rows that wait are not in the way of those that do not.
create index if not exists wacampaign_queue_fresh
    on public.send_queue (campaign_id, whatsapp_number_id, template_name, created_at, id)
    where status = 'ready' and next_retry_at is null;
create index if not exists wacampaign_queue_waiting
    on public.send_queue (campaign_id, whatsapp_number_id, template_name, next_retry_at)
    where status = 'ready' and next_retry_at is not null;
create index if not exists wacampaign_queue_claimed
    on public.send_queue (claim_id) where status = 'processing';
create index if not exists wacampaign_queue_in_doubt
    on public.send_queue (campaign_id, in_doubt_since)
    where status = 'processing' and in_doubt_since is not null;
create index if not exists wacampaign_queue_pending
    on public.send_queue (campaign_id) where status = 'pending';
-- Rows to be sent that were accepted once: none, unless another program put them back.
create index if not exists wacampaign_queue_accepted_waiting
    on public.send_queue (campaign_id)
    where status in ('ready', 'pending') and whatsapp_message_id is not null;
create index if not exists wacampaign_pace_at on public.wacampaign_pace (at);
