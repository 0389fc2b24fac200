-- What can be known before the first message, and what a campaign's start writes. Safe to repeat.
--
-- Rows that would be sent are those `pending` or `ready`. They are surveyed whole, in pages: each
-- page answers with groups of rows that are made alike, so that one row of each tells of all.

-- The campaign, what it sends from and with, and what stands around it. Tokens are not here.
create or replace function public.wacampaign_readiness(p_campaign_id uuid)
returns jsonb
language plpgsql
stable
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_campaign record;
begin
    select k.* into v_campaign from public.campaigns k where k.id = p_campaign_id;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    return (
        with lanes as materialized (
            select c.whatsapp_number_id as number, c.template_name as template,
                   coalesce(sum(c.n) filter (where c.status in ('pending', 'ready')), 0) as unsent,
                   sum(c.n) as n
            from public.wacampaign_counts c
            where c.campaign_id = p_campaign_id
            group by 1, 2
            having sum(c.n) > 0
        ), numbers as materialized (
            select distinct number as id from lanes where unsent > 0
            union
            select v_campaign.whatsapp_number_id where v_campaign.whatsapp_number_id is not null
        )
        select jsonb_build_object(
            'id', v_campaign.id, 'name', v_campaign.name, 'status', v_campaign.status,
            'pause_reason', v_campaign.pause_reason,
            'templates', to_jsonb(coalesce(v_campaign.template_names, '{}')),
            'total', coalesce(v_campaign.total_contacts, 0),
            'rows', (select coalesce(sum(n), 0) from lanes),
            'pending', (
                select coalesce(sum(c.n), 0) from public.wacampaign_counts c
                where c.campaign_id = p_campaign_id and c.status = 'pending'),
            'missing', coalesce(public.wacampaign_missing(p_campaign_id), 0),
            'scheduled_at', to_char(public.wacampaign_starts_at(p_campaign_id) at time zone 'utc',
                                    'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            'now', to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            'lanes', (
                select coalesce(jsonb_agg(to_jsonb(l) order by l.unsent desc, l.template), '[]'::jsonb)
                from (select number, template, unsent from lanes where unsent > 0
                      order by unsent desc, template limit 1000) as l),
            'numbers', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'id', w.id, 'phone_number_id', nullif(public.wacampaign_solid(w.phone_number_id), ''),
                    'waba_id', nullif(public.wacampaign_solid(w.waba_id), ''),
                    'name', coalesce(w.display_name, w.verified_name), 'number', w.number,
                    'is_active', w.is_active, 'rate_configured', w.max_send_rate_per_sec,
                    'rate_now', round(public.wacampaign_number_rate(
                        w.id, w.phone_number_id, clock_timestamp()), 1),
                    'queued_elsewhere', (
                        select coalesce(sum(c.n), 0)
                        from public.wacampaign_counts c
                        join public.campaigns k on k.id = c.campaign_id and k.status = 'running'
                        where c.whatsapp_number_id = w.id and c.status = 'ready'
                          and c.campaign_id <> p_campaign_id)
                ) order by w.display_name, w.id), '[]'::jsonb)
                from public.whatsapp_numbers w
                where w.id in (select id from numbers)),
            'known', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'number', t.whatsapp_number_id, 'name', t.name, 'language', t.language,
                    'status', t.status, 'category', t.category, 'components', t.components,
                    'parameter_format', t.parameter_format, 'meta_id', t.meta_template_id,
                    'is_active', t.is_active, 'is_quarantined', t.is_quarantined,
                    'synced_at', to_char(t.last_synced at time zone 'utc',
                                         'YYYY-MM-DD"T"HH24:MI:SS"Z"'))), '[]'::jsonb)
                from public.templates t
                where t.whatsapp_number_id in (select id from numbers)
                  and (t.name in (select template from lanes)
                       or t.name = any (v_campaign.template_names))),
            'holds', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'scope', h.scope, 'template', h.template_name, 'reason', h.reason,
                    'until', to_char(h.held_until at time zone 'utc',
                                     'YYYY-MM-DD"T"HH24:MI:SS"Z"')) order by h.created_at),
                    '[]'::jsonb)
                from (
                    select * from public.wacampaign_holds h
                    where h.lifted_at is null
                      and (h.held_until is null or h.held_until > clock_timestamp())
                      and (h.campaign_id is null or h.campaign_id = p_campaign_id)
                      and exists (
                          select 1 from lanes l
                          where l.unsent > 0 and l.number = h.whatsapp_number_id
                            and (h.template_name is null or h.template_name = l.template))
                    order by h.created_at
                    limit 100
                ) as h),
            'live_workers', (
                select count(*) from public.wacampaign_workers w
                where w.stopped_at is null
                  and w.last_beat_at > clock_timestamp() - interval '30 seconds')));
end
$$;

-- One page of the rows of a number and template that would be sent, in groups of rows alike.
--
-- p_part: `fresh` (ready, never tried) is read along the claim's own index; `other` is what is left
-- (pending, waiting for a retry). p_after_at and p_after_id: `last_at`, `last_id` of the page before.
-- p_roles says what var1, var2, … fill (media, header, body, suffix, coupon), p_limits how many
-- characters each may have, p_body_room how many all of the body may have together.
--
-- A signature holds each variable with its marks: e empty, z nothing visible, n line break, t tab,
-- s five spaces, l too long, u URL, m and d digits (12 and more, fewer), c no coupon code, # number,
-- N null, b boolean, o neither; and `!body` (too long), `!phone` (no phone number).
create or replace function public.wacampaign_readiness_rows(
    p_campaign_id uuid,
    p_number_id uuid,
    p_template text,
    p_part text,
    p_after_at text,
    p_after_id uuid,
    p_roles text[],
    p_limits int[],
    p_body_room int,
    p_limit int default 20000
)
returns jsonb
language plpgsql
stable
set search_path = public, extensions, pg_temp
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
set work_mem = '64MB'
as $$
declare
    v_limit constant int := least(greatest(p_limit, 1), 100000);
    v_after_at constant timestamptz := coalesce(p_after_at::timestamptz, '-infinity');
    v_after_id constant uuid := coalesce(p_after_id, '00000000-0000-0000-0000-000000000000');
    v_keys constant text[] := array(
        select 'var' || i from generate_series(1, coalesce(cardinality(p_roles), 0)) as i);
    v_media constant bool := coalesce(p_roles[1] = 'media', false);
    v_ids uuid[];
    v_last timestamptz;
    -- White space, and what cannot be seen besides.
    c_white constant text := ' \t\n\r\v\f\u001c-\u001f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000';
    c_hidden constant text := c_white || '\u0001-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff';
    c_blank constant text := '^[' || c_white || ']*$';
    c_unseen constant text := '^[' || c_hidden || ']*$';
    c_lines constant text := '[\n\r\v\f\u0085\u2028\u2029]';
    c_odd constant text := c_unseen || '|[\t\n\r\v\f\u0085\u2028\u2029]| {5}';
begin
    -- The keys of the page first, by an index; then the rows themselves.
    if p_part = 'fresh' then
        select array_agg(t.id order by t.created_at, t.id), max(t.created_at) into v_ids, v_last
        from (
            select q.id, q.created_at from public.send_queue q
            where q.campaign_id = p_campaign_id and q.whatsapp_number_id = p_number_id
              and q.template_name = p_template and q.status = 'ready' and q.next_retry_at is null
              and (q.created_at, q.id) > (v_after_at, v_after_id)
            order by q.created_at, q.id
            limit v_limit
        ) as t;
    else
        select array_agg(t.id order by t.at, t.id), max(t.at) into v_ids, v_last
        from (
            select q.id, coalesce(q.created_at, 'epoch') as at from public.send_queue q
            where q.campaign_id = p_campaign_id and q.whatsapp_number_id = p_number_id
              and q.template_name = p_template
              and (q.status = 'pending'
                   or (q.status = 'ready' and q.next_retry_at is not null)
                   or (q.status = 'ready' and q.created_at is null))
              and (coalesce(q.created_at, 'epoch'), q.id) > (v_after_at, v_after_id)
            order by 2, q.id
            limit v_limit
        ) as t;
    end if;

    return (
        with page as materialized (
            select k.n, q.id, q.phone, q.payload
            from unnest(v_ids) with ordinality as k (id, n)
            join public.send_queue q on q.id = k.id
        ), signed as (
            select p.n,
                   case when coalesce(jsonb_typeof(p.payload), 'null') = 'null' then ''
                        when jsonb_typeof(p.payload) <> 'object'
                            then 'no object ' || jsonb_typeof(p.payload)
                        else (
                       select coalesce(string_agg(
                                  left(v.key, 40) || ':' || v.kind || case when v.text is null then '' else
                                  case when v.text !~ c_odd then ''
                                       when v.text ~ c_blank then 'e'
                                       when v.text ~ c_unseen then 'z'
                                       else case when v.text ~ c_lines then 'n' else '' end
                                            || case when strpos(v.text, E'\t') > 0 then 't' else '' end
                                            || case when strpos(v.text, '     ') > 0 then 's' else '' end
                                       end
                                  || case when length(v.text) > p_limits[v.i] then 'l' else '' end
                                  || case when strpos(v.text, '://') > 0
                                               and v.text ~* '^\s*https?://[^\s/]' then 'u'
                                          when v.i <= 2 and v.text ~ '^\s*[0-9]+\s*$'
                                              then case when length(btrim(v.text, public.wacampaign_blanks())) >= 12
                                                        then 'm' else 'd' end
                                          else '' end
                                  || case when p_roles[v.i] = 'coupon' and v.text !~ '^[A-Za-z0-9]*$'
                                          then 'c' else '' end
                                  end, ' '), '')
                              || case when sum(length(v.text)) filter (where p_roles[v.i] = 'body')
                                           > p_body_room then ' !body' else '' end
                       from (
                           select e.key, array_position(v_keys, e.key) as i,
                                  case when k.type in ('string', 'number') then e.value #>> '{}' end
                                      as text,
                                  case k.type when 'string' then '' when 'number' then '#'
                                              when 'null' then 'N' when 'boolean' then 'b'
                                              else 'o' end as kind
                           from jsonb_each(p.payload) as e
                           cross join lateral (select jsonb_typeof(e.value) as type) as k
                       ) as v) end
                   || case when ltrim(btrim(coalesce(p.phone, ''), public.wacampaign_blanks()), '+') ~ '^[0-9]{7,15}$' then ''
                           else ' !phone' end as signature
            from page p
        ), grouped as materialized (
            select signature, count(*) as n, min(signed.n) as first from signed group by 1
        ), shown as (
            select * from grouped order by n desc, signature limit 500
        ), files as materialized (
            select btrim(p.payload ->> 'var1', public.wacampaign_blanks()) as value, count(*) as n
            from page p
            where v_media and jsonb_typeof(p.payload) = 'object'
              and btrim(coalesce(p.payload ->> 'var1', ''), public.wacampaign_blanks()) <> ''
            group by 1
        )
        select jsonb_build_object(
            'rows', coalesce(cardinality(v_ids), 0),
            'groups', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'signature', s.signature, 'n', s.n, 'phone', p.phone, 'payload', p.payload)
                    order by s.n desc, s.signature), '[]'::jsonb)
                from shown s join page p on p.n = s.first),
            'grouped', (select coalesce(sum(n), 0) from shown),
            'media', (
                select coalesce(jsonb_agg(jsonb_build_object('value', f.value, 'n', f.n)
                                          order by f.n desc, f.value), '[]'::jsonb)
                from (select left(value, 2000) as value, n from files
                      order by n desc, value limit 100) as f),
            'media_count', (select count(*) from files),
            'last_at', case when cardinality(v_ids) = v_limit then v_last::text end,
            'last_id', case when cardinality(v_ids) = v_limit then v_ids[v_limit] end));
end
$$;

-- How many people the rows go to, and who of them is written to more than once.
create or replace function public.wacampaign_readiness_recipients(p_campaign_id uuid)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set enable_seqscan = off
set jit = off
set work_mem = '64MB'
as $$
    with phones as materialized (
        select ltrim(btrim(q.phone, public.wacampaign_blanks()), '+') as phone, count(*) as n
        from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status in ('pending', 'ready')
        group by 1
    )
    select jsonb_build_object(
        'people', count(*),
        'repeated', count(*) filter (where n > 1),
        'surplus', coalesce(sum(n - 1), 0),
        'samples', (
            select coalesce(jsonb_agg(jsonb_build_object('phone', s.phone, 'n', s.n)), '[]'::jsonb)
            from (select phone, n from phones where n > 1 order by n desc, phone limit 3) as s))
    from phones
$$;

-- Starts a campaign although nobody looked whether it is ready: the event says so.
create or replace function public.wacampaign_start_unchecked(p_campaign_id uuid, p_actor text)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_answer jsonb;
begin
    v_answer := public.wacampaign_set_status(p_campaign_id, 'start', p_actor);
    if (v_answer ->> 'changed')::bool then
        insert into public.wacampaign_events (campaign_id, kind, actor, reason)
        values (p_campaign_id, 'preflight_skipped', p_actor, 'started with --skip-preflight');
    end if;
    return v_answer;
end
$$;

-- The campaign stays `paused`, where no scheduler of the backend looks, and says when it starts. One
-- that is over or running is not scheduled; nor one of which not all contacts are in the queue.
create or replace function public.wacampaign_schedule(
    p_campaign_id uuid,
    p_at text,
    p_actor text
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    c_at constant timestamptz := p_at::timestamptz;
    v_campaign record;
begin
    select status, pause_reason into v_campaign
    from public.campaigns where id = p_campaign_id for update;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    if v_campaign.status not in ('paused', 'scheduled') then
        raise sqlstate 'PT409' using
            message = format('the campaign is %s, so it cannot be scheduled', v_campaign.status);
    end if;
    if c_at <= clock_timestamp() then
        raise sqlstate 'PT400' using message = 'that time is over';
    end if;
    if v_campaign.pause_reason = 'its contacts are being written' then
        raise sqlstate 'PT409' using
            message = 'not all of its contacts are in the queue, so it cannot be scheduled';
    end if;
    if exists (select 1 from public.campaign_contacts where campaign_id = p_campaign_id)
       and (v_campaign.status = 'scheduled' or public.wacampaign_missing(p_campaign_id) > 0) then
        raise sqlstate 'PT409' using
            message = 'the backend has its contacts, and enqueues them when it starts the campaign'
                || ' itself: schedule it there';
    end if;
    if exists (select 1 from public.wacampaign_schedule
               where campaign_id = p_campaign_id and start_at = c_at)
       and v_campaign.status = 'paused' then
        return jsonb_build_object('changed', false, 'was', v_campaign.status);
    end if;
    -- scheduled_start_time is the backend's: with ours in it, its screens would promise a start.
    update public.campaigns
    set status = 'paused', scheduled_start_time = null, is_scheduled = false,
        pause_reason = 'starts at ' || to_char(c_at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
            || ' UTC (wacampaign start --at)'
    where id = p_campaign_id;
    insert into public.wacampaign_schedule (campaign_id, start_at, set_by)
    values (p_campaign_id, c_at, p_actor)
    on conflict (campaign_id)
    do update set start_at = excluded.start_at, set_by = excluded.set_by,
                  set_at = clock_timestamp();
    insert into public.wacampaign_events (campaign_id, kind, actor, reason, detail)
    values (p_campaign_id, 'scheduled', p_actor, null,
            jsonb_build_object('was', v_campaign.status, 'pause_reason', v_campaign.pause_reason,
                               'at', c_at));
    return jsonb_build_object('changed', true, 'was', v_campaign.status);
end
$$;

-- Campaigns whose time has come; at most 20. Whether one can start is what its preflight says, but
-- `scheduled` ones (the backend's, and those of an earlier version of ours) only when their contacts
-- are all in the queue: the backend enqueues its own.
create or replace function public.wacampaign_due_campaigns(p_campaign_ids uuid[] default null)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set jit = off
as $$
    select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'name', k.name)
                              order by k.start_at, k.id), '[]'::jsonb)
    from (
        select k.id, k.name, due.start_at
        from (
            select s.campaign_id, s.start_at, 'paused' as status
            from public.wacampaign_schedule s where s.start_at <= clock_timestamp()
            union all
            select b.id, b.scheduled_start_time, 'scheduled'
            from public.campaigns b
            where b.status = 'scheduled' and b.scheduled_start_time <= clock_timestamp()
        ) as due
        join public.campaigns k on k.id = due.campaign_id and k.status = due.status
        where (p_campaign_ids is null or k.id = any (p_campaign_ids))
          -- A case: it may have to count contacts, so only where it is asked.
          and case when k.status = 'paused' then true else
                  exists (select 1 from public.wacampaign_counts c
                          where c.campaign_id = k.id and c.n > 0)
                  and public.wacampaign_missing(k.id) = 0 end
        order by due.start_at, k.id
        limit 20
    ) as k
$$;

-- A due campaign starts, or (with p_failure) stays paused and says why. Its time is then gone, so of
-- several workers one does it, and a campaign that a person paused meanwhile stays paused.
create or replace function public.wacampaign_start_scheduled(
    p_campaign_id uuid,
    p_actor text,
    p_failure text default null
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_name text;
    v_was text;
    v_reason text;
begin
    select name, status into v_name, v_was from public.campaigns
    where id = p_campaign_id for update;
    -- Looked up after the lock: another worker may just have started it.
    if not found or public.wacampaign_starts_at(p_campaign_id) > clock_timestamp()
       or public.wacampaign_starts_at(p_campaign_id) is null then
        return jsonb_build_object('changed', false);
    end if;
    if p_failure is null then
        return public.wacampaign_set_status(p_campaign_id, 'start', p_actor, 'its time had come');
    end if;
    v_reason := 'not started at its time: ' || p_failure;
    delete from public.wacampaign_schedule where campaign_id = p_campaign_id;
    update public.campaigns set status = 'paused', pause_reason = v_reason
    where id = p_campaign_id;
    insert into public.wacampaign_events (campaign_id, kind, actor, reason)
    values (p_campaign_id, 'preflight_failed', p_actor, p_failure);
    insert into public.notifications
        (type, title, message, related_entity_type, related_entity_id, created_at, is_read)
    values ('error', 'Campaign not started: ' || v_name, v_reason, 'campaign', p_campaign_id,
            clock_timestamp(), false);
    return jsonb_build_object('changed', true, 'was', v_was, 'status', 'paused');
end
$$;

-- Writes a test message down, once: an event, and for the backend's inbox and status webhook a
-- message without a campaign, so that it counts in none.
create or replace function public.wacampaign_test_sent(
    p_campaign_id uuid,
    p_test uuid,
    p_actor text,
    p_number_id uuid,
    p_phone text,
    p_template text,
    p_wamid text,
    p_reason text
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
begin
    perform 1 from public.campaigns where id = p_campaign_id for update;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
    select p_campaign_id, 'test_sent', p_actor, case when p_wamid is null then 0 else 1 end, p_reason,
           jsonb_build_object('test', p_test, 'template', p_template, 'wamid', p_wamid)
    where not exists (
        select 1 from public.wacampaign_events
        where campaign_id = p_campaign_id and kind = 'test_sent'
          and detail ->> 'test' = p_test::text);
    if p_wamid is not null then
        insert into public.messages
            (whatsapp_number_id, user_phone, direction, message_type, template_name, campaign_id,
             whatsapp_message_id, status, created_at)
        values (p_number_id, p_phone, 'outgoing', 'template', p_template, null, p_wamid, 'sent',
                clock_timestamp())
        on conflict (whatsapp_message_id) do nothing;
    end if;
    return jsonb_build_object('written', true);
end
$$;

-- What the status webhook said of a message so far; `received`: whether it says anything of any.
create or replace function public.wacampaign_test_status(p_wamid text)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set jit = off
as $$
    select jsonb_build_object(
        'statuses', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'status', l.status, 'code', l.error_code, 'text', left(l.error_message, 500))
                order by l.created_at), '[]'::jsonb)
            from public.message_status_logs l where l.whatsapp_message_id = p_wamid),
        'received', exists (select 1 from public.message_status_logs))
$$;

select public.wacampaign_keep_rights();
