-- A repair that moves rows to another template (kind `template`): their payload stays as it is.

-- template_listed: the repair put its template into campaigns.template_names, and its undo takes it
-- out again.
alter table public.wacampaign_repairs
    add column if not exists template_to text,
    add column if not exists template_listed bool not null default false;

alter table public.wacampaign_repair_rows
    add column if not exists old_template text;
