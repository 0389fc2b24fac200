-- A delivery finds its row of the queue, at once or later, and is counted with its campaign.

-- Joins deliveries to the rows that have their message ids, and does what follows from each change of
-- a state: counts, lags, what the ramp waits for, holds, what the backend's UI reads.
--   p_before: what wacampaign_delivery_states said before the change
-- `joined`: messages with a row; `held`: how many failures led to a hold or keep one standing.
create or replace function public.wacampaign_join_deliveries(
    p_wamids text[], p_before jsonb, p_rules jsonb)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_custom_plan as $$
declare
    v_joined int;
    v_failed text[];
    v_ramp bool;
    v_held int := 0;
begin
    with found as materialized (
        select d.wamid, q.*
        from public.wacampaign_deliveries d
        cross join lateral (
            select q.id, q.campaign_id, q.whatsapp_number_id, q.template_name, q.phone
            from public.send_queue q
            where q.whatsapp_message_id = d.wamid
            order by q.id limit 1) as q
        where d.wamid = any (p_wamids) and d.row_id is null
    )
    update public.wacampaign_deliveries d
    set row_id = f.id, campaign_id = f.campaign_id, whatsapp_number_id = f.whatsapp_number_id,
        template_name = f.template_name, phone = coalesce(d.phone, f.phone), look_at = null
    from found f
    where d.wamid = f.wamid;

    with change as materialized (
        select d.wamid, d.campaign_id, d.whatsapp_number_id, d.template_name, d.state,
               case when d.state = 'undelivered' then coalesce(d.code, 0) else 0 end as code,
               d.failed_at is not null and d.state in ('delivered', 'read') as contradicted,
               b.was ->> 0 as was,
               case when b.was ->> 0 = 'undelivered' then (b.was ->> 1)::int else 0 end as code_was,
               coalesce((b.was ->> 2)::int, 0) = 1 as contradicted_was,
               coalesce(q.actual_sent_at, q.sent_at) as accepted_at,
               coalesce(d.delivered_at, d.read_at) as delivered_at
        from public.wacampaign_deliveries d
        cross join lateral (select p_before -> d.wamid as was) as b
        left join public.send_queue q on q.id = d.row_id
        where d.wamid = any (p_wamids) and d.row_id is not null
          -- One that was removed is counted for good, whoever tells of it once more.
          and not exists (
              select 1 from public.wacampaign_pruned g
              where g.campaign_id = d.campaign_id
                and g.removing_at > coalesce(q.actual_sent_at, q.sent_at))
    ), counted as (
        insert into public.wacampaign_delivery_counts as c
        select t.campaign_id, t.whatsapp_number_id, t.template_name, t.state, t.code, sum(t.n)
        from (
            select campaign_id, whatsapp_number_id, template_name, state, code, 1 as n from change
            where was is distinct from state or code <> code_was
            union all
            select campaign_id, whatsapp_number_id, template_name, was, code_was, -1 from change
            where was is not null and (was <> state or code <> code_was)
            union all
            select campaign_id, whatsapp_number_id, template_name, 'contradicted', 0,
                   contradicted::int - contradicted_was::int from change
            where contradicted <> contradicted_was
        ) as t
        group by 1, 2, 3, 4, 5
        having sum(t.n) <> 0
        order by 1, 2, 3, 4, 5
        on conflict (campaign_id, whatsapp_number_id, template_name, state, code)
        do update set n = c.n + excluded.n
    ), runs as (
        insert into public.wacampaign_runs as r (campaign_id, last_heard_at)
        select campaign_id, clock_timestamp() from change
        where was is distinct from state
        group by campaign_id
        order by campaign_id
        on conflict (campaign_id) do update set last_heard_at = excluded.last_heard_at
        returning 1
    ), lagged as (
        insert into public.wacampaign_delivery_lags as l (campaign_id, step, n)
        select campaign_id, public.wacampaign_lag_step(delivered_at - accepted_at), count(*)
        from change
        where state in ('delivered', 'read') and coalesce(was, '') not in ('delivered', 'read')
          and accepted_at is not null
        group by 1, 2
        order by 1, 2
        on conflict (campaign_id, step) do update set n = l.n + excluded.n
    ), lane as materialized (
        select c.campaign_id, c.whatsapp_number_id, c.template_name,
               -- Of one that Meta keeps back nothing more is heard for an hour.
               count(*) filter (where c.was is null) as heard,
               count(*) filter (where c.state in ('delivered', 'read')
                                and coalesce(c.was, '') not in ('delivered', 'read')) as delivered,
               count(*) filter (where c.state = 'undelivered' and c.was is distinct from 'undelivered'
                                and p_rules ? c.code::text) as failed
        from change c
        join public.wacampaign_lanes l
            on l.campaign_id = c.campaign_id and l.whatsapp_number_id = c.whatsapp_number_id
            and l.template_name = c.template_name
            -- What was sent in an earlier run says nothing of this one, and comes in between.
            and (l.began_at is null or l.began_at <= c.accepted_at)
        group by 1, 2, 3
    ), fares as (
        update public.wacampaign_lanes l
        set ramp_heard = l.ramp_heard + case when l.ramp_heard < public.wacampaign_ramp_rows()
                then lane.heard else 0 end,
            undelivered_in_a_row = greatest(0, l.undelivered_in_a_row - lane.delivered) + lane.failed
        from lane
        where l.campaign_id = lane.campaign_id and l.whatsapp_number_id = lane.whatsapp_number_id
          and l.template_name = lane.template_name
          and (lane.failed > 0 or (lane.delivered > 0 and l.undelivered_in_a_row > 0)
               or (lane.heard > 0 and l.ramp_heard < public.wacampaign_ramp_rows()))
          -- After the runs, as settle does.
          and (select count(*) from runs) >= 0
        returning l.ramp_heard
    )
    select (select count(*) from change),
           (select array_agg(wamid) from change
            where state = 'undelivered' and was is distinct from 'undelivered'),
           exists (select 1 from fares where ramp_heard <= public.wacampaign_ramp_rows())
    into v_joined, v_failed, v_ramp;

    if v_failed is not null then
        v_held := public.wacampaign_hold_undelivered(v_failed, p_rules);
    end if;
    perform public.wacampaign_show_deliveries(p_wamids);
    if v_ramp then
        -- A worker may wait for these.
        perform pg_notify('wacampaign', 'statuses');
    end if;
    return jsonb_build_object('joined', v_joined, 'held', v_held);
end
$$;

-- The step of a lag: a fifth longer each; below a second (an event's time has whole ones) the first.
create or replace function public.wacampaign_lag_step(p_lag interval)
returns int language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select floor(ln(greatest(extract(epoch from p_lag), 1)) / ln(1.2))::int
$$;
