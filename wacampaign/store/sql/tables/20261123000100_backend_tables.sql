-- The backend's own tables (backend-contract.md), for databases that do not have them, and the
-- columns that only later backends have. Nothing existing is changed.

do $$
declare
    v_table text;
    v_new text[] := '{}';
    v_role text;
begin
    -- Row level security goes on for the tables that this file creates, and on no other: an
    -- existing table's policies are the backend's business.
    foreach v_table in array array[
        'whatsapp_numbers', 'templates', 'campaigns', 'campaign_contacts', 'send_queue',
        'messages', 'message_status_logs', 'notifications', 'media_library'
    ] loop
        if to_regclass('public.' || v_table) is null then
            v_new := v_new || v_table;
        end if;
    end loop;

    create table if not exists public.whatsapp_numbers (
        id uuid primary key default gen_random_uuid(),
        number text not null unique,
        display_name text,
        access_token text,
        phone_number_id text,
        waba_id text,
        app_id text,
        app_secret text,
        verified_name text,
        quality_rating text,
        tier text,
        max_send_rate_per_sec int not null default 60,
        last_stable_rate_per_sec int not null default 60,
        is_active bool not null default true,
        last_updated timestamptz default now()
    );

    create table if not exists public.templates (
        id uuid primary key default gen_random_uuid(),
        whatsapp_number_id uuid not null references public.whatsapp_numbers (id) on delete cascade,
        name text not null,
        category text,
        language text,
        status text,
        components jsonb,
        last_synced timestamptz,
        is_active bool not null default true,
        is_quarantined bool not null default false,
        unique (name, whatsapp_number_id)
    );

    create table if not exists public.campaigns (
        id uuid primary key default gen_random_uuid(),
        name text not null,
        whatsapp_number_id uuid,
        template_names text[] not null default '{}',
        total_contacts int not null default 0,
        invalid_contacts_count int not null default 0,
        total_sent int not null default 0,
        total_failed int not null default 0,
        start_time timestamptz,
        end_time timestamptz,
        scheduled_start_time timestamptz,
        is_scheduled bool not null default false,
        status text not null default 'paused'
            check (status in ('scheduled', 'running', 'paused', 'completed', 'failed')),
        created_at timestamptz not null default now()
    );

    create table if not exists public.campaign_contacts (
        id uuid primary key default gen_random_uuid(),
        campaign_id uuid not null,
        phone text not null,
        template_name text,
        variables jsonb,
        is_valid bool not null default true,
        invalid_reason text,
        created_at timestamptz not null default now()
    );

    create table if not exists public.send_queue (
        id uuid primary key default gen_random_uuid(),
        campaign_id uuid not null,
        whatsapp_number_id uuid not null,
        template_name text not null,
        phone text not null,
        payload jsonb,
        status text not null default 'ready'
            check (status in ('pending', 'ready', 'processing', 'sent', 'failed')),
        retry_count int not null default 0,
        error_message text,
        next_retry_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        sent_at timestamptz,
        whatsapp_message_id text
    );

    create table if not exists public.messages (
        id uuid primary key default gen_random_uuid(),
        whatsapp_number_id uuid,
        user_phone text not null,
        direction text not null check (direction in ('incoming', 'outgoing')),
        message_type text not null,
        message_body text,
        template_name text,
        campaign_id uuid,
        whatsapp_message_id text unique,
        status text not null default 'sent',
        created_at timestamptz not null default now()
    );

    create table if not exists public.message_status_logs (
        id uuid primary key default gen_random_uuid(),
        message_id uuid,
        whatsapp_number_id uuid,
        campaign_id uuid,
        user_phone text,
        whatsapp_message_id text not null,
        status text not null check (status in ('sent', 'delivered', 'read', 'failed')),
        error_code int,
        error_message text,
        created_at timestamptz not null default now(),
        unique (whatsapp_message_id, status)
    );

    create table if not exists public.notifications (
        id uuid primary key default gen_random_uuid(),
        type text not null check (type in ('info', 'success', 'warning', 'error')),
        title text not null,
        message text not null,
        action_url text,
        related_entity_type text,
        related_entity_id uuid,
        created_at timestamptz not null default now(),
        is_read bool not null default false
    );

    create table if not exists public.media_library (
        id uuid primary key default gen_random_uuid(),
        whatsapp_number_id uuid not null,
        media_id text not null,
        file_name text,
        file_type text,
        mime_type text,
        file_size bigint,
        created_at timestamptz not null default now()
    );

    foreach v_table in array v_new loop
        execute format('alter table public.%I enable row level security', v_table);
        -- Older projects grant every new table to these two by default.
        foreach v_role in array array['anon', 'authenticated'] loop
            if exists (select 1 from pg_catalog.pg_roles where rolname = v_role) then
                execute format('revoke all on table public.%I from %I', v_table, v_role);
            end if;
        end loop;
    end loop;
end
$$;

-- What "later databases" have (backend-contract.md). A constant default costs no rewrite.
alter table public.campaigns
    add column if not exists current_template_index int default 0,
    add column if not exists spam_pause_count int default 0,
    add column if not exists spam_paused_until timestamp,
    add column if not exists pause_reason text,
    add column if not exists total_delivered int default 0,
    add column if not exists total_read int default 0,
    add column if not exists total_replied int default 0;
alter table public.send_queue
    add column if not exists template_order int default 0,
    add column if not exists actual_sent_at timestamptz,
    add column if not exists spam_error_detected bool default false;
alter table public.messages
    add column if not exists media_url text;

-- One message id belongs to one row. A database in which it already stands twice keeps its rows as
-- they are: `wacampaign audit` names them. (`db migrate` reads the two conditions and the index from
-- here, and makes it concurrently.)
do $$
begin
    if exists (
        select 1
        from pg_catalog.pg_index i
        join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = 'public.send_queue'::regclass and i.indisvalid
          and i.indisunique and i.indnatts = 1 and a.attname = 'whatsapp_message_id'
    ) then
        return;
    end if;
    if exists (
        select 1 from public.send_queue
        where whatsapp_message_id is not null
        group by whatsapp_message_id having count(*) > 1
    ) then
        raise warning 'send_queue: a whatsapp_message_id stands twice, so no unique index was made; see wacampaign audit';
        return;
    end if;
    create unique index send_queue_whatsapp_message_id_key
        on public.send_queue (whatsapp_message_id) where whatsapp_message_id is not null;
end
$$;
