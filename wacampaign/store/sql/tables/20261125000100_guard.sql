-- The guard: what is known of a row, and what may have been sent, stays so whoever writes.
--
-- It neither fails another program's statement nor follows it: the row stays as it was, and one event
-- a statement and campaign says who tried what with how many rows. Our own writes need no session
-- setting (a pooler shares sessions): one that takes a row out of `processing` counts its `revision`
-- up by one, and what does not is another program's. Nor does another program set it: a row that is
-- written whole from an older copy (an upsert, an import) brings the copy's.

-- No default: adding it rewrites nothing.
alter table public.send_queue add column if not exists revision int;
comment on column public.send_queue.revision is 'counted up by one by each write of ours that takes the row out of processing; any other write is another program''s, see the guard';

-- Rows of another program's making: to be sent, though in doubt. None while the guard stands.
create index if not exists wacampaign_queue_doubt_waiting
    on public.send_queue (campaign_id)
    where status in ('ready', 'pending') and in_doubt_since is not null;

-- What other programs did or tried, for those who show it.
create index if not exists wacampaign_events_others
    on public.wacampaign_events (campaign_id, id)
    where kind in ('kept_back', 'completion_kept_back', 'rows_deleted');

-- Rows that were deleted while their message was on its way or in doubt: Meta's answer may come yet.
create table if not exists public.wacampaign_deleted_rows (
    id uuid primary key,
    campaign_id uuid,
    whatsapp_number_id uuid,
    template_name text,
    phone text,
    claim_id uuid,
    deleted_at timestamptz not null default clock_timestamp(),
    wamid text
);
create index if not exists wacampaign_deleted_rows_age
    on public.wacampaign_deleted_rows (deleted_at);
