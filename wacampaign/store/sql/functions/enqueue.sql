-- A campaign is made, gets its rows, and is complete.

-- The reason of a pause that says that not all contacts are in the queue.
create or replace function public.wacampaign_being_written()
returns text language sql immutable
set search_path = public, extensions, pg_temp as $$
    select 'its contacts are being written'
$$;

-- A campaign without rows, paused until they are in. Its id comes from the caller: a second time,
-- nothing.
--   p_total: contacts that will have a row; p_invalid: those that were left out
--   p_languages: of each template; null: what the backend's table has. PT404: one is not known.
drop function if exists public.wacampaign_create(uuid, text, uuid, text[], int, int, text);
create or replace function public.wacampaign_create(
    p_id uuid, p_name text, p_number_id uuid, p_templates text[], p_total int, p_invalid int,
    p_actor text, p_languages text[] default null)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
begin
    -- Every column that a backend may have without null and without a default.
    insert into public.campaigns
        (id, name, whatsapp_number_id, template_names, total_contacts, invalid_contacts_count,
         total_sent, total_failed, is_scheduled, status, pause_reason, created_at)
    values (p_id, p_name, p_number_id, p_templates, p_total, p_invalid, 0, 0, false, 'paused',
            public.wacampaign_being_written(), clock_timestamp())
    on conflict (id) do nothing;
    if found then
        perform public.wacampaign_plan_languages(p_id, p_number_id, p_templates, p_languages);
        perform public.wacampaign_event(
            p_id, 'created', p_actor, p_total,
            p_detail => jsonb_build_object('languages', (
                select jsonb_object_agg(p.template_name, p.language)
                from public.wacampaign_campaign_templates p where p.campaign_id = p_id)));
    end if;
    return jsonb_build_object('id', p_id);
end
$$;

-- Rows in batches, all arrays of one length; ids come from the caller, so the same batch again adds
-- nothing. p_payloads: JSON as text. PT409: the campaign is over.
create or replace function public.wacampaign_enqueue(
    p_campaign_id uuid, p_number_id uuid, p_ids uuid[], p_phones text[], p_templates text[],
    p_payloads text[])
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_n int;
begin
    perform 1 from public.campaigns where id = p_campaign_id and status in ('completed', 'failed');
    if found then
        raise sqlstate 'PT409' using message = 'the campaign is over, so nothing is added to it';
    end if;
    insert into public.send_queue
        (id, campaign_id, whatsapp_number_id, template_name, phone, payload, status, retry_count,
         created_at, updated_at)
    select t.id, p_campaign_id, p_number_id, t.template, t.phone, t.payload::jsonb, 'ready', 0,
           now(), now()
    from unnest(p_ids, p_phones, p_templates, p_payloads) as t (id, phone, template, payload)
    on conflict (id) do nothing;
    get diagnostics v_n = row_count;
    return jsonb_build_object('added', v_n);
end
$$;

-- All contacts are in: the campaign may be started. PT409: so many are missing.
create or replace function public.wacampaign_filled(p_campaign_id uuid, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_total constant int := (public.wacampaign_campaign(p_campaign_id)).total_contacts;
    v_rows constant bigint := public.wacampaign_counted(p_campaign_id);
begin
    if v_rows < v_total then
        raise sqlstate 'PT409' using
            message = format('%s of %s contacts are not in the queue', v_total - v_rows, v_total),
            hint = 'cancel this campaign and create it again';
    end if;
    update public.campaigns set pause_reason = 'not started yet'
    where id = p_campaign_id and status = 'paused'
      and pause_reason = public.wacampaign_being_written();
    if found then
        perform public.wacampaign_event(p_campaign_id, 'filled', p_actor, v_rows);
    end if;
    return jsonb_build_object('rows', v_rows);
end
$$;
