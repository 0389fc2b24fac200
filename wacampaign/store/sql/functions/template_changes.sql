-- What a changed template means for the campaigns that use it: told, held, and taken by a person.

-- Campaigns that are not over and have rows of this number to send.
create or replace function public.wacampaign_template_users(p_number_id uuid)
returns uuid[] language sql stable
set search_path = public, extensions, pg_temp as $$
    select coalesce(array_agg(k.id order by k.id), '{}')
    from public.campaigns k
    where k.status in ('scheduled', 'paused', 'running')
      and exists (select 1 from public.wacampaign_counts c
                  where c.campaign_id = k.id and c.whatsapp_number_id = p_number_id and c.n > 0
                    and c.status in ('pending', 'ready', 'processing'))
$$;

-- What taking over these pages of Meta's means for those campaigns, template by template; changes nothing.
--   p_pages: the text of a JSON array, as wacampaign_put_templates takes it
create or replace function public.wacampaign_template_uses(p_number_id uuid, p_pages text)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', k.id, 'name', k.name, 'status', k.status, 'template', u.template,
        'language', u.language, 'changed', to_jsonb(u.changed), 'reason', u.reason,
        'held', exists (
            select 1 from public.wacampaign_holds h
            where h.lifted_at is null and h.scope = 'changed' and h.campaign_id = k.id
              and h.whatsapp_number_id = u.number and h.template_name = u.template)
    ) order by k.created_at desc, k.id, u.template), '[]'::jsonb)
    from public.wacampaign_templates_in_use(
        public.wacampaign_template_users(p_number_id), p_number_id, p_pages::jsonb) as u
    join public.campaigns k on k.id = u.campaign
    where u.number = p_number_id and u.unsent > 0
$$;

-- Holds what changed under those of these campaigns that run; a hold that stands, and a pause for it, get
-- today's reason.
create or replace function public.wacampaign_hold_changed(p_campaign_ids uuid[])
returns void language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_one record;
begin
    for v_one in
        select u.campaign, u.number, u.template, u.reason, k.status, h.id as hold, h.reason as was
        from public.wacampaign_templates_in_use(p_campaign_ids) as u
        join public.campaigns k on k.id = u.campaign
        left join public.wacampaign_holds h
            on h.lifted_at is null and h.scope = 'changed' and h.campaign_id = u.campaign
            and h.whatsapp_number_id = u.number and h.template_name = u.template
        where u.reason is not null and u.unsent > 0 and (k.status = 'running' or h.id is not null)
        order by u.campaign, u.number, u.template
    loop
        if v_one.was <> v_one.reason then
            update public.campaigns set pause_reason = v_one.reason
            where id = v_one.campaign and status = 'paused' and pause_reason = v_one.was;
            update public.wacampaign_holds set reason = v_one.reason where id = v_one.hold;
        end if;
        if v_one.status = 'running' then
            perform public.wacampaign_hold(
                'changed', v_one.campaign, v_one.number, v_one.template, null, v_one.reason, null,
                null);
        end if;
    end loop;
end
$$;

-- Whether what a hold of the scope `changed` stands for is there no more: the template is as planned.
create or replace function public.wacampaign_is_as_planned(
    p_campaign_id uuid, p_number_id uuid, p_template text)
returns bool language sql stable
set search_path = public, extensions, pg_temp as $$
    select not exists (
        select 1 from public.wacampaign_templates_in_use(array[p_campaign_id]) as u
        where u.number = p_number_id and u.template = p_template and u.reason is not null)
$$;

-- Lifts the holds of running campaigns whose template is as planned again. One that was paused for it is
-- not started: restart-stuck sees why it may be, and so does whoever resumes it.
create or replace function public.wacampaign_lift_unchanged(p_number_id uuid, p_actor text)
returns void language sql
set search_path = public, extensions, pg_temp as $$
    with lifted as (
        update public.wacampaign_holds h
        set lifted_at = clock_timestamp()
        from public.campaigns k
        where h.lifted_at is null and h.scope = 'changed' and h.whatsapp_number_id = p_number_id
          and k.id = h.campaign_id and k.status = 'running'
          and public.wacampaign_is_as_planned(h.campaign_id, h.whatsapp_number_id, h.template_name)
        returning h.campaign_id, h.template_name
    ), told as (
        insert into public.wacampaign_events (campaign_id, kind, actor, reason, detail)
        select campaign_id, 'hold_lifted', p_actor, 'the template is as it was planned again',
               jsonb_build_object('template', template_name)
        from lifted
        returning campaign_id
    )
    select pg_notify('wacampaign', campaign_id::text) from told
$$;

-- The templates of a campaign that are not as planned: what changed, as planned and as now.
--   token: names the state that `now` is, for wacampaign_take_templates
create or replace function public.wacampaign_template_changes(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select public.wacampaign_campaign(p_campaign_id, false);
    select coalesce(jsonb_agg(jsonb_build_object(
        'number_id', u.number, 'template', u.template, 'language', u.language,
        'changed', to_jsonb(u.changed), 'token', md5(concat_ws('|', u.status, u.category, u.is_active, u.components)),
        'planned', u.planned,
        'now', jsonb_build_object(
            'status', u.status, 'category', u.category, 'components', u.components,
            'parameter_format', u.parameter_format, 'is_active', u.is_active)
    ) order by u.template, u.number), '[]'::jsonb)
    from public.wacampaign_templates_in_use(array[p_campaign_id]) as u
    where u.reason is not null and u.unsent > 0
$$;

-- A person takes the campaign's templates as they are now: its rows go out so from the next claim on.
-- One event. Again: nothing.
--   p_seen: the tokens of the changes that the person was shown
-- PT409: another one changed meanwhile.
create or replace function public.wacampaign_take_templates(
    p_campaign_id uuid, p_seen text[], p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_campaign constant public.campaigns := public.wacampaign_campaign(p_campaign_id);
    v_changes constant jsonb := public.wacampaign_template_changes(p_campaign_id);
begin
    if exists (select 1 from jsonb_array_elements(v_changes) as c
               where c ->> 'token' <> all (p_seen)) then
        raise sqlstate 'PT409' using
            message = 'a template of this campaign changed meanwhile',
            hint = 'look again: the same command';
    end if;
    update public.wacampaign_campaign_templates p
    set status = t.now ->> 'status', category = t.now ->> 'category',
        components = t.now -> 'components', parameter_format = t.now ->> 'parameter_format',
        is_active = (t.now ->> 'is_active')::bool, planned_at = clock_timestamp()
    from jsonb_to_recordset(v_changes) as t (number_id uuid, template text, now jsonb)
    where p.campaign_id = v_campaign.id and p.whatsapp_number_id = t.number_id
      and p.template_name = t.template;
    if found then
        perform public.wacampaign_event(
            p_campaign_id, 'templates_taken', p_actor,
            p_reason => 'as they are now',
            p_detail => (
                select jsonb_agg(jsonb_build_object(
                    'template', c.template, 'language', c.language, 'changed', c.changed,
                    'was', c.planned - '{campaign_id,whatsapp_number_id,template_name}'::text[],
                    'now', c.now))
                from jsonb_to_recordset(v_changes) as c (
                    template text, language text, changed jsonb, planned jsonb, now jsonb)));
    end if;
    return jsonb_build_object('taken', jsonb_array_length(v_changes));
end
$$;
