-- Numbers: what a campaign sends from.

-- Adds a number, or updates the one with this phone number id where an argument is not null.
--   p_rate: messages per second; null: 60 for a new one
create or replace function public.wacampaign_number_add(
    p_phone_number_id text, p_waba_id text, p_number text, p_display_name text,
    p_verified_name text, p_quality_rating text, p_access_token text, p_rate int, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_id uuid;
begin
    update public.whatsapp_numbers
    set waba_id = coalesce(p_waba_id, waba_id),
        display_name = coalesce(p_display_name, display_name),
        verified_name = coalesce(p_verified_name, verified_name),
        quality_rating = coalesce(p_quality_rating, quality_rating),
        access_token = coalesce(p_access_token, access_token),
        max_send_rate_per_sec = coalesce(p_rate, max_send_rate_per_sec),
        is_active = true,
        last_updated = clock_timestamp()
    where public.wacampaign_solid(phone_number_id) = p_phone_number_id
    returning id into v_id;
    if v_id is not null then
        return jsonb_build_object('id', v_id, 'added', false);
    end if;
    insert into public.whatsapp_numbers
        (number, phone_number_id, waba_id, display_name, verified_name, quality_rating,
         access_token, max_send_rate_per_sec, last_stable_rate_per_sec, last_updated)
    values (coalesce(p_number, p_phone_number_id), p_phone_number_id, p_waba_id, p_display_name,
            p_verified_name, p_quality_rating, p_access_token, coalesce(p_rate, 60),
            coalesce(p_rate, 60), clock_timestamp())
    returning id into v_id;
    insert into public.wacampaign_events (kind, actor, detail)
    values ('number_added', p_actor, jsonb_build_object('number', v_id, 'phone_number_id', p_phone_number_id));
    return jsonb_build_object('id', v_id, 'added', true);
end
$$;

-- All numbers, without their tokens.
create or replace function public.wacampaign_numbers()
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    with limits as materialized (
        select public.wacampaign_messaging_limits() as known
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', n.id, 'number', n.number, 'display_name', n.display_name,
        'phone_number_id', public.wacampaign_solid(n.phone_number_id),
        'waba_id', public.wacampaign_solid(n.waba_id),
        'verified_name', n.verified_name, 'quality_rating', n.quality_rating, 'tier', n.tier,
        'max_send_rate_per_sec', n.max_send_rate_per_sec,
        'marketing', public.wacampaign_marketing(n.id),
        'limit', l.known -> n.id::text,
        'throughput', (select s.throughput_mps from public.wacampaign_number_settings s
                       where s.number_id = n.id),
        'app_id', nullif(public.wacampaign_solid(n.app_id), ''),
        'rate', round(public.wacampaign_number_rate(n.id, n.phone_number_id, clock_timestamp()), 1),
        'is_active', n.is_active, 'has_token', coalesce(public.wacampaign_solid(n.access_token), '') <> '',
        'templates', (select count(*) from public.templates t
                      where t.whatsapp_number_id = n.id and t.is_active)
    ) order by n.display_name, n.number), '[]'::jsonb)
    from public.whatsapp_numbers n
    cross join limits l
$$;

-- The access tokens that are kept with these numbers.
create or replace function public.wacampaign_tokens(p_number_ids uuid[])
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', n.id, 'access_token', nullif(public.wacampaign_solid(n.access_token), ''))), '[]'::jsonb)
    from public.whatsapp_numbers n
    where n.id = any (p_number_ids)
$$;

-- What a worker needs to send from these numbers: tokens, and the templates of the campaigns that run
-- from them, each in the campaign's language, which is written down before its first message. Read
-- once, then cached.
--   sends: by campaign. `changed`: why a template is not to be sent as it is
--   templates: one a name, for workers of before, which know no language of a campaign. Where campaigns
--     differ, or a template changed, it is left out: such a worker holds it rather than send another
create or replace function public.wacampaign_sending(p_number_ids uuid[])
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_running constant uuid[] := array(
        select distinct k.id
        from public.campaigns k
        join public.wacampaign_counts c on c.campaign_id = k.id
        where k.status = 'running' and c.n > 0 and c.status in ('ready', 'processing')
          and c.whatsapp_number_id = any (p_number_ids));
begin
    perform public.wacampaign_plan_templates(v_running, 'worker');
    return (
        with used as materialized (
            select u.campaign, u.number, u.template as name, u.language, u.category,
                   u.reason as changed, u.row_components as components,
                   u.row_format as parameter_format
            from public.wacampaign_templates_in_use(v_running) as u
        )
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', n.id, 'phone_number_id', nullif(public.wacampaign_solid(n.phone_number_id), ''),
            'waba_id', public.wacampaign_solid(n.waba_id),
            'marketing', public.wacampaign_marketing(n.id),
            'access_token', nullif(public.wacampaign_solid(n.access_token), ''),
            'templates', (
                select coalesce(jsonb_agg(o.template), '[]'::jsonb)
                from (
                    select jsonb_build_object(
                               'name', u.name, 'language', min(u.language),
                               'components', min(u.components::text)::jsonb,
                               'parameter_format', min(u.parameter_format)) as template
                    from used u
                    where u.number = n.id
                    group by u.name
                    having count(distinct (u.language, u.components, u.parameter_format)) = 1
                       and count(u.changed) = 0) as o),
            'sends', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'campaign', u.campaign, 'name', u.name, 'language', u.language,
                    'category', u.category, 'changed', u.changed, 'components', u.components,
                    'parameter_format', u.parameter_format)), '[]'::jsonb)
                from used u
                where u.number = n.id)
        )), '[]'::jsonb)
        from public.whatsapp_numbers n
        where n.id = any (p_number_ids));
end
$$;
