-- A document whose address became a media id keeps its name.

-- added_filename: what the repair added to the payload as `filename`; its undo takes it out again.
alter table public.wacampaign_repair_rows
    add column if not exists added_filename text;
