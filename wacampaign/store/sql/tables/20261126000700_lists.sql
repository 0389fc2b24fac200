-- Who the list of a campaign had in it, so that the same list is known when it comes again.

-- The smallest marks of its recipients (`core/list_sketch.py`): two lists whose smallest marks are
-- alike have as many recipients in common.
create table if not exists public.wacampaign_lists (
    campaign_id uuid primary key,
    recipients int not null,
    sketch bigint[] not null,
    kept_at timestamptz not null default clock_timestamp()
);
