-- `prune`: what is old goes in steps, each a moment's work; what is locked is left for the next time.

-- What a campaign's events are that nothing looks for once it is long over: how it went along. Its start
-- and its end stay, and all that is evidence: of messages sent twice or beside the queue, of doubts, of
-- repairs, of what other programs did. A kind that is not named here stays.
create or replace function public.wacampaign_passing_events()
returns text[] language sql immutable
set search_path = public, extensions, pg_temp as $$
    select array['worker_started', 'worker_stopped', 'receiver_started', 'receiver_stopped',
                 'templates_synced', 'told_by_meta', 'throttled', 'held', 'hold_lifted', 'paused',
                 'resumed', 'restarted', 'retried', 'recovered', 'scheduled', 'preflight_failed',
                 'preflight_skipped', 'throughput', 'messaging_limit']
$$;

-- The numbers with rows in doubt: what is known of nobody's messages may settle these.
create or replace function public.wacampaign_numbers_in_doubt()
returns uuid[] language sql stable
set search_path = public, extensions, pg_temp set enable_seqscan = off as $$
    select coalesce(array_agg(distinct q.whatsapp_number_id), '{}')
    from public.send_queue q
    where q.status = 'processing' and q.in_doubt_since is not null
$$;

-- Whether a worker is known, gone, and has no row that is being sent or in doubt: its journals prove
-- nothing that is not known.
create or replace function public.wacampaign_worker_settled(p_worker_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_build_object('settled',
        exists (select 1 from public.wacampaign_workers w
                where w.id = p_worker_id and w.stopped_at is not null)
        and not exists (select 1 from public.send_queue q
                        where q.status = 'processing' and q.worker_id = p_worker_id))
$$;

-- One step of one part: looks at p_limit rows (50 to 10,000) after p_after, and takes what is older than
-- p_days. Safe to repeat, and to be done by two at a time.
--   p_part: statuses | deliveries | strays | webhooks | unreadable | messages | replies | repairs | events
--     | workers | holds | lists | translations
--   p_after: null, then `after` of the step before
-- `rows`: taken; `left`: whether there may be more; `after`: where it goes on.
-- PT400: another part, or fewer days than wacampaign_prune_floor() (webhooks: 1).
create or replace function public.wacampaign_prune_step(
    p_part text, p_days int, p_limit int, p_after text default null)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set plan_cache_mode = force_custom_plan set lock_timeout = '300ms' as $$
declare
    c_nobody constant uuid := '00000000-0000-0000-0000-000000000000';
    v_limit constant int := least(greatest(p_limit, 50), 10000);
    v_before constant timestamptz := clock_timestamp() - make_interval(days => p_days);
    v_doubted uuid[];
    v_repair uuid;
    v_read int;
    v_rows int := 0;
    v_after bigint;
begin
    if p_days < (case p_part when 'webhooks' then 1 else public.wacampaign_prune_floor() end) then
        raise sqlstate 'PT400' using message = format(
            '%s days are too few for %s: Meta reports on a message for 30 days', p_days, p_part);
    end if;
    if p_part = 'statuses' then
        return public.wacampaign_shorten_deliveries(p_days, v_limit);
    elsif p_part = 'deliveries' then
        return public.wacampaign_remove_deliveries(p_days, v_limit);
    elsif p_part = 'strays' then
        if not exists (select 1 from public.wacampaign_logs_read where through_at is not null) then
            return jsonb_build_object('rows', 0, 'left', false);
        end if;
        v_doubted := public.wacampaign_numbers_in_doubt();
        delete from public.wacampaign_deliveries d
        where d.row_id is null and d.wamid = any (array(
            select s.wamid from public.wacampaign_deliveries s
            where s.row_id is null and s.first_seen_at < v_before and s.last_at < v_before
              and s.look_at is null
              and case when s.whatsapp_number_id is null then v_doubted = '{}'
                  else s.whatsapp_number_id <> all (v_doubted) end
            order by s.first_seen_at limit v_limit for update skip locked));
    elsif p_part = 'webhooks' then
        delete from public.wacampaign_webhooks w
        where w.id = any (array(
            select o.id from public.wacampaign_webhooks o
            where o.taken_at < v_before
              and (o.faults is null or o.taken_at < clock_timestamp() - interval '31 days')
            order by o.taken_at limit v_limit for update skip locked));
    elsif p_part = 'unreadable' then
        delete from public.wacampaign_logged_statuses l
        where l.id = any (array(
            select o.id from public.wacampaign_logged_statuses o
            where o.fault is not null and o.at < v_before
            order by o.id limit v_limit for update skip locked));
    elsif p_part in ('messages', 'replies') then
        with step as materialized (
            select i.n, i.wamid, i.taken_at < v_before and i.at < v_before as is_old
            from public.wacampaign_inbound i
            where i.n > coalesce(p_after::bigint, 0)
            order by i.n limit v_limit
        ), old as materialized (
            select i.wamid from public.wacampaign_inbound i
            where i.wamid = any (array(select s.wamid from step s where s.is_old))
              and case when p_part = 'messages' then i.said is not null
                  -- The last one of a conversation stays, and the answer to a campaign as long as
                  -- what else is known of its recipients.
                  else not exists (
                      select 1 from public.wacampaign_conversations c
                      where c.whatsapp_number_id = coalesce(i.whatsapp_number_id, c_nobody)
                        and c.person = i.person and c.wamid = i.wamid)
                  and not exists (
                      select 1 from public.wacampaign_replies r
                      where r.campaign_id = i.campaign_id and r.person = i.person
                        and r.wamid = i.wamid
                        and not exists (select 1 from public.wacampaign_pruned p
                                        where p.campaign_id = r.campaign_id
                                          and p.removing_at is not null)) end
            for update skip locked
        ), shortened as (
            update public.wacampaign_inbound i set said = null
            from old o where p_part = 'messages' and i.wamid = o.wamid
            returning 1
        ), removed as (
            delete from public.wacampaign_inbound i
            using old o where p_part = 'replies' and i.wamid = o.wamid
            returning 1
        )
        select (select count(*) from shortened) + (select count(*) from removed),
               (select case when bool_and(s.is_old) then count(*) else 0 end from step s),
               (select max(s.n) from step s)
        into v_rows, v_read, v_after;
        return jsonb_build_object('rows', v_rows, 'left', coalesce(v_read >= v_limit, false),
                                  'after', v_after::text);
    elsif p_part = 'repairs' then
        select r.id into v_repair
        from public.wacampaign_repairs r
        where coalesce(r.undone_at, r.finished_at, r.beat_at) < v_before
          and exists (select 1 from public.wacampaign_repair_rows w where w.repair_id = r.id)
          and public.wacampaign_over_since(r.campaign_id) < v_before
        order by r.id limit 1;
        if v_repair is null then
            return jsonb_build_object('rows', 0, 'left', false);
        end if;
        with removed as (
            delete from public.wacampaign_repair_rows w
            where w.repair_id = v_repair and w.row_id = any (array(
                select o.row_id from public.wacampaign_repair_rows o
                where o.repair_id = v_repair
                order by o.row_id limit v_limit for update skip locked))
            returning 1
        )
        select count(*) into v_rows from removed;
        return jsonb_build_object('rows', v_rows, 'left', v_rows > 0);
    elsif p_part = 'events' then
        with step as materialized (
            select e.id, e.campaign_id, e.kind, e.at < v_before as is_old
            from public.wacampaign_events e
            where e.id > coalesce(p_after::bigint, 0)
            order by e.id limit v_limit
        ), over as materialized (
            select c.campaign_id
            from (select distinct s.campaign_id from step s where s.campaign_id is not null) as c
            where public.wacampaign_over_since(c.campaign_id) < v_before
        ), removed as (
            delete from public.wacampaign_events e
            where e.id = any (array(
                select s.id from step s
                where s.is_old and s.kind = any (public.wacampaign_passing_events())
                  and (s.campaign_id is null
                       or s.campaign_id in (select o.campaign_id from over o))))
            returning 1
        )
        select (select count(*) from removed),
               (select case when bool_and(s.is_old) then count(*) else 0 end from step s),
               (select max(s.id) from step s)
        into v_rows, v_read, v_after;
        return jsonb_build_object('rows', v_rows, 'left', coalesce(v_read >= v_limit, false),
                                  'after', v_after::text);
    elsif p_part = 'workers' then
        delete from public.wacampaign_workers w
        where w.id = any (array(
            select o.id from public.wacampaign_workers o
            where o.stopped_at < v_before and o.last_beat_at < v_before
              -- Its journal may be asked yet.
              and not exists (
                  select 1 from public.send_queue q
                  where q.status = 'processing' and q.in_doubt_since is not null
                    and q.worker_id = o.id)
            order by o.id limit v_limit for update skip locked));
    elsif p_part = 'holds' then
        delete from public.wacampaign_holds h
        where h.id = any (array(
            select o.id from public.wacampaign_holds o
            where o.lifted_at < v_before
              and not exists (select 1 from public.wacampaign_news n where o.id = any (n.holds))
            order by o.id limit v_limit for update skip locked));
    elsif p_part = 'lists' then
        delete from public.wacampaign_lists l
        where l.campaign_id = any (array(
            select o.campaign_id from public.wacampaign_lists o
            where o.kept_at < v_before and public.wacampaign_over_since(o.campaign_id) < v_before
            order by o.campaign_id limit v_limit for update skip locked));
    elsif p_part = 'translations' then
        delete from public.wacampaign_translations t
        where (t.whatsapp_number_id, t.name, t.language) in (
            select o.whatsapp_number_id, o.name, o.language from public.wacampaign_translations o
            where not o.is_active and o.last_synced < v_before
            order by 1, 2, 3 limit v_limit for update skip locked);
    else
        raise sqlstate 'PT400' using message = format('nothing is called %s', p_part);
    end if;
    get diagnostics v_rows = row_count;
    return jsonb_build_object('rows', v_rows, 'left', v_rows >= v_limit);
end
$$;
