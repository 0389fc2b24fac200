-- A repair that moves rows to another template. The rules: tables/20261126000400_repairs_of_templates.sql.

-- What a move of these templates' rows on these numbers to p_template_to would change, counted from
-- the rows, in the form of wacampaign_repair_survey; its samples are names of templates.
create or replace function public.wacampaign_repair_move_survey(
    p_campaign_id uuid, p_code int, p_templates text[], p_numbers uuid[], p_template_to text)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
    v_groups jsonb;
    v_lanes jsonb;
    v_samples jsonb;
begin
    if p_code is null then
        v_groups := public.wacampaign_repair_groups(p_campaign_id, true);
    else
        v_groups := public.wacampaign_repair_groups_of_code(p_campaign_id, p_code, true);
    end if;
    select coalesce(jsonb_agg(to_jsonb(l) order by l.template, l.status, l.number_id), '[]'::jsonb)
    into v_lanes
    from (
        select g.template, g.number as number_id, g.status,
               coalesce(sum(g.n) filter (where not g.accepted), 0) as change, 0 as already,
               0 as no_media, coalesce(sum(g.n) filter (where g.accepted), 0) as accepted
        from jsonb_to_recordset(v_groups) as g (
            template text, number uuid, status text, accepted bool, n bigint)
        join unnest(p_templates, p_numbers) as t (template, number)
            on t.template = g.template and t.number = g.number
        where g.template <> p_template_to
        group by 1, 2, 3
    ) as l;
    select coalesce(jsonb_agg(to_jsonb(s)), '[]'::jsonb) into v_samples
    from (
        select q.phone, q.template_name as was, p_template_to as becomes
        from public.send_queue q
        join unnest(p_templates, p_numbers) as t (template, number)
            on t.template = q.template_name and t.number = q.whatsapp_number_id
        where q.campaign_id = p_campaign_id and q.status in ('ready', 'failed')
          and q.whatsapp_message_id is null and q.template_name <> p_template_to
          and (p_code is null
               or public.wacampaign_error_code(q.error_code, q.error_message) = p_code)
          and jsonb_path_exists(v_lanes, '$[*] ? (@.change > 0)')
        limit 5
    ) as s;
    return jsonb_build_object('lanes', v_lanes, 'media', '[]'::jsonb, 'samples', v_samples,
                              'as_of', statement_timestamp());
end
$$;

-- The template that a repair moves rows to, in the campaign's list, which the backend shows, and written
-- down in the language of the rows. Both are there before the first row is.
create or replace function public.wacampaign_repair_list_template(p_repair_id uuid)
returns void language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_lane record;
begin
    for v_lane in
        select distinct p.campaign_id, p.whatsapp_number_id as number, p.language, r.template_to
        from public.wacampaign_repairs r
        cross join lateral public.wacampaign_planned_templates(array[r.campaign_id]) as p
        join unnest(r.target_templates, r.target_numbers) as t (template, number)
            on t.template = p.template_name and t.number = p.whatsapp_number_id
        where r.id = p_repair_id and r.template_to is not null
        order by 1, 2
    loop
        -- What a move that was undone has left may be old.
        delete from public.wacampaign_campaign_templates c
        where c.campaign_id = v_lane.campaign_id and c.whatsapp_number_id = v_lane.number
          and c.template_name = v_lane.template_to
          and not exists (select 1 from public.wacampaign_counts k
                          where k.campaign_id = v_lane.campaign_id
                            and k.whatsapp_number_id = v_lane.number
                            and k.template_name = v_lane.template_to and k.n > 0);
        perform public.wacampaign_plan_languages(
            v_lane.campaign_id, v_lane.number, array[v_lane.template_to], array[v_lane.language]);
    end loop;
    update public.campaigns c
    set template_names = coalesce(c.template_names, '{}') || r.template_to
    from public.wacampaign_repairs r
    where r.id = p_repair_id and r.template_to is not null and c.id = r.campaign_id
      and r.template_to <> all (coalesce(c.template_names, '{}'));
    if found then
        update public.wacampaign_repairs set template_listed = true where id = p_repair_id;
    end if;
end
$$;

-- Its undo takes the template out of the list again, unless rows have it.
create or replace function public.wacampaign_repair_unlist_template(p_repair_id uuid)
returns void language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
begin
    update public.campaigns c
    set template_names = array_remove(c.template_names, r.template_to)
    from public.wacampaign_repairs r
    where r.id = p_repair_id and r.template_listed and c.id = r.campaign_id
      and not exists (select 1 from public.wacampaign_counts k
                      where k.campaign_id = r.campaign_id and k.template_name = r.template_to
                        and k.n > 0);
end
$$;
