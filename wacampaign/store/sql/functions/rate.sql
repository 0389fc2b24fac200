-- What is configured for a phone number, in messages per second, and no more than Meta takes from it
-- as far as that is known: the backend raises what is configured by itself. Of several rows of
-- whatsapp_numbers the active ones count, and of those the lowest: the limit is Meta's, and only one
-- can be right.
create or replace function public.wacampaign_bucket_configured(p_key text)
returns int language plpgsql stable
set search_path = public, extensions, pg_temp as $$
begin
    return (
        select least(
            -- 60 as in wacampaign_rate
            coalesce(min(w.max_send_rate_per_sec) filter (where w.is_active is not false),
                     min(w.max_send_rate_per_sec), 60),
            min(s.throughput_mps) filter (where s.throughput_mps > 0))
        from public.whatsapp_numbers w
        left join public.wacampaign_number_settings s on s.number_id = w.id
        where public.wacampaign_bucket_key(w.id, w.phone_number_id) = p_key);
end
$$;

-- What a row of whatsapp_numbers may send now, together with all others of its phone number.
create or replace function public.wacampaign_number_rate(
    p_id uuid, p_phone_number_id text, p_now timestamptz)
returns numeric language plpgsql stable
set search_path = public, extensions, pg_temp as $$
begin
    return (
        select public.wacampaign_rate(
            public.wacampaign_bucket_configured(own.key), b.rate, b.rate_changed_at, p_now)
        from (select public.wacampaign_bucket_key(p_id, p_phone_number_id) as key) as own
        left join public.wacampaign_buckets b on b.key = own.key);
end
$$;

-- Throttled: the number goes on at seven tenths of its rate, after a second of silence. Several
-- answers of one burst count once. Written back, so that every worker and the backend see it.
create or replace function public.wacampaign_slow_numbers(p_numbers uuid[])
returns void language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_now timestamptz;
begin
    insert into public.wacampaign_buckets (key)
    select distinct public.wacampaign_bucket_key(n.id, w.phone_number_id)
    from unnest(p_numbers) as n (id)
    left join public.whatsapp_numbers w on w.id = n.id
    order by 1
    on conflict do nothing;
    perform 1 from public.wacampaign_buckets
    where key in (select public.wacampaign_bucket_key(n.id, w.phone_number_id)
                  from unnest(p_numbers) as n (id)
                  left join public.whatsapp_numbers w on w.id = n.id)
    order by key
    for update;
    v_now := clock_timestamp();
    with fast as materialized (
        select n.key, n.id, c.configured,
               public.wacampaign_rate(c.configured, b.rate, b.rate_changed_at, v_now) as rate
        from (
            select public.wacampaign_bucket_key(w.id, w.phone_number_id) as key, min(w.id::text) as id
            from public.whatsapp_numbers w
            where w.id = any (p_numbers)
            group by 1
        ) as n
        join public.wacampaign_buckets b on b.key = n.key
        cross join lateral (
            select public.wacampaign_bucket_configured(n.key) as configured offset 0) as c
    ), slowed as (
        update public.wacampaign_buckets b
        set rate = greatest(1, 0.7 * fast.rate),
            rate_changed_at = v_now,
            -- The slot after the last one given keeps the new distance from it.
            next_slot_at = greatest(
                b.next_slot_at + make_interval(secs => (
                    1 / greatest(1, 0.7 * fast.rate) - 1 / greatest(1, fast.rate))::double precision),
                v_now + interval '1 second')
        from fast
        where b.key = fast.key
          and (b.rate is null or b.rate_changed_at < v_now - interval '1 second')
        returning b.key, fast.id, b.rate
    ), shown as (
        update public.whatsapp_numbers w
        set last_stable_rate_per_sec = floor(slowed.rate)
        from slowed
        where public.wacampaign_bucket_key(w.id, w.phone_number_id) = slowed.key
    )
    insert into public.wacampaign_events (kind, actor, reason, detail)
    select 'throttled', 'worker', 'Meta answered that the number sends too fast',
           jsonb_build_object('number', id, 'rate_per_second', round(rate, 1))
    from slowed;
end
$$;
