-- Campaigns: create, fill, life cycle, the completion guard, counts, audit. One jsonb out each.

-- Resolves what a person typed: a full id, an unambiguous beginning of one (6 characters or more),
-- or an exact name. Returns the matches, at most ten.
create or replace function public.wacampaign_find(p_text text)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set jit = off
as $$
    with typed as (
        select translate(lower(p_text), '%_\', '') as beginning
    ), found as (
        select k.id, k.name, k.status, k.created_at,
               k.name = p_text or k.id::text = typed.beginning as exact
        from public.campaigns k, typed
        where k.name = p_text
           or (length(typed.beginning) >= 6 and k.id::text like typed.beginning || '%')
        order by exact desc, k.created_at desc
        limit 10
    )
    select coalesce(jsonb_agg(jsonb_build_object('id', id, 'name', name, 'status', status)
                              order by exact desc, created_at desc), '[]'::jsonb)
    from found
$$;

-- The newest campaigns, whatever their state.
create or replace function public.wacampaign_recent(p_limit int default 50)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set jit = off
as $$
    select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'name', k.name, 'status', k.status)
                              order by k.created_at desc, k.id), '[]'::jsonb)
    from (
        select id, name, status, created_at from public.campaigns
        order by created_at desc, id
        limit least(p_limit, 500)
    ) as k
$$;

create or replace function public.wacampaign_create(
    p_id uuid,
    p_name text,
    p_number_id uuid,
    p_templates text[],
    p_total int,
    p_invalid int,
    p_actor text
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
begin
    -- Every column that a backend may have without null and without a default.
    insert into public.campaigns
        (id, name, whatsapp_number_id, template_names, total_contacts, invalid_contacts_count,
         total_sent, total_failed, is_scheduled, status, pause_reason, created_at)
    values (p_id, p_name, p_number_id, p_templates, p_total, p_invalid, 0, 0, false, 'paused',
            'its contacts are being written', clock_timestamp())
    on conflict (id) do nothing;
    if found then
        insert into public.wacampaign_events (campaign_id, kind, actor, row_count)
        values (p_id, 'created', p_actor, p_total);
    end if;
    return jsonb_build_object('id', p_id);
end
$$;

-- Rows in batches; ids come from the caller, so the same batch again adds nothing.
create or replace function public.wacampaign_enqueue(
    p_campaign_id uuid,
    p_number_id uuid,
    p_ids uuid[],
    p_phones text[],
    p_templates text[],
    p_payloads text[]
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_n int;
begin
    perform 1 from public.campaigns where id = p_campaign_id and status in ('completed', 'failed');
    if found then
        raise sqlstate 'PT409' using message = 'the campaign is over, so nothing is added to it';
    end if;
    insert into public.send_queue
        (id, campaign_id, whatsapp_number_id, template_name, phone, payload, status, retry_count,
         created_at, updated_at)
    select t.id, p_campaign_id, p_number_id, t.template, t.phone, t.payload::jsonb, 'ready', 0,
           now(), now()
    from unnest(p_ids, p_phones, p_templates, p_payloads) as t (id, phone, template, payload)
    on conflict (id) do nothing;
    get diagnostics v_n = row_count;
    return jsonb_build_object('added', v_n);
end
$$;

-- All contacts are in (or the function says how many are missing): the campaign may be started.
create or replace function public.wacampaign_filled(p_campaign_id uuid, p_actor text)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_total int;
    v_rows bigint;
begin
    select total_contacts into v_total from public.campaigns where id = p_campaign_id for update;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    select coalesce(sum(n), 0) into v_rows
    from public.wacampaign_counts where campaign_id = p_campaign_id;
    if v_rows < v_total then
        raise sqlstate 'PT409' using
            message = format('%s of %s contacts are not in the queue', v_total - v_rows, v_total),
            hint = 'cancel this campaign and create it again';
    end if;
    update public.campaigns set pause_reason = 'not started yet'
    where id = p_campaign_id and status = 'paused'
      and pause_reason = 'its contacts are being written';
    if found then
        insert into public.wacampaign_events (campaign_id, kind, actor, row_count)
        values (p_campaign_id, 'filled', p_actor, v_rows);
    end if;
    return jsonb_build_object('rows', v_rows);
end
$$;

-- Lifts what holds the rows that this campaign has left. Returns how many holds that were.
create or replace function public.wacampaign_lift_holds(p_campaign_id uuid)
returns int
language plpgsql
set search_path = public, extensions, pg_temp
as $$
declare
    v_lifted int;
begin
    update public.wacampaign_holds h
    set lifted_at = clock_timestamp()
    where h.lifted_at is null
      and exists (
          select 1 from public.wacampaign_counts c
          where c.campaign_id = p_campaign_id and c.n > 0 and c.status = 'ready'
            and c.whatsapp_number_id = h.whatsapp_number_id
            and (h.template_name is null or h.template_name = c.template_name)
            and (h.campaign_id is null or h.campaign_id = c.campaign_id));
    get diagnostics v_lifted = row_count;
    return v_lifted;
end
$$;

-- start, pause, resume, cancel: one conditional statement each. `changed` false: it was so already.
create or replace function public.wacampaign_set_status(
    p_campaign_id uuid,
    p_action text,
    p_actor text,
    p_reason text default null
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_was text;
    v_reason text;
    v_now text;
    v_lifted int := 0;
begin
    select status, pause_reason into v_was, v_reason
    from public.campaigns where id = p_campaign_id for update;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    v_now := case p_action when 'start' then 'running' when 'resume' then 'running'
                           when 'pause' then 'paused' when 'cancel' then 'failed' end;
    if v_now is null then
        raise sqlstate 'PT400' using message = 'unknown action: ' || p_action;
    end if;
    if v_was = 'running' and v_now = 'running' then
        -- It runs, but some of its lanes may be held: resuming lifts that, and starts a new ramp.
        v_lifted := public.wacampaign_lift_holds(p_campaign_id);
        if v_lifted > 0 then
            delete from public.wacampaign_lanes where campaign_id = p_campaign_id;
            insert into public.wacampaign_events (campaign_id, kind, actor, reason, detail)
            values (p_campaign_id, 'resumed', p_actor, p_reason,
                    jsonb_build_object('was', v_was, 'holds_lifted', v_lifted));
            perform pg_notify('wacampaign', p_campaign_id::text);
        end if;
        return jsonb_build_object('changed', v_lifted > 0, 'was', v_was, 'status', v_was,
                                  'holds_lifted', v_lifted);
    end if;
    if p_action = 'pause' and v_was = 'paused' then
        -- It is paused, but would have started by itself.
        delete from public.wacampaign_schedule where campaign_id = p_campaign_id;
        if found then
            update public.campaigns set pause_reason = coalesce(p_reason, 'paused by ' || p_actor)
            where id = p_campaign_id;
            insert into public.wacampaign_events (campaign_id, kind, actor, reason, detail)
            values (p_campaign_id, 'paused', p_actor, p_reason,
                    jsonb_build_object('was', v_was, 'pause_reason', v_reason));
            return jsonb_build_object('changed', true, 'was', v_was, 'status', v_was,
                                      'holds_lifted', 0);
        end if;
    end if;
    if v_was = v_now then
        return jsonb_build_object('changed', false, 'was', v_was, 'status', v_was);
    end if;
    if v_now = 'running' and v_reason = 'its contacts are being written' then
        raise sqlstate 'PT409' using
            message = 'not all of its contacts are in the queue, so it cannot be started',
            hint = 'if no `wacampaign create` is running: wacampaign cancel ' || p_campaign_id
                || ', then create it again';
    end if;
    if v_was in ('completed', 'failed')
       or (p_action = 'pause' and v_was <> 'running') then
        raise sqlstate 'PT409' using
            message = format('the campaign is %s, so it cannot be %s', v_was,
                case p_action when 'start' then 'started' when 'resume' then 'resumed'
                              when 'pause' then 'paused' else 'cancelled' end);
    end if;

    update public.campaigns
    set status = v_now,
        pause_reason = case when v_now = 'running' then null else coalesce(p_reason, case p_action
            when 'cancel' then 'cancelled by ' || p_actor else 'paused by ' || p_actor end) end,
        start_time = case when v_now = 'running' then coalesce(start_time, clock_timestamp())
                     else start_time end,
        end_time = case when v_now = 'failed' then clock_timestamp() end
    where id = p_campaign_id;

    if v_now = 'running' then
        -- A person says that the cause is gone: what held this campaign's lanes is lifted, and the
        -- ramp finds out with one message whether that is true.
        v_lifted := public.wacampaign_lift_holds(p_campaign_id);
    end if;

    if v_now <> 'running' then
        perform public.wacampaign_show_totals(array[p_campaign_id]);
    end if;
    insert into public.wacampaign_events (campaign_id, kind, actor, reason, detail, row_count)
    values (p_campaign_id,
            case p_action when 'start' then 'started' when 'resume' then 'resumed'
                          when 'pause' then 'paused' else 'cancelled' end,
            p_actor, p_reason,
            jsonb_build_object('was', v_was, 'pause_reason', v_reason, 'holds_lifted', v_lifted),
            (select coalesce(sum(n), 0) from public.wacampaign_counts
             where campaign_id = p_campaign_id and status = 'ready'));
    return jsonb_build_object('changed', true, 'was', v_was, 'status', v_now,
                              'holds_lifted', v_lifted);
end
$$;

-- Rows of the campaign that somebody deleted from the queue, without those that were replaced: no more
-- than contacts are without a row.
create or replace function public.wacampaign_deleted(p_campaign_id uuid)
returns bigint
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select case
        when deleted.n = 0 or coalesce(k.total_contacts, 0) = 0 then deleted.n
        else greatest(0, least(deleted.n, k.total_contacts - (
            select coalesce(sum(c.n), 0) from public.wacampaign_counts c
            where c.campaign_id = p_campaign_id))) end::bigint
    from (select coalesce(sum(e.row_count), 0) as n from public.wacampaign_events e
          where e.campaign_id = p_campaign_id and e.kind = 'rows_deleted') as deleted
    left join public.campaigns k on k.id = p_campaign_id
$$;

-- What other programs did to this campaign against what is known, or tried to: by kind, attempt and
-- program, the latest first, at most 20. See the guard.
create or replace function public.wacampaign_others(p_campaign_id uuid)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'kind', o.kind, 'tried', o.tried, 'who', o.actor, 'rows', o.n, 'times', o.times,
        'first_at', o.first_at, 'last_at', o.last_at) order by o.last_at desc, o.tried), '[]'::jsonb)
    from (
        select e.kind, t.key as tried, e.actor,
               sum(case e.kind when 'completion_kept_back' then e.row_count else t.value::bigint end)
                   as n,
               count(*) as times, min(e.at) as first_at, max(e.at) as last_at
        from public.wacampaign_events e
        cross join lateral jsonb_each_text(
            coalesce(e.detail -> 'tried', e.detail -> 'statuses')) as t
        where e.campaign_id = p_campaign_id
          and e.kind in ('kept_back', 'completion_kept_back', 'rows_deleted')
        group by 1, 2, 3
        order by 7 desc
        limit 20
    ) as o
$$;

-- Contacts of the campaign that never had a row in the queue. Contacts that the backend found invalid
-- are in total_contacts only if campaign_contacts says so. Rows that were deleted are another matter:
-- the audit counts them as lost, and nothing waits for them.
create or replace function public.wacampaign_missing(p_campaign_id uuid)
returns bigint
language plpgsql
stable
set search_path = public, extensions, pg_temp
as $$
declare
    v_missing bigint;
    v_contacts bigint;
    v_invalid bigint;
    v_total bigint;
begin
    select k.total_contacts into v_total from public.campaigns k where k.id = p_campaign_id;
    select v_total - coalesce(sum(n), 0) into v_missing
    from public.wacampaign_counts where campaign_id = p_campaign_id;
    v_missing := v_missing - public.wacampaign_deleted(p_campaign_id);
    if coalesce(v_missing, 0) <= 0 then
        return 0;
    end if;
    select count(*), count(*) filter (where not is_valid) into v_contacts, v_invalid
    from public.campaign_contacts where campaign_id = p_campaign_id;
    if v_contacts = v_total then
        v_missing := v_missing - v_invalid;
    end if;
    return greatest(0, v_missing);
end
$$;

-- Since when rows in doubt are all that is left of a campaign (of orphans: since when they stand as
-- they do). Null when there are none and nothing was ever settled.
-- p_orphans false: there are none, so they are not looked for among all rows that are held.
drop function if exists public.wacampaign_doubts_alone_since(uuid);
create or replace function public.wacampaign_doubts_alone_since(
    p_campaign_id uuid,
    p_orphans bool default true
)
returns timestamptz
language plpgsql
stable
set search_path = public, extensions, pg_temp
-- One look into its index, whatever a small table makes cheaper.
set enable_bitmapscan = off
set enable_sort = off
as $$
begin
    return (
        select greatest(
            (select r.last_settled_at from public.wacampaign_runs r
             where r.campaign_id = p_campaign_id),
            (select q.in_doubt_since from public.send_queue q
             where q.campaign_id = p_campaign_id and q.status = 'processing'
               and q.in_doubt_since is not null
             order by q.in_doubt_since desc limit 1),
            (select max(q.updated_at) from public.send_queue q
             where p_orphans and q.campaign_id = p_campaign_id and q.status = 'processing'
               and q.in_doubt_since is null
               and (q.claim_id is null
                    or not exists (select 1 from public.wacampaign_claims c
                                   where c.id = q.claim_id and c.closed_at is null)))));
end
$$;

-- The completion guard. Sets `completed` in one statement, only from `running`, only when no row is
-- left to do and every contact had its row. Returns the verdict with what is left, for the log.
create or replace function public.wacampaign_complete(
    p_campaign_id uuid,
    p_actor text,
    p_in_doubt_minutes double precision default 10
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_campaign record;
    v_left jsonb;
    v_missing bigint;
    v_done bool := false;
    v_alone timestamptz;
    v_deleted bigint;
    v_note text;
    -- Other programs write "for ever" in many ways; calendars of other languages end in 9999.
    c_first_moment constant timestamptz := '1970-01-02';
    c_last_moment constant timestamptz := '9999-12-30';
begin
    -- The lock first: the next statement then sees what every earlier holder of it wrote.
    select id, name, status into v_campaign
    from public.campaigns where id = p_campaign_id for update;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    -- After the lock: it writes to the queue and the counts.
    perform public.wacampaign_reap();
    v_left := public.wacampaign_row_states(p_campaign_id);
    v_missing := public.wacampaign_missing(p_campaign_id);
    v_alone := public.wacampaign_doubts_alone_since(
        p_campaign_id, (v_left ->> 'orphans')::bigint > 0);
    v_left := v_left - 'orphans';

    update public.campaigns k
    set status = 'completed', end_time = clock_timestamp(), pause_reason = null
    where k.id = p_campaign_id and k.status = 'running'
      and v_missing = 0
      and (v_left ->> 'pending')::bigint = 0
      and not exists (select 1 from public.send_queue q
                      where q.campaign_id = k.id and q.status = 'pending')
      and (v_left ->> 'ready')::bigint + (v_left ->> 'retry_later')::bigint = 0
      and (v_left ->> 'processing')::bigint = 0
      and ((v_left ->> 'in_doubt')::bigint = 0
           or v_alone <= clock_timestamp() - make_interval(secs => p_in_doubt_minutes * 60));
    v_done := found;

    if v_done then
        v_deleted := public.wacampaign_deleted(p_campaign_id);
        v_note := nullif(concat_ws(', ',
            case when (v_left ->> 'in_doubt')::int > 0
                 then (v_left ->> 'in_doubt') || ' in doubt' end,
            case when v_deleted > 0 then v_deleted || ' deleted' end), '');
        perform public.wacampaign_show_totals(array[p_campaign_id]);
        insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
        values (p_campaign_id, 'completed', p_actor, (v_left ->> 'sent')::int, v_note, v_left);
        insert into public.notifications
            (type, title, message, related_entity_type, related_entity_id, created_at, is_read)
        values (case when v_note is not null or (v_left ->> 'failed')::int > 0
                     then 'warning' else 'success' end,
                'Campaign completed: ' || v_campaign.name,
                format('%s sent, %s failed%s', v_left ->> 'sent', v_left ->> 'failed',
                       coalesce(', ' || v_note, '')),
                'campaign', p_campaign_id, clock_timestamp(), false);
    elsif v_campaign.status = 'running' and (v_left ->> 'processing')::bigint = 0 then
        -- What is left may all be held: then a person has to act, and the status says so.
        if public.wacampaign_pause_held(p_campaign_id) then
            v_campaign.status := 'paused';
        end if;
    end if;

    return jsonb_build_object(
        'completed', v_done,
        'status', case when v_done then 'completed' else v_campaign.status end,
        'counts', v_left,
        'never_enqueued', v_missing,
        'waits_until', (
            select case when count(w.at) > 0
                   then least(greatest(max(w.at), c_first_moment), c_last_moment) end
            from (select distinct whatsapp_number_id, template_name from public.wacampaign_counts
                  where campaign_id = p_campaign_id and status = 'ready' and n > 0) as lane
            cross join lateral (
                select max(q.next_retry_at) as at from public.send_queue q
                where q.campaign_id = p_campaign_id and q.status = 'ready'
                  and q.whatsapp_number_id = lane.whatsapp_number_id
                  and q.template_name = lane.template_name
                  and q.next_retry_at is not null
            ) as w),
        'in_doubt_until', case when (v_left ->> 'in_doubt')::bigint > 0
                          then least(greatest(
                              v_alone + make_interval(secs => p_in_doubt_minutes * 60),
                              c_first_moment), c_last_moment) end);
end
$$;

-- The seven disjoint counts of a campaign. Totals come from the counts table; what depends on the
-- clock or on a worker's life is counted in its (small) partial index.
create or replace function public.wacampaign_row_states(p_campaign_id uuid)
returns jsonb
language plpgsql
stable
set search_path = public, extensions, pg_temp
set enable_seqscan = off
as $$
declare
    v_pending bigint;
    v_ready bigint;
    v_processing bigint;
    v_sent bigint;
    v_failed bigint;
    v_later bigint;
    v_marked bigint;
    v_orphans bigint;
    v_unsent bigint;
    v_begun bigint;
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

    v_marked := 0;
    v_orphans := 0;
    v_unsent := 0;
    v_begun := 0;
    if v_processing > 0 then
        select count(*) into v_marked from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status = 'processing'
          and q.in_doubt_since is not null;
        -- Taken by somebody who holds no open claim (the old backend's processor).
        v_orphans := v_processing - v_marked - public.wacampaign_held_rows(p_campaign_id);
        -- Held by a dead claim that nobody has reaped yet.
        select coalesce(sum(n) filter (where begun_at is null), 0),
               coalesce(sum(n) filter (where begun_at is not null), 0)
        into v_unsent, v_begun
        from (
            select c.begun_at, (
                select count(*) from public.send_queue q
                where q.claim_id = c.id and q.status = 'processing'
                  and q.campaign_id = p_campaign_id and q.in_doubt_since is null) as n
            from public.wacampaign_claims c
            where c.closed_at is null
              and (c.lease_until < clock_timestamp() or not public.wacampaign_is_alive(c.worker_id))
        ) as dead;
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
returns jsonb
language plpgsql
stable
set search_path = public, extensions, pg_temp
as $$
begin
    return public.wacampaign_row_states(p_campaign_id) - 'orphans';
end
$$;

-- From when on a wait for another try is no wait but somebody's slip: a day is longer than any wait of
-- ours or the backend's.
create or replace function public.wacampaign_far_away()
returns timestamptz
language sql
volatile
set search_path = public, extensions, pg_temp
as $$
    select clock_timestamp() + interval '1 day'
$$;

-- What queue-stats and monitor show. Without ids: all campaigns that are not over.
create or replace function public.wacampaign_stats(p_campaign_ids uuid[] default null)
returns jsonb
language sql
volatile
set search_path = public, extensions, pg_temp
set jit = off
as $$
    select jsonb_build_object(
        'at', to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'campaigns', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'id', k.id,
                'name', k.name,
                'status', k.status,
                'pause_reason', k.pause_reason,
                'total_contacts', k.total_contacts,
                'counts', n.counts,
                'templates', to_jsonb(k.template_names),
                'number', jsonb_build_object(
                    'phone_number_id', nullif(public.wacampaign_solid(w.phone_number_id), ''),
                    'display_name', w.display_name,
                    'quality_rating', w.quality_rating, 'is_active', w.is_active,
                    'configured_rate', w.max_send_rate_per_sec,
                    'rate', round(public.wacampaign_number_rate(w.id, w.phone_number_id,
                                                                clock_timestamp()), 1)),
                'oldest_ready_seconds', case when (n.counts ->> 'ready')::bigint > 0 then (
                    select round(extract(epoch from clock_timestamp() - min(o.at)
                                         filter (where isfinite(o.at)))::numeric, 1) from (
                        select distinct c.whatsapp_number_id, c.template_name
                        from public.wacampaign_counts c
                        where c.campaign_id = k.id and c.status = 'ready' and c.n > 0
                    ) as lane
                    cross join lateral (
                        (select q.created_at as at from public.send_queue q
                         where q.campaign_id = k.id and q.status = 'ready' and q.next_retry_at is null
                           and q.whatsapp_number_id = lane.whatsapp_number_id
                           and q.template_name = lane.template_name
                         order by q.created_at, q.id limit 1)
                        union all
                        (select q.next_retry_at from public.send_queue q
                         where q.campaign_id = k.id and q.status = 'ready'
                           -- a subquery: evaluated once, so the index can use it
                           and q.next_retry_at <= (select clock_timestamp())
                           and q.whatsapp_number_id = lane.whatsapp_number_id
                           and q.template_name = lane.template_name
                         order by q.next_retry_at limit 1)
                    ) as o) end,
                -- Accepted a second over the last minute, or since the first answer if that is less.
                'rate_per_second', (
                    select round(coalesce(sum(p.sent) / greatest(1, extract(epoch from
                        clock_timestamp() - least(clock_timestamp(), greatest(
                            min(greatest(p.at, k.start_time)),
                            clock_timestamp() - interval '1 minute')))), 0)::numeric, 1)
                    from public.wacampaign_pace p
                    where p.campaign_id = k.id and p.at > clock_timestamp() - interval '1 minute'),
                'errors', (
                    select coalesce(jsonb_agg(jsonb_build_object('code', e.code, 'count', e.n)
                                              order by e.n desc, e.code), '[]'::jsonb)
                    from (select c.error_code as code, sum(c.n) as n
                          from public.wacampaign_counts c
                          where c.campaign_id = k.id and c.error_code <> 0 and c.n > 0
                            and c.status <> 'sent'
                          group by 1) as e),
                'never_enqueued', case when k.status in ('running', 'completed')
                                  then public.wacampaign_missing(k.id) else 0 end,
                'deleted', public.wacampaign_deleted(k.id),
                'others', public.wacampaign_others(k.id),
                -- lane by lane: the index begins with those
                'next_retry_at', case when (n.counts ->> 'retry_later')::bigint > 0 then (
                    select case when count(w.at) > 0 then least(min(w.at), '9999-12-30') end from (
                        select distinct c.whatsapp_number_id, c.template_name
                        from public.wacampaign_counts c
                        where c.campaign_id = k.id and c.status = 'ready' and c.n > 0
                    ) as lane
                    cross join lateral (
                        select min(q.next_retry_at) as at from public.send_queue q
                        where q.campaign_id = k.id and q.status = 'ready'
                          and q.whatsapp_number_id = lane.whatsapp_number_id
                          and q.template_name = lane.template_name
                          and q.next_retry_at > (select clock_timestamp())
                    ) as w) end,
                'far_away', public.wacampaign_far_away(),
                'guarded', public.wacampaign_guarded(),
                'scheduled_start_time', public.wacampaign_starts_at(k.id),
                'start_time', k.start_time,
                'end_time', k.end_time,
                'holds', (
                    select coalesce(jsonb_agg(jsonb_build_object(
                        'scope', h.scope, 'template', h.template_name, 'code', h.code,
                        'reason', h.reason,
                        'until', case when h.held_until is not null
                                 then least(h.held_until, '9999-12-30') end)), '[]'::jsonb)
                    from public.wacampaign_holds h
                    where h.lifted_at is null
                      and (h.held_until is null or h.held_until > clock_timestamp())
                      and (h.campaign_id is null or h.campaign_id = k.id)
                      and exists (select 1 from public.wacampaign_counts c
                                  where c.campaign_id = k.id and c.n > 0 and c.status = 'ready'
                                    and c.whatsapp_number_id = h.whatsapp_number_id
                                    and (h.template_name is null or h.template_name = c.template_name)))
            ) order by k.created_at, k.id), '[]'::jsonb)
            from public.campaigns k
            -- offset 0: else it is counted anew wherever the counts are mentioned
            cross join lateral (
                select public.wacampaign_row_counts(k.id) as counts offset 0) as n
            left join public.whatsapp_numbers w on w.id = k.whatsapp_number_id
            where case when p_campaign_ids is null
                  -- Over, but not settled: what is in doubt is shown until it is resolved, what
                  -- another program left in nobody's hands counts as such, and so is what was put
                  -- back into a campaign that is completed.
                  then k.status in ('scheduled', 'running', 'paused')
                      or exists (select 1 from public.wacampaign_counts c
                                 where c.campaign_id = k.id and c.n > 0
                                   and (c.status = 'processing'
                                        or k.status = 'completed'
                                        and c.status in ('pending', 'ready')))
                  else k.id = any (p_campaign_ids) end),
        'workers', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'id', w.id, 'host', w.host, 'pid', w.pid, 'version', w.version,
                'started_at', w.started_at, 'in_flight', w.in_flight,
                'alive', public.wacampaign_is_alive(w.id),
                'beat_age_seconds', round(extract(epoch from clock_timestamp() - w.last_beat_at)::numeric, 1)
            ) order by w.started_at desc), '[]'::jsonb)
            from public.wacampaign_workers w
            where w.stopped_at is null and w.last_beat_at > clock_timestamp() - interval '1 hour'))
$$;

create or replace function public.wacampaign_events_of(p_campaign_id uuid, p_limit int default 50)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set jit = off
as $$
    select coalesce(jsonb_agg(to_jsonb(e) order by e.id), '[]'::jsonb)
    from (select * from public.wacampaign_events
          where campaign_id = p_campaign_id
          order by id desc limit least(p_limit, 500)) as e
$$;

-- Proof from the rows themselves, not from counters, in three parts: a million rows and as many
-- messages are too much for one statement over REST. This one reads the rows once.
--   lost: contacts without a row (never_enqueued; deleted, by another program), and rows left undone
--     by a campaign that says it is completed (left_behind)
--   twice_by_row: a row's own history tells of a second acceptance
--   ids_shared: rows that carry another row's message id, so at most one of them was accepted
--   without_id: accepted rows without a message id; assumed_sent: those that a person decided about
create or replace function public.wacampaign_audit(p_campaign_id uuid)
returns jsonb
language plpgsql
stable
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_campaign record;
    v_rows bigint;
    v_accepted bigint;
    v_failed bigint;
    v_undone bigint;
    v_without_id bigint;
    v_assumed bigint;
    v_shared bigint := 0;
    v_doubt bigint;
    v_missing bigint;
    v_deleted bigint;
    v_twice bigint;
    v_drift bigint;
begin
    select * into v_campaign from public.campaigns where id = p_campaign_id;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    with counted as materialized (
        select q.status, count(*) as n,
               count(*) filter (where q.whatsapp_message_id is null) as without_id,
               count(*) filter (where q.in_doubt_cause = 'assumed_sent') as assumed
        from public.send_queue q where q.campaign_id = p_campaign_id
        group by q.status
    )
    select coalesce(sum(n), 0),
           coalesce(sum(n) filter (where status = 'sent'), 0),
           coalesce(sum(n) filter (where status = 'failed'), 0),
           coalesce(sum(n) filter (where status in ('pending', 'ready')), 0),
           coalesce(sum(without_id) filter (where status = 'sent'), 0),
           coalesce(sum(assumed) filter (where status = 'sent'), 0),
           (select coalesce(sum(abs(t.n)), 0) from (
                select sum(s.n) as n from (
                    select c.status, c.n from public.wacampaign_counts c
                    where c.campaign_id = p_campaign_id
                    union all
                    select coalesce(counted.status, ''), -counted.n from counted
                ) as s group by s.status) as t)
    into v_rows, v_accepted, v_failed, v_undone, v_without_id, v_assumed, v_drift
    from counted;
    if not exists (
        select 1 from pg_catalog.pg_index i
        join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = 'public.send_queue'::regclass
          and i.indisunique and i.indnatts = 1 and a.attname = 'whatsapp_message_id'
    ) then
        select coalesce(sum(r.n - 1), 0) into v_shared from (
            select count(*) as n from public.send_queue q
            where q.campaign_id = p_campaign_id and q.whatsapp_message_id is not null
            group by q.whatsapp_message_id having count(*) > 1) as r;
    end if;
    v_doubt := (public.wacampaign_row_counts(p_campaign_id) ->> 'in_doubt')::bigint;
    v_missing := public.wacampaign_missing(p_campaign_id);
    v_deleted := public.wacampaign_deleted(p_campaign_id);
    select count(*) into v_twice from public.wacampaign_events
    where campaign_id = p_campaign_id and kind = 'accepted_twice';
    return jsonb_build_object(
        'id', p_campaign_id,
        'name', v_campaign.name,
        'status', v_campaign.status,
        'rows', v_rows,
        'accepted', v_accepted,
        'failed', v_failed,
        'lost', v_missing + v_deleted + case when v_campaign.status = 'completed' then v_undone else 0 end,
        'never_enqueued', v_missing,
        'deleted', v_deleted,
        'others', public.wacampaign_others(p_campaign_id),
        'resent', (select coalesce(sum(e.row_count), 0) from public.wacampaign_events e
                   where e.campaign_id = p_campaign_id and e.kind = 'doubt_resent'),
        'left_behind', case when v_campaign.status = 'completed' then v_undone else 0 end,
        'twice_by_row', v_twice,
        'ids_shared', v_shared,
        'in_doubt', v_doubt,
        'without_id', v_without_id - v_assumed,
        'assumed_sent', v_assumed,
        'count_drift', v_drift,
        'total_contacts', v_campaign.total_contacts,
        'total_sent_shown', v_campaign.total_sent,
        'total_failed_shown', v_campaign.total_failed,
        'totals_due', public.wacampaign_totals_due(p_campaign_id),
        'ok', v_missing = 0 and v_deleted = 0 and v_twice = 0 and v_shared = 0 and v_drift = 0
              and not (v_campaign.status = 'completed' and v_undone > 0));
end
$$;

-- The audit's second part: messages accepted beyond one a row. A message of this campaign that no
-- row owns, and no row without an id can own, was sent beside the queue's knowledge.
create or replace function public.wacampaign_audit_messages(p_campaign_id uuid)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set jit = off
-- The join and the counting spill to the disk else.
set work_mem = '64MB'
as $$
    with unowned as materialized (
        select m.user_phone as phone, count(*) as n
        from public.messages m
        where m.campaign_id = p_campaign_id and m.direction = 'outgoing'
          and m.message_type = 'template' and m.whatsapp_message_id is not null
          and not exists (select 1 from public.send_queue q
                          where q.campaign_id = p_campaign_id
                            and q.whatsapp_message_id = m.whatsapp_message_id)
          and not exists (select 1 from public.wacampaign_events e
                          where e.campaign_id = p_campaign_id
                            and e.kind in ('accepted_twice', 'message_id_twice',
                                           'answer_without_row')
                            and e.detail ->> 'wamid' = m.whatsapp_message_id)
        group by m.user_phone
    ), accepted as materialized (
        select distinct q.phone from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status = 'sent' and exists (select 1 from unowned)
    ), without_id as (
        -- The old backend left ids out, and a row in doubt has none: one message each is theirs.
        select q.phone, count(*) as n from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status in ('sent', 'processing')
          and q.whatsapp_message_id is null and exists (select 1 from unowned)
        group by q.phone
    )
    -- Nor is the message of a row that somebody deleted: so many may be theirs, as far as their recipients
    -- have no accepted row now. (Who deletes rows and puts them back has them sent again.)
    select jsonb_build_object('unowned', coalesce(sum(m.more) filter (where m.again), 0)
        + greatest(0, coalesce(sum(m.more) filter (where not m.again), 0)
        - (select coalesce(sum(s.value::bigint), 0) from public.wacampaign_events e
           cross join lateral jsonb_each_text(e.detail -> 'statuses') as s
           where e.campaign_id = p_campaign_id and e.kind = 'rows_deleted'
             and s.key in ('sent', 'failed'))))
    from (
        select greatest(0, u.n - coalesce(w.n, 0)) as more,
               exists (select 1 from public.wacampaign_events e
                       where e.campaign_id = p_campaign_id and e.kind = 'rows_deleted')
               and a.phone is not null as again
        from unowned u
        left join without_id w on w.phone = u.phone
        left join accepted a on a.phone = u.phone
    ) as m
$$;

-- The audit's third part: recipients of more than one accepted row. The list named them twice.
create or replace function public.wacampaign_audit_recipients(p_campaign_id uuid)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set jit = off
set work_mem = '64MB'
as $$
    select jsonb_build_object('recipients_repeated', count(*))
    from (
        select 1 from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status = 'sent'
        group by q.phone having count(*) > 1
    ) as r
$$;

select public.wacampaign_keep_rights();
