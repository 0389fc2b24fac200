-- Whom the claim leaves out: people who opted out of marketing, and those who rest.

-- Whether a campaign's template is marketing: all that is not known to be UTILITY or AUTHENTICATION, as it
-- was planned and as it is now, in the backend's table and by Meta's latest word (a webhook's stands
-- in ours alone).
create or replace function public.wacampaign_is_marketing(
    p_campaign_id uuid, p_number_id uuid, p_template text)
returns bool language sql stable
set search_path = public, extensions, pg_temp as $$
    select not coalesce((
        select bool_and(upper(c.category) in ('UTILITY', 'AUTHENTICATION'))
        from (
            select p.category from public.wacampaign_campaign_templates p
            where p.campaign_id = p_campaign_id and p.whatsapp_number_id = p_number_id
              and p.template_name = p_template
            union all
            select t.category from public.templates t
            where t.whatsapp_number_id = p_number_id and t.name = p_template
              and t.category is not null
            union all
            select k.category
            from public.wacampaign_known_templates(array[p_number_id], array[p_template]) as k
            where k.category is not null
              and (k.is_standing
                   or exists (select 1 from public.wacampaign_campaign_templates p
                              where p.campaign_id = p_campaign_id
                                and p.whatsapp_number_id = p_number_id
                                and p.template_name = p_template and p.language = k.language))
        ) as c), false)
$$;

-- Why no marketing goes to a person now, as the row's error says; null: it may.
create or replace function public.wacampaign_why_left_out(
    p_since timestamptz, p_evidence text, p_until timestamptz)
returns text language sql stable
set search_path = public, extensions, pg_temp as $$
    select case
        when p_since is not null then format('opted out of marketing on %s, %s: not sent',
            to_char(p_since at time zone 'utc', 'YYYY-MM-DD'), coalesce(p_evidence, 'without a word'))
        when p_until is not null then format(
            'Meta asked for a rest from marketing until %s UTC: not sent',
            to_char(p_until at time zone 'utc', 'YYYY-MM-DD HH24:MI')) end
$$;

-- Whether a failed row's error is such a reason.
create or replace function public.wacampaign_is_left_out(p_message text)
returns bool language sql immutable
set search_path = public, extensions, pg_temp as $$
    select coalesce(p_message like 'opted out of marketing on %'
                    or p_message like 'Meta asked for a rest from marketing until %', false)
$$;

-- As wacampaign_pick_rows, without people who opted out or rest: their rows are `left_tids`, each with
-- its reason, for the caller to fail. `more`: rows are left that it did not get to.
-- While nobody opted out or rests, this is one look into two indexes; else one look a row.
drop function if exists public.wacampaign_pick_wanted_rows(uuid[], uuid[], text[], int[], int, bigint);
create or replace function public.wacampaign_pick_wanted_rows(
    p_campaigns uuid[], p_numbers uuid[], p_templates text[], p_most int[], p_hours text[], p_n int,
    p_turn bigint, out tids tid[], out places int[], out left_tids tid[], out left_why text[], out more bool)
returns record language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    -- Rows that one claim looks at: some 50 ms.
    c_looked_at constant int := 5000;
    v_now constant timestamptz := clock_timestamp();
    v_marketing int[];
    v_beyond int := 0;
    v_looked_at int;
    -- What it asks for: rows in all, and of each lane.
    v_asked int;
    v_most int[];
begin
    more := false;
    if exists (select 1 from public.wacampaign_optouts where ended_at is null)
       or exists (select 1 from public.wacampaign_rests where until > v_now) then
        v_marketing := array(
            select u.place::int from unnest(p_campaigns, p_numbers, p_templates)
                with ordinality as u (campaign, number, template, place)
            where public.wacampaign_is_marketing(u.campaign, u.number, u.template));
    end if;
    loop
        v_asked := p_n + v_beyond;
        v_most := case when v_beyond = 0 then p_most else array(
            select case when u.place = any (v_marketing) then least(u.most + v_beyond, c_looked_at)
                   else u.most end
            from unnest(p_most) with ordinality as u (most, place) order by u.place) end;
        select r.tids, r.places into tids, places
        from public.wacampaign_pick_rows(
            p_campaigns, p_numbers, p_templates, v_most, p_hours, v_asked, p_turn) as r;
        left_tids := '{}';
        left_why := '{}';
        exit when coalesce(cardinality(v_marketing), 0) = 0 or cardinality(tids) = 0;
        v_looked_at := cardinality(tids);
        with looked_at as materialized (
            select t.tid, t.place, t.nth, case when t.place = any (v_marketing) then (
                select public.wacampaign_why_left_out(o.since, o.evidence, r.until)
                from public.send_queue q
                -- Written out: the call costs more than the rest.
                cross join lateral (
                    select case when q.phone ~ '^[1-9][0-9]*$' and q.phone !~ '^5[245]' then q.phone
                           else public.wacampaign_person(q.phone) end as person offset 0) as k
                left join public.wacampaign_optouts o on o.person = k.person and o.ended_at is null
                left join public.wacampaign_rests r on r.person = k.person and r.until > v_now
                where q.ctid = t.tid) end as why
            from unnest(tids, places) with ordinality as t (tid, place, nth)
        ), wanted as (
            -- No lane gives more than it may, though more was looked at.
            select w.tid, w.place, w.nth
            from (select l.*, row_number() over (partition by l.place order by l.nth) as of_lane
                  from looked_at l where l.why is null) as w
            where w.of_lane <= p_most[w.place]
            order by w.nth limit p_n
        )
        select coalesce((select array_agg(w.tid order by w.nth) from wanted w), '{}'),
               coalesce((select array_agg(w.place order by w.nth) from wanted w), '{}'),
               coalesce(array_agg(l.tid) filter (where l.why is not null), '{}'),
               coalesce(array_agg(l.why) filter (where l.why is not null), '{}')
        into tids, places, left_tids, left_why
        from looked_at l;
        exit when cardinality(left_tids) = 0
               or cardinality(tids) >= least(p_n, (select sum(m) from unnest(p_most) as m));
        -- Fewer than it asked for: there are no more.
        exit when v_looked_at < least(v_asked, (select sum(m) from unnest(v_most) as m));
        more := v_beyond >= c_looked_at;
        exit when more;
        v_beyond := least(c_looked_at, greatest(4 * v_beyond, 200));
    end loop;
end
$$;

-- Notes whose rows a claim is about to fail: one event a campaign. Before the rows, as whoever settles
-- takes these locks in this order.
create or replace function public.wacampaign_tell_left_out(
    p_worker_id uuid, p_tids tid[], p_why text[])
returns void language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_now constant timestamptz := clock_timestamp();
begin
    with left_out as materialized (
        select q.campaign_id, count(*) as n, count(*) filter (where t.why like 'opted out%') as out_n
        from unnest(p_tids, p_why) as t (tid, why)
        join public.send_queue q on q.ctid = t.tid
        group by q.campaign_id
    ), runs as (
        insert into public.wacampaign_runs as r (campaign_id, last_settled_at)
        select campaign_id, v_now from left_out order by campaign_id
        on conflict (campaign_id) do update set last_settled_at = excluded.last_settled_at
    )
    insert into public.wacampaign_events
        (campaign_id, kind, actor, worker_id, row_count, reason, detail)
    select campaign_id, 'left_out', 'worker', p_worker_id, n,
           'they opted out of marketing, or rest from it',
           jsonb_build_object('opted_out', out_n, 'resting', n - out_n)
    from left_out order by campaign_id;
end
$$;

-- How many rows of a campaign are for people who opted out of marketing, or rest: of those that are
-- to be sent, or (p_code: 0 without a code) that failed with this code and were never accepted.
create or replace function public.wacampaign_left_out(p_campaign_id uuid, p_code int default null)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off
set plan_cache_mode = force_custom_plan as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_out bigint := 0;
    v_resting bigint := 0;
begin
    if exists (select 1 from public.wacampaign_optouts where ended_at is null)
       or exists (select 1 from public.wacampaign_rests where until > v_now) then
        with marketing as materialized (
            select distinct c.whatsapp_number_id, c.template_name
            from public.wacampaign_counts c
            where c.campaign_id = p_campaign_id and c.n > 0
              and public.wacampaign_is_marketing(
                  c.campaign_id, c.whatsapp_number_id, c.template_name)
        ), asked as (
            -- Written out, as in the claim; both kinds of rows have an index of their own.
            select case when q.phone ~ '^[1-9][0-9]*$' and q.phone !~ '^5[245]' then q.phone
                        else public.wacampaign_person(q.phone) end as person
            from public.send_queue q
            join marketing m using (whatsapp_number_id, template_name)
            where q.campaign_id = p_campaign_id
              and case when p_code is null then q.status in ('ready', 'pending')
                  else q.status = 'failed' and q.whatsapp_message_id is null
                       and public.wacampaign_error_code(q.error_code, q.error_message) = p_code end
        ), answered as (
            select o.person is not null as is_out
            from asked a
            left join public.wacampaign_optouts o on o.person = a.person and o.ended_at is null
            left join public.wacampaign_rests r on r.person = a.person and r.until > v_now
            where o.person is not null or r.person is not null
        )
        select count(*) filter (where is_out), count(*) filter (where not is_out)
        into v_out, v_resting
        from answered;
    end if;
    return jsonb_build_object('opted_out', v_out, 'resting', v_resting);
end
$$;

-- Of these rows, those whose people may be sent their template now, in order; null: none.
create or replace function public.wacampaign_wanted_rows(p_ids uuid[])
returns uuid[] language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off as $$
begin
    if not exists (select 1 from public.wacampaign_optouts where ended_at is null)
       and not exists (select 1 from public.wacampaign_rests where until > clock_timestamp()) then
        return p_ids;
    end if;
    return (
        with asked as materialized (
            select q.id, q.campaign_id, q.whatsapp_number_id, q.template_name,
                   public.wacampaign_person(q.phone) as person
            from public.send_queue q where q.id = any (p_ids)
        ), marketing as materialized (
            select a.campaign_id, a.whatsapp_number_id, a.template_name
            from (select distinct campaign_id, whatsapp_number_id, template_name from asked) as a
            where public.wacampaign_is_marketing(
                a.campaign_id, a.whatsapp_number_id, a.template_name)
        )
        select array_agg(a.id order by a.id)
        from asked a
        left join marketing m using (campaign_id, whatsapp_number_id, template_name)
        where m.campaign_id is null
           or (not exists (select 1 from public.wacampaign_optouts o
                           where o.person = a.person and o.ended_at is null)
               and not exists (select 1 from public.wacampaign_rests r
                               where r.person = a.person and r.until > clock_timestamp())));
end
$$;
