-- Writes an event down: when, who, what, how many, why.
--   p_campaign_id: null: of no campaign
--   p_detail: what else a reader may want to know, by kind
create or replace function public.wacampaign_event(
    p_campaign_id uuid, p_kind text, p_actor text, p_rows numeric default null,
    p_reason text default null, p_detail jsonb default null)
returns void language sql
set search_path = public, extensions, pg_temp as $$
    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
    values (p_campaign_id, p_kind, p_actor, p_rows, p_reason, p_detail)
$$;

-- The campaign's events, the oldest first: the last p_limit of them, at most 500.
create or replace function public.wacampaign_events_of(p_campaign_id uuid, p_limit int default 50)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(to_jsonb(e) order by e.id), '[]'::jsonb)
    from (select * from public.wacampaign_events
          where campaign_id = p_campaign_id
          order by id desc limit least(p_limit, 500)) as e
$$;

-- What happened to a campaign, one page, the newest first, at most 500: its own events, and those of no
-- campaign that concern it. These are what was done to its numbers or told of them and of its templates
-- since it was made, and the coming and going of workers and receivers since it first started; both
-- until it was over.
--   p_before: the `n` of the last event of the page before
create or replace function public.wacampaign_events_page(
    p_campaign_id uuid, p_since timestamptz default null, p_before bigint default null,
    p_limit int default 500)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    c_before constant bigint := coalesce(p_before, 9223372036854775807);
    c_since constant timestamptz := coalesce(p_since, '-infinity');
    -- What comes right after the end belongs to it: the last worker leaves.
    c_after constant interval := '1 minute';
    v_campaign public.campaigns;
    v_numbers text[];
    v_accounts text[];
    v_begun timestamptz;
    v_over timestamptz := 'infinity';
begin
    select * into v_campaign from public.wacampaign_campaign(p_campaign_id, false);
    select array_agg(distinct w.id::text), array_agg(distinct w.waba_id) into v_numbers, v_accounts
    from public.whatsapp_numbers w
    where w.id = v_campaign.whatsapp_number_id
       or w.id in (select c.whatsapp_number_id from public.wacampaign_counts c
                   where c.campaign_id = p_campaign_id);
    select min(e.at) into v_begun from public.wacampaign_events e
    where e.campaign_id = p_campaign_id and e.kind in ('started', 'restarted');
    v_begun := least(v_begun, v_campaign.start_time);
    if v_campaign.status in ('completed', 'failed') then
        select greatest(max(e.at), v_campaign.end_time) + c_after into v_over
        from public.wacampaign_events e where e.campaign_id = p_campaign_id;
    end if;
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'n', e.id, 'at', public.wacampaign_utc(e.at), 'kind', e.kind, 'actor', e.actor,
            'rows', e.row_count, 'reason', e.reason, 'detail', e.detail,
            'own', e.campaign_id is not null, 'worker_id', e.worker_id,
            'host', coalesce(w.host, e.detail ->> 'host'),
            'pid', coalesce(w.pid::text, e.detail ->> 'pid')) order by e.id desc), '[]'::jsonb)
        from (
            select * from (
                (select * from public.wacampaign_events o
                 where o.campaign_id = p_campaign_id and o.id < c_before and o.at >= c_since
                 order by o.id desc limit least(p_limit, 500))
                union all
                (select * from public.wacampaign_events o
                 where o.campaign_id is null and o.id < c_before and o.at >= c_since
                   and o.at <= v_over
                   and case
                       when o.kind in ('worker_started', 'worker_stopped',
                                       'receiver_started', 'receiver_stopped')
                       then o.at >= v_begun
                       when o.kind = 'told_by_meta'
                       then o.at >= v_campaign.created_at
                           and o.detail ->> 'waba_id' = any (v_accounts)
                           and (o.detail ->> 'thing' <> 'template'
                                or o.detail ->> 'name' = any (v_campaign.template_names))
                       else o.at >= v_campaign.created_at
                           and o.detail ->> 'number' = any (v_numbers) end
                 order by o.id desc limit least(p_limit, 500))
            ) as both_kinds
            order by id desc limit least(p_limit, 500)
        ) as e
        left join public.wacampaign_workers w on w.id = e.worker_id);
end
$$;
