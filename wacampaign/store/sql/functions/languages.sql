-- Which language of a template a campaign goes out in, and whether it still is what was planned.

-- What is known of templates, one row a language: of the backend's row and ours, what was synced last.
--   p_number_ids, p_names: null: of all
--   is_standing: it is the language that the backend's table has of this name
create or replace function public.wacampaign_known_templates(
    p_number_ids uuid[] default null, p_names text[] default null)
returns table (
    number uuid, name text, language text, status text, category text, components jsonb,
    parameter_format text, meta_template_id text, quality_score text, rejected_reason text,
    last_synced timestamptz, is_active bool, is_quarantined bool, is_standing bool)
language sql stable
set search_path = public, extensions, pg_temp as $$
    select distinct on (k.number, k.name, k.language) k.*
    from (
        select t.whatsapp_number_id as number, t.name, t.language, t.status, t.category, t.components,
               t.parameter_format, t.meta_template_id, t.quality_score, t.rejected_reason,
               t.last_synced, t.is_active is not false, t.is_quarantined is true, true as is_standing
        from public.templates t
        where (p_number_ids is null or t.whatsapp_number_id = any (p_number_ids))
          and (p_names is null or t.name = any (p_names))
        union all
        select r.whatsapp_number_id, r.name, r.language, r.status, r.category, r.components,
               r.parameter_format, r.meta_template_id, r.quality_score, r.rejected_reason,
               r.last_synced, r.is_active, t.is_quarantined is true,
               (t.language = r.language) is true
        from public.wacampaign_translations r
        left join public.templates t
            on t.whatsapp_number_id = r.whatsapp_number_id and t.name = r.name
        where (p_number_ids is null or r.whatsapp_number_id = any (p_number_ids))
          and (p_names is null or r.name = any (p_names))
    ) as k
    order by k.number, k.name, k.language, k.last_synced desc nulls last, k.is_standing desc
$$;

-- The language of each template that these campaigns have rows of: as written down for the campaign
-- (of rows that were moved to another number: for the number that they came from), else the one that the
-- backend's table has now. `planned_at` null: not written down yet.
create or replace function public.wacampaign_planned_templates(p_campaign_ids uuid[])
returns setof public.wacampaign_campaign_templates language sql stable
set search_path = public, extensions, pg_temp as $$
    with lane as materialized (
        select distinct c.campaign_id, c.whatsapp_number_id, c.template_name
        from public.wacampaign_counts c
        where c.campaign_id = any (p_campaign_ids) and c.n > 0
    )
    select p.*
    from lane l
    join public.wacampaign_campaign_templates p
        using (campaign_id, whatsapp_number_id, template_name)
    union all
    select l.campaign_id, l.whatsapp_number_id, l.template_name, k.language, k.status, k.category,
           k.components, k.parameter_format, k.is_active, null
    from lane l
    left join lateral (
        select o.language from public.wacampaign_campaign_templates o
        where o.campaign_id = l.campaign_id and o.template_name = l.template_name
        order by o.planned_at
        limit 1) as elsewhere on true
    cross join lateral (
        select * from public.wacampaign_known_templates(
            array[l.whatsapp_number_id], array[l.template_name]) as k
        where elsewhere.language is null or k.language = elsewhere.language
        order by k.is_standing desc, (k.is_active and k.status = 'APPROVED') desc, k.language
        limit 1) as k
    where not exists (
        select 1 from public.wacampaign_campaign_templates p
        where p.campaign_id = l.campaign_id and p.whatsapp_number_id = l.whatsapp_number_id
          and p.template_name = l.template_name)
$$;

-- Writes down the language of each template that these campaigns have rows of, where nobody has yet. One
-- event a campaign. A template whose row names no language waits for the next sync.
create or replace function public.wacampaign_plan_templates(p_campaign_ids uuid[], p_actor text)
returns void language sql
set search_path = public, extensions, pg_temp as $$
    with put as (
        insert into public.wacampaign_campaign_templates
        select p.campaign_id, p.whatsapp_number_id, p.template_name, p.language, p.status, p.category,
               p.components, p.parameter_format, p.is_active, clock_timestamp()
        from public.wacampaign_planned_templates(p_campaign_ids) as p
        where p.planned_at is null and p.language <> ''
        -- In one order, whoever writes.
        order by p.campaign_id, p.whatsapp_number_id, p.template_name
        on conflict do nothing
        returning *
    )
    insert into public.wacampaign_events (campaign_id, kind, actor, detail)
    select campaign_id, 'languages_planned', p_actor,
           jsonb_build_object('languages', jsonb_object_agg(template_name, language))
    from put group by campaign_id
$$;

-- Writes down the languages of a campaign that is being created.
--   p_languages: of each template; null: what the backend's table has
-- PT404: a template is not known in the language that is asked for.
create or replace function public.wacampaign_plan_languages(
    p_campaign_id uuid, p_number_id uuid, p_templates text[], p_languages text[])
returns void language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_unknown text;
begin
    insert into public.wacampaign_campaign_templates
    select p_campaign_id, k.number, k.name, k.language, k.status, k.category, k.components,
           k.parameter_format, k.is_active, clock_timestamp()
    from public.wacampaign_known_templates(array[p_number_id], p_templates) as k
    join unnest(p_templates, coalesce(p_languages, '{}')) as w (name, language)
        on w.name = k.name and case when w.language is null then k.is_standing and k.language <> ''
                               else k.language = w.language end
    on conflict do nothing;
    select w.name || ':' || w.language into v_unknown
    from unnest(p_templates, p_languages) as w (name, language)
    where w.language is not null and not exists (
        select 1 from public.wacampaign_campaign_templates p
        where p.campaign_id = p_campaign_id and p.whatsapp_number_id = p_number_id
          and p.template_name = w.name and p.language = w.language)
    limit 1;
    if v_unknown is not null then
        raise sqlstate 'PT404' using
            message = format('the template %s is not known here', v_unknown),
            hint = 'wacampaign templates sync, then create it again';
    end if;
end
$$;

-- The templates of these campaigns: in which language, how that stands now, and what changed of it.
--   p_number_id, p_pages: what Meta's pages say of this number's templates, instead of what is known
--   planned: as it was written down; null: it is not
--   changed: of `language` (Meta has it no more), `status`, `category`, `shape` what is no longer as
--     planned; a status only for the worse. An unknown or damaged one says nothing.
--   reason: a sentence for people, null without a change
--   row_components, row_format: what the rows are made for: as planned, unless that was damaged then
--   unsent: rows that may be sent yet
create or replace function public.wacampaign_templates_in_use(
    p_campaign_ids uuid[], p_number_id uuid default null, p_pages jsonb default null)
returns table (
    campaign uuid, number uuid, template text, language text, status text, category text,
    components jsonb, parameter_format text, meta_template_id text, rejected_reason text,
    last_synced timestamptz, is_active bool, is_quarantined bool, planned jsonb, changed text[],
    reason text, row_components jsonb, row_format text, unsent bigint)
language sql stable
set search_path = public, extensions, pg_temp as $$
    -- Read once: thousands of templates, and hundreds of campaigns that ask for one each.
    with page as materialized (
        select g.* from jsonb_to_recordset(p_pages) as g (
            id text, name text, category text, language text, status text, components jsonb,
            parameter_format text, rejected_reason text)
    )
    select p.campaign_id, p.whatsapp_number_id, p.template_name, p.language,
           case when n.is_known then n.status else p.status end,
           case when n.is_known then n.category else p.category end,
           case when n.is_known then n.components else p.components end,
           case when n.is_known then n.parameter_format else p.parameter_format end,
           n.meta_template_id, n.rejected_reason, n.last_synced,
           case when n.is_known then n.is_active else p.is_active end,
           coalesce(n.is_quarantined, false),
           case when p.planned_at is not null then to_jsonb(p) end,
           c.changed,
           case when cardinality(c.changed) > 0 then format(
               'the template %s (%s) changed since this campaign was planned: %s; %s',
               p.template_name, p.language,
               concat_ws(', ',
                   case when 'language' = any (c.changed) then 'Meta no longer has it' end,
                   case when 'status' = any (c.changed)
                        then concat('it is ', n.status, ' (' || n.rejected_reason || ')') end,
                   case when 'category' = any (c.changed)
                        then format('it is %s, and was %s', n.category, p.category) end,
                   case when 'shape' = any (c.changed) then 'it takes other variables' end),
               case when c.changed && '{language,status}'
                    then format('wacampaign preflight %s says what to do',
                                public.wacampaign_short_id(p.campaign_id))
                    else format('wacampaign resume %s shows it, and takes the template as it is now',
                                public.wacampaign_short_id(p.campaign_id)) end) end,
           case when m.as_planned or n.is_known is null then p.components
                else n.components end,
           case when m.as_planned or n.is_known is null then p.parameter_format
                else n.parameter_format end,
           (select coalesce(sum(c.n), 0)::bigint from public.wacampaign_counts c
            where c.campaign_id = p.campaign_id and c.whatsapp_number_id = p.whatsapp_number_id
              and c.template_name = p.template_name
              and c.status in ('pending', 'ready', 'processing'))
    from public.wacampaign_planned_templates(p_campaign_ids) as p
    left join lateral (
        select true as is_known, k.status, k.category, k.components, k.parameter_format,
               k.meta_template_id, k.rejected_reason, k.last_synced, k.is_active, k.is_quarantined
        from public.wacampaign_known_templates(
            array[p.whatsapp_number_id], array[p.template_name]) as k
        where (p_pages is null or p.whatsapp_number_id <> p_number_id)
          and k.language is not distinct from p.language
        union all
        (select true, g.status, g.category, g.components, g.parameter_format, g.id, g.rejected_reason,
                null::timestamptz, true, null::bool
         from page g
         where p.whatsapp_number_id = p_number_id
           and g.name = p.template_name and g.language = p.language
         union all
         select true, null, null, null, null, null, null, null, false, null
         where p_pages is not null and p.whatsapp_number_id = p_number_id
         limit 1)
    ) as n on true
    cross join lateral (
        select p.planned_at is not null
               and public.wacampaign_template_fingerprint(p.components) is not null as as_planned) as m
    cross join lateral (
        select array_remove(array[
            case when not n.is_active and p.is_active then 'language' end,
            case when n.is_active and upper(n.status) <> 'APPROVED'
                      and upper(n.status) is distinct from upper(p.status) then 'status' end,
            case when n.is_active and upper(n.category) <> upper(p.category) then 'category' end,
            case when n.is_active
                      and public.wacampaign_template_fingerprint(n.components)
                          <> public.wacampaign_template_fingerprint(p.components)
                 then 'shape' end], null) as changed) as c
$$;
