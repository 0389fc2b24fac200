-- Templates: what a campaign sends.

-- Takes over what Meta's pages said of a number's templates. p_templates is the text of a JSON
-- array; what Meta no longer has becomes inactive. The backend's table has one row a name: its language
-- stays as long as it can be sent (or will be, when a pause ends by itself), as the backend's next
-- campaign goes out in it; else the approved one. Ours has them all. No campaign changes its language by
-- it: what is no longer as it was planned is held, and what is so again is lifted.
create or replace function public.wacampaign_put_templates(
    p_number_id uuid, p_templates text, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_seen text[];
    v_n int;
    v_gone int;
    v_users constant uuid[] := public.wacampaign_template_users(p_number_id);
    -- One time for both tables: of two rows of one time the backend's is looked at.
    v_now constant timestamptz := clock_timestamp();
begin
    -- Before anything is written: what was planned so far was planned with what stood here.
    perform public.wacampaign_plan_templates(v_users, p_actor);
    -- A language that only the backend's own sync has seen would be forgotten, not gone.
    insert into public.wacampaign_translations
    select t.whatsapp_number_id, t.name, t.language, t.status, t.category, t.components,
           t.parameter_format, t.meta_template_id, t.quality_score, t.rejected_reason,
           coalesce(t.last_synced, '-infinity'), t.is_active is not false
    from public.templates t
    where t.whatsapp_number_id = p_number_id and t.language <> ''
    order by t.name
    on conflict do nothing;
    with given as materialized (
        select t.*
        from jsonb_to_recordset(p_templates::jsonb) as t (
            id text, name text, category text, language text, status text, components jsonb,
            parameter_format text, quality_score text, rejected_reason text)
    ), translated as (
        insert into public.wacampaign_translations as t
        select distinct on (name, language)
               p_number_id, name, language, status, category, components, parameter_format, id,
               quality_score, rejected_reason, v_now, true
        from given
        where language is not null
        order by name, language
        on conflict (whatsapp_number_id, name, language) do update
        set status = excluded.status, category = excluded.category,
            components = excluded.components, parameter_format = excluded.parameter_format,
            meta_template_id = excluded.meta_template_id, quality_score = excluded.quality_score,
            rejected_reason = excluded.rejected_reason, last_synced = excluded.last_synced,
            is_active = true
    ), put as (
        insert into public.templates as t
            (whatsapp_number_id, name, category, language, status, components, last_synced,
             is_active, is_quarantined, meta_template_id, parameter_format, quality_score,
             rejected_reason)
        select distinct on (g.name)
               p_number_id, g.name, g.category, g.language, g.status, g.components, v_now, true,
               false, g.id, g.parameter_format, g.quality_score, g.rejected_reason
        from given g
        left join public.templates s on s.whatsapp_number_id = p_number_id and s.name = g.name
        order by g.name, (g.language = s.language and g.status in ('APPROVED', 'PAUSED')) is true desc,
                 (g.status = 'APPROVED') desc, g.language
        on conflict (name, whatsapp_number_id) do update
        set category = excluded.category, language = excluded.language, status = excluded.status,
            components = excluded.components, last_synced = excluded.last_synced, is_active = true,
            meta_template_id = excluded.meta_template_id,
            parameter_format = excluded.parameter_format,
            quality_score = excluded.quality_score, rejected_reason = excluded.rejected_reason
        returning t.name
    )
    select array_agg(name), count(*) into v_seen, v_n from put;
    update public.templates
    set is_active = false, last_synced = v_now
    where whatsapp_number_id = p_number_id and is_active
      and name <> all (coalesce(v_seen, '{}'));
    get diagnostics v_gone = row_count;
    update public.wacampaign_translations
    set is_active = false, last_synced = v_now
    where whatsapp_number_id = p_number_id and is_active and last_synced < v_now;
    perform public.wacampaign_hold_changed(v_users);
    perform public.wacampaign_lift_unchanged(p_number_id, p_actor);
    insert into public.wacampaign_events (kind, actor, row_count, detail)
    values ('templates_synced', p_actor, v_n, jsonb_build_object('number', p_number_id, 'gone', v_gone));
    return jsonb_build_object('templates', v_n, 'gone', v_gone);
end
$$;

-- The templates of one number (null: of all), one a language, also those that Meta no longer has.
create or replace function public.wacampaign_templates(p_number_id uuid default null)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', t.meta_template_id, 'number_id', t.number,
        'phone_number_id', public.wacampaign_solid(n.phone_number_id),
        'name', t.name, 'category', t.category, 'language', t.language, 'status', t.status,
        'components', t.components, 'parameter_format', t.parameter_format,
        'quality_score', t.quality_score, 'rejected_reason', t.rejected_reason,
        'is_active', t.is_active, 'is_standing', t.is_standing, 'last_synced', t.last_synced
    ) order by n.display_name, t.name, t.language), '[]'::jsonb)
    from public.wacampaign_known_templates(
        case when p_number_id is not null then array[p_number_id] end) as t
    join public.whatsapp_numbers n on n.id = t.number
$$;

-- What a campaign's rows go out as: its templates, each in the campaign's language, as they are now.
create or replace function public.wacampaign_templates_of(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', u.meta_template_id, 'number_id', u.number, 'name', u.template,
        'category', u.category, 'language', u.language, 'status', u.status,
        'components', u.components, 'parameter_format', u.parameter_format,
        'rejected_reason', u.rejected_reason, 'is_active', u.is_active
    ) order by u.template, u.number), '[]'::jsonb)
    from public.wacampaign_templates_in_use(array[p_campaign_id]) as u
$$;
