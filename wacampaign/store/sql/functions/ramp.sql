-- The ramp at the beginning of a run, as a step of a claim: it runs with the planner's settings of
-- `claim`, which alone calls it.

-- The lanes (campaign, number, template) that may give rows, with the key of their number's bucket.
-- `room`: rows that a lane may give: what is ready, within the ramp less what is in flight of it.
--   p_campaign_ids: of these campaigns only; null: of all
--   p_numbers, p_keys: the active numbers and the keys of their buckets
--   p_stalled_*: pairs of number and template to leave out
create or replace function public.wacampaign_open_lanes(
    p_campaign_ids uuid[], p_numbers uuid[], p_keys text[], p_stalled_numbers uuid[],
    p_stalled_templates text[])
returns table (key text, campaign uuid, number uuid, template text, room int) language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    -- One message, then four more, then the full rate: each after the answers of the last.
    c_ramp_first constant int := 1;
    c_ramp_total constant int := 5;
    v_now constant timestamptz := clock_timestamp();
begin
    return query
    with lane as materialized (
        select c.campaign_id, c.whatsapp_number_id, c.template_name,
               sum(c.n) filter (where c.status = 'ready') as ready,
               coalesce(sum(c.n) filter (where c.status = 'processing'), 0) as processing
        from public.campaigns k
        join public.wacampaign_counts c
            on c.campaign_id = k.id and c.status in ('ready', 'processing') and c.n > 0
        where k.status = 'running' and (p_campaign_ids is null or k.id = any (p_campaign_ids))
        group by c.campaign_id, c.whatsapp_number_id, c.template_name
        having sum(c.n) filter (where c.status = 'ready') > 0
    ), flying as materialized (
        select f.campaign_id, f.whatsapp_number_id, f.template_name, sum(f.n) as n
        from public.wacampaign_claims o
        cross join lateral (
            select q.campaign_id, q.whatsapp_number_id, q.template_name, count(*) as n
            from public.send_queue q
            where q.claim_id = o.id and q.status = 'processing' and q.in_doubt_since is null
            group by 1, 2, 3
            offset 0) as f
        where o.closed_at is null
        group by 1, 2, 3
    ), able as (
        select u.key, lane.*, case
            when l.run_accepted >= c_ramp_total then 1000000
            when coalesce(l.run_accepted, 0) < c_ramp_first then c_ramp_first
            else c_ramp_total - l.run_accepted end
            - case when l.run_accepted >= c_ramp_total or lane.processing = 0 then 0
              else coalesce((
                select f.n from flying f
                where f.campaign_id = lane.campaign_id
                  and f.whatsapp_number_id = lane.whatsapp_number_id
                  and f.template_name = lane.template_name), 0) end as room
        from lane
        join unnest(p_numbers, p_keys) as u (id, key) on u.id = lane.whatsapp_number_id
        left join public.wacampaign_lanes l
            on l.campaign_id = lane.campaign_id
            and l.whatsapp_number_id = lane.whatsapp_number_id
            and l.template_name = lane.template_name
        where not exists (
                select 1 from public.wacampaign_holds h
                where h.whatsapp_number_id = lane.whatsapp_number_id
                  and h.lifted_at is null
                  and (h.held_until is null or h.held_until > v_now)
                  and (h.template_name is null or h.template_name = lane.template_name)
                  and (h.campaign_id is null or h.campaign_id = lane.campaign_id))
          and not exists (
                select 1 from unnest(p_stalled_numbers, p_stalled_templates) as s (number, template)
                where s.number = lane.whatsapp_number_id and s.template = lane.template_name)
    )
    select o.key, o.campaign_id, o.whatsapp_number_id, o.template_name,
           least(o.ready, o.room, 5000)::int
    from able o
    where o.room > 0
    order by o.campaign_id, o.whatsapp_number_id, o.template_name;
end
$$;
