-- The steps of a claim. They run with the planner's settings of `claim`, which alone calls them.

-- Rows of running campaigns that another program put back though they are in doubt stay in doubt, and
-- those that it put back after they were accepted are `sent`.
--   p_campaign_ids: of these campaigns only; null: of all
create or replace function public.wacampaign_keep_known_rows(
    p_worker_id uuid, p_campaign_ids uuid[])
returns void language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    -- Rows: a tenth of a second's work.
    c_accepted_at_once constant int := 2000;
begin
    with doubtful as (
        select q.id
        from public.campaigns k
        cross join lateral (
            select r.id from public.send_queue r
            where r.campaign_id = k.id and r.status in ('ready', 'pending')
              and r.in_doubt_since is not null and r.whatsapp_message_id is null
            limit c_accepted_at_once
            for update skip locked) as q
        where k.status = 'running'
          and (p_campaign_ids is null or k.id = any (p_campaign_ids))
    ), held as (
        update public.send_queue q
        set status = 'processing', updated_at = clock_timestamp()
        from doubtful
        where q.id = doubtful.id
        returning q.campaign_id
    )
    insert into public.wacampaign_events
        (campaign_id, kind, actor, worker_id, row_count, reason)
    select campaign_id, 'in_doubt', 'database', p_worker_id, count(*),
           'they were to be sent, but are in doubt'
    from held group by campaign_id;
    with accepted as (
        select q.id, q.campaign_id
        from public.campaigns k
        cross join lateral (
            select r.id, r.campaign_id from public.send_queue r
            where r.campaign_id = k.id and r.status = 'ready'
              and r.whatsapp_message_id is not null
            limit c_accepted_at_once
            for update skip locked) as q
        where k.status = 'running'
          and (p_campaign_ids is null or k.id = any (p_campaign_ids))
    ), mended as (
        update public.send_queue q
        set status = 'sent', sent_at = coalesce(q.sent_at, q.updated_at), next_retry_at = null,
            error_code = null, error_message = null, updated_at = clock_timestamp()
        from accepted
        where q.id = accepted.id
        returning q.campaign_id
    )
    insert into public.wacampaign_events (campaign_id, kind, actor, worker_id, row_count, reason)
    select campaign_id, 'recovered', 'database', p_worker_id, count(*),
           'they were to be sent, but have the id of an accepted message'
    from mended group by campaign_id;
end
$$;

-- Locks at most p_n rows of these lanes, dealt out evenly, and tells where they are (`tids`) and
-- which lane gave each (`places`). Rows that somebody else has locked are passed by.
--   p_most: what each lane may give at most; p_turn: who comes first
--   p_hours: the marks that are open in each lane (wacampaign_lane_hours); null: it has no hours
drop function if exists public.wacampaign_pick_rows(uuid[], uuid[], text[], int[], int, bigint);
create or replace function public.wacampaign_pick_rows(
    p_campaigns uuid[], p_numbers uuid[], p_templates text[], p_most int[], p_hours text[], p_n int,
    p_turn bigint, out tids tid[], out places int[])
returns record language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    -- Looks at the lanes: the second and further ones share out what rows that wait, or that others
    -- have locked, left free.
    c_looks constant int := 4;
    v_now constant timestamptz := clock_timestamp();
    v_most int[] := p_most;
    -- What each lane gave so far.
    v_gave int[] := array_fill(0, array[cardinality(p_most)]);
    v_shares int[];
    v_got tid[];
    v_got_places int[];
    v_place int;
    v_more bool;
begin
    tids := '{}';
    places := '{}';
    for v_look in 1 .. c_looks loop
        v_shares := public.wacampaign_shares(
            p_campaigns, v_most, p_n - cardinality(tids), p_turn);
        select array_agg(t.tid order by t.nth, t.place),
               array_agg(t.place order by t.nth, t.place)
        into v_got, v_got_places
        from (
            select u.place, r.tid, r.nth
            from unnest(p_campaigns, p_numbers, p_templates, v_shares, v_gave, p_hours)
                with ordinality as u (campaign, number, template, share, gave, hours, place)
            cross join lateral (
                -- Rows whose wait is over and rows never tried take turns: those that fail
                -- again and again keep none of the others back.
                select mixed.tid, mixed.nth
                from (
                    select d.tid, row_number() over () as nth, 1 as kind
                    from (
                        select q.ctid as tid
                        from public.send_queue q
                        where u.hours is null
                          and q.status = 'ready' and q.next_retry_at <= v_now
                          and q.whatsapp_message_id is null and q.in_doubt_since is null
                          and q.campaign_id = u.campaign
                          and q.whatsapp_number_id = u.number
                          and q.template_name = u.template
                        order by q.next_retry_at
                        limit u.share + u.gave
                        for update skip locked) as d
                    union all
                    select f.tid, row_number() over (), 2
                    from (
                        select q.ctid as tid
                        from public.send_queue q
                        where u.hours is null
                          and q.status = 'ready' and q.next_retry_at is null
                          and q.whatsapp_message_id is null and q.in_doubt_since is null
                          and q.campaign_id = u.campaign
                          and q.whatsapp_number_id = u.number
                          and q.template_name = u.template
                        order by q.created_at, q.id
                        limit u.share + u.gave
                        for update skip locked) as f
                    union all
                    select h.tid, row_number() over (), 3
                    from (
                        select r.tid
                        from unnest(u.hours::int[]) as z (id)
                        cross join lateral (
                            select q.ctid as tid
                            from public.send_queue q
                            where q.status = 'ready'
                              and q.next_retry_at = public.wacampaign_hours_mark(z.id)
                              and q.whatsapp_message_id is null and q.in_doubt_since is null
                              and q.campaign_id = u.campaign
                              and q.whatsapp_number_id = u.number
                              and q.template_name = u.template
                            limit u.share + u.gave
                            for update skip locked) as r
                        limit u.share + u.gave) as h
                ) as mixed
                order by mixed.nth, mixed.kind
                offset u.gave limit u.share
            ) as r
            where u.share > 0
        ) as t;
        tids := tids || v_got;
        places := places || v_got_places;
        exit when cardinality(tids) >= p_n or v_look = c_looks;
        -- Who gave less than its share has no more; the others may have.
        foreach v_place in array coalesce(v_got_places, '{}') loop
            v_gave[v_place] := v_gave[v_place] + 1;
            v_shares[v_place] := v_shares[v_place] - 1;
            v_most[v_place] := v_most[v_place] - 1;
        end loop;
        v_more := false;
        for i in 1 .. cardinality(v_most) loop
            if v_shares[i] > 0 then
                v_most[i] := 0;
            elsif v_most[i] > 0 then
                v_more := true;
            end if;
        end loop;
        exit when not v_more;
    end loop;
end
$$;

-- Another program's transaction may hold a counter: slots that passed meanwhile are not sent at once,
-- all of that bucket move. The buckets are still locked.
--   p_used, p_starts: the buckets that gave slots, and the first slot of each
--   p_lead: how far ahead the first one has to lie
--   p_numbers, p_keys: the numbers and the keys of their buckets
create or replace function public.wacampaign_move_late_slots(
    p_claim_id uuid, p_used text[], p_starts timestamptz[], p_lead interval, p_numbers uuid[],
    p_keys text[])
returns void language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_late interval;
begin
    for i in 1 .. cardinality(p_used) loop
        v_late := v_now - p_starts[i];
        continue when v_late <= interval '0';
        v_late := v_late + p_lead;
        update public.send_queue
        set lease_until = lease_until + v_late
        where claim_id = p_claim_id and status = 'processing'
          and whatsapp_number_id = any (
              array(select u.id from unnest(p_numbers, p_keys) as u (id, key)
                    where u.key = p_used[i]));
        update public.wacampaign_buckets set next_slot_at = next_slot_at + v_late
        where key = p_used[i];
        update public.wacampaign_claims set lease_until = lease_until + v_late
        where id = p_claim_id;
    end loop;
end
$$;

-- Gives back those rows of a claim whose slots, as they have moved, lie after the end of their hours.
--   p_before: so long before the end no slot may lie
create or replace function public.wacampaign_give_back_closed(
    p_claim_id uuid, p_lease_seconds int, p_before interval)
returns void language sql
set search_path = public, extensions, pg_temp as $$
    update public.send_queue q
    set status = 'ready', revision = coalesce(q.revision, 0) + 1, claim_id = null,
        worker_id = null, claimed_at = null, lease_until = null, updated_at = clock_timestamp()
    from public.wacampaign_windows w
    join public.wacampaign_window_zones z on z.campaign_id = w.campaign_id
    where q.claim_id = p_claim_id and q.status = 'processing'
      and q.campaign_id = w.campaign_id
      and q.next_retry_at = public.wacampaign_hours_mark(z.zone_id)
      and q.lease_until - make_interval(secs => p_lease_seconds) > z.changes_at - p_before
$$;
