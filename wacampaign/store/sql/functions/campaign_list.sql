-- All campaigns, as `list` shows them, and their names, as people type them.

-- One page of the campaigns, the newest first, by the kept counts: no row of the queue is read but those
-- in nobody's hands. `at` and `id` of the last one lead to the next page.
--   p_status: null: any
--   p_number_id: only those that are sent from this number, or have rows of it
--   p_since: only those that run, or were made, started or ended since then
create or replace function public.wacampaign_list(
    p_status text default null, p_number_id uuid default null, p_since timestamptz default null,
    p_before timestamptz default null, p_before_id uuid default null, p_limit int default 500)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', k.id, 'name', k.name, 'status', k.status, 'pause_reason', k.pause_reason,
        'at', k.at,
        'created_at', public.wacampaign_utc(k.created_at),
        'start_time', public.wacampaign_utc(k.start_time),
        'end_time', public.wacampaign_utc(k.end_time),
        'number', k.number,
        'total_contacts', k.total_contacts,
        'rows', n.rows, 'accepted', n.sent, 'failed', n.failed,
        'in_doubt', case when n.processing > 0 then (
            select coalesce((select sum(d.value::bigint)
                             from jsonb_each_text(nullif(o.rows -> 'in_doubt', 'null')) as d), 0)
                + (o.rows ->> 'no_claim')::bigint + (o.rows ->> 'begun')::bigint
            from (select public.wacampaign_nobodys_rows(k.id) as rows offset 0) as o) else 0 end,
        'delivery_known', public.wacampaign_is_heard(k.id),
        'delivered', least(n.sent, (
            select coalesce(sum(d.n), 0) from public.wacampaign_delivery_counts d
            where d.campaign_id = k.id and d.state in ('delivered', 'read'))),
        'took_seconds', case when isfinite(t.began) and isfinite(t.ended)
                        then greatest(0, round(extract(epoch from t.ended - t.began))) end,
        'waits', case when k.status in ('scheduled', 'running', 'paused')
                 then public.wacampaign_waits(k.id) end
        ) order by k.at desc, k.id), '[]'::jsonb)
    from (
        select c.id, c.name, c.status, c.pause_reason, c.created_at, c.start_time, c.end_time,
               c.total_contacts, coalesce(c.created_at, '-infinity') as at,
               coalesce(w.display_name, w.phone_number_id) as number
        from public.campaigns c
        left join public.whatsapp_numbers w on w.id = c.whatsapp_number_id
        where (p_status is null or c.status = p_status)
          and (p_since is null or c.status = 'running' or c.created_at >= p_since
               or c.start_time >= p_since or c.end_time >= p_since)
          and (p_number_id is null or c.whatsapp_number_id = p_number_id
               or exists (select 1 from public.wacampaign_counts l
                          where l.campaign_id = c.id and l.whatsapp_number_id = p_number_id
                            and l.n > 0))
          and (p_before is null or coalesce(c.created_at, '-infinity') < p_before
               or coalesce(c.created_at, '-infinity') = p_before and c.id > p_before_id)
        order by coalesce(c.created_at, '-infinity') desc, c.id
        limit least(p_limit, 500)
    ) as k
    cross join lateral (
        select coalesce(sum(c.n), 0) as rows,
               coalesce(sum(c.n) filter (where c.status = 'sent'), 0) as sent,
               coalesce(sum(c.n) filter (where c.status = 'failed'), 0) as failed,
               coalesce(sum(c.n) filter (where c.status = 'processing'), 0) as processing
        from public.wacampaign_counts c where c.campaign_id = k.id) as n
    cross join lateral (
        select k.start_time as began,
               case when k.status = 'running' then clock_timestamp() else k.end_time end as ended) as t
$$;

-- What a campaign that is not over waits for, by what is kept: nothing is counted for it.
--   starts_at: when it starts or goes on by itself; late_seconds: after that
--   frees_at: of a running one, the next place in a budget that a claim found used up within a minute
--   hours: of a running one, where all that is left waits for them; opens_at: the first
create or replace function public.wacampaign_waits(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_build_object(
        'starts_at', case when s.at is not null
                     then public.wacampaign_utc(least(s.at, '9999-12-30')) end,
        'late_seconds', case when s.at < clock_timestamp()
                        then round(extract(epoch from clock_timestamp() - s.at)) end,
        'holds', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'scope', h.scope, 'template', h.template_name, 'code', h.code, 'reason', h.reason,
                'until', case when h.held_until is not null
                         then public.wacampaign_utc(least(h.held_until, '9999-12-30')) end)),
                '[]'::jsonb)
            from public.wacampaign_holds_over(p_campaign_id, 'ready') as h),
        'frees_at', case when k.status = 'running' then (
            select public.wacampaign_utc(min(b.frees_at))
            from public.wacampaign_budgets b
            where b.counted + b.handed >= b.most and b.frees_at > clock_timestamp()
              and b.counted_at > clock_timestamp() - interval '1 minute'
              and exists (select 1 from public.wacampaign_counts c
                          where c.campaign_id = k.id and c.status = 'ready' and c.n > 0
                            and c.whatsapp_number_id = any (b.numbers))) end,
        'hours', case when k.status = 'running' then (
            select jsonb_build_object(
                'hours', public.wacampaign_hours_text(w.opens, w.closes),
                'opens_at', public.wacampaign_utc(h.opens_at))
            from public.wacampaign_windows w
            cross join lateral public.wacampaign_hours_closed(k.id) as h
            cross join lateral (
                select coalesce(sum(c.n) filter (where c.status = 'ready'), 0) as ready,
                       coalesce(sum(c.n) filter (where c.status = 'processing'), 0) as processing
                from public.wacampaign_counts c where c.campaign_id = k.id) as n
            where w.campaign_id = k.id and h.n > 0 and h.n >= n.ready and n.processing = 0) end)
    from public.campaigns k
    cross join lateral (
        -- A year that no screen has is none.
        select case when isfinite(t.at) and t.at > '1970-01-01' then t.at end as at
        from (select public.wacampaign_starts_at(k.id) as at offset 0) as t) as s
    where k.id = p_campaign_id
$$;

-- Names and ids of the newest campaigns, the newest first, at most 10,000: for near names and the shell.
--   p_beginning: only those whose name or id begins with it, in whatever case
create or replace function public.wacampaign_names(p_beginning text default '', p_limit int default 10000)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'name', k.name, 'status', k.status)
                              order by k.created_at desc nulls last, k.id), '[]'::jsonb)
    from (
        select id, name, status, created_at from public.campaigns
        where starts_with(lower(name), lower(p_beginning))
           or starts_with(id::text, lower(p_beginning))
        order by created_at desc nulls last, id
        limit least(p_limit, 10000)
    ) as k
$$;
