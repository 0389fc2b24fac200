-- What a claim answers with: its rows, what is left of each campaign, and the numbers' rates.

-- The running campaigns with what is left of each: `unsent` rows are ready (now or later),
-- `in_flight` rows are held by an open claim. Counting the latter reads them all, so where rows are
-- unsent and something becomes due soon (p_soon), nobody needs more than the kept count, which has
-- rows in doubt and rows of other programs in it. `planned`: when its templates were written down last
-- (epoch seconds; null: never), so that no worker sends with what it read before.
drop function if exists public.wacampaign_work(uuid[]);
create or replace function public.wacampaign_work(p_campaign_ids uuid[], p_soon bool)
returns json language plpgsql stable
set search_path = public, extensions, pg_temp as $$
begin
    return (
        with flying as materialized (
            select f.campaign_id, sum(f.n) as n
            from public.wacampaign_claims o
            -- offset 0: claim by claim, whatever else there is in the index
            cross join lateral (
                select q.campaign_id, count(*) as n
                from public.send_queue q
                where q.claim_id = o.id and q.status = 'processing' and q.in_doubt_since is null
                group by q.campaign_id
                offset 0) as f
            where o.closed_at is null
            group by f.campaign_id
        )
        select coalesce(json_agg(json_build_object(
            'id', k.id,
            'unsent', c.unsent,
            'in_flight', case
                when c.processing = 0 then 0
                when p_soon and c.unsent > 0 then c.processing
                else coalesce((select f.n from flying f where f.campaign_id = k.id), 0) end,
            'planned', (
                select extract(epoch from max(p.planned_at))
                from public.wacampaign_campaign_templates p where p.campaign_id = k.id)
        ) order by k.id), '[]'::json)
        from public.campaigns k
        cross join lateral (
            select coalesce(sum(n) filter (where status = 'ready'), 0) as unsent,
                   coalesce(sum(n) filter (where status = 'processing'), 0) as processing
            from public.wacampaign_counts
            where campaign_id = k.id) as c
        where k.status = 'running' and (p_campaign_ids is null or k.id = any (p_campaign_ids)));
end
$$;

-- The answer of a claim, also of one that is asked for again.
--   began, at: the call's begin and end by the database's clock (epoch seconds)
--   alone: no other worker lived at p_began
--   rows: as the worker needs them; `slot_ms`: when to send each, from `at` on; negative when that has
--     passed (the claim is asked for once more)
--   next_ms: when something may be claimed again; null: nothing will by itself
--   rates: messages a second of each number that has work
drop function if exists public.wacampaign_claimed_rows(uuid, int);
drop function if exists public.wacampaign_claimed_rows(uuid, int, timestamptz);
create or replace function public.wacampaign_claim_answer(
    p_claim_id uuid, p_began timestamptz, p_alone bool, p_lease_seconds int, p_campaign_ids uuid[],
    p_next timestamptz, p_numbers uuid[], p_got bool, p_repeated bool)
returns json language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    -- Longest `next_ms` and `slot_ms`: a day. A worker looks again long before.
    c_longest constant interval := interval '1 day';
    -- Until then a worker asks nobody whether a campaign is complete (core/engine/claiming.py).
    c_soon_ms constant int := 2000;
    v_at constant timestamptz := clock_timestamp();
    v_next_ms int;
begin
    if p_next < 'infinity' then
        v_next_ms := greatest(0, ceil(1000 * extract(epoch from
            least(greatest(p_next, v_at), v_at + c_longest) - v_at)));
    end if;
    return json_build_object(
        'began', extract(epoch from p_began),
        'at', extract(epoch from v_at),
        'alone', p_alone,
        -- json, not jsonb: a third of the time, and nobody reads it here.
        'rows', (
            select coalesce(json_agg(r), '[]'::json)
            from (
                select q.id, q.campaign_id as campaign, q.whatsapp_number_id as number,
                       q.template_name as template, q.phone, q.payload,
                       -- A day either way: a lease that another program wrote is no reason to fail.
                       1000 * date_part('epoch',
                           least(greatest(q.lease_until, v_at - c_longest), v_at + c_longest)
                           - make_interval(secs => p_lease_seconds) - v_at) as slot_ms
                from public.send_queue q
                where q.claim_id = p_claim_id and q.status = 'processing'
                  and q.in_doubt_since is null
                order by q.lease_until, q.created_at, q.id
            ) as r),
        'next_ms', v_next_ms,
        'repeated', p_repeated,
        'campaigns', public.wacampaign_work(
            p_campaign_ids, p_got or v_next_ms <= c_soon_ms),
        'rates', (
            select coalesce(json_object_agg(u.id, round(public.wacampaign_number_rate(
                u.id, w.phone_number_id, v_at), 3)), '{}'::json)
            from unnest(p_numbers) as u (id)
            left join public.whatsapp_numbers w on w.id = u.id));
end
$$;
