-- A repair that moves rows to another template (kind `template`): their payload stays as it is.

alter table public.wacampaign_repairs
    add column if not exists template_to text,
    -- The repair put its template into campaigns.template_names; its undo takes it out again.
    add column if not exists template_listed bool not null default false;

alter table public.wacampaign_repair_rows
    add column if not exists old_template text;
