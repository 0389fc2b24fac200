-- What a repair of header media would change. The rules: tables/20261124000100_repairs.sql.

-- What a campaign has to repair, from the counts: its numbers and templates with their rows.
create or replace function public.wacampaign_repair_lanes(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select public.wacampaign_campaign(p_campaign_id, false);
    select coalesce(jsonb_agg(to_jsonb(l) || jsonb_build_object(
        'phone_number_id', nullif(public.wacampaign_solid(w.phone_number_id), ''),
        'waba_id', public.wacampaign_solid(w.waba_id),
        'language', t.language, 'category', t.category, 'components', t.components,
        'parameter_format', t.parameter_format, 'row_components', t.row_components,
        'row_format', t.row_format, 'template_status', t.status
    ) order by l.template, l.number_id), '[]'::jsonb)
    from (
        select c.whatsapp_number_id as number_id, c.template_name as template,
               coalesce(sum(c.n) filter (where c.status = 'ready'), 0) as ready,
               coalesce(sum(c.n) filter (where c.status = 'failed'), 0) as failed,
               coalesce(sum(c.n) filter (where c.status = 'pending'), 0) as pending
        from public.wacampaign_counts c
        where c.campaign_id = p_campaign_id and c.status in ('ready', 'failed', 'pending')
        group by 1, 2
        having sum(c.n) > 0
    ) as l
    left join public.whatsapp_numbers w on w.id = l.number_id
    left join public.wacampaign_templates_in_use(array[p_campaign_id]) as t
        on t.number = l.number_id and t.template = l.template
$$;

-- Ready and failed rows by medium, so that costly questions are asked once a medium and not once a
-- row. p_many: the media are the recipients' own, so they are judged here and not listed. Language
-- sql: PostgreSQL reads it with several processes.
create or replace function public.wacampaign_repair_groups(p_campaign_id uuid, p_many bool)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set work_mem = '32MB' as $$
    select coalesce(jsonb_agg(to_jsonb(g)), '[]'::jsonb)
    from (
        select q.template_name as template, q.whatsapp_number_id as number, q.status,
               q.whatsapp_message_id is not null as accepted,
               case when jsonb_typeof(q.payload) = 'object' is not true then '[]'::jsonb
                    when not p_many then q.payload -> 'var1'
                    when coalesce(btrim(q.payload ->> 'var1', public.wacampaign_blanks()), '') !~* '^(https?://.*|[0-9]*)$'
                    then '[]'::jsonb end as var1,
               count(*) as n
        from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status in ('ready', 'failed')
        group by 1, 2, 3, 4, 5
    ) as g
$$;

-- The same of one error code. Failed rows come from the index of the codes: a million calls of
-- wacampaign_error_code take ten seconds. A ready row has a code only if it was tried before.
create or replace function public.wacampaign_repair_groups_of_code(
    p_campaign_id uuid, p_code int, p_many bool)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set work_mem = '32MB'
-- By a bitmap of the index: in the order of the pages, and without asking for each row's code.
set enable_seqscan = off set enable_indexscan = off as $$
    select coalesce(jsonb_agg(to_jsonb(g)), '[]'::jsonb)
    from (
        select q.template_name as template, q.whatsapp_number_id as number, q.status,
               q.whatsapp_message_id is not null as accepted,
               case when jsonb_typeof(q.payload) = 'object' is not true then '[]'::jsonb
                    when not p_many then q.payload -> 'var1'
                    when coalesce(btrim(q.payload ->> 'var1', public.wacampaign_blanks()), '') !~* '^(https?://.*|[0-9]*)$'
                    then '[]'::jsonb end as var1,
               count(*) as n
        from (
            select template_name, whatsapp_number_id, status, whatsapp_message_id, payload
            from public.send_queue
            where campaign_id = p_campaign_id and status = 'failed'
              and public.wacampaign_error_code(error_code, error_message) = p_code
            union all
            select template_name, whatsapp_number_id, status, whatsapp_message_id, payload
            from public.send_queue
            where campaign_id = p_campaign_id and status = 'ready'
              and (p_code = 0 and error_code is null and error_message is null
                   or (error_code is not null or error_message is not null)
                   and public.wacampaign_error_code(error_code, error_message) = p_code)
        ) as q
        group by 1, 2, 3, 4, 5
    ) as g
$$;

-- What a repair would change, counted from the rows. A medium that is not known yet (it is uploaded
-- when the plan is agreed to) is null: then every row differs from it.
--   lanes: by template, number and status: rows that change; those that have the medium already;
--     those whose var1 is no medium; those that were accepted
--   media: by template: how many different media are replaced (counted to the end only while the
--     first 20,000 rows have at most 1,000 of them, else `many`)
--   samples: five of the rows that change
--   as_of: when it was counted, for wacampaign_repair_begin
create or replace function public.wacampaign_repair_survey(
    p_campaign_id uuid, p_code int, p_templates text[], p_numbers uuid[], p_media text[],
    p_number_to uuid default null, p_kind text default null)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
    v_many bool;
    v_groups jsonb;
    v_lanes jsonb;
    v_media jsonb;
    v_samples jsonb;
    v_signed constant bool := p_kind is not distinct from 'from_template';
begin
    select count(distinct f.payload -> 'var1') > 1000 into v_many
    from (
        select q.payload from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status in ('ready', 'failed')
          and q.template_name = any (p_templates)
        limit 20000
    ) as f;

    if p_code is null then
        v_groups := public.wacampaign_repair_groups(p_campaign_id, v_many);
    else
        v_groups := public.wacampaign_repair_groups_of_code(p_campaign_id, p_code, v_many);
    end if;
    with judged as materialized (
        select g.*, t.media,
               public.wacampaign_is_media(jsonb_build_object('var1', g.var1)) as usable,
               case when g.status = 'failed' or p_number_to <> g.number then 0
                    when not v_many then
                        case when public.wacampaign_has_medium(g.var1 #>> '{}', t.media, v_signed)
                        then g.n else 0 end
                    when t.media is null then 0
                    -- Of a million with media of their own, few have this one to the letter.
                    else (select count(*) from public.send_queue q
                          where q.campaign_id = p_campaign_id and q.status = g.status
                            and q.template_name = g.template and q.whatsapp_number_id = g.number
                            and q.whatsapp_message_id is not null = g.accepted
                            and split_part(q.payload ->> 'var1', '?', 1)
                                = split_part(t.media, '?', 1)
                            and public.wacampaign_has_medium(
                                q.payload ->> 'var1', t.media, v_signed)
                            and (p_code is null or p_code = public.wacampaign_error_code(
                                q.error_code, q.error_message)))
               end as already
        from jsonb_to_recordset(v_groups) as g (
            template text, number uuid, status text, accepted bool, var1 jsonb, n bigint)
        join unnest(p_templates, p_numbers, p_media) as t (template, number, media)
            on t.template = g.template and t.number = g.number
    )
    select (select coalesce(jsonb_agg(to_jsonb(l) order by l.template, l.status, l.number_id), '[]'::jsonb)
            from (select template, number as number_id, status,
                         coalesce(sum(n - already) filter (where usable and not accepted), 0) as change,
                         coalesce(sum(already) filter (where usable and not accepted), 0) as already,
                         coalesce(sum(n) filter (where not usable and not accepted), 0) as no_media,
                         coalesce(sum(n) filter (where accepted), 0) as accepted
                  from judged group by 1, 2, 3) as l),
           (select coalesce(jsonb_agg(to_jsonb(m) order by m.template), '[]'::jsonb)
            from (select template,
                         case when v_many then 1000 else count(distinct var1) end as media,
                         v_many as many
                  from judged
                  where usable and not accepted and n > already
                    and (v_many or not public.wacampaign_has_medium(
                        var1 #>> '{}', media, v_signed))
                  group by 1) as m)
    into v_lanes, v_media;

    -- Failed rows first, and those by the index of the codes. Where the count found none, none is
    -- looked for: a million rows that have their medium already would be asked one by one.
    select coalesce(jsonb_agg(to_jsonb(s)), '[]'::jsonb) into v_samples
    from (
        (select q.phone, q.template_name as template, q.status, q.payload ->> 'var1' as was,
                t.media as becomes
         from public.send_queue q
         join unnest(p_templates, p_numbers, p_media) as t (template, number, media)
             on t.template = q.template_name and t.number = q.whatsapp_number_id
         where jsonb_path_exists(v_lanes, '$[*] ? (@.status == "failed" && @.change > 0)')
           and q.campaign_id = p_campaign_id and q.status = 'failed'
           and q.whatsapp_message_id is null
           and (p_code is null
                or public.wacampaign_error_code(q.error_code, q.error_message) = p_code)
           and jsonb_typeof(q.payload) = 'object'
           and coalesce(btrim(q.payload ->> 'var1', public.wacampaign_blanks()), '') ~* '^(https?://.*|[0-9]*)$'
         -- In the index's order; else all of the code would be gathered for these five.
         order by case when p_code is not null then q.id end
         limit 5)
        union all
        (select q.phone, q.template_name, q.status, q.payload ->> 'var1', t.media
         from public.send_queue q
         join unnest(p_templates, p_numbers, p_media) as t (template, number, media)
             on t.template = q.template_name and t.number = q.whatsapp_number_id
         where jsonb_path_exists(v_lanes, '$[*] ? (@.status == "ready" && @.change > 0)')
           and q.campaign_id = p_campaign_id and q.status = 'ready'
           and q.whatsapp_message_id is null
           and (p_code is null or p_code = 0 and q.error_code is null and q.error_message is null
                or (q.error_code is not null or q.error_message is not null)
                and public.wacampaign_error_code(q.error_code, q.error_message) = p_code)
           and (p_number_to <> q.whatsapp_number_id
                or q.payload ->> 'var1' is distinct from t.media
                and not (v_signed and public.wacampaign_has_medium(
                    q.payload ->> 'var1', t.media, true)))
           and jsonb_typeof(q.payload) = 'object'
           and coalesce(btrim(q.payload ->> 'var1', public.wacampaign_blanks()), '') ~* '^(https?://.*|[0-9]*)$'
         limit 5)
        limit 5
    ) as s;
    return jsonb_build_object('lanes', v_lanes, 'media', v_media, 'samples', v_samples,
                              'as_of', statement_timestamp());
end
$$;
