-- Gives up the claims of dead workers, and claims whose lease is over. Rows of a claim that never
-- began were never sent: they are ready again. Rows of one that began may have been sent: in doubt.
-- p_dead names workers known to be dead (their lock is gone), whatever their last beat says.
create or replace function public.wacampaign_reap(p_dead uuid[] default '{}')
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_unsent uuid[];
    v_begun uuid[];
    v_released int := 0;
    v_doubt int := 0;
begin
    update public.wacampaign_workers set stopped_at = clock_timestamp(), found_dead = true
    where id = any (p_dead) and stopped_at is null;

    with dead as materialized (
        select c.id
        from public.wacampaign_claims c
        where c.closed_at is null
          and (c.lease_until < clock_timestamp() or not public.wacampaign_is_alive(c.worker_id))
        order by c.id
        for update skip locked
    ), closed as (
        update public.wacampaign_claims c
        set closed_at = clock_timestamp()
        from dead
        where c.id = dead.id
        returning c.id, c.begun_at
    )
    select coalesce(array_agg(id) filter (where begun_at is null), '{}'),
           coalesce(array_agg(id) filter (where begun_at is not null), '{}')
    into v_unsent, v_begun
    from closed;

    if cardinality(v_unsent) > 0 then
        with freed as (
            update public.send_queue q
            set status = 'ready', revision = coalesce(q.revision, 0) + 1, claim_id = null,
                worker_id = null, claimed_at = null, lease_until = null,
                updated_at = clock_timestamp()
            where q.claim_id = any (v_unsent) and q.status = 'processing'
              and q.in_doubt_since is null
            returning q.campaign_id
        ), logged as (
            insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason)
            select campaign_id, 'released', 'database', count(*),
                   'their worker stopped before it began to send them'
            from freed group by campaign_id
            returning row_count
        )
        select coalesce(sum(row_count), 0) into v_released from logged;
    end if;

    if cardinality(v_begun) > 0 then
        with doubted as (
            update public.send_queue q
            set in_doubt_since = clock_timestamp(), in_doubt_cause = 'worker_lost', updated_at = clock_timestamp(),
                error_message = 'in doubt: the worker stopped while it was sending this row'
            where q.claim_id = any (v_begun) and q.status = 'processing'
              and q.in_doubt_since is null
            returning q.campaign_id
        ), logged as (
            insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason)
            select campaign_id, 'in_doubt', 'database', count(*),
                   'their worker stopped while it was sending them'
            from doubted group by campaign_id
            returning row_count
        )
        select coalesce(sum(row_count), 0) into v_doubt from logged;
    end if;

    return jsonb_build_object('released', v_released, 'in_doubt', v_doubt);
end
$$;
