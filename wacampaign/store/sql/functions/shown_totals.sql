-- Brings the backend's counters of these campaigns up to the exact counts, in one update: each change
-- of a campaign's row makes the backend's open dashboards read all its logs. p_seconds: not of a
-- running campaign whose row was brought up to date less than so long ago; 0: of all.
drop function if exists public.wacampaign_show_totals(uuid[]);
create or replace function public.wacampaign_show_totals(
    p_campaign_ids uuid[], p_seconds int default 0)
returns void language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_due uuid[];
begin
    select array_agg(k.id order by k.id) into v_due
    from public.campaigns k
    left join public.wacampaign_runs r on r.campaign_id = k.id
    where k.id = any (p_campaign_ids)
      and (p_seconds = 0 or k.status <> 'running' or r.shown_at is null
           or r.shown_at < clock_timestamp() - make_interval(secs => p_seconds));
    if v_due is null then
        return;
    end if;
    update public.campaigns k
    set total_sent = t.sent, total_failed = t.failed,
        total_delivered = t.delivered, total_read = t.read, total_replied = t.replied
    from (
        select n.id, n.sent, n.failed,
               -- What nobody has counted yet stays as it is. (`least` alone passes over a null.)
               case when s.campaign_id is null then b.total_delivered
                    else least(s.delivered, n.sent) end as delivered,
               case when s.campaign_id is null then b.total_read
                    else least(s.read, n.sent) end as read,
               case when d.replied is null then b.total_replied
                    else least(d.replied, n.sent) end as replied
        from (
            select c.campaign_id as id,
                   coalesce(sum(c.n) filter (where c.status = 'sent'), 0)::int as sent,
                   coalesce(sum(c.n) filter (where c.status = 'failed'), 0)::int as failed
            from public.wacampaign_counts c
            where c.campaign_id = any (v_due)
            group by c.campaign_id
        ) as n
        join public.campaigns b on b.id = n.id
        left join public.wacampaign_delivery d on d.campaign_id = n.id
        left join (
            select campaign_id,
                   coalesce(sum(n) filter (where state in ('delivered', 'read')), 0)::int as delivered,
                   coalesce(sum(n) filter (where state = 'read'), 0)::int as read
            from public.wacampaign_delivery_counts
            where campaign_id = any (v_due)
            group by campaign_id
        ) as s on s.campaign_id = n.id
    ) as t
    where k.id = t.id
      and (k.total_sent, k.total_failed, k.total_delivered, k.total_read, k.total_replied)
          is distinct from (t.sent, t.failed, t.delivered, t.read, t.replied);
    insert into public.wacampaign_runs as r (campaign_id, shown_at)
    select id, clock_timestamp() from unnest(v_due) as u (id) order by id
    on conflict (campaign_id) do update set shown_at = excluded.shown_at;
end
$$;

-- Whether what a campaign shows has to be what its rows say: not while it runs and outcomes were
-- written since its totals were, as those follow within seconds.
create or replace function public.wacampaign_totals_due(p_campaign_id uuid)
returns bool language sql stable
set search_path = public, extensions, pg_temp as $$
    select not exists (
        select 1 from public.campaigns k
        join public.wacampaign_runs r on r.campaign_id = k.id
        where k.id = p_campaign_id and k.status = 'running'
          and r.last_settled_at > coalesce(r.shown_at, '-infinity')
          -- three of the worker's beats, which show them
          and r.last_settled_at > clock_timestamp() - interval '30 seconds')
$$;

-- Part of each heartbeat, and of the last worker's goodbye (p_seconds 0): counts replies, and brings the
-- rows of `campaigns` up to date that lag behind their counts.
create or replace function public.wacampaign_show_progress(p_seconds int default 10)
returns void language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_counted uuid;
begin
    if p_seconds > 0 then
        v_counted := public.wacampaign_count_replies();
    elsif exists (select 1 from public.wacampaign_workers w where public.wacampaign_is_alive(w.id)) then
        return;
    end if;
    perform public.wacampaign_show_lagging(p_seconds, v_counted);
end
$$;

-- Brings the rows of `campaigns` up to date that lag behind their counts: outcomes or statuses were
-- written since, or (p_counted) their replies counted. Rows that somebody else has locked come another
-- time: nobody waits, and a beat least of all.
create or replace function public.wacampaign_show_lagging(p_seconds int, p_counted uuid default null)
returns void language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_due uuid[];
begin
    select array_agg(t.id) into v_due
    from (
        select k.id from public.campaigns k
        where k.id in (
            select r.campaign_id from public.wacampaign_runs r
            where (r.last_settled_at > r.shown_at or r.last_heard_at > r.shown_at
                   or r.shown_at is null or r.campaign_id = p_counted)
              and (p_seconds = 0 or r.shown_at is null
                   or r.shown_at < clock_timestamp() - make_interval(secs => p_seconds)))
        order by k.id
        limit 100
        for no key update skip locked
    ) as t;
    perform public.wacampaign_show_totals(v_due, p_seconds);
end
$$;
