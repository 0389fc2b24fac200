-- Campaigns that stopped though work is left: found with evidence, mended, set going again.
-- Safe to repeat. What was accepted is never touched; what is in doubt only on a person's word.

comment on column public.send_queue.in_doubt_cause is 'no_answer: the request went out; worker_lost: its worker died, and a journal may know more; no_claim: another program took it; assumed_sent: a person decided that a row in doubt counts as sent';

-- A campaign's state as an operator saw it: whoever acts on it later acts on this state only.
create or replace function public.wacampaign_state_seen(p_campaign_id uuid)
returns text
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select md5(concat_ws('|', k.status, k.pause_reason, extract(epoch from k.start_time),
                         extract(epoch from k.end_time)))
    from public.campaigns k where k.id = p_campaign_id
$$;

-- The standing holds over the rows that a campaign has left, and for each why its cause is gone.
-- `gone` null: there is no sign of that, so a person has to say so (resume).
create or replace function public.wacampaign_standing_holds(p_campaign_id uuid)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', h.id, 'scope', h.scope, 'number', h.whatsapp_number_id, 'template', h.template_name,
        'code', h.code, 'reason', h.reason, 'since', h.created_at,
        'gone', case
            when h.scope in ('template', 'media') then coalesce(
                (select 'its rows were repaired at '
                        || to_char(max(e.at) at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC'
                 from public.wacampaign_events e
                 where e.campaign_id = p_campaign_id and e.kind = 'repaired' and e.at > h.created_at
                   and not exists (select 1 from public.wacampaign_events u
                                   where u.campaign_id = p_campaign_id
                                     and u.kind = 'repair_undone' and u.id > e.id)
                 having count(*) > 0),
                -- An approval says something of faults of the template's state, and of no other.
                (select 'the template is APPROVED, read from Meta at '
                        || to_char(t.last_synced at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC'
                 from public.templates t
                 where h.scope = 'template' and t.whatsapp_number_id = h.whatsapp_number_id
                   and t.name = h.template_name and t.status = 'APPROVED' and t.is_active
                   and t.last_synced > h.created_at
                   and coalesce(h.code, 132001) in (132001, 132015, 132016, 134101)))
            when h.scope in ('number', 'token') then (
                select 'the number was brought up to date at '
                       || to_char(n.last_updated at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC'
                from public.whatsapp_numbers n
                where n.id = h.whatsapp_number_id and n.is_active
                  and n.last_updated > h.created_at)
            end) order by h.created_at, h.id), '[]'::jsonb)
    from public.wacampaign_holds h
    where h.lifted_at is null and h.held_until is null
      and (h.campaign_id is null or h.campaign_id = p_campaign_id)
      and exists (select 1 from public.wacampaign_counts c
                  where c.campaign_id = p_campaign_id and c.status in ('ready', 'pending')
                    and c.n > 0 and c.whatsapp_number_id = h.whatsapp_number_id
                    and (h.template_name is null or h.template_name = c.template_name))
$$;

-- Facts about each campaign that may be stuck (or is named), newest first, at most 200 of them.
create or replace function public.wacampaign_stuck(p_campaign_ids uuid[] default null)
returns jsonb
language plpgsql
volatile
set search_path = public, extensions, pg_temp
set jit = off
set enable_seqscan = off
set plan_cache_mode = force_custom_plan
as $$
begin
    return jsonb_build_object(
        'at', clock_timestamp(),
        'live_workers', (select count(*) from public.wacampaign_workers w
                         where public.wacampaign_is_alive(w.id)),
        'last_worker', (select jsonb_build_object('host', w.host, 'pid', w.pid,
                                                  'last_beat_at', w.last_beat_at,
                                                  'stopped_at', w.stopped_at)
                        from public.wacampaign_workers w order by w.last_beat_at desc limit 1),
        'campaigns', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'id', k.id, 'name', k.name, 'status', k.status, 'pause_reason', k.pause_reason,
                'created_at', k.created_at, 'start_time', k.start_time, 'end_time', k.end_time,
                'total_contacts', k.total_contacts, 'rows', s.n, 'counts', n.counts,
                'token', public.wacampaign_state_seen(k.id),
                'never_enqueued', case when k.status not in ('running', 'completed')
                                       -- Rows of a campaign that was sent may have been cleared away.
                                       or (s.n = 0 and k.total_sent + k.total_failed > 0)
                                  then 0 else public.wacampaign_missing(k.id) end,
                'number_active', w.is_active is not false,
                'nobodys', d.facts,
                'alone_since', case when s.processing > 0
                               then public.wacampaign_doubts_alone_since(k.id) end,
                'total_sent', k.total_sent, 'total_failed', k.total_failed,
                'totals_due', public.wacampaign_totals_due(k.id),
                'accepted_but_waiting', case when s.waiting > 0 then (
                    select count(*) from public.send_queue q
                    where q.campaign_id = k.id and q.status in ('ready', 'pending')
                      and q.whatsapp_message_id is not null) else 0 end,
                'doubt_but_waiting', case when s.waiting > 0 then (
                    select count(*) from public.send_queue q
                    where q.campaign_id = k.id and q.status in ('ready', 'pending')
                      and q.in_doubt_since is not null
                      and q.whatsapp_message_id is null) else 0 end,
                'far_away', case when s.waiting > 0 then (
                    select jsonb_build_object('rows', count(*), 'first_at',
                                              least(min(q.next_retry_at), '9999-12-30'))
                    from public.send_queue q
                    where q.campaign_id = k.id and q.status = 'ready'
                      and q.next_retry_at > (select public.wacampaign_far_away())
                      and q.whatsapp_message_id is null and q.in_doubt_since is null) end,
                'holds', case when k.status in ('running', 'paused')
                         then public.wacampaign_standing_holds(k.id) else '[]'::jsonb end,
                'paused_by', (select jsonb_build_object('actor', e.actor, 'at', e.at)
                              from public.wacampaign_events e
                              where e.campaign_id = k.id and e.kind in
                                    ('paused', 'scheduled', 'started', 'resumed', 'restarted', 'created')
                              order by e.id desc limit 1),
                'spam_pause_over', k.spam_paused_until < clock_timestamp() at time zone 'utc',
                'spam_paused_until', k.spam_paused_until,
                'free_lanes', (
                    select count(*) from (
                        select distinct whatsapp_number_id, template_name
                        from public.wacampaign_counts
                        where campaign_id = k.id and status in ('ready', 'pending')
                          and n > 0) as c
                    where not exists (
                        select 1 from jsonb_to_recordset(public.wacampaign_standing_holds(k.id))
                            as h (number uuid, template text, gone text)
                        where h.gone is null and h.number = c.whatsapp_number_id
                          and (h.template is null or h.template = c.template_name)))
            ) order by k.created_at desc, k.id), '[]'::jsonb)
            from (
                select k.id from public.campaigns k
                where case when p_campaign_ids is not null then k.id = any (p_campaign_ids)
                      else (k.status in ('running', 'paused', 'completed') and (
                                exists (select 1 from public.wacampaign_counts c
                                        where c.campaign_id = k.id and c.n > 0
                                          and c.status in ('pending', 'ready', 'processing'))
                                -- Also with nothing left: nobody may have said that it is over.
                                or k.status = 'running'
                                or k.total_contacts > (
                                    select coalesce(sum(c.n), 0) from public.wacampaign_counts c
                                    where c.campaign_id = k.id)))
                          -- Cancelled, but rows of it are in doubt.
                          or (k.status = 'failed' and exists (
                                select 1 from public.wacampaign_counts c
                                where c.campaign_id = k.id and c.n > 0 and c.status = 'processing'))
                      end
                order by k.created_at desc, k.id
                limit 200
            ) as candidate
            join public.campaigns k on k.id = candidate.id
            left join public.whatsapp_numbers w on w.id = k.whatsapp_number_id
            cross join lateral (
                select coalesce(sum(c.n), 0) as n,
                       coalesce(sum(c.n) filter (where c.status in ('ready', 'pending')), 0)
                           as waiting,
                       coalesce(sum(c.n) filter (where c.status = 'processing'), 0) as processing
                from public.wacampaign_counts c where c.campaign_id = k.id) as s
            cross join lateral (
                select public.wacampaign_row_counts(k.id) as counts offset 0) as n
            cross join lateral (
                select case when s.processing > 0 then public.wacampaign_nobodys_rows(k.id) end
                    as facts offset 0) as d));
end
$$;

-- Rows in `processing` that no live worker holds, by how much is known of them.
--   unsent: a dead worker's, never begun; begun: a dead worker's, perhaps sent; claims: theirs;
--   no_claim: taken by another program; no_answer, worker_lost: in doubt already.
create or replace function public.wacampaign_nobodys_rows(p_campaign_id uuid)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set enable_seqscan = off
as $$
    select jsonb_build_object(
        'unsent', coalesce(sum(dead.n) filter (where dead.begun_at is null), 0),
        'begun', coalesce(sum(dead.n) filter (where dead.begun_at is not null), 0),
        'claims', coalesce(jsonb_agg(dead.id) filter (where dead.begun_at is not null and dead.n > 0),
                           '[]'::jsonb),
        'no_claim', (
            select coalesce(sum(c.n), 0) from public.wacampaign_counts c
            where c.campaign_id = p_campaign_id and c.status = 'processing')
            - (select count(*) from public.send_queue q
               where q.campaign_id = p_campaign_id and q.status = 'processing'
                 and q.in_doubt_since is not null)
            - public.wacampaign_held_rows(p_campaign_id),
        'in_doubt', (
            select jsonb_object_agg(doubt.cause, doubt.n)
            from (select coalesce(q.in_doubt_cause, 'no_answer') as cause, count(*) as n
                  from public.send_queue q
                  where q.campaign_id = p_campaign_id and q.status = 'processing'
                    and q.in_doubt_since is not null
                  group by 1) as doubt),
        'in_doubt_since', (
            select min(q.in_doubt_since) from public.send_queue q
            where q.campaign_id = p_campaign_id and q.status = 'processing'
              and q.in_doubt_since is not null))
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
returns setof uuid
language plpgsql
stable
set search_path = public, extensions, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_custom_plan
as $$
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

-- Some rows as samples of a plan: `p_what` ready, or in_doubt. At most 1,000.
create or replace function public.wacampaign_stuck_rows(
    p_campaign_id uuid,
    p_what text,
    p_limit int default 5
)
returns jsonb
language plpgsql
stable
set search_path = public, extensions, pg_temp
set jit = off
set enable_seqscan = off
set plan_cache_mode = force_custom_plan
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', r.id, 'phone', r.phone, 'template', r.template_name)), '[]'::jsonb)
        from (
            (select q.id, q.phone, q.template_name from public.send_queue q
             where p_what = 'ready' and q.campaign_id = p_campaign_id and q.status = 'ready'
               and q.next_retry_at is null and q.whatsapp_message_id is null
             limit least(p_limit, 1000))
            union all
            (select q.id, q.phone, q.template_name from public.send_queue q
             where p_what = 'in_doubt' and q.campaign_id = p_campaign_id
               and q.status = 'processing' and q.in_doubt_since is not null
             order by q.in_doubt_since, q.id limit least(p_limit, 1000))
            union all
            (select q.id, q.phone, q.template_name
             from public.wacampaign_orphans(p_campaign_id, least(p_limit, 1000)) as o
             join public.send_queue q on q.id = o
             where p_what = 'in_doubt')
            limit least(p_limit, 1000)
        ) as r
    );
end
$$;

-- Settles rows that the backend's own `messages` prove to have been accepted, at most p_limit: rows
-- in doubt, and rows that wait to be sent. Proof is a template message of this campaign to the row's
-- phone that no row owns, when the campaign has that phone once. (Of several, the first belongs to
-- the row; the others stay for the audit.)
create or replace function public.wacampaign_settle_by_messages(
    p_campaign_id uuid,
    p_actor text,
    p_limit int default 5000
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
set plan_cache_mode = force_custom_plan
as $$
declare
    v_sent int;
begin
    perform 1 from public.campaigns where id = p_campaign_id for no key update;
    with message as materialized (
        select distinct on (m.user_phone) m.user_phone as phone, m.template_name,
               m.whatsapp_message_id as wamid, m.created_at
        from public.messages m
        where m.campaign_id = p_campaign_id and m.direction = 'outgoing'
          and m.message_type = 'template' and m.whatsapp_message_id is not null
          -- What failed later may have been put back on purpose.
          and m.status <> 'failed'
          and not exists (select 1 from public.send_queue o
                          where o.whatsapp_message_id = m.whatsapp_message_id)
          and not exists (select 1 from public.wacampaign_events e
                          where e.campaign_id = p_campaign_id
                            and e.kind in ('accepted_twice', 'message_id_twice',
                                           'answer_without_row')
                            and e.detail ->> 'wamid' = m.whatsapp_message_id)
        order by m.user_phone, m.created_at, m.whatsapp_message_id
    ), own as materialized (
        select q.phone, count(*) as n, min(q.id::text)::uuid as id
        from public.send_queue q
        where q.campaign_id = p_campaign_id
          and exists (select 1 from message)
          and q.phone in (select phone from message)
        group by q.phone
    ), proved as materialized (
        select q.id, m.wamid, m.created_at
        from own
        join message m on m.phone = own.phone
        join public.send_queue q on q.id = own.id
        where own.n = 1 and q.template_name is not distinct from m.template_name
          and q.whatsapp_message_id is null
          and (q.status in ('ready', 'pending')
               or (q.status = 'processing'
                   and (q.in_doubt_since is not null
                        or not exists (select 1 from public.wacampaign_claims c
                                       where c.id = q.claim_id and c.closed_at is null)))
               or (q.status = 'sent' and q.in_doubt_cause = 'assumed_sent'))
        limit p_limit
    ), done as (
        update public.send_queue q
        set status = 'sent', revision = coalesce(q.revision, 0) + 1,
            whatsapp_message_id = p.wamid, error_code = null, error_message = null,
            next_retry_at = null, in_doubt_since = null,
            in_doubt_cause = null, sent_at = coalesce(q.sent_at, p.created_at),
            actual_sent_at = coalesce(q.actual_sent_at, p.created_at),
            updated_at = clock_timestamp()
        from proved p
        where q.id = p.id and q.whatsapp_message_id is null
          -- Again: a worker may have claimed it meanwhile.
          and (q.status in ('ready', 'pending')
               or (q.status = 'processing'
                   and (q.in_doubt_since is not null
                        or not exists (select 1 from public.wacampaign_claims c
                                       where c.id = q.claim_id and c.closed_at is null)))
               or (q.status = 'sent' and q.in_doubt_cause = 'assumed_sent'))
        returning 1
    )
    select count(*) into v_sent from done;
    if v_sent > 0 then
        insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason)
        values (p_campaign_id, 'recovered', p_actor, v_sent,
                'evidence: ' || v_sent || ' accepted, told by the messages table');
        perform public.wacampaign_show_totals(array[p_campaign_id]);
    end if;
    return jsonb_build_object('sent', v_sent);
end
$$;

-- One step of what the rows of a stopped campaign need, at most p_limit of each kind:
--   accepted: rows to be sent, in doubt or in nobody's hands that have a message id were accepted:
--     they are `sent`
--   pending: rows never sent that no worker takes, or that wait for more than a day: `ready` now
--   in_doubt: rows in `processing` of another program, and rows to be sent though in doubt: nobody
--     knows, so they are in doubt
-- The same call again until all three are 0.
create or replace function public.wacampaign_mend_rows(
    p_campaign_id uuid,
    p_actor text,
    p_limit int default 5000
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
set enable_seqscan = off
set plan_cache_mode = force_custom_plan
as $$
declare
    v_limit constant int := least(greatest(p_limit, 1), 5000);
    v_now constant timestamptz := clock_timestamp();
    v_far constant timestamptz := public.wacampaign_far_away();
    v_status text;
    v_ids uuid[];
    v_accepted int;
    v_pending int;
    v_doubt int;
begin
    select status into v_status from public.campaigns where id = p_campaign_id for update;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;

    -- All locks on rows before the first write, which takes those on the counts; and one write, which
    -- takes them in one order. What a worker takes at this moment is its own.
    select array_agg(r.id) into v_ids
    from (
        select q.id from public.send_queue q
        where q.id in (
            (select a.id from public.send_queue a
             where a.campaign_id = p_campaign_id and a.status in ('ready', 'pending')
               and a.whatsapp_message_id is not null limit v_limit)
            union all
            (select a.id from public.send_queue a
             where a.campaign_id = p_campaign_id and a.status = 'processing'
               and a.in_doubt_since is not null and a.whatsapp_message_id is not null
             limit v_limit)
            union all
            (select a.id from public.send_queue a
             where a.campaign_id = p_campaign_id and a.status in ('ready', 'pending')
               and a.in_doubt_since is not null limit v_limit)
            union all
            (select a.id from public.send_queue a
             where v_status in ('running', 'completed') and a.campaign_id = p_campaign_id
               and a.status = 'pending' and a.whatsapp_message_id is null
               and a.in_doubt_since is null limit v_limit)
            union all
            (select a.id from public.send_queue a
             where v_status in ('running', 'completed') and a.campaign_id = p_campaign_id
               and a.status = 'ready' and a.next_retry_at > v_far
               and a.whatsapp_message_id is null and a.in_doubt_since is null limit v_limit)
            union all
            (select o from public.wacampaign_orphans(p_campaign_id, v_limit) as o))
        order by q.id
        for update skip locked
    ) as r;

    with changed as (
        update public.send_queue q
        set status = case when q.whatsapp_message_id is not null then 'sent'
                          when q.status = 'processing' or q.in_doubt_since is not null
                          then 'processing' else 'ready' end,
            revision = case when q.status = 'processing' and q.whatsapp_message_id is not null
                       then coalesce(q.revision, 0) + 1 else q.revision end,
            sent_at = case when q.whatsapp_message_id is not null
                      then coalesce(q.sent_at, q.updated_at) else q.sent_at end,
            next_retry_at = case when q.whatsapp_message_id is null
                                  and q.next_retry_at <= v_far then q.next_retry_at end,
            -- Since when it stands as it does: who saw it before is who decides about it.
            in_doubt_since = case when q.whatsapp_message_id is null and q.status = 'processing'
                             then coalesce(q.in_doubt_since, least(q.updated_at, v_now))
                             when q.whatsapp_message_id is null then q.in_doubt_since end,
            in_doubt_cause = case when q.whatsapp_message_id is null and q.status = 'processing'
                             then coalesce(q.in_doubt_cause, 'no_claim')
                             when q.whatsapp_message_id is null then q.in_doubt_cause end,
            error_code = case when q.whatsapp_message_id is null then q.error_code end,
            error_message = case when q.whatsapp_message_id is not null then null
                when q.status = 'processing' and q.in_doubt_since is null
                then 'in doubt: another program took this row and never said what became of it'
                else q.error_message end,
            updated_at = v_now
        where q.id = any (v_ids)
          -- again: it may have changed before it was locked
          and (q.status in ('ready', 'pending') or (
              q.status = 'processing'
              and (q.in_doubt_since is null or q.whatsapp_message_id is not null)
              and (q.in_doubt_since is not null
                   or not exists (select 1 from public.wacampaign_claims c
                                  where c.id = q.claim_id and c.closed_at is null))))
          and (q.status <> 'ready' or q.whatsapp_message_id is not null
               or q.in_doubt_since is not null or q.next_retry_at > v_far)
        returning q.status
    )
    select count(*) filter (where status = 'sent'), count(*) filter (where status = 'ready'),
           count(*) filter (where status = 'processing')
    into v_accepted, v_pending, v_doubt
    from changed;

    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason)
    select p_campaign_id, 'recovered', p_actor, v_accepted,
           'they were to be sent, but have the id of an accepted message'
    where v_accepted > 0;
    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason)
    select p_campaign_id, 'readied', p_actor, v_pending,
           'they were pending, which no worker takes, or waited for a time far away'
    where v_pending > 0;
    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason)
    select p_campaign_id, 'in_doubt', p_actor, v_doubt,
           'taken by another program, without a word of what became of them'
    where v_doubt > 0;
    perform public.wacampaign_show_totals(array[p_campaign_id]);
    return jsonb_build_object('accepted', v_accepted, 'pending', v_pending, 'in_doubt', v_doubt);
end
$$;

-- Sets a campaign going again, by one conditional statement: only in the state that the operator
-- saw (p_token), only from completed, paused or (held) running. `changed` false: somebody else was
-- quicker. Lifts the holds whose cause is gone, and no other.
create or replace function public.wacampaign_restart(
    p_campaign_id uuid,
    p_token text,
    p_actor text,
    p_reason text
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_campaign record;
    v_changed bool := false;
    v_lifted int;
    v_left bigint;
begin
    -- The lock first: what completes or resumes the campaign takes it, too.
    select status, pause_reason, end_time into v_campaign
    from public.campaigns where id = p_campaign_id for update;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    if public.wacampaign_state_seen(p_campaign_id) <> p_token then
        return jsonb_build_object('changed', false, 'was', v_campaign.status,
                                  'status', v_campaign.status, 'holds_lifted', 0, 'left', 0);
    end if;
    if v_campaign.status in ('scheduled', 'failed') then
        raise sqlstate 'PT409' using
            message = format('the campaign is %s, so it is not restarted', v_campaign.status);
    end if;
    perform public.wacampaign_reap();
    -- Also those that are pending: mend_rows makes them ready when the campaign runs.
    select coalesce(sum(n), 0) into v_left from public.wacampaign_counts
    where campaign_id = p_campaign_id and status in ('ready', 'pending');

    update public.wacampaign_holds
    set lifted_at = clock_timestamp()
    where lifted_at is null and id in (
        select h.id from jsonb_to_recordset(public.wacampaign_standing_holds(p_campaign_id))
            as h (id uuid, gone text)
        where h.gone is not null);
    get diagnostics v_lifted = row_count;

    if v_left > 0 then
        update public.campaigns
        set status = 'running', end_time = null, pause_reason = null,
            start_time = coalesce(start_time, clock_timestamp())
        where id = p_campaign_id and status in ('completed', 'paused');
        v_changed := found;
    end if;
    if v_campaign.status = 'running' and v_lifted > 0 then
        -- A new run for it: the ramp finds out with one message whether the cause is gone.
        delete from public.wacampaign_lanes where campaign_id = p_campaign_id;
        perform pg_notify('wacampaign', p_campaign_id::text);
        v_changed := true;
    end if;
    if v_changed then
        insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
        values (p_campaign_id, 'restarted', p_actor, v_left, p_reason,
                jsonb_build_object('was', v_campaign.status,
                                   'pause_reason', v_campaign.pause_reason,
                                   'end_time', v_campaign.end_time, 'holds_lifted', v_lifted));
        perform public.wacampaign_show_totals(array[p_campaign_id]);
    end if;
    return jsonb_build_object('changed', v_changed, 'was', v_campaign.status,
        'status', case when v_changed then 'running' else v_campaign.status end,
        'holds_lifted', v_lifted, 'left', v_left);
end
$$;

-- A person decides about rows in doubt, at most p_limit of them in this call.
--   p_action: resend (they are sent once more, perhaps for the second time) | assume_sent
--   p_expected: how many rows in doubt the person saw; when there are more, nothing is changed
--   p_seen_at: when the person saw them, by the database's clock. What is in doubt only since then is
--     not concerned, so the call may be repeated, though a row may be in doubt anew by then
--   p_seen_claims: begun claims of dead workers, whose rows the person saw before they were in doubt
-- A completed campaign whose rows are to be sent again runs again; a paused one stays paused.
-- `left`: rows that the person saw and that are still in doubt.
drop function if exists public.wacampaign_resolve_doubt(uuid, text, int, text, int);
create or replace function public.wacampaign_resolve_doubt(
    p_campaign_id uuid,
    p_action text,
    p_expected int,
    p_actor text,
    p_seen_at timestamptz,
    p_seen_claims uuid[],
    p_limit int default 5000
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
set enable_seqscan = off
set plan_cache_mode = force_custom_plan
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_was text;
    v_found bigint;
    v_ids uuid[];
    v_n int := 0;
    v_reopened bool := false;
begin
    if p_action not in ('resend', 'assume_sent') then
        raise sqlstate 'PT400' using message = 'unknown action: ' || p_action;
    end if;
    select status into v_was from public.campaigns where id = p_campaign_id for update;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    if v_was = 'failed' and p_action = 'resend' then
        raise sqlstate 'PT409' using
            message = 'the campaign was cancelled, so none of its rows is sent again';
    end if;
    select count(*) into v_found from public.send_queue q
    where q.campaign_id = p_campaign_id and q.status = 'processing'
      and q.in_doubt_since is not null
      and (q.in_doubt_since <= p_seen_at or q.claim_id = any (p_seen_claims));
    if v_found > p_expected then
        return jsonb_build_object('rows', 0, 'found', v_found, 'left', v_found, 'reopened', false,
                                  'status', v_was);
    end if;

    select array_agg(t.id) into v_ids from (
        select q.id from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status = 'processing'
          and q.in_doubt_since is not null
          and (q.in_doubt_since <= p_seen_at or q.claim_id = any (p_seen_claims))
        order by q.in_doubt_since, q.id
        limit least(greatest(p_limit, 1), 5000)
        for update
    ) as t;
    if v_ids is not null then
        if p_action = 'resend' then
            update public.send_queue
            set status = 'ready', revision = coalesce(revision, 0) + 1, retry_count = 0,
                error_code = null, error_message = null, next_retry_at = null, claim_id = null,
                worker_id = null, claimed_at = null, lease_until = null, in_doubt_since = null,
                in_doubt_cause = null, updated_at = v_now
            where id = any (v_ids);
            get diagnostics v_n = row_count;
            update public.campaigns
            set status = 'running', end_time = null, pause_reason = null
            where id = p_campaign_id and status = 'completed';
            v_reopened := found;
            insert into public.wacampaign_events
                (campaign_id, kind, actor, row_count, reason, detail)
            values (p_campaign_id, 'doubt_resent', p_actor, v_n,
                    'a person had rows in doubt sent again: some may get the message twice',
                    jsonb_build_object('was', v_was, 'rows', to_jsonb(v_ids[1:1000])));
            perform pg_notify('wacampaign', p_campaign_id::text);
        else
            -- The claim stays: a journal that turns up later still proves what became of the row.
            update public.send_queue
            set status = 'sent', revision = coalesce(revision, 0) + 1, error_code = null,
                error_message = null, sent_at = coalesce(sent_at, claimed_at, in_doubt_since),
                in_doubt_cause = 'assumed_sent', updated_at = v_now
            where id = any (v_ids);
            get diagnostics v_n = row_count;
            insert into public.wacampaign_events
                (campaign_id, kind, actor, row_count, reason, detail)
            values (p_campaign_id, 'doubt_assumed_sent', p_actor, v_n,
                    'a person decided that rows in doubt count as sent',
                    jsonb_build_object('was', v_was, 'rows', to_jsonb(v_ids[1:1000])));
        end if;
        perform public.wacampaign_show_totals(array[p_campaign_id]);
    end if;
    return jsonb_build_object('rows', v_n, 'found', v_found, 'left', v_found - v_n,
        'reopened', v_reopened, 'status', case when v_reopened then 'running' else v_was end);
end
$$;

select public.wacampaign_keep_rights();
