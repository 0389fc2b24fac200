-- The languages of a template, and the one that a campaign goes out in.
--
-- The backend's table has one row a name, whatever languages Meta has approved of it, and stays so. What
-- it leaves out stands here.

-- Each language that Meta has of a template, as it was synced last. Gone ones stay, inactive.
create table if not exists public.wacampaign_translations (
    whatsapp_number_id uuid not null,
    name text not null,
    language text not null,
    status text,
    category text,
    components jsonb,
    parameter_format text,
    meta_template_id text,
    quality_score text,
    rejected_reason text,
    last_synced timestamptz not null,
    is_active bool not null default true,
    primary key (whatsapp_number_id, name, language)
);

-- What a campaign's rows go out as, whatever becomes of `templates` meanwhile: written when the campaign
-- is created, else when it is first seen. Changed by a person alone (wacampaign_take_templates).
create table if not exists public.wacampaign_campaign_templates (
    campaign_id uuid not null,
    whatsapp_number_id uuid not null,
    template_name text not null,
    language text not null,
    status text,
    category text,
    components jsonb,
    parameter_format text,
    is_active bool not null default true,
    planned_at timestamptz not null,
    primary key (campaign_id, whatsapp_number_id, template_name)
);
