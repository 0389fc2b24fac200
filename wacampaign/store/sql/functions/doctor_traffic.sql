-- What `doctor` sees of the traffic: who works, who else writes, what nobody takes. Looks through small
-- indexes and counts up to a limit, so it costs the same with a million rows.

-- Workers or receivers of the last day, those that live first.
create or replace function public.wacampaign_processes()
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(to_jsonb(p) order by p.alive desc, p.seconds), '[]'::jsonb)
    from (
        select 'worker' as kind, w.host, w.pid, w.version, public.wacampaign_is_alive(w.id) as alive,
               w.stopped_at is not null as stopped,
               extract(epoch from clock_timestamp() - w.last_beat_at) as seconds
        from public.wacampaign_workers w
        where w.last_beat_at > clock_timestamp() - interval '1 day'
        union all
        select 'receiver', r.host, r.pid, r.version,
               r.stopped_at is null
                   and r.last_beat_at > clock_timestamp() - public.wacampaign_dead_after(),
               r.stopped_at is not null, extract(epoch from clock_timestamp() - r.last_beat_at)
        from public.wacampaign_receivers r
        where r.last_beat_at > clock_timestamp() - interval '1 day'
        order by 5 desc, 7
        limit 100
    ) as p
$$;

-- Rows that somebody without a claim has taken, and rows to be sent though they are in doubt: counted up
-- to 10,000. `taken_last`: seconds since the last such row was written.
create or replace function public.wacampaign_foreign_rows()
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off as $$
    with taken as materialized (
        select q.updated_at
        from public.send_queue q
        where q.status = 'processing' and q.in_doubt_since is null
          and not exists (select 1 from public.wacampaign_claims c
                          where c.id = q.claim_id and c.closed_at is null)
        limit 10000
    ), doubted as materialized (
        select q.in_doubt_since as at
        from public.send_queue q
        where q.status = 'processing' and q.in_doubt_since > clock_timestamp() - interval '1 day'
          and q.in_doubt_cause = 'no_claim'
        limit 10000
    )
    select jsonb_build_object(
        'taken', (select count(*) from taken) + (select count(*) from doubted),
        'taken_last', (select extract(epoch from clock_timestamp() - max(b.at))
                       from (select updated_at as at from taken union all select at from doubted) as b),
        'doubt_waiting', (select count(*) from (
            select 1 from public.send_queue q
            where q.status in ('ready', 'pending') and q.in_doubt_since is not null
            limit 10000) as w))
$$;

-- A sample of the status logs: of how many, and how many of these name no campaign though their message
-- has one. Reads a few pages, whatever the table's size.
create or replace function public.wacampaign_orphan_logs()
returns jsonb language sql volatile
set search_path = public, extensions, pg_temp set jit = off as $$
    with looked as materialized (
        select l.campaign_id, l.whatsapp_message_id
        from public.message_status_logs l tablesample system ((
            -- Some 2,000 rows; all of a small table.
            select least(100, 200000 / greatest(c.reltuples, 1)) from pg_catalog.pg_class c
            where c.oid = 'public.message_status_logs'::regclass))
        limit 5000
    )
    select jsonb_build_object(
        'looked_at', count(*),
        'orphans', count(*) filter (where l.campaign_id is null and exists (
            select 1 from public.messages m
            where m.whatsapp_message_id = l.whatsapp_message_id and m.campaign_id is not null)))
    from looked l
$$;

-- All of it in one call.
--   numbers: active ones, with seconds since a message of theirs was accepted last, since the last
--     status of one, and since the first message that was accepted ten minutes or more after it; campaigns: running ones with rows to send; templates: those of campaigns that are
--     not over, whose last sync is more than p_stale_days ago; totals: campaigns of the last 30 days that
--     show other figures than their rows have; others: what other programs tried against what is known,
--     since yesterday; statuses: logged ones that nobody has taken (counted up to 100,000); alerts: those
--     that an address did not take, given up since yesterday or still tried, what the last one met, and
--     seconds since then and since one was taken by all
create or replace function public.wacampaign_traffic(p_stale_days int)
returns jsonb language plpgsql volatile
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_now constant timestamptz := clock_timestamp();
begin
    return jsonb_build_object(
        'processes', public.wacampaign_processes(),
        'foreign', public.wacampaign_foreign_rows(),
        'orphans', public.wacampaign_orphan_logs(),
        'bodies', public.wacampaign_webhooks_state(),
        'numbers', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'id', n.id,
                'accepted', extract(epoch from v_now - (
                    select max(r.last_settled_at)
                    from public.wacampaign_runs r
                    join public.campaigns k on k.id = r.campaign_id
                    where k.whatsapp_number_id = n.id and k.total_sent > 0
                      and r.last_settled_at > v_now - interval '7 days')),
                'status', extract(epoch from v_now - h.last_status_at),
                'unheard', extract(epoch from v_now - (
                    select min(a.at)
                    from public.wacampaign_runs r
                    join public.campaigns k on k.id = r.campaign_id
                    cross join lateral (
                        select p.at from public.wacampaign_pace p
                        where p.campaign_id = k.id and p.sent > 0
                          and p.at > greatest(v_now - interval '7 days',
                                              h.last_status_at + interval '10 minutes')
                        order by p.at
                        limit 1) as a
                    where k.whatsapp_number_id = n.id
                      and r.last_settled_at > v_now - interval '7 days')))), '[]'::jsonb)
            from public.whatsapp_numbers n
            left join public.wacampaign_hearing h on h.number_id = n.id
            where n.is_active),
        'campaigns', (
            select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'name', k.name, 'ready', c.n)
                                      order by c.n desc), '[]'::jsonb)
            from public.campaigns k
            cross join lateral (
                select public.wacampaign_counted(k.id, 'ready') as n offset 0) as c
            where k.status = 'running' and c.n > 0),
        'templates', (
            select jsonb_build_object('stale', count(*), 'names', coalesce(
                (array_agg(t.name order by t.last_synced nulls first))[1:3], '{}'),
                'days', extract(day from v_now - min(t.last_synced)))
            from public.templates t
            join public.whatsapp_numbers n on n.id = t.whatsapp_number_id and n.is_active
            where t.is_active
              and (t.last_synced is null or t.last_synced < v_now - make_interval(days => p_stale_days))
              and exists (
                  select 1 from public.campaigns k
                  where k.status in ('scheduled', 'paused', 'running')
                    and k.whatsapp_number_id = n.id and t.name = any (k.template_names))),
        'totals', (
            select coalesce(jsonb_agg(to_jsonb(d)), '[]'::jsonb)
            from (
                select k.id, k.name, k.total_sent as shown_sent, c.sent, k.total_failed as shown_failed,
                       c.failed
                from public.campaigns k
                cross join lateral (
                    select public.wacampaign_counted(k.id) as n,
                           public.wacampaign_counted(k.id, 'sent') as sent,
                           public.wacampaign_counted(k.id, 'failed') as failed offset 0) as c
                where k.created_at > v_now - interval '30 days' and c.n > 0
                  and (coalesce(k.total_sent, 0), coalesce(k.total_failed, 0)) <> (c.sent, c.failed)
                  and public.wacampaign_totals_due(k.id)
                order by k.created_at desc
                limit 100) as d),
        'others', (
            select coalesce(jsonb_agg(to_jsonb(o)), '[]'::jsonb)
            from (
                select e.kind, e.actor as who, coalesce(sum(e.row_count), 0) as rows, count(*) as times,
                       extract(epoch from v_now - max(e.at)) as seconds
                from public.wacampaign_events e
                where e.kind in ('kept_back', 'completion_kept_back', 'rows_deleted')
                  and e.at > v_now - interval '1 day'
                group by 1, 2
                order by 3 desc
                limit 20) as o),
        'alerts', (
            select jsonb_build_object(
                'given_up', count(*) filter (where a.problem is not null and a.due is null),
                'tried', count(*) filter (where a.problem is not null and a.due is not null),
                'problem', (array_agg(a.problem order by a.last_told_at desc nulls last)
                            filter (where a.problem is not null))[1],
                'seconds', extract(epoch from v_now - max(a.last_told_at)
                                   filter (where a.problem is not null)),
                'taken', extract(epoch from v_now - max(a.last_told_at)
                                 filter (where a.problem is null and a.bell_only is null)))
            from public.wacampaign_alerts a
            where a.due is not null or a.last_told_at > v_now - interval '1 day'),
        'statuses', (
            select jsonb_build_object(
                'waiting', (select count(*) from (
                    select 1 from public.wacampaign_logged_statuses l where l.fault is null
                    limit 100000) as w),
                'seconds', (select extract(epoch from v_now - l.at)
                            from public.wacampaign_logged_statuses l
                            where l.fault is null order by l.id limit 1),
                'with_faults', (select count(*) from (
                    select 1 from public.wacampaign_logged_statuses l where l.fault is not null
                    limit 1000) as f))));
end
$$;
