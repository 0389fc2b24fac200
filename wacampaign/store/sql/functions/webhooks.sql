-- Bodies of Meta's webhooks: stored as they came, leased to be worked on, marked as taken.

-- Stores bodies; one that is there already (by its id) stays as it is.
--   p_received_at: when each came, by the receiver's clock
--   p_encodings: text or base64, of each
-- Returns how many were new. PT400: the arrays differ in length, or an encoding is another word.
create or replace function public.wacampaign_webhooks_keep(
    p_ids uuid[], p_received_at timestamptz[], p_encodings text[], p_bodies text[])
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_new int;
begin
    if cardinality(p_ids) <> cardinality(p_received_at)
       or cardinality(p_ids) <> cardinality(p_encodings)
       or cardinality(p_ids) <> cardinality(p_bodies)
       or not p_encodings <@ array['text', 'base64'] then
        raise sqlstate 'PT400' using
            message = 'as many ids as times, bodies and encodings (text, base64)';
    end if;
    insert into public.wacampaign_webhooks (id, received_at, encoding, body)
    select g.id, g.received_at, g.encoding, g.body
    from unnest(p_ids, p_received_at, p_encodings, p_bodies) as g(id, received_at, encoding, body)
    on conflict (id) do nothing;
    get diagnostics v_new = row_count;
    return jsonb_build_object('stored', v_new);
end
$$;

-- Bodies to work on, the oldest first; nobody else gets them for p_seconds, and longer each time that
-- they come again (a body that ends whoever works on it must not keep the others).
--   p_limit: bodies at most; p_chars: characters of all at most, but one body always
create or replace function public.wacampaign_webhooks_lease(
    p_limit int, p_chars int, p_seconds numeric)
returns jsonb language sql
set search_path = public, extensions, pg_temp set jit = off as $$
    with due as materialized (
        select w.id, w.received_at, length(w.body) as chars
        from public.wacampaign_webhooks w
        where w.taken_at is null
          and (w.leased_until is null or w.leased_until <= clock_timestamp())
        order by w.received_at, w.id
        limit p_limit
        for update skip locked
    ),
    fitting as (
        select d.id, sum(d.chars) over (order by d.received_at, d.id) - d.chars as before
        from due d
    ),
    leased as (
        update public.wacampaign_webhooks w
        set takes = w.takes + 1,
            leased_until = clock_timestamp()
                + make_interval(secs => p_seconds::float8) * least(w.takes + 1, 60)
        from fitting f
        where w.id = f.id and (f.before = 0 or f.before < p_chars)
        returning w.id, w.received_at, w.encoding, w.body, w.takes
    )
    select jsonb_build_object('bodies', coalesce(jsonb_agg(jsonb_build_object(
        'id', l.id, 'received_at', l.received_at, 'encoding', l.encoding, 'body', l.body,
        'takes', l.takes) order by l.received_at, l.id), '[]'::jsonb))
    from leased l
$$;

-- Marks bodies as taken; what is taken stays so.
--   p_faults: {"<id>": ["what could not be taken", …]} of those that have any
-- Returns how many were marked.
create or replace function public.wacampaign_webhooks_taken(p_ids uuid[], p_faults jsonb)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_taken int;
begin
    -- In one order, so that two who work on the same bodies do not wait for each other.
    perform 1 from public.wacampaign_webhooks w
    where w.id = any (p_ids) and w.taken_at is null order by w.id for update;
    update public.wacampaign_webhooks w
    set taken_at = clock_timestamp(), leased_until = null,
        faults = (select array_agg(f.fault)
                  from jsonb_array_elements_text(p_faults -> w.id::text) as f(fault))
    where w.id = any (p_ids) and w.taken_at is null;
    get diagnostics v_taken = row_count;
    return jsonb_build_object('taken', v_taken);
end
$$;

-- Gives bodies back that could not be worked on: after p_seconds they may be leased again.
create or replace function public.wacampaign_webhooks_give_back(p_ids uuid[], p_seconds numeric)
returns jsonb language sql
set search_path = public, extensions, pg_temp set jit = off as $$
    with given as (
        update public.wacampaign_webhooks w
        set leased_until = clock_timestamp() + make_interval(secs => p_seconds::float8)
        where w.id = any (p_ids) and w.taken_at is null
        returning 1
    )
    select jsonb_build_object('given_back', (select count(*) from given))
$$;

-- How it stands: bodies that wait (counted up to 100,000), seconds that the oldest of them waits, when
-- the last one came, bodies with faults of the last day, and whether a receiver lives.
create or replace function public.wacampaign_webhooks_state()
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_build_object(
        'waiting', (select count(*) from (select 1 from public.wacampaign_webhooks
                    where taken_at is null limit 100000) as w),
        'lag_seconds', coalesce((select greatest(0, extract(epoch from
                    clock_timestamp() - received_at)) from public.wacampaign_webhooks
                    where taken_at is null order by received_at limit 1), 0),
        'last_received_at', (select max(g.at) from (
            (select received_at as at from public.wacampaign_webhooks
             where taken_at is null order by received_at desc limit 1)
            union all
            (select received_at from public.wacampaign_webhooks
             where taken_at is not null order by taken_at desc limit 1)) as g),
        'with_faults', (select count(*) from public.wacampaign_webhooks
                        where taken_at > clock_timestamp() - interval '1 day'
                          and faults is not null),
        'receiver_alive', public.wacampaign_receiver_alive())
$$;

-- The secrets that Meta's signatures may be made with, by number; numbers without one are left out.
create or replace function public.wacampaign_app_secrets()
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'phone_number_id', n.phone_number_id, 'app_secret', n.app_secret)
        order by n.phone_number_id), '[]'::jsonb)
    from public.whatsapp_numbers n
    where public.wacampaign_solid(n.app_secret) <> ''
$$;

-- A receiver begins, or says that it lives. Removes, in small steps, what is old: bodies that were
-- taken a week ago (with faults: a month ago), and receivers that are gone for a month.
--   p_health: what its /healthz says
create or replace function public.wacampaign_receiver_beat(
    p_receiver_id uuid, p_host text, p_pid int, p_version text, p_health jsonb)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_new bool;
    v_removed int;
begin
    insert into public.wacampaign_receivers as r (id, host, pid, version, health)
    values (p_receiver_id, p_host, p_pid, p_version, p_health)
    on conflict (id) do update
    set last_beat_at = clock_timestamp(), stopped_at = null, health = p_health
    returning xmax = 0 into v_new;
    if v_new then
        perform public.wacampaign_event(null, 'receiver_started', 'receiver',
            p_detail => jsonb_build_object('receiver', p_receiver_id, 'host', p_host,
                                           'pid', p_pid, 'version', p_version));
        delete from public.wacampaign_receivers
        where last_beat_at < clock_timestamp() - interval '31 days';
    end if;
    delete from public.wacampaign_webhooks w
    where w.id in (
        select o.id from public.wacampaign_webhooks o
        where o.taken_at < clock_timestamp() - interval '7 days'
          and (o.faults is null or o.taken_at < clock_timestamp() - interval '31 days')
        order by o.taken_at
        limit 2000
        for update skip locked
    );
    get diagnostics v_removed = row_count;
    return jsonb_build_object('removed', v_removed);
end
$$;

-- A receiver ends.
create or replace function public.wacampaign_receiver_goodbye(p_receiver_id uuid)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_known bool;
begin
    update public.wacampaign_receivers set stopped_at = clock_timestamp()
    where id = p_receiver_id and stopped_at is null;
    v_known := found;
    if v_known then
        perform public.wacampaign_event(null, 'receiver_stopped', 'receiver',
            p_detail => jsonb_build_object('receiver', p_receiver_id));
    end if;
    return jsonb_build_object('known', v_known);
end
$$;

-- Whether a receiver of ours is at work: beaten within what a worker's life is judged by, not stopped.
create or replace function public.wacampaign_receiver_alive()
returns bool language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select exists (
        select 1 from public.wacampaign_receivers r
        where r.stopped_at is null
          and r.last_beat_at > clock_timestamp() - public.wacampaign_dead_after()
    )
$$;
