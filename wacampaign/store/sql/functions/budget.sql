-- The budget of a portfolio: how many people its numbers may still write to, as a step of a claim.

-- Each number with its portfolio and the portfolio's limit.
--   bucket: key of its phone number
--   portfolio: which numbers share a limit. All of one account do, as an account has one owner. A
--     person's name for it goes first, then the business that Meta names as the owner, else the account
--     stands alone; numbers whose account nobody knows are one.
--   name: as it is shown; named: a person's name for it, if there is one
--   people: the limit, in people a day; null: none, or none known
--   source: who said so: `person` or `meta`; null: nobody
--   tier: Meta's word, told_at: when it was told last
create or replace function public.wacampaign_portfolios()
returns table (
    number uuid, bucket text, portfolio text, name text, named text, people int, source text,
    tier text, told_at timestamptz)
language sql stable
set search_path = public, extensions, pg_temp as $$
    with own as materialized (
        select w.id, b.key as bucket, l.tier, l.people, l.told_at, l.set_people, l.set_at,
               l.portfolio as named, l.business_id, l.business_name,
               -- One phone number may stand there twice, once without its account.
               max(nullif(public.wacampaign_solid(w.waba_id), '')) over (partition by b.key)
                   as account
        from public.whatsapp_numbers w
        left join public.wacampaign_messaging_limits l on l.number_id = w.id
        cross join lateral (
            select public.wacampaign_bucket_key(w.id, w.phone_number_id) as key offset 0) as b
    ), owned as (
        select o.*,
               max(o.named) over same as called, max(o.business_id) over same as owner,
               max(o.business_name) over same as owner_name
        from own o
        window same as (partition by coalesce(o.account, o.bucket))
    ), keyed as materialized (
        select o.*,
               coalesce('named ' || lower(o.called), 'business ' || o.owner,
                        'account ' || o.account, 'no account') as key,
               coalesce(o.called, o.owner_name, o.owner, 'account ' || o.account,
                        'no account') as shown
        from owned o
    ), said as materialized (
        -- A person's latest word, of Meta's the latest; what it said of several numbers within
        -- the hour before is as good, and of those the lowest counts.
        select k.key, max(k.told_at) as newest,
               (array_agg(k.set_people order by k.set_at desc)
                filter (where k.set_people is not null))[1] as set_people
        from keyed k
        group by k.key
    ), told as (
        select s.key, s.set_people, s.newest,
               min(k.people) as people,
               (array_agg(k.tier order by k.people nulls last, k.told_at desc))[1] as tier
        from said s
        left join keyed k on k.key = s.key and k.told_at > s.newest - interval '1 hour'
        group by 1, 2, 3
    )
    select k.id, k.bucket, k.key, k.shown, k.called,
           case when t.set_people is not null then nullif(t.set_people, 0) else t.people end,
           case when t.set_people is not null then 'person'
                when t.newest is not null then 'meta' end,
           t.tier, t.newest
    from keyed k
    join told t on t.key = k.key
$$;

-- Locks the budgets of these phone numbers, after their buckets, until the claim ends: two claims
-- share the places that are left, and never have more. Null: there is no limit.
--   p_keys: keys of the buckets; p_wanted: rows that the claim may take
-- Answers `of` (bucket → portfolio), `left` (portfolio → places), `next` (when a portfolio that has
-- none is to be asked again).
create or replace function public.wacampaign_open_budgets(p_keys text[], p_wanted int)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    -- Longest wait for a place: what people do with the limit is heard of by then.
    c_again constant interval := '10 seconds';
    v_of jsonb := '{}';
    v_left jsonb := '{}';
    v_next timestamptz;
    v_one record;
    v_now record;
begin
    if not exists (select 1 from public.wacampaign_messaging_limits
                   where people is not null or set_people is not null) then
        return null;
    end if;
    for v_one in
        select p.portfolio, min(p.people) as most, array_agg(p.number order by p.number) as numbers,
               array_agg(distinct p.bucket) as buckets
        from public.wacampaign_portfolios() as p
        where p.people is not null
        group by p.portfolio
        having array_agg(p.bucket) && p_keys
        order by p.portfolio
    loop
        select * into v_now from public.wacampaign_look_at_budget(
            v_one.portfolio, v_one.numbers, v_one.most, p_wanted, true);
        v_of := v_of || (select jsonb_object_agg(k, v_one.portfolio)
                         from unnest(v_one.buckets) as k);
        v_left := v_left || jsonb_build_object(v_one.portfolio, v_now.places);
        if v_now.places = 0 then
            v_next := least(v_next, clock_timestamp() + c_again, greatest(
                v_now.frees_at, clock_timestamp() + interval '0.1 s'));
        end if;
    end loop;
    if v_of = '{}' then
        return null;
    end if;
    return jsonb_build_object('of', v_of, 'left', v_left, 'taken', '{}'::jsonb, 'next', v_next);
end
$$;

-- The places that are left for a phone number (its bucket's key); null: it has no limit.
create or replace function public.wacampaign_places_left(p_budgets jsonb, p_key text)
returns int language sql immutable
set search_path = public, extensions, pg_temp as $$
    select (p_budgets #>> array['left', p_budgets #>> array['of', p_key]])::int
$$;

-- So many rows of a phone number were picked.
create or replace function public.wacampaign_take_places(p_budgets jsonb, p_key text, p_n int)
returns jsonb language plpgsql immutable
set search_path = public, extensions, pg_temp as $$
declare
    v_portfolio constant text := p_budgets #>> array['of', p_key];
begin
    if v_portfolio is null then
        return p_budgets;
    end if;
    return jsonb_set(jsonb_set(p_budgets,
        array['left', v_portfolio],
        to_jsonb((p_budgets #>> array['left', v_portfolio])::int - p_n)),
        array['taken', v_portfolio],
        to_jsonb(coalesce((p_budgets #>> array['taken', v_portfolio])::int, 0) + p_n));
end
$$;

-- Keeps what a claim took of its budgets, which it has locked.
create or replace function public.wacampaign_keep_budgets(p_budgets jsonb)
returns void language sql
set search_path = public, extensions, pg_temp as $$
    update public.wacampaign_budgets b
    set handed = b.handed + t.value::int
    from jsonb_each_text(p_budgets -> 'taken') as t
    where b.portfolio = t.key
$$;

-- What a campaign's budget is now: of its numbers with rows the one with the fewest places left.
-- Null: none has a limit.
--   others: running campaigns beside it with rows ready from the same portfolio
--   frees_at: the next place, when none is left
create or replace function public.wacampaign_budget_of(p_campaign_id uuid)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_one record;
    v_now record;
    v_tightest jsonb;
begin
    if not exists (select 1 from public.wacampaign_messaging_limits
                   where people is not null or set_people is not null) then
        return null;
    end if;
    for v_one in
        select p.portfolio, min(p.name) as name, min(p.people) as most, min(p.source) as source,
               min(p.tier) as tier, array_agg(p.number order by p.number) as numbers,
               count(distinct p.bucket) as phones
        from public.wacampaign_portfolios() as p
        where p.people is not null
        group by p.portfolio
        having array_agg(p.number) && array(
            select c.whatsapp_number_id from public.wacampaign_counts c
            where c.campaign_id = p_campaign_id and c.n > 0
            union
            select k.whatsapp_number_id from public.campaigns k where k.id = p_campaign_id)
        order by p.portfolio
    loop
        -- All places are wanted: so they are counted anew, unless that was a moment ago.
        select * into v_now from public.wacampaign_look_at_budget(
            v_one.portfolio, v_one.numbers, v_one.most, v_one.most + 1, false);
        continue when (v_tightest ->> 'left')::int <= v_now.places;
        v_tightest := jsonb_build_object(
            'portfolio', v_one.name, 'numbers', v_one.phones, 'limit', v_one.most,
            'used', v_now.used, 'left', v_now.places, 'source', v_one.source,
            'tier', v_one.tier,
            'frees_at', case when v_now.places = 0 then public.wacampaign_utc(v_now.frees_at) end,
            'others', (
                select count(distinct k.id)
                from public.campaigns k
                join public.wacampaign_counts c on c.campaign_id = k.id
                where k.status = 'running' and k.id <> p_campaign_id
                  and c.status = 'ready' and c.n > 0
                  and c.whatsapp_number_id = any (v_one.numbers)));
    end loop;
    return v_tightest;
end
$$;
