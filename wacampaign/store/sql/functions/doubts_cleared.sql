-- Rows in doubt that a status settles: whoever has a status of a message knows that Meta took it.

-- Settles rows by the callback data of their statuses: message id → callback data. A row that a live
-- claim holds is left to its worker, whose answer is on its way. Returns how many rows that were.
create or replace function public.wacampaign_clear_doubts(p_callbacks jsonb)
returns int language plpgsql
set search_path = public, extensions, pg_temp set enable_seqscan = off
set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    -- A row that was sent by hand again has a message for each attempt: one a turn.
    c_turns constant int := 4;
    v_ids uuid[];
    v_claims uuid[];
    v_wamids text[];
    v_cleared int := 0;
begin
    if p_callbacks is null then
        return 0;
    end if;
    for v_turn in 1 .. c_turns loop
        select array_agg(t.id order by t.id), array_agg(t.claim order by t.id),
               array_agg(t.wamid order by t.id)
        into v_ids, v_claims, v_wamids
        from (
            select distinct on (q.id) q.id, c.wamid, coalesce(c.claim, q.claim_id) as claim
            from (
                select e.key as wamid, m[1]::uuid as row_id, m[2]::uuid as claim
                from jsonb_each_text(p_callbacks) as e
                cross join lateral regexp_match(e.value, '^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})'
                    '(?::([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))?$') as m
                where m is not null
            ) as c
            join public.send_queue q on q.id = c.row_id
            where q.whatsapp_message_id is distinct from c.wamid
              -- Before messages carried their claim: what is in doubt now is what they were.
              and (c.claim is not null or q.in_doubt_since is not null)
              and not exists (
                  select 1 from public.wacampaign_claims o
                  where o.id = q.claim_id and o.id = c.claim and q.status = 'processing'
                    and q.in_doubt_since is null and o.closed_at is null
                    and o.lease_until > clock_timestamp() and public.wacampaign_is_alive(o.worker_id))
              and not exists (
                  select 1 from public.wacampaign_events e
                  where e.campaign_id = q.campaign_id
                    and e.kind in ('accepted_twice', 'message_id_twice')
                    and e.detail ->> 'wamid' = c.wamid)
            order by q.id, (c.claim = q.claim_id) desc nulls last, c.wamid
        ) as t;
        exit when v_ids is null;
        v_cleared := v_cleared + (public.wacampaign_recover(
            null, v_ids, v_claims, array_fill('sent'::text, array[cardinality(v_ids)]), v_wamids,
            array_fill(null::int, array[cardinality(v_ids)]),
            array_fill(null::text, array[cardinality(v_ids)])) ->> 'sent')::int;
    end loop;
    -- A message whose row was deleted meanwhile.
    select array_agg(c.row_id), array_agg(c.wamid) into v_ids, v_wamids
    from (
        select e.key as wamid, substring(e.value from '^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})')::uuid
            as row_id
        from jsonb_each_text(p_callbacks) as e
    ) as c
    join public.wacampaign_deleted_rows d on d.id = c.row_id
    where d.wamid is null;
    if v_ids is not null then
        perform public.wacampaign_answers_without_row(
            null, v_ids, array_fill('sent'::text, array[cardinality(v_ids)]), v_wamids);
    end if;
    return v_cleared;
end
$$;

-- Settles rows in doubt by statuses without callback data (the backend's handler keeps none): a message
-- that nobody knows, from the row's number to the row's phone, after the attempt; and only when it can be
-- no other row's, and no other such message could be the row's. Returns how many rows that were.
create or replace function public.wacampaign_clear_doubts_by_phone()
returns int language plpgsql
-- Hashes are for what is looked up in both heaps here; tables are asked by index, one by one.
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_mergejoin = off set plan_cache_mode = force_custom_plan as $$
declare
    -- Who sends by another way enters its message right after Meta's answer; until then it is nobody's.
    c_settled_after constant interval := '5 seconds';
    -- Another program that took a row itself says what became of it after its whole batch.
    c_theirs_after constant interval := '2 minutes';
    -- Statuses have whole seconds, and a claim's time is that of its beginning.
    c_slack constant interval := '2 seconds';
    -- Rows a call, as long as a call of `recover` may be.
    c_rows constant int := 1000;
    v_now constant timestamptz := clock_timestamp();
    v_ids uuid[];
    v_claims uuid[];
    v_wamids text[];
begin
    with doubt as materialized (
        select q.id, q.claim_id, q.whatsapp_number_id as number,
               public.wacampaign_person(q.phone) as person,
               -- Of one that another program took nobody knows when: it was there by then.
               case when q.claim_id is null then q.created_at
                    else coalesce(q.claimed_at, q.in_doubt_since) end as attempted_at,
               case when q.claim_id is null then v_now - c_theirs_after
                    else v_now - c_settled_after end as known_by
        from (
            select * from public.send_queue
            where status = 'processing' and in_doubt_since is not null and whatsapp_message_id is null
            union all
            select * from public.send_queue
            where status = 'processing' and claim_id is null and in_doubt_since is null
              and whatsapp_message_id is null
        ) as q
    ), same as materialized (
        select u.number, array_agg(o.id) as numbers
        from (select distinct number from doubt) as u
        join public.whatsapp_numbers n on n.id = u.number
        join public.whatsapp_numbers o
            on public.wacampaign_bucket_key(o.id, o.phone_number_id)
             = public.wacampaign_bucket_key(n.id, n.phone_number_id)
        group by u.number
    ), possible as materialized (
        select t.id, t.claim_id, t.person, s.numbers, m.wamid
        from doubt t
        join same s on s.number = t.number
        cross join lateral (
            select d.wamid
            from unnest(s.numbers) as u (number)
            join public.wacampaign_deliveries d
                on d.row_id is null and d.whatsapp_number_id = u.number and d.person = t.person
            where d.callback is null
              and coalesce(d.sent_at, d.delivered_at, d.read_at, d.failed_at)
                  >= date_trunc('second', t.attempted_at) - c_slack
              and (d.first_seen_at < t.known_by or d.last_at < t.known_by)
              -- known as somebody's
              and not exists (select 1 from public.messages m
                              where m.whatsapp_message_id = d.wamid offset 0)
              and not exists (select 1 from public.wacampaign_events e
                              where e.kind in ('accepted_twice', 'message_id_twice', 'answer_without_row')
                                and e.detail ->> 'wamid' = d.wamid offset 0)
            offset 0) as m
    ), flying as materialized (
        select distinct f.number, f.person
        from public.wacampaign_claims c
        cross join lateral (
            select o.whatsapp_number_id as number, public.wacampaign_person(o.phone) as person
            from public.send_queue o
            where o.claim_id = c.id and o.status = 'processing' and o.in_doubt_since is null
            offset 0) as f
        where c.closed_at is null and exists (select 1 from possible)
    ), message as (
        select p.wamid, p.id, p.claim_id,
               count(*) over (partition by p.wamid) as rows_of_it,
               count(*) over (partition by p.id) as messages_of_it
        from possible p
        -- or one that is on its way
        where not exists (select 1 from flying f
                          where f.person = p.person and f.number = any (p.numbers))
    )
    select array_agg(t.id order by t.id), array_agg(t.claim_id order by t.id),
           array_agg(t.wamid order by t.id)
    into v_ids, v_claims, v_wamids
    from (select m.* from message m where m.rows_of_it = 1 and m.messages_of_it = 1
          order by m.id limit c_rows) as t;
    if v_ids is null then
        return 0;
    end if;
    return (public.wacampaign_recover(
        null, v_ids, v_claims, array_fill('sent'::text, array[cardinality(v_ids)]), v_wamids,
        array_fill(null::int, array[cardinality(v_ids)]),
        array_fill(null::text, array[cardinality(v_ids)])) ->> 'sent')::int;
end
$$;
