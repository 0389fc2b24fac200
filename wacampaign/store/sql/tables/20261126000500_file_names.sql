-- A document whose address became a media id keeps its name.

alter table public.wacampaign_repair_rows
    -- What the repair added to the payload as `filename`; its undo takes it out again.
    add column if not exists added_filename text;
