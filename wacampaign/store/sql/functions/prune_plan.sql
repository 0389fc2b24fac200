-- What `prune` would take, part by part, and how large the tables are.

-- `parts`: rows that are due, and the bytes that become free (of a sample of them; indexes of removed rows
-- as they are on the average); `tables`: bytes with indexes, rows as the statistics say, and whether they
-- are ours; `reading`: the backend's logs of before are still being read, and deliveries wait for that.
--   p_details, p_results, p_history, p_webhooks: days, as wacampaign_prune_step has them by part
create or replace function public.wacampaign_prune_plan(
    p_details int, p_results int, p_history int, p_webhooks int)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off set plan_cache_mode = force_custom_plan as $$
declare
    c_sample constant int := 500;
    v_now constant timestamptz := clock_timestamp();
    v_details constant timestamptz := v_now - make_interval(days => p_details);
    v_results constant timestamptz := v_now - make_interval(days => p_results);
    v_history constant timestamptz := v_now - make_interval(days => p_history);
    v_webhooks constant timestamptz := v_now - make_interval(days => p_webhooks);
    v_reading constant bool := not exists (
        select 1 from public.wacampaign_logs_read where through_at is not null);
    v_doubted constant uuid[] := public.wacampaign_numbers_in_doubt();
    v_due uuid[];
    v_gone uuid[];
    v_saved numeric;
    v_tables jsonb;
begin
    select jsonb_agg(jsonb_build_object(
               'name', c.relname, 'ours', c.relname like 'wacampaign\_%',
               'rows', greatest(c.reltuples, 0)::bigint,
               'bytes', pg_total_relation_size(c.oid)) order by pg_total_relation_size(c.oid) desc)
    into v_tables
    from pg_catalog.pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
      and (c.relname like 'wacampaign\_%'
           or c.relname in ('send_queue', 'messages', 'message_status_logs', 'campaign_contacts'));
    v_due := array(select public.wacampaign_prune_due(p_details, false));
    v_gone := case when v_reading then '{}' else array(select public.wacampaign_prune_due(p_results, true)) end;
    -- Those that are removed need no shortening.
    v_due := array(select c from unnest(v_due) as c where c <> all (v_gone));
    select avg(pg_column_size(d.said) + coalesce(pg_column_size(d.callback), 0)
               - pg_column_size(public.wacampaign_short_words(d.said)))
    into v_saved
    from (select s.* from public.wacampaign_deliveries s
          where s.campaign_id = any (v_due) and s.callback is not null limit c_sample) as d;
    return jsonb_build_object('tables', v_tables, 'reading', v_reading, 'parts', (
        select jsonb_agg(jsonb_build_object(
            'part', p.part, 'table', 'wacampaign_' || p.tab, 'rows', p.n,
            'bytes', round(p.n * coalesce(p.each, (
                select pg_total_relation_size(c.oid) / nullif(c.reltuples, 0)
                from pg_catalog.pg_class c
                where c.oid = to_regclass('public.wacampaign_' || p.tab) and c.reltuples > 0), 0)))
            order by p.place)
        from (values
            (1, 'deliveries', 'deliveries', (
                -- The counts stay when a campaign's deliveries go: of one that was opened again
                -- afterwards most are gone.
                select coalesce(sum(greatest(c.n - coalesce(p.removed, 0), 0)), 0)
                from (select d.campaign_id, sum(d.n) as n from public.wacampaign_delivery_counts d
                      where d.campaign_id = any (v_gone) and d.state <> 'contradicted' group by 1) as c
                left join public.wacampaign_pruned p on p.campaign_id = c.campaign_id), null::numeric),
            (2, 'statuses', 'deliveries', (
                select coalesce(sum(c.n), 0) from public.wacampaign_delivery_counts c
                where c.campaign_id = any (v_due) and c.state <> 'contradicted'),
             coalesce(v_saved, 0)),
            (3, 'strays', 'deliveries', (
                select count(*) from public.wacampaign_deliveries d
                where not v_reading and d.row_id is null and d.first_seen_at < v_details
                  and d.last_at < v_details and d.look_at is null
                  and case when d.whatsapp_number_id is null then v_doubted = '{}'
                      else d.whatsapp_number_id <> all (v_doubted) end), null),
            (4, 'webhooks', 'webhooks', (
                select count(*) from public.wacampaign_webhooks w
                where w.taken_at < v_webhooks
                  and (w.faults is null or w.taken_at < v_now - interval '31 days')), null),
            (5, 'unreadable', 'logged_statuses', (
                select count(*) from public.wacampaign_logged_statuses l
                where l.fault is not null and l.at < v_details), null),
            (6, 'messages', 'inbound', (
                select count(*) from public.wacampaign_inbound i
                where i.taken_at < v_details and i.at < v_details and i.said is not null), (
                select avg(pg_column_size(i.said)) from (
                    select s.said from public.wacampaign_inbound s where s.said is not null
                    limit c_sample) as i)),
            (7, 'replies', 'inbound', (
                select count(*) from public.wacampaign_inbound i
                where i.taken_at < v_results and i.at < v_results
                  and not exists (
                      select 1 from public.wacampaign_conversations c
                      where c.person = i.person and c.wamid = i.wamid)
                  and not exists (
                      select 1 from public.wacampaign_replies r
                      where r.campaign_id = i.campaign_id and r.person = i.person
                        and r.wamid = i.wamid and r.campaign_id <> all (v_gone)
                        and not exists (select 1 from public.wacampaign_pruned g
                                        where g.campaign_id = r.campaign_id
                                          and g.removing_at is not null))), null),
            (8, 'repairs', 'repair_rows', (
                select coalesce(sum((select count(*) from public.wacampaign_repair_rows w
                                     where w.repair_id = r.id)), 0)
                from public.wacampaign_repairs r
                where coalesce(r.undone_at, r.finished_at, r.beat_at) < v_results
                  and public.wacampaign_over_since(r.campaign_id) < v_results), null),
            (9, 'events', 'events', (
                select count(*) from public.wacampaign_events e
                where e.at < v_history and e.kind = any (public.wacampaign_passing_events())
                  and (e.campaign_id is null
                       or public.wacampaign_over_since(e.campaign_id) < v_history)), null),
            (10, 'workers', 'workers', (
                select count(*) from public.wacampaign_workers w
                where w.stopped_at < v_history and w.last_beat_at < v_history
                  and not exists (
                      select 1 from public.send_queue q
                      where q.status = 'processing' and q.in_doubt_since is not null
                        and q.worker_id = w.id)), null),
            (11, 'holds', 'holds', (
                select count(*) from public.wacampaign_holds h
                where h.lifted_at < v_history
                  and not exists (select 1 from public.wacampaign_news n
                                  where h.id = any (n.holds))), null),
            (12, 'lists', 'lists', (
                select count(*) from public.wacampaign_lists l
                where l.kept_at < v_history
                  and public.wacampaign_over_since(l.campaign_id) < v_history), null),
            (13, 'translations', 'translations', (
                select count(*) from public.wacampaign_translations t
                where not t.is_active and t.last_synced < v_history), null)
        ) as p (place, part, tab, n, each)));
end
$$;
