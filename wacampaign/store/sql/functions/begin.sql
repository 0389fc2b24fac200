-- The fence before the first message of a claim leaves. Refused (ok false) when the claim was given
-- up: then its rows belong to somebody else. `stopped`: campaigns that no longer run, whose rows
-- are to be released, not sent. Who passes it lives: a beat goes with it, so that nobody else takes a
-- worker for dead that was just let through.
create or replace function public.wacampaign_begin(p_worker_id uuid, p_claim_id uuid)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off as $$
declare
    v_campaigns uuid[];
begin
    update public.wacampaign_claims
    set begun_at = coalesce(begun_at, clock_timestamp())
    where id = p_claim_id and worker_id = p_worker_id and closed_at is null
    returning campaign_ids into v_campaigns;
    if not found then
        return jsonb_build_object('ok', false, 'stopped', '[]'::jsonb);
    end if;
    update public.wacampaign_workers set last_beat_at = clock_timestamp()
    where id = p_worker_id and stopped_at is null;
    if v_campaigns is null then
        -- A claim from before the campaigns were written down with it.
        v_campaigns := array(select distinct q.campaign_id from public.send_queue q
                             where q.claim_id = p_claim_id and q.status = 'processing');
    end if;
    return jsonb_build_object('ok', true, 'stopped', (
        select coalesce(jsonb_agg(u.id), '[]'::jsonb)
        from unnest(v_campaigns) as u (id)
        left join public.campaigns k on k.id = u.id
        where k.status is distinct from 'running'));
end
$$;

-- Rows that this worker holds and knows it has not sent go back as they were.
create or replace function public.wacampaign_release(
    p_worker_id uuid, p_ids uuid[], p_claim_ids uuid[])
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off
-- By row id, as in settle.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_custom_plan as $$
declare
    v_n int;
begin
    update public.send_queue q
    set status = 'ready', revision = coalesce(q.revision, 0) + 1, claim_id = null,
        worker_id = null, claimed_at = null, lease_until = null, updated_at = clock_timestamp()
    from unnest(p_ids, p_claim_ids) as held (id, claim_id)
    where q.id = held.id
      and (q.claim_id = held.claim_id and q.worker_id = p_worker_id
           and q.status = 'processing' and q.in_doubt_since is null) is true;
    get diagnostics v_n = row_count;
    return jsonb_build_object('released', v_n);
end
$$;

-- Rows in doubt because this worker died while it held them: its journal may tell which never left.
create or replace function public.wacampaign_doubts(p_worker_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object('id', q.id, 'claim', q.claim_id)), '[]'::jsonb)
    from public.send_queue q
    where q.status = 'processing' and q.in_doubt_since is not null
      and q.worker_id = p_worker_id and q.in_doubt_cause = 'worker_lost'
$$;
