-- Meta's codes that say of one person that marketing is not wanted (131050), or not now (131049).

-- Heeds such codes, each once by its message. 131050 is a wish that counts from the second time on
-- (wacampaign_decide); until then, and after 131049, the person rests. All arrays have one length.
--   p_wamids: of the failed messages, else something else that is theirs alone
--   p_at: when Meta said so; p_rest_hours: how long they rest from then on
create or replace function public.wacampaign_heed_codes(
    p_codes int[], p_phones text[], p_user_ids text[], p_at timestamptz[], p_wamids text[],
    p_source text, p_campaigns uuid[], p_rest_hours double precision default 24)
returns void language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    c_opted_out constant int := 131050;
    c_not_now constant int := 131049;
    v_people text[];
begin
    if not p_codes && array[c_opted_out, c_not_now] then
        return;
    end if;
    with told as materialized (
        select t.code, t.at, t.wamid, t.campaign, t.phone, t.user_id,
               coalesce(public.wacampaign_person(t.phone), i.person, t.user_id) as person
        from (
            select u.code, least(coalesce(u.at, clock_timestamp()), clock_timestamp()) as at, u.wamid,
                   u.campaign, nullif(public.wacampaign_digits(u.phone), '') as phone,
                   nullif(u.user_id, '') as user_id
            from unnest(p_codes, p_phones, p_user_ids, p_at, p_wamids, p_campaigns)
                as u (code, phone, user_id, at, wamid, campaign)
            where u.code in (c_opted_out, c_not_now)
        ) as t
        left join public.wacampaign_identities i on t.phone is null and i.user_id = t.user_id
    ), put as (
        insert into public.wacampaign_wishes
            (reference, person, at, wish, cause, evidence, source, phone, user_id, campaign_id)
        select distinct on (1) 'code:' || wamid, person, at, 'code', 'code',
               'as Meta said twice (131050)', p_source, phone, user_id, campaign
        from told
        where code = c_opted_out and person is not null and wamid is not null
        order by 1
        on conflict (reference) do nothing
        returning person
    ), resting as (
        insert into public.wacampaign_rests as r (person, until, since, code)
        select distinct on (person) person, at + make_interval(secs => p_rest_hours * 3600), at, code
        from told
        where person is not null
          and at + make_interval(secs => p_rest_hours * 3600) > clock_timestamp()
        order by person, at desc
        on conflict (person) do update
        set until = excluded.until, since = excluded.since, code = excluded.code
        where excluded.until > r.until
    )
    select array_agg(person) into v_people from put;
    if v_people is not null then
        perform public.wacampaign_decide(v_people);
    end if;
    -- What is over is nobody's business any more.
    delete from public.wacampaign_rests
    where person in (select r.person from public.wacampaign_rests r
                     where r.until < clock_timestamp() - interval '1 day'
                     order by r.until limit 500 for update skip locked);
end
$$;

-- The same of answers to requests, by the rows that they are about: those of p_done.
create or replace function public.wacampaign_heed_answers(
    p_done uuid[], p_ids uuid[], p_codes int[], p_rest_hours double precision default 24)
returns void language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
begin
    perform public.wacampaign_heed_codes(
        array_agg(u.code), array_agg(q.phone), array_agg(null::text), array_agg(q.updated_at),
        array_agg(q.id || ':' || extract(epoch from q.updated_at)), 'answer',
        array_agg(q.campaign_id), p_rest_hours)
    from unnest(p_ids, p_codes) as u (id, code)
    join public.send_queue q on q.id = u.id
    where u.id = any (p_done) and u.code is not null
    having count(*) > 0;
end
$$;

-- The same of statuses: of these messages, those that failed so.
create or replace function public.wacampaign_heed_deliveries(
    p_wamids text[], p_source text, p_rules jsonb)
returns void language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off as $$
begin
    perform public.wacampaign_heed_codes(
        array_agg(d.code), array_agg(d.phone), array_agg(d.user_id), array_agg(d.failed_at),
        array_agg(d.wamid), p_source, array_agg(d.campaign_id),
        coalesce((p_rules ->> 'rest_hours')::double precision, 24))
    from public.wacampaign_deliveries d
    where d.wamid = any (p_wamids) and d.failed_at is not null and d.code in (131049, 131050)
    having count(*) > 0;
end
$$;
