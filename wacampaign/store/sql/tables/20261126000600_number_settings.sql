-- What a person has set for a number beside the backend's columns. No row: all is as by itself.

create table if not exists public.wacampaign_number_settings (
    number_id uuid primary key,
    -- Where MARKETING templates go: off, on, auto (when Meta says that the account is onboarded).
    marketing_endpoint text not null default 'off'
        check (marketing_endpoint in ('off', 'on', 'auto')),
    product_policy text check (product_policy in ('CLOUD_API_FALLBACK', 'STRICT')),
    -- marketing_messages_onboarding_status of the account, as Meta said it last.
    onboarding text,
    onboarding_at timestamptz,
    set_at timestamptz not null default clock_timestamp(),
    set_by text
);
