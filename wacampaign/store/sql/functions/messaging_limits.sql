-- What is known of the messaging limits of numbers: Meta's word, and a person's.

-- The limit of each number's portfolio, by the number's id.
--   numbers: phone numbers that share it
create or replace function public.wacampaign_messaging_limits()
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    with known as materialized (
        select * from public.wacampaign_portfolios()
    )
    select coalesce(jsonb_object_agg(p.number, jsonb_build_object(
        'key', p.portfolio, 'portfolio', p.name, 'named', p.named, 'people', p.people, 'source', p.source,
        'tier', p.tier, 'told_at', public.wacampaign_utc(p.told_at),
        'numbers', n.phones)), '{}'::jsonb)
    from known p
    join (select portfolio, count(distinct bucket) as phones from known group by 1) as n
        on n.portfolio = p.portfolio
$$;

-- That of one number; null: there is no such number.
create or replace function public.wacampaign_messaging_limit(p_number_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select public.wacampaign_messaging_limits() -> p_number_id::text
$$;

-- Meta answered what a number may send. Null fields: it did not say, and what was known stays.
--   p_tier: its word (TIER_2K); p_people: the people that it means; null: no limit, or an unknown word
--   p_throughput_mps: messages a second
--   p_business_*: who owns the account
-- Returns the limit as it was and is; an event says when it changed.
create or replace function public.wacampaign_limit_told(
    p_number_id uuid, p_tier text, p_people int, p_throughput_mps int, p_business_id text,
    p_business_name text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_was constant jsonb := public.wacampaign_messaging_limit(p_number_id);
    v_is jsonb;
    v_was_mps int;
begin
    if v_was is null then
        return jsonb_build_object('changed', false, 'was', null, 'is', null);
    end if;
    insert into public.wacampaign_messaging_limits as l
        (number_id, tier, people, told_at, business_id, business_name)
    values (p_number_id, p_tier, case when p_tier is not null then p_people end,
            case when p_tier is not null then clock_timestamp() end, p_business_id,
            p_business_name)
    on conflict (number_id) do update
    set tier = coalesce(excluded.tier, l.tier),
        people = case when p_tier is null then l.people else excluded.people end,
        told_at = coalesce(excluded.told_at, l.told_at),
        business_id = coalesce(excluded.business_id, l.business_id),
        business_name = case when excluded.business_id is null then l.business_name
                        else excluded.business_name end;
    if p_throughput_mps is not null then
        select throughput_mps into v_was_mps from public.wacampaign_number_settings
        where number_id = p_number_id;
        insert into public.wacampaign_number_settings as s (number_id, throughput_mps, throughput_at)
        values (p_number_id, p_throughput_mps, clock_timestamp())
        on conflict (number_id) do update
        set throughput_mps = excluded.throughput_mps, throughput_at = excluded.throughput_at;
        if v_was_mps is distinct from p_throughput_mps then
            insert into public.wacampaign_events (kind, actor, reason, detail)
            values ('throughput', 'meta', 'Meta said what it takes from the number',
                    jsonb_build_object('number', p_number_id, 'was', v_was_mps,
                                       'is', p_throughput_mps));
        end if;
    end if;
    v_is := public.wacampaign_messaging_limit(p_number_id);
    if v_is - 'told_at' <> v_was - 'told_at' then
        insert into public.wacampaign_events (kind, actor, reason, detail)
        values ('messaging_limit', 'meta', 'Meta said how many people the portfolio may write to',
                jsonb_build_object('number', p_number_id, 'was', v_was, 'is', v_is));
    end if;
    return jsonb_build_object(
        'changed', v_is - 'told_at' <> v_was - 'told_at', 'was', v_was, 'is', v_is);
end
$$;

-- A webhook said how many people a day these numbers' portfolio may write to.
--   p_limit: people; null or below 1: no limit
--   p_source: shown as Meta's word
-- Returns how many numbers it was kept for.
create or replace function public.wacampaign_set_messaging_limit(
    p_number_ids uuid[], p_limit int, p_source text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_id uuid;
begin
    for v_id in select w.id from public.whatsapp_numbers w where w.id = any (p_number_ids) order by 1
    loop
        perform public.wacampaign_limit_told(
            v_id, p_source, case when p_limit > 0 then p_limit end, null, null, null);
    end loop;
    return jsonb_build_object('numbers', (
        select count(*) from public.whatsapp_numbers w where w.id = any (p_number_ids)));
end
$$;

-- Sets what a person says of a number's portfolio, for all numbers that share it. Null: as it is.
--   p_people: people a day; 0: no limit; below 0: as Meta says
--   p_portfolio: its name, for the numbers of the same account; empty: none
-- Returns what it was and what it is. PT404: there is no such number.
create or replace function public.wacampaign_limit_set(
    p_number_id uuid, p_people int, p_portfolio text, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_was constant jsonb := public.wacampaign_messaging_limit(p_number_id);
    v_is jsonb;
begin
    if v_was is null then
        raise sqlstate 'PT404' using message = 'no such number';
    end if;
    if p_portfolio is not null then
        insert into public.wacampaign_messaging_limits as l (number_id, portfolio)
        select o.id, nullif(btrim(p_portfolio), '')
        from public.whatsapp_numbers w
        join public.whatsapp_numbers o
            on o.id = w.id
            or public.wacampaign_bucket_key(o.id, o.phone_number_id)
                = public.wacampaign_bucket_key(w.id, w.phone_number_id)
            or public.wacampaign_solid(o.waba_id) = nullif(public.wacampaign_solid(w.waba_id), '')
        where w.id = p_number_id
        on conflict (number_id) do update set portfolio = excluded.portfolio;
    end if;
    if p_people is not null then
        insert into public.wacampaign_messaging_limits as l (number_id, set_people, set_at)
        select p.number, case when p_people >= 0 then p_people end,
               case when p_people >= 0 then clock_timestamp() end
        from public.wacampaign_portfolios() as p
        where p.portfolio = (select o.portfolio from public.wacampaign_portfolios() as o
                             where o.number = p_number_id)
        on conflict (number_id) do update
        set set_people = excluded.set_people, set_at = excluded.set_at;
    end if;
    v_is := public.wacampaign_messaging_limit(p_number_id);
    if v_is <> v_was then
        insert into public.wacampaign_events (kind, actor, detail)
        values ('messaging_limit_set', p_actor, jsonb_build_object(
            'number', p_number_id, 'was', v_was, 'is', v_is));
    end if;
    return jsonb_build_object('changed', v_is <> v_was, 'was', v_was, 'is', v_is);
end
$$;

-- Active numbers that Meta is to be asked about: never told, or not for so many minutes, and campaigns
-- that are not over send from them.
create or replace function public.wacampaign_limits_due(p_minutes int)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_build_object('numbers', coalesce(jsonb_agg(w.id order by w.id), '[]'::jsonb))
    from public.whatsapp_numbers w
    left join public.wacampaign_messaging_limits l on l.number_id = w.id
    where w.is_active is not false
      and nullif(public.wacampaign_solid(w.phone_number_id), '') is not null
      and (l.told_at is null
           or l.told_at < clock_timestamp() - make_interval(mins => p_minutes)
              and exists (select 1 from public.campaigns k
                          join public.wacampaign_counts c on c.campaign_id = k.id
                          where k.status in ('scheduled', 'paused', 'running')
                            and c.whatsapp_number_id = w.id
                            and c.status in ('ready', 'processing') and c.n > 0))
$$;
