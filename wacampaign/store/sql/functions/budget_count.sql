-- Whom a portfolio has written to: the count behind its budget.

-- The people that these numbers wrote to within the last 24 hours and that count against the limit:
-- a template outside of an open window (24 hours after the person's last message to that number),
-- whoever sent it, rows that are being sent or in doubt, and those whose message id is not known, as
-- a person decided that they count as sent. Failed ones count as well once Meta had
-- accepted them: whether it counts them is not documented.
--   p_most: the limit
--   frees_at: when so many of them have left the 24 hours that there is a place again (below the
--     limit: when the first one does); null: nobody counts
create or replace function public.wacampaign_count_people(
    p_numbers uuid[], p_most int, out people int, out frees_at timestamptz)
returns record language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off
-- A walk along each number's part of the index, whatever the statistics say, and all in memory: 100,000
-- people take 10 MB.
set enable_seqscan = off set enable_bitmapscan = off set work_mem = '32MB'
set plan_cache_mode = force_custom_plan as $$
declare
    c_day constant interval := '24 hours';
    v_now constant timestamptz := clock_timestamp();
begin
    -- Plain digits of most countries are told before the function is called: a third of the time.
    with heard as materialized (
        select n.id as number, m.at,
               case when m.phone ~ '^[1-9][0-9]*$' and m.phone !~ '^5[245]'
                    then m.phone else public.wacampaign_person(m.phone) end as person
        from unnest(p_numbers) as n (id)
        cross join lateral (
            select m.created_at as at, m.user_phone as phone
            from public.messages m
            where m.whatsapp_number_id = n.id and m.direction = 'incoming'
              and m.created_at > v_now - 2 * c_day
            offset 0) as m
        union all
        -- What our receiver took and the backend did not store: the last message of each person.
        select c.whatsapp_number_id, c.at, c.person
        from public.wacampaign_conversations c
        where c.at > v_now - 2 * c_day and c.whatsapp_number_id = any (p_numbers)
    ), written as (
        select n.id as number, m.at,
               case when m.phone ~ '^[1-9][0-9]*$' and m.phone !~ '^5[245]'
                    then m.phone else public.wacampaign_person(m.phone) end as person
        from unnest(p_numbers) as n (id)
        cross join lateral (
            select m.created_at as at, m.user_phone as phone
            from public.messages m
            where m.whatsapp_number_id = n.id and m.direction = 'outgoing'
              and m.message_type = 'template' and m.created_at > v_now - c_day
            offset 0) as m
    ), counted as (
        select w.person, w.at
        from written w
        where not exists (select 1 from heard h
                          where h.number = w.number and h.person = w.person
                            and h.at <= w.at and h.at > w.at - c_day)
        union all
        select public.wacampaign_person(q.phone), coalesce(q.claimed_at, q.updated_at)
        from public.send_queue q
        where q.status = 'processing' and q.whatsapp_number_id = any (p_numbers)
          and coalesce(q.claimed_at, q.updated_at) > v_now - c_day
        union all
        select public.wacampaign_person(q.phone), q.sent_at
        from public.send_queue q
        where q.status = 'sent' and q.whatsapp_message_id is null
          and q.whatsapp_number_id = any (p_numbers) and q.sent_at > v_now - c_day
    )
    select count(*),
           (array_agg(p.at order by p.at))[greatest(count(*) - p_most, 0) + 1] + c_day
    into people, frees_at
    from (select max(c.at) as at from counted c group by c.person) as p;
end
$$;

-- Messages that no campaign sent from these numbers since then: each may have taken a place.
create or replace function public.wacampaign_single_messages(p_numbers uuid[], p_since timestamptz)
returns int language sql stable
set search_path = public, extensions, pg_temp as $$
    select count(*)::int
    from unnest(p_numbers) as n (id)
    join public.messages m on m.whatsapp_number_id = n.id
    where m.direction = 'outgoing' and m.message_type = 'template' and m.campaign_id is null
      and m.created_at > p_since
$$;

-- What a budget has left, by the last count as far as that is good enough, else counted anew.
--   p_numbers: the portfolio's; p_most: its limit
--   p_wanted: places that somebody wants now; more than is known to be left has them counted
--   p_wait: it is locked, and the caller may take places; else it is only looked at, and waits for
--     nobody
create or replace function public.wacampaign_look_at_budget(
    p_portfolio text, p_numbers uuid[], p_most int, p_wanted int, p_wait bool,
    out places int, out used int, out frees_at timestamptz)
returns record language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    -- A count is good for so long: rows that another program sent under a campaign's name show only
    -- in a new one.
    c_good_for constant interval := '1 minute';
    -- Of the time a twentieth at most goes into counting, however large the portfolio is.
    c_share constant int := 20;
    -- A budget that is used up is counted again after so long, or when the next place is free.
    c_again constant interval := '10 seconds';
    v_now timestamptz;
    v_locked bool;
    v_since int;
    v_kept public.wacampaign_budgets;
begin
    if p_wait then
        insert into public.wacampaign_budgets (portfolio) values (p_portfolio)
        on conflict do nothing;
        select * into v_kept from public.wacampaign_budgets b
        where b.portfolio = p_portfolio
        for update;
    else
        select * into v_kept from public.wacampaign_budgets b
        where b.portfolio = p_portfolio
        for update skip locked;
    end if;
    v_locked := found;
    if not v_locked then
        select * into v_kept from public.wacampaign_budgets b where b.portfolio = p_portfolio;
    end if;
    v_now := clock_timestamp();
    if v_kept.counted_at is not null and v_kept.most = p_most and v_kept.numbers = p_numbers then
        v_since := v_kept.handed
            + public.wacampaign_single_messages(p_numbers, v_kept.counted_at);
        used := v_kept.counted + v_since;
        places := greatest(0, p_most - used);
        frees_at := v_kept.frees_at;
        if v_kept.counted_at > v_now - c_good_for
            -- Who has no place left is told when there is one.
            and (places > 0 or frees_at is not null)
            and (places >= p_wanted
                 or v_now < v_kept.counted_at + c_share * v_kept.took
                 or (v_since = 0 and v_now < v_kept.counted_at + c_again
                     and coalesce(frees_at > v_now, true)))
        then
            return;
        end if;
    end if;
    select c.people, c.frees_at into used, frees_at
    from public.wacampaign_count_people(p_numbers, p_most) as c;
    places := greatest(0, p_most - used);
    if v_locked then
        update public.wacampaign_budgets b
        set most = p_most, numbers = p_numbers, counted = used, handed = 0,
            frees_at = wacampaign_look_at_budget.frees_at, counted_at = v_now,
            took = clock_timestamp() - v_now
        where b.portfolio = p_portfolio;
    end if;
end
$$;

-- Counts the people of budgets that are being used and were counted so many seconds ago, so that no
-- claim has to: of 100,000 people that takes a fifth of a second. Nobody waits meanwhile; rows that
-- are handed out during the count may take two places until the next one.
-- Returns how many budgets were counted.
create or replace function public.wacampaign_count_budgets(p_seconds int)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_kept public.wacampaign_budgets;
    v_began timestamptz;
    v_counted record;
    v_n int := 0;
begin
    for v_kept in
        select * from public.wacampaign_budgets b
        where b.handed > 0
          and b.counted_at < clock_timestamp() - make_interval(secs => p_seconds)
        order by b.portfolio
    loop
        v_began := clock_timestamp();
        select c.people, c.frees_at into v_counted
        from public.wacampaign_count_people(v_kept.numbers, v_kept.most) as c;
        update public.wacampaign_budgets b
        set counted = v_counted.people, frees_at = v_counted.frees_at, counted_at = v_began,
            took = clock_timestamp() - v_began, handed = b.handed - v_kept.handed
        where b.portfolio = v_kept.portfolio and b.counted_at = v_kept.counted_at
          and b.most = v_kept.most and b.numbers = v_kept.numbers;
        if found then
            v_n := v_n + 1;
        end if;
    end loop;
    return jsonb_build_object('counted', v_n);
end
$$;
