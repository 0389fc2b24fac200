-- Whether statuses arrive for a number: until one has, silence says nothing.

-- Notes that statuses of these messages came in, for their numbers. What the worker or a person says is no
-- sign of a webhook.
create or replace function public.wacampaign_heard_of(p_source text, p_wamids text[])
returns void language plpgsql
set search_path = public, extensions, pg_temp set enable_seqscan = off as $$
declare
    v_now constant timestamptz := clock_timestamp();
begin
    if p_source not in ('receiver', 'backend') then
        return;
    end if;
    insert into public.wacampaign_hearing as h (number_id, first_status_at, last_status_at)
    select o.id, v_now, max(t.at)
    from (
        -- The event's own time: a log from last year is no sign of a webhook today.
        select d.whatsapp_number_id as id, least(v_now, max(d.last_at)) as at
        from public.wacampaign_deliveries d
        where d.wamid = any (p_wamids) and d.whatsapp_number_id is not null
        group by 1
    ) as t
    join public.whatsapp_numbers n on n.id = t.id
    join public.whatsapp_numbers o
        on public.wacampaign_bucket_key(o.id, o.phone_number_id)
         = public.wacampaign_bucket_key(n.id, n.phone_number_id)
    group by o.id
    order by o.id
    on conflict (number_id) do update
    set first_status_at = coalesce(h.first_status_at, excluded.first_status_at),
        last_status_at = greatest(h.last_status_at, excluded.last_status_at)
    where h.last_status_at is null
       or h.last_status_at < excluded.last_status_at - interval '10 seconds';
end
$$;

-- Whether statuses arrive for a number of the campaign.
create or replace function public.wacampaign_is_heard(p_campaign_id uuid)
returns bool language sql stable
set search_path = public, extensions, pg_temp set enable_seqscan = off as $$
    select exists (
        select 1 from public.wacampaign_hearing h
        where h.first_status_at is not null
          and h.number_id in (
              select c.whatsapp_number_id from public.wacampaign_counts c
              where c.campaign_id = p_campaign_id
              union
              select k.whatsapp_number_id from public.campaigns k where k.id = p_campaign_id))
$$;

-- What became of a campaign's accepted messages (contract: `delivery`). Each is counted once, and
-- delivered + undelivered + held + silent are the accepted ones.
--   contradicted: delivered, and failed as well; waiting: statuses that nobody has taken yet
--   lag: seconds from acceptance to delivery of half of them and of 95 in 100; null without any
create or replace function public.wacampaign_delivery_of(p_campaign_id uuid)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off as $$
declare
    v_sent constant bigint := public.wacampaign_counted(p_campaign_id, 'sent');
    v_delivered bigint;
    v_read bigint;
    v_undelivered bigint;
    v_held bigint;
    v_contradicted bigint;
    v_errors jsonb;
    v_lags bigint;
begin
    select coalesce(sum(n) filter (where state in ('delivered', 'read')), 0),
           coalesce(sum(n) filter (where state = 'read'), 0),
           coalesce(sum(n) filter (where state = 'undelivered'), 0),
           coalesce(sum(n) filter (where state = 'held'), 0),
           coalesce(sum(n) filter (where state = 'contradicted'), 0)
    into v_delivered, v_read, v_undelivered, v_held, v_contradicted
    from public.wacampaign_delivery_counts where campaign_id = p_campaign_id;
    select coalesce(jsonb_agg(jsonb_build_object('code', nullif(e.code, 0), 'count', e.n)
                              order by e.n desc, e.code), '[]'::jsonb)
    into v_errors
    from (select code, sum(n) as n from public.wacampaign_delivery_counts
          where campaign_id = p_campaign_id and state = 'undelivered'
          group by code having sum(n) > 0) as e;
    -- Rows that somebody deleted are no longer among the accepted.
    v_delivered := least(v_delivered, v_sent);
    v_read := least(v_read, v_delivered);
    v_undelivered := least(v_undelivered, v_sent - v_delivered);
    v_held := least(v_held, v_sent - v_delivered - v_undelivered);
    select sum(n) into v_lags from public.wacampaign_delivery_lags where campaign_id = p_campaign_id;
    return jsonb_build_object(
        'known', public.wacampaign_is_heard(p_campaign_id),
        'delivered', v_delivered, 'read', v_read, 'undelivered', v_undelivered, 'held', v_held,
        'silent', v_sent - v_delivered - v_undelivered - v_held,
        'replied', public.wacampaign_replied_of(p_campaign_id),
        'errors', v_errors,
        'contradicted', v_contradicted,
        'waiting', (select count(*) from (
            select 1 from public.wacampaign_logged_statuses l where l.fault is null limit 100000) as t),
        'lag', case when v_lags > 0 then jsonb_build_object(
            'p50_seconds', public.wacampaign_lag(p_campaign_id, 0.5 * v_lags),
            'p95_seconds', public.wacampaign_lag(p_campaign_id, 0.95 * v_lags)) end);
end
$$;

-- The lag in seconds that this many of a campaign's deliveries stayed within, to a tenth or so.
create or replace function public.wacampaign_lag(p_campaign_id uuid, p_nth numeric)
returns numeric language sql stable
set search_path = public, extensions, pg_temp as $$
    -- The middle of its step.
    select round(power(1.2, min(t.step) + 0.5)::numeric, 1) from (
        select step, sum(n) over (order by step) as within
        from public.wacampaign_delivery_lags where campaign_id = p_campaign_id and n > 0) as t
    where t.within >= p_nth
$$;
