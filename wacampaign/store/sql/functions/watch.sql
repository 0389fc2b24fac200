-- What `stats` says of a campaign that is watched: how fast, since when, what errors come, what waits.

-- How many rows were done lately, by whole seconds and quarters of a minute that do not move on with the
-- clock, so that a chart of them stands still.
--   recent: [seconds ago, rows done, accepted] of the last minute; bars: [quarters of a minute ago, rows
--   done] of the last fifteen minutes. 0 is the one that has not ended. None of what was not.
create or replace function public.wacampaign_pace_shown(p_campaign_id uuid, p_now timestamptz)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    with done as materialized (
        select p.at, p.sent + p.failed + p.in_doubt as n, p.sent
        from public.wacampaign_pace p
        where p.campaign_id = p_campaign_id and p.at > p_now - interval '15 minutes'
    )
    select jsonb_build_object(
        'recent', (
            select coalesce(jsonb_agg(jsonb_build_array(r.ago, r.n, r.sent) order by r.ago), '[]'::jsonb)
            from (
                select greatest(0, extract(epoch from date_trunc('second', p_now) - d.at)::int) as ago,
                       d.n, d.sent
                from done d where d.at > p_now - interval '1 minute') as r),
        'bars', (
            select coalesce(jsonb_agg(jsonb_build_array(b.ago, b.n) order by b.ago), '[]'::jsonb)
            from (
                select greatest(0, extract(epoch from
                           date_bin('15 seconds', p_now, 'epoch'::timestamptz)
                           - date_bin('15 seconds', d.at, 'epoch'::timestamptz))::int / 15) as ago,
                       sum(d.n) as n
                from done d group by 1) as b))
$$;

-- Answers with an error in the last fifteen minutes: [code, minutes ago, how many]; 0 is the minute that
-- has not ended.
create or replace function public.wacampaign_errors_lately(p_campaign_id uuid, p_now timestamptz)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_array(
        m.code, extract(epoch from date_trunc('minute', p_now) - m.at)::int / 60, m.n)
        order by m.code, m.at desc), '[]'::jsonb)
    from public.wacampaign_error_minutes m
    where m.campaign_id = p_campaign_id and m.at > p_now - interval '15 minutes'
$$;

-- The campaign's last eight events, the oldest first.
create or replace function public.wacampaign_events_lately(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'at', public.wacampaign_utc(e.at), 'kind', e.kind, 'actor', e.actor, 'rows', e.row_count,
        'reason', e.reason) order by e.id), '[]'::jsonb)
    from (select * from public.wacampaign_events
          where campaign_id = p_campaign_id order by id desc limit 8) as e
$$;

-- Whether a running campaign's first messages are all that goes, and since when they wait for their
-- statuses; null: no lane with rows to send is in its ramp.
create or replace function public.wacampaign_ramp_shown(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select case when count(*) > 0 then jsonb_build_object(
        'lanes', count(*), 'accepted', coalesce(sum(l.run_accepted), 0),
        'waits_since', max(l.ramp_at) filter (where l.ramp_heard < l.run_accepted)) end
    from (
        select distinct c.whatsapp_number_id, c.template_name
        from public.wacampaign_counts c
        where c.campaign_id = p_campaign_id and c.status = 'ready' and c.n > 0
    ) as o
    left join public.wacampaign_lanes l
        on l.campaign_id = p_campaign_id and l.whatsapp_number_id = o.whatsapp_number_id
        and l.template_name = o.template_name
    where coalesce(l.run_accepted, 0) < public.wacampaign_ramp_rows()
$$;

-- Numbers that could send the campaign's template as well: active, approved there, no campaign runs on
-- them. At most three.
create or replace function public.wacampaign_spare_numbers(p_campaign_id uuid, p_now timestamptz)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'phone_number_id', nullif(public.wacampaign_solid(s.phone_number_id), ''),
        'display_name', s.display_name,
        'rate', round(public.wacampaign_number_rate(s.id, s.phone_number_id, p_now), 1))
        order by s.id), '[]'::jsonb)
    from (
        select w.id, w.phone_number_id, w.display_name
        from public.campaigns k
        join public.whatsapp_numbers own on own.id = k.whatsapp_number_id
        join public.whatsapp_numbers w
            on w.is_active is not false
            and public.wacampaign_bucket_key(w.id, w.phone_number_id)
             <> public.wacampaign_bucket_key(own.id, own.phone_number_id)
        join public.templates t
            on t.whatsapp_number_id = w.id and t.name = k.template_names[1]
            and t.status = 'APPROVED' and t.is_active is not false
        where k.id = p_campaign_id
          and not exists (select 1 from public.campaigns r
                          where r.status = 'running' and r.whatsapp_number_id = w.id)
        order by w.id limit 3) as s
$$;

-- A worker says what it measured: `p_facts`, an object (core/engine/measures.py); of one of another version
-- what is of another shape is no fact. Unknown workers are none to be shown, so nothing is written.
create or replace function public.wacampaign_measured(p_worker_id uuid, p_facts text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_facts constant jsonb := case when jsonb_typeof(p_facts::jsonb) = 'object' then p_facts::jsonb end;
    c_most constant int := 1000000;
begin
    update public.wacampaign_workers
    set facts = v_facts, measured_at = clock_timestamp(),
        in_flight = case when jsonb_typeof(v_facts -> 'in_flight') = 'number'
                    then least(greatest((v_facts ->> 'in_flight')::numeric, 0), c_most)::int
                    else in_flight end
    where id = p_worker_id and stopped_at is null;
    return jsonb_build_object('known', found);
end
$$;
