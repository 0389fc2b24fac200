-- Who gets no marketing any more: what people wished, in the order in which they wished it.

-- Writes wishes down, each once by its reference, and what they come to. Returns how many were new.
--   p_wishes: objects with wish (stop | start); others are passed by. reference (else wamid),
--     person (else of phone or user_id), at (timestamptz as text), cause, evidence, phone, user_id,
--     number_id, campaign
--   p_source: who tells
create or replace function public.wacampaign_wish(p_wishes jsonb, p_source text)
returns int language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_people text[];
begin
    with told as (
        select distinct on (t.reference) t.*
        from (
            select coalesce(w.reference, w.wamid) as reference,
                   coalesce(w.person, public.wacampaign_person(w.phone), i.person, w.user_id) as person,
                   least(coalesce(w.at, clock_timestamp()), clock_timestamp()) as at, w.wish, w.cause,
                   w.evidence, coalesce(w.phone, i.phone) as phone, w.user_id, w.number_id, w.campaign
            from jsonb_to_recordset(p_wishes) as w (
                reference text, wamid text, person text, at timestamptz, wish text, cause text,
                evidence text, phone text, user_id text, number_id uuid, campaign uuid)
            left join public.wacampaign_identities i on i.user_id = w.user_id and w.phone is null
            where w.wish in ('stop', 'start')
        ) as t
        where t.person is not null and t.reference is not null
        order by t.reference
    ), put as (
        insert into public.wacampaign_wishes
            (reference, person, at, wish, cause, evidence, source, phone, user_id,
             whatsapp_number_id, campaign_id)
        select reference, person, at, wish, cause, evidence, p_source, phone, user_id, number_id,
               campaign
        from told order by reference
        on conflict (reference) do nothing
        returning person
    )
    select array_agg(person) into v_people from put;
    if v_people is null then
        return 0;
    end if;
    perform public.wacampaign_decide(v_people);
    return cardinality(v_people);
end
$$;

-- What all wishes of these people come to, whatever order they came in: out from the first stop after
-- the last start. A stop and a start of one second: out. The code 131050 counts as a stop from the
-- second time on that it is told by another source, or a day later: one wrong code of an outage
-- must not empty the list.
create or replace function public.wacampaign_decide(p_people text[])
returns void language sql
set search_path = public, extensions, pg_temp set jit = off as $$
    with person as materialized (
        select distinct p as person from unnest(p_people) as p
    ), start as materialized (
        select w.person, w.at, w.cause, w.evidence
        from person join public.wacampaign_wishes w using (person)
        where w.wish = 'start'
    ), stop as materialized (
        select w.person, w.at, w.cause, w.evidence, w.phone, w.user_id, w.whatsapp_number_id,
               w.campaign_id, w.reference
        from person join public.wacampaign_wishes w using (person)
        where w.wish = 'stop'
           or (w.wish = 'code' and exists (
                select 1 from public.wacampaign_wishes f
                where f.person = w.person and f.wish = 'code' and f.reference <> w.reference
                  and f.at <= w.at
                  and (f.source <> w.source or f.at <= w.at - interval '1 day')
                  and not exists (select 1 from start s
                                  where s.person = f.person and s.at > f.at and s.at <= w.at)))
    ), last_stop as (
        select person, max(at) as at from stop group by person
    ), period as (
        select l.person, l.at,
               (select max(s.at) from start s where s.person = l.person and s.at <= l.at) as from_at
        from last_stop l
    ), verdict as (
        select p.person, f.phone, f.user_id, f.at, f.cause, f.evidence, f.whatsapp_number_id,
               f.campaign_id, e.at as ended_at, e.evidence as end_cause
        from period p
        cross join lateral (
            select s.* from stop s
            where s.person = p.person and (p.from_at is null or s.at >= p.from_at)
            order by s.at, s.reference limit 1) as f
        left join lateral (
            select s.at, s.evidence from start s
            where s.person = p.person and s.at > p.at
            order by s.at limit 1) as e on true
    )
    insert into public.wacampaign_optouts as o
        (person, phone, user_id, since, cause, evidence, whatsapp_number_id, campaign_id, ended_at,
         end_cause)
    select person, phone, user_id, at, cause, evidence, whatsapp_number_id, campaign_id, ended_at,
           end_cause
    from verdict order by person
    on conflict (person) do update
    set phone = coalesce(excluded.phone, o.phone), user_id = coalesce(excluded.user_id, o.user_id),
        since = excluded.since, cause = excluded.cause, evidence = excluded.evidence,
        whatsapp_number_id = excluded.whatsapp_number_id, campaign_id = excluded.campaign_id,
        ended_at = excluded.ended_at, end_cause = excluded.end_cause,
        changed_at = clock_timestamp()
$$;

-- Takes what people switched in WhatsApp itself (field user_preferences): value stop or resume of
-- category marketing_messages; other categories and values are passed by.
--   p_preferences: a JSON list of objects with value, category, at (seconds since 1970), phone_number_id, phone, user_id
create or replace function public.wacampaign_take_preferences(p_preferences text, p_source text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_told jsonb;
    v_known text[];
    v_new int;
begin
    select coalesce(jsonb_agg(jsonb_build_object(
        'reference', concat_ws(':', 'preference', coalesce(t.phone, t.user_id), t.value,
                               extract(epoch from t.at)::bigint),
        'wish', case t.value when 'stop' then 'stop' when 'resume' then 'start' end,
        'at', t.at, 'cause', 'preference',
        'evidence', case t.value when 'stop' then 'switched marketing off in WhatsApp'
                    else 'switched marketing on again in WhatsApp' end,
        'phone', t.phone, 'user_id', t.user_id,
        'number_id', (select w.id from public.whatsapp_numbers w
                      where public.wacampaign_bucket_key(w.id, w.phone_number_id) = t.phone_number_id
                      order by w.is_active is not false desc, w.id limit 1))), '[]'::jsonb)
    into v_told
    from (
        select p.value, p.phone_number_id, nullif(public.wacampaign_digits(p.phone), '') as phone,
               nullif(p.user_id, '') as user_id,
               coalesce(to_timestamp(p.at), clock_timestamp()) as at
        from jsonb_to_recordset(p_preferences::jsonb) as p (
            value text, category text, at double precision, phone_number_id text, phone text,
            user_id text)
        where p.category = 'marketing_messages' and p.value in ('stop', 'resume')
    ) as t;
    v_known := public.wacampaign_know_people(v_told);
    v_new := public.wacampaign_wish(v_told, p_source);
    if v_known is not null then
        perform public.wacampaign_move_wishes(v_known);
    end if;
    return jsonb_build_object('taken', jsonb_array_length(v_told), 'new', v_new);
end
$$;

-- What a person or a list says: `stop` for those who are not out, `start` for those who are; the
-- others stay as they are. In steps of at most 5,000.
--   p_phones: digits, or business-scoped ids; p_ats: since when, each; null: now; p_evidence: of each
-- `out`: who of those that changed is out now, as a later wish of the person's own is stronger.
create or replace function public.wacampaign_set_optouts(
    p_wish text, p_phones text[], p_ats timestamptz[], p_evidence text[], p_cause text, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_told jsonb;
    v_changed int;
begin
    select coalesce(jsonb_agg(jsonb_build_object(
        'reference', concat_ws(':', p_cause, p_wish, t.person, extract(epoch from t.at)),
        'wish', p_wish, 'at', t.at, 'cause', p_cause, 'evidence', t.evidence,
        'phone', t.phone, 'user_id', t.user_id, 'person', t.person)), '[]'::jsonb)
    into v_told
    from (
        select distinct on (k.person) k.person, u.evidence,
               case when u.phone ~ '^[0-9]+$' then u.phone end as phone,
               case when u.phone !~ '^[0-9]+$' then u.phone end as user_id,
               coalesce(u.at, clock_timestamp()) as at
        from unnest(p_phones, p_ats, p_evidence) as u (phone, at, evidence)
        cross join lateral (select coalesce(i.person, public.wacampaign_person(u.phone)) as person
                            from (values (1)) as one
                            left join public.wacampaign_identities i on i.user_id = u.phone) as k
        order by k.person, u.at
    ) as t
    left join public.wacampaign_optouts o on o.person = t.person and o.ended_at is null
    where (o.person is null) = (p_wish = 'stop');
    v_changed := public.wacampaign_wish(v_told, p_actor);
    return jsonb_build_object(
        'changed', v_changed,
        'out', (select count(*) from jsonb_array_elements(v_told) as t (value)
                join public.wacampaign_optouts o
                    on o.person = t.value ->> 'person' and o.ended_at is null));
end
$$;

-- Opt-outs that stand, over person: those after p_after, at most 1,000.
create or replace function public.wacampaign_optouts_page(p_after text, p_limit int)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(public.wacampaign_optout_told(o.person) order by o.person), '[]'::jsonb)
    from (select person, since from public.wacampaign_optouts
          where ended_at is null and person > coalesce(p_after, '')
          order by person limit least(p_limit, 1000)) as o
$$;

-- The newest opt-outs that stand: those before (p_before, p_person), at most 1,000.
create or replace function public.wacampaign_optouts_newest(
    p_before timestamptz, p_person text, p_limit int)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off as $$
    select coalesce(jsonb_agg(public.wacampaign_optout_told(o.person) order by o.since desc, o.person desc),
                    '[]'::jsonb)
    from (select person, since from public.wacampaign_optouts
          where ended_at is null
            and (since, person) < (coalesce(p_before, 'infinity'), coalesce(p_person, ''))
          order by since desc, person desc limit least(p_limit, 1000)) as o
$$;

-- What is known of these people, at most 1,000: opt-outs, ended ones too, each with its `asked`.
create or replace function public.wacampaign_optouts_of(p_phones text[])
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(public.wacampaign_optout_told(o.person) || jsonb_build_object('asked', u.phone)
                              order by u.n), '[]'::jsonb)
    from unnest(p_phones) with ordinality as u (phone, n)
    left join public.wacampaign_identities i on i.user_id = u.phone
    join public.wacampaign_optouts o
        on o.person = coalesce(i.person, public.wacampaign_person(u.phone))
$$;

-- An opt-out, as it is shown.
create or replace function public.wacampaign_optout_told(p_person text)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp as $$
    select jsonb_build_object(
        'person', o.person, 'phone', o.phone, 'user_id', o.user_id,
        'since', public.wacampaign_utc(o.since), 'at', o.since,
        'cause', o.cause, 'evidence', o.evidence,
        'campaign', (select k.name from public.campaigns k where k.id = o.campaign_id),
        'ended_at', public.wacampaign_utc(o.ended_at), 'end_cause', o.end_cause)
    from public.wacampaign_optouts o where o.person = p_person
$$;

-- How many opt-outs stand, and how many people rest.
create or replace function public.wacampaign_optout_counts()
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_build_object(
        'out', (select count(*) from public.wacampaign_optouts where ended_at is null),
        'resting', (select count(*) from public.wacampaign_rests where until > clock_timestamp()))
$$;
