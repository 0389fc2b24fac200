-- Statuses become deliveries: one function, wherever a status comes from. Once by message id and status,
-- by rank and by the event's own time, never backwards.

-- What became of a message, by its times: the highest of them counts, and that it was delivered is more
-- than that it failed.
create or replace function public.wacampaign_delivery_state(
    p_held timestamptz, p_sent timestamptz, p_failed timestamptz, p_delivered timestamptz,
    p_read timestamptz)
returns text language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select case when p_read is not null then 'read'
                when p_delivered is not null then 'delivered'
                when p_failed is not null then 'undelivered'
                when p_sent is null and p_held is not null then 'held'
                else 'sent' end
$$;

-- When an event happened: as it says itself, unless that cannot be (before Cloud API was, or in the
-- future by more than a clock is wrong).
create or replace function public.wacampaign_event_time(p_seconds numeric, p_now timestamptz)
returns timestamptz language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select case when p_seconds between 1500000000 and extract(epoch from p_now) + 86400
                then to_timestamp(p_seconds::double precision) else p_now end
$$;

-- Takes a batch of statuses. Safe to repeat.
--   p_statuses: [{"wamid", "status", "at" (epoch seconds), "number" (id of whatsapp_numbers) or
--     "phone_number_id", "phone", "user_id", "callback", "code", "title", "details", "said"}, …]
--   p_source: receiver | backend | person | worker
--   p_rules: what failures hold, by code (core/undelivered.py); rest_hours: how long people rest of whom
--     Meta says that they had enough marketing (without it 24)
-- `new`: message ids never heard of before; `joined`: those whose row is known; `cleared`: rows in doubt
-- that are settled by these.
create or replace function public.wacampaign_statuses_taken(
    p_statuses jsonb, p_source text, p_rules jsonb)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_custom_plan
-- Who reads the log goes without: here each row would be looked for through the whole queue.
set enable_sort = on as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_wamids text[];
    v_failed text[];
    v_callbacks jsonb;
    v_before jsonb;
    v_new int;
    v_cleared int;
    v_joined jsonb;
    v_known text[];
begin
    perform public.wacampaign_lock_deliveries();
    select array_agg(distinct s.wamid), coalesce(array_agg(distinct s.wamid) filter (
               where s.status = 'failed'), '{}'),
           jsonb_object_agg(s.wamid, s.callback) filter (
               -- Nearly all messages are known to be some row's.
               where s.callback is not null and not exists (
                   select 1 from public.send_queue q where q.whatsapp_message_id = s.wamid))
    into v_wamids, v_failed, v_callbacks
    from jsonb_to_recordset(p_statuses) as s (wamid text, status text, callback text)
    where s.wamid <> '' and length(s.wamid) <= 512 and s.status <> '';
    if v_wamids is null then
        return jsonb_build_object('taken', 0, 'new', 0, 'joined', 0, 'cleared', 0);
    end if;
    perform public.wacampaign_lock_campaigns_of(
        v_failed, array(select e.value from jsonb_each_text(v_callbacks) as e));
    -- What the statuses themselves say of rows in doubt comes first: then their messages have a row.
    v_cleared := public.wacampaign_clear_doubts(v_callbacks);
    v_before := public.wacampaign_delivery_states(v_wamids);

    with told as materialized (
        select s.wamid, s.status, public.wacampaign_event_time(s.at, v_now) as at,
               coalesce(s.number, w.id) as number, nullif(s.phone, '') as phone,
               nullif(s.user_id, '') as user_id, nullif(s.callback, '') as callback, s.code, s.title,
               s.details, coalesce(nullif(s.said, 'null'), '{}'::jsonb) as said,
               row_number() over () as place
        from jsonb_to_recordset(p_statuses) as s (
            wamid text, status text, at numeric, number uuid, phone_number_id text, phone text,
            user_id text, callback text, code int, title text, details text, said jsonb)
        left join (
            select distinct on (1) public.wacampaign_bucket_key(n.id, n.phone_number_id) as key, n.id
            from public.whatsapp_numbers n
            order by 1, n.is_active is not false desc, n.id
        ) as w on w.key = s.phone_number_id
        where s.wamid <> '' and length(s.wamid) <= 512 and s.status <> ''
    ), message as materialized (
        select wamid, min(at) filter (where status = 'held') as held_at,
               min(at) filter (where status = 'sent') as sent_at,
               min(at) filter (where status = 'failed') as failed_at,
               min(at) filter (where status = 'delivered') as delivered_at,
               -- `played`: a voice message that was listened to
               min(at) filter (where status in ('read', 'played')) as read_at,
               (array_agg(code order by place) filter (where status = 'failed'))[1] as code,
               (array_agg(title order by place) filter (where status = 'failed'))[1] as title,
               (array_agg(details order by place) filter (where status = 'failed'))[1] as details,
               (array_agg(number order by place) filter (where number is not null))[1] as number,
               max(phone) as phone, max(user_id) as user_id, max(callback) as callback,
               max(at) as last_at,
               jsonb_object_agg(left(status, 40), said order by place desc) as said
        from told group by wamid
    ), kept as (
        insert into public.wacampaign_deliveries as d
            (wamid, whatsapp_number_id, phone, person, user_id, callback, held_at, sent_at, failed_at,
             delivered_at, read_at, code, title, details, state, sources, said, first_seen_at, last_at,
             look_at)
        select m.wamid, m.number, m.phone, public.wacampaign_person(m.phone), m.user_id, m.callback,
               m.held_at, m.sent_at, m.failed_at,
               m.delivered_at, m.read_at, m.code, m.title, m.details,
               public.wacampaign_delivery_state(
                   m.held_at, m.sent_at, m.failed_at, m.delivered_at, m.read_at),
               array[p_source], m.said, v_now, m.last_at, v_now
        from message m
        order by m.wamid
        on conflict (wamid) do update
        set whatsapp_number_id = coalesce(d.whatsapp_number_id, excluded.whatsapp_number_id),
            phone = coalesce(d.phone, excluded.phone), person = coalesce(d.person, excluded.person),
            user_id = coalesce(d.user_id, excluded.user_id),
            callback = coalesce(d.callback, excluded.callback),
            held_at = least(d.held_at, excluded.held_at), sent_at = least(d.sent_at, excluded.sent_at),
            failed_at = least(d.failed_at, excluded.failed_at),
            delivered_at = least(d.delivered_at, excluded.delivered_at),
            read_at = least(d.read_at, excluded.read_at),
            code = coalesce(d.code, excluded.code), title = coalesce(d.title, excluded.title),
            details = coalesce(d.details, excluded.details),
            state = public.wacampaign_delivery_state(
                least(d.held_at, excluded.held_at), least(d.sent_at, excluded.sent_at),
                least(d.failed_at, excluded.failed_at), least(d.delivered_at, excluded.delivered_at),
                least(d.read_at, excluded.read_at)),
            sources = case when p_source = any (d.sources) then d.sources
                      else d.sources || p_source end,
            -- The first object of a status stays, unless it came from where there are none.
            said = excluded.said || (
                select coalesce(jsonb_object_agg(k.key, k.value), '{}'::jsonb)
                from jsonb_each(d.said) as k where k.value <> '{}'::jsonb or not excluded.said ? k.key),
            last_at = greatest(d.last_at, excluded.last_at)
        returning (xmax = 0) as is_new
    )
    select count(*) filter (where is_new) into v_new from kept;

    perform public.wacampaign_heard_of(p_source, v_wamids);
    v_joined := public.wacampaign_join_deliveries(v_wamids, v_before, p_rules);
    v_known := public.wacampaign_know_people(p_statuses);
    perform public.wacampaign_heed_deliveries(v_wamids, p_source, p_rules);
    if v_known is not null then
        perform public.wacampaign_move_wishes(v_known);
    end if;
    return jsonb_build_object(
        'taken', cardinality(v_wamids), 'new', v_new, 'joined', v_joined -> 'joined',
        'cleared', v_cleared, 'held', v_joined -> 'held');
end
$$;

-- The same, for programs: `p_statuses` and `p_rules` are JSON texts.
create or replace function public.wacampaign_take_statuses(
    p_statuses text, p_source text, p_rules text)
returns jsonb language sql
set search_path = public, extensions, pg_temp set jit = off as $$
    select public.wacampaign_statuses_taken(p_statuses::jsonb, p_source, p_rules::jsonb)
$$;

-- Message id → what is counted of it now: [state, code of a failure, whether it is contradicted]; of
-- messages whose row is known.
create or replace function public.wacampaign_delivery_states(p_wamids text[])
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set enable_seqscan = off as $$
    select coalesce(jsonb_object_agg(d.wamid, jsonb_build_array(
        d.state, coalesce(d.code, 0),
        (d.failed_at is not null and d.state in ('delivered', 'read'))::int)), '{}'::jsonb)
    from public.wacampaign_deliveries d
    where d.wamid = any (p_wamids) and d.row_id is not null
$$;

-- One taker at a time: what a state was is read before it is changed, and counted by that.
create or replace function public.wacampaign_lock_deliveries()
returns void language sql
set search_path = public, extensions, pg_temp as $$
    select pg_advisory_xact_lock(hashtext('wacampaign_deliveries'))
$$;

-- Locks the campaigns that these may change, before anything else is locked: those that a failure may
-- pause, and those whose rows a status settles.
--   p_failed: message ids; p_callbacks: callback data
create or replace function public.wacampaign_lock_campaigns_of(
    p_failed text[], p_callbacks text[])
returns void language plpgsql
set search_path = public, extensions, pg_temp set enable_seqscan = off as $$
declare
    v_ids uuid[];
    v_campaigns uuid[];
begin
    if p_failed <> '{}' then
        select array_agg(q.id), array_agg(distinct q.campaign_id) into v_ids, v_campaigns
        from public.send_queue q
        where q.whatsapp_message_id = any (p_failed);
    end if;
    if v_ids is not null then
        -- Whatever their codes: no scope is wider.
        v_campaigns := v_campaigns || public.wacampaign_held_with(
            v_ids, array_fill('account'::text, array[cardinality(v_ids)]));
    end if;
    if p_callbacks <> '{}' then
        v_campaigns := v_campaigns || array(
            select distinct q.campaign_id from public.send_queue q
            where q.id in (select substring(c from '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')::uuid
                           from unnest(p_callbacks) as c)
              and (q.whatsapp_message_id is null or q.in_doubt_since is not null)
              and (q.status <> 'processing' or q.in_doubt_since is not null));
    end if;
    perform 1 from public.campaigns k where k.id = any (v_campaigns) order by k.id for no key update;
end
$$;
