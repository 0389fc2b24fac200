-- The seven disjoint counts of a campaign. Totals come from the counts table; what depends on the
-- clock or on a worker's life is counted in its (small) partial index.
create or replace function public.wacampaign_row_states(p_campaign_id uuid)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set enable_seqscan = off as $$
declare
    v_pending bigint;
    v_ready bigint;
    v_processing bigint;
    v_sent bigint;
    v_failed bigint;
    v_later bigint;
    v_nobodys jsonb;
    v_marked bigint := 0;
    v_orphans bigint := 0;
    v_unsent bigint := 0;
    v_begun bigint := 0;
begin
    select coalesce(sum(n) filter (where status = 'pending'), 0),
           coalesce(sum(n) filter (where status = 'ready'), 0),
           coalesce(sum(n) filter (where status = 'processing'), 0),
           coalesce(sum(n) filter (where status = 'sent'), 0),
           coalesce(sum(n) filter (where status = 'failed'), 0)
    into v_pending, v_ready, v_processing, v_sent, v_failed
    from public.wacampaign_counts where campaign_id = p_campaign_id;

    select coalesce(sum(w.n), 0) into v_later
    from (select distinct whatsapp_number_id, template_name from public.wacampaign_counts
          where campaign_id = p_campaign_id and status = 'ready' and n > 0) as lane
    cross join lateral (
        select count(*) as n from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status = 'ready'
          and q.whatsapp_number_id = lane.whatsapp_number_id
          and q.template_name = lane.template_name
          and q.next_retry_at > (select clock_timestamp())
    ) as w;
    -- Rows whose hours it is not: kept, as there may be a million of them.
    v_later := v_later + least(
        v_ready - v_later, (select h.n from public.wacampaign_hours_closed(p_campaign_id) as h));

    if v_processing > 0 then
        v_nobodys := public.wacampaign_nobodys_rows(p_campaign_id);
        select coalesce(sum(value::bigint), 0) into v_marked
        from jsonb_each_text(nullif(v_nobodys -> 'in_doubt', 'null'));
        -- Taken by somebody who holds no open claim (the old backend's processor).
        v_orphans := (v_nobodys ->> 'no_claim')::bigint;
        -- Held by a dead claim that nobody has reaped yet.
        v_unsent := (v_nobodys ->> 'unsent')::bigint;
        v_begun := (v_nobodys ->> 'begun')::bigint;
    end if;

    return jsonb_build_object(
        'pending', v_pending,
        'ready', v_ready - v_later + v_unsent,
        'retry_later', v_later,
        'processing', v_processing - v_marked - v_orphans - v_unsent - v_begun,
        'in_doubt', v_marked + v_orphans + v_begun,
        'orphans', v_orphans,
        'sent', v_sent,
        'failed', v_failed);
end
$$;

-- The seven counts of the contract.
create or replace function public.wacampaign_row_counts(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp as $$
    select public.wacampaign_row_states(p_campaign_id) - 'orphans'
$$;

-- Rows of a campaign in the hands of an open claim, be its worker alive or not. A `processing` row that
-- is neither held nor in doubt is an orphan: another program took it, whatever its claim_id says.
-- Claim by claim, so it costs what is held, and not what orphans there are.
create or replace function public.wacampaign_held_rows(p_campaign_id uuid)
returns bigint language plpgsql stable
set search_path = public, extensions, pg_temp set enable_seqscan = off
set plan_cache_mode = force_custom_plan as $$
begin
    return (
        select coalesce(sum(held.n), 0)
        from public.wacampaign_claims c
        cross join lateral (
            select count(*) as n from public.send_queue q
            where q.claim_id = c.id and q.status = 'processing'
              and q.campaign_id = p_campaign_id and q.in_doubt_since is null) as held
        where c.closed_at is null);
end
$$;

-- From when on a wait for another try is no wait but somebody's slip: a day is longer than any wait of
-- ours or the backend's.
create or replace function public.wacampaign_far_away()
returns timestamptz language sql volatile
set search_path = public, extensions, pg_temp as $$
    select clock_timestamp() + interval '1 day'
$$;

-- Rows in `processing` that no live worker holds, by how much is known of them.
--   unsent: a dead worker's, never begun; begun: a dead worker's, perhaps sent; claims: theirs;
--   no_claim: taken by another program; no_answer, worker_lost: in doubt already.
create or replace function public.wacampaign_nobodys_rows(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set enable_seqscan = off as $$
    with doubt as materialized (
        select coalesce(q.in_doubt_cause, 'no_answer') as cause, count(*) as n,
               min(q.in_doubt_since) as since
        from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status = 'processing'
          and q.in_doubt_since is not null
        group by 1
    )
    select jsonb_build_object(
        'unsent', coalesce(sum(dead.n) filter (where dead.begun_at is null), 0),
        'begun', coalesce(sum(dead.n) filter (where dead.begun_at is not null), 0),
        'claims', coalesce(jsonb_agg(dead.id) filter (where dead.begun_at is not null and dead.n > 0),
                           '[]'::jsonb),
        'no_claim', public.wacampaign_counted(p_campaign_id, 'processing')
            - (select coalesce(sum(doubt.n), 0) from doubt)
            - public.wacampaign_held_rows(p_campaign_id),
        'in_doubt', (select jsonb_object_agg(doubt.cause, doubt.n) from doubt),
        'in_doubt_since', (select min(doubt.since) from doubt))
    from (
        select c.id, c.begun_at, (
            select count(*) from public.send_queue q
            where q.claim_id = c.id and q.status = 'processing'
              and q.campaign_id = p_campaign_id and q.in_doubt_since is null) as n
        from public.wacampaign_claims c
        where c.closed_at is null
          and (c.lease_until < clock_timestamp() or not public.wacampaign_is_alive(c.worker_id))
    ) as dead
$$;

-- Some orphans of a campaign: `processing`, not in doubt, and in no open claim's hands. Those without a
-- claim_id come from the index; those with a stale one are looked for among what is held.
create or replace function public.wacampaign_orphans(p_campaign_id uuid, p_limit int)
returns setof uuid language plpgsql stable
set search_path = public, extensions, pg_temp set enable_seqscan = off
set plan_cache_mode = force_custom_plan as $$
begin
    return query
        select o.id from (
            (select q.id from public.send_queue q
             where q.claim_id is null and q.status = 'processing'
               and q.campaign_id = p_campaign_id and q.in_doubt_since is null
             limit p_limit)
            union all
            (select q.id from public.send_queue q
             where q.claim_id is not null and q.status = 'processing'
               and q.campaign_id = p_campaign_id and q.in_doubt_since is null
               and not exists (select 1 from public.wacampaign_claims c
                               where c.id = q.claim_id and c.closed_at is null)
             limit p_limit)
        ) as o
        limit p_limit;
end
$$;
