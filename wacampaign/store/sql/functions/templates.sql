-- Templates: what a campaign sends.

-- Takes over what Meta's pages said of a number's templates. p_templates is the text of a JSON
-- array; what Meta no longer has becomes inactive. One row a name: the approved language is kept.
create or replace function public.wacampaign_put_templates(
    p_number_id uuid, p_templates text, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_seen text[];
    v_n int;
    v_gone int;
begin
    with given as materialized (
        select distinct on (t.name) t.*
        from jsonb_to_recordset(p_templates::jsonb) as t (
            id text, name text, category text, language text, status text, components jsonb,
            parameter_format text, quality_score text, rejected_reason text)
        order by t.name, (t.status = 'APPROVED') desc, t.language
    ), put as (
        insert into public.templates as t
            (whatsapp_number_id, name, category, language, status, components, last_synced,
             is_active, is_quarantined, meta_template_id, parameter_format, quality_score,
             rejected_reason)
        select p_number_id, name, category, language, status, components, clock_timestamp(), true,
               false, id, parameter_format, quality_score, rejected_reason
        from given
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
    set is_active = false, last_synced = clock_timestamp()
    where whatsapp_number_id = p_number_id and is_active
      and name <> all (coalesce(v_seen, '{}'));
    get diagnostics v_gone = row_count;
    insert into public.wacampaign_events (kind, actor, row_count, detail)
    values ('templates_synced', p_actor, v_n, jsonb_build_object('number', p_number_id, 'gone', v_gone));
    return jsonb_build_object('templates', v_n, 'gone', v_gone);
end
$$;

-- The templates of one number (null: of all), also those that Meta no longer has.
create or replace function public.wacampaign_templates(p_number_id uuid default null)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', t.id, 'number_id', t.whatsapp_number_id, 'phone_number_id', public.wacampaign_solid(n.phone_number_id),
        'name', t.name, 'category', t.category, 'language', t.language, 'status', t.status,
        'components', t.components, 'parameter_format', t.parameter_format,
        'quality_score', t.quality_score, 'is_active', t.is_active, 'last_synced', t.last_synced
    ) order by n.display_name, t.name), '[]'::jsonb)
    from public.templates t
    join public.whatsapp_numbers n on n.id = t.whatsapp_number_id
    where p_number_id is null or t.whatsapp_number_id = p_number_id
$$;
