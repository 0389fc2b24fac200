-- Contacts of the campaign that never had a row in the queue. Contacts that the backend found invalid
-- are in total_contacts only if campaign_contacts says so. Rows that were deleted are another matter:
-- the audit counts them as lost, and nothing waits for them.
create or replace function public.wacampaign_missing(p_campaign_id uuid)
returns bigint language plpgsql stable
set search_path = public, extensions, pg_temp as $$
declare
    v_missing bigint;
    v_contacts bigint;
    v_invalid bigint;
    v_total bigint;
begin
    select k.total_contacts into v_total from public.campaigns k where k.id = p_campaign_id;
    v_missing := v_total - public.wacampaign_counted(p_campaign_id)
        - public.wacampaign_deleted(p_campaign_id);
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
    p_campaign_id uuid, p_orphans bool default true)
returns timestamptz language plpgsql stable
set search_path = public, extensions, pg_temp
-- One look into its index, whatever a small table makes cheaper.
set enable_bitmapscan = off set enable_sort = off as $$
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
    p_campaign_id uuid, p_actor text, p_in_doubt_minutes double precision default 10)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_campaign public.campaigns;
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
    v_campaign := public.wacampaign_campaign(p_campaign_id);
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
        perform public.wacampaign_event(
            p_campaign_id, 'completed', p_actor, (v_left ->> 'sent')::int, v_note, v_left);
        perform public.wacampaign_bell(
            case when v_note is not null or (v_left ->> 'failed')::int > 0
                 then 'warning' else 'success' end,
            'Campaign completed: ' || v_campaign.name,
            format('%s sent, %s failed%s', v_left ->> 'sent', v_left ->> 'failed',
                   coalesce(', ' || v_note, '')),
            '/campaigns', p_campaign_id);
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
                union all
                select h.opens_at from public.wacampaign_hours_closed(p_campaign_id) as h
            ) as w),
        'budget', case when v_campaign.status = 'running' and not v_done
                            and (v_left ->> 'ready')::bigint > 0
                  then public.wacampaign_budget_of(p_campaign_id) end,
        'in_doubt_until', case when (v_left ->> 'in_doubt')::bigint > 0
                          then least(greatest(
                              v_alone + make_interval(secs => p_in_doubt_minutes * 60),
                              c_first_moment), c_last_moment) end);
end
$$;
