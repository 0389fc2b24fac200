-- The ramp at the beginning of a run, as a step of a claim: it runs with the planner's settings of
-- `claim`, which alone calls it.

-- Messages of a run before its full rate: one, then four more, each step after the answers of the last,
-- and after their statuses where those are known to arrive.
create or replace function public.wacampaign_ramp_rows()
returns int language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select 5
$$;

-- Until when a lane's ramp waits for statuses of what it has sent; null: it does not.
--   p_accepted, p_heard, p_at: its messages in this run, those with a status, when the last was accepted
--   p_wait: longest wait; 0: none
-- Where nobody has ever heard of the number, the first message of all waits a moment, and as long as any
-- where a receiver of ours listens: so one learns, once, whether statuses arrive.
create or replace function public.wacampaign_ramp_until(
    p_number_id uuid, p_accepted bigint, p_heard int, p_at timestamptz, p_wait interval,
    p_now timestamptz)
returns timestamptz language plpgsql stable
set search_path = public, extensions, pg_temp as $$
declare
    -- Meta's first statuses come within a second or two.
    c_unheard constant interval := '2 seconds';
    v_number public.wacampaign_hearing;
    v_until timestamptz;
    v_moment interval;
begin
    if p_wait <= interval '0' or p_at is null
       or p_accepted not between 1 and public.wacampaign_ramp_rows()
       or p_heard >= p_accepted or p_at + p_wait <= p_now then
        return null;
    end if;
    select * into v_number from public.wacampaign_hearing
    where number_id = p_number_id;
    if v_number.last_status_at > p_now - interval '30 days' then
        v_until := p_at + p_wait;
    else
        v_moment := case when public.wacampaign_receiver_alive() then p_wait
                    else least(p_wait, c_unheard) end;
        v_until := coalesce(v_number.asked_at, p_now) + v_moment;
    end if;
    return case when v_until > p_now then v_until end;
end
$$;

-- Whether a running campaign has messages out whose statuses its ramp may wait for.
create or replace function public.wacampaign_ramp_waits()
returns bool language sql stable
set search_path = public, extensions, pg_temp as $$
    select exists (
        select 1 from public.campaigns k
        join public.wacampaign_lanes l on l.campaign_id = k.id
        where k.status = 'running' and l.run_accepted between 1 and public.wacampaign_ramp_rows()
          and l.ramp_heard < l.run_accepted and l.ramp_at > clock_timestamp() - interval '1 minute')
$$;

-- The lanes (campaign, number, template) that may give rows, with the key of their number's bucket.
-- `room`: rows that a lane may give: what is ready, within the ramp less what is in flight of it.
--   p_campaign_ids: of these campaigns only; null: of all
--   p_numbers, p_keys: the active numbers and the keys of their buckets
--   p_stalled_*: pairs of number and template to leave out
--   p_wait: how long the ramp waits for statuses
drop function if exists public.wacampaign_open_lanes(uuid[], uuid[], text[], uuid[], text[]);
create or replace function public.wacampaign_open_lanes(
    p_campaign_ids uuid[], p_numbers uuid[], p_keys text[], p_stalled_numbers uuid[],
    p_stalled_templates text[], p_wait interval)
returns table (key text, campaign uuid, number uuid, template text, room int) language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    c_ramp_first constant int := 1;
    c_ramp_total constant int := public.wacampaign_ramp_rows();
    v_now constant timestamptz := clock_timestamp();
begin
    if p_wait > interval '0' then
        -- From now on it is being listened for.
        insert into public.wacampaign_hearing (number_id, asked_at)
        select distinct l.whatsapp_number_id, v_now
        from public.campaigns k
        join public.wacampaign_lanes l on l.campaign_id = k.id
        where k.status = 'running' and l.run_accepted between 1 and c_ramp_total
          and l.whatsapp_number_id = any (p_numbers)
          and not exists (select 1 from public.wacampaign_hearing h
                          where h.number_id = l.whatsapp_number_id)
        order by 1
        on conflict do nothing;
    end if;
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
        where (l.campaign_id is null or public.wacampaign_ramp_until(
                l.whatsapp_number_id, l.run_accepted, l.ramp_heard, l.ramp_at, p_wait, v_now) is null)
          and not exists (
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
