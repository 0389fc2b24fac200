-- Repairs of header media: planned, recorded row by row, carried out in steps, undone.
--
-- A repair gives `var1` of ready and failed rows another medium (and the rows, if wanted, another
-- number). It never touches what was accepted (a message id), is in doubt or in a worker's hands.
-- Which medium a row gets is said by three arrays of one length: template, number that the row is
-- on, medium. A row whose `var1` is neither a URL nor digits is left out: its variables are shifted,
-- and another value in that place would take one away.
--
-- What a repair may take is what its plan has shown: rows that came later, and rows that failed later,
-- are left out (as_of; a row whose updated_at the old backend did not write counts as shown). A ready
-- row is taken even if a worker had it in between: left out, it would be sent with the old medium.

create table if not exists public.wacampaign_repairs (
    id uuid primary key,
    campaign_id uuid not null,
    kind text not null,
    what text not null,
    command text not null,
    code int,
    actor text not null,
    target_templates text[] not null,
    target_numbers uuid[] not null,
    target_media text[] not null,
    number_to uuid,
    campaign_number_was uuid,
    as_of timestamptz not null,
    begun_at timestamptz not null default clock_timestamp(),
    beat_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    closed_at timestamptz,
    closed_by text,
    row_count bigint not null default 0,
    undo_begun_at timestamptz,
    undone_at timestamptz,
    undone_by text,
    undone_count bigint not null default 0
);
create index if not exists wacampaign_repairs_campaign
    on public.wacampaign_repairs (campaign_id, begun_at);

-- What a repair changed of a row. old_var1: SQL null is "there was none", JSON null is null.
create table if not exists public.wacampaign_repair_rows (
    repair_id uuid not null,
    row_id uuid not null,
    old_var1 jsonb,
    old_number_id uuid,
    old_status text not null,
    old_retry_count int not null,
    old_error_code int,
    old_error_message text,
    old_next_retry_at timestamptz,
    undone_at timestamptz,
    primary key (repair_id, row_id)
);

alter table public.media_library
    add column if not exists sha256 text;
comment on column public.media_library.sha256 is 'of the content, hex: an upload is used again for the same content and number';

-- The rows that a repair walks, over id.
create index if not exists wacampaign_queue_unsent
    on public.send_queue (campaign_id, id) where status in ('ready', 'failed');
