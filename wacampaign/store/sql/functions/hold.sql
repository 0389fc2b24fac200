-- What must not be sent for now, whom that concerns, and when it ends.

-- The numbers that a fault of this scope concerns: a number's, each row that has its phone number; an
-- account's, each of its numbers; a token's, each number that uses the token.
create or replace function public.wacampaign_numbers_of(p_scope text, p_number_id uuid)
returns uuid[] language plpgsql stable
set search_path = public, extensions, pg_temp as $$
begin
    if p_scope not in ('number', 'account', 'token') then
        return array[p_number_id];
    end if;
    return (
        with concerned as materialized (
            select o.id, public.wacampaign_bucket_key(o.id, o.phone_number_id) as key
            from public.whatsapp_numbers n
            join public.whatsapp_numbers o on o.id = n.id
                or (p_scope = 'account'
                    and public.wacampaign_solid(o.waba_id) = public.wacampaign_solid(n.waba_id))
                or (p_scope = 'token'
                    and coalesce(public.wacampaign_solid(o.access_token), '')
                        = coalesce(public.wacampaign_solid(n.access_token), ''))
            where n.id = p_number_id
        )
        select coalesce(array_agg(w.id order by w.id), array[p_number_id])
        from public.whatsapp_numbers w
        where w.id in (select id from concerned)
           or public.wacampaign_bucket_key(w.id, w.phone_number_id) in (select key from concerned));
end
$$;

-- The campaigns that the holds of a batch may touch: those with a lane on a number concerned. Empty
-- without a fault, which is nearly always.
create or replace function public.wacampaign_held_with(p_ids uuid[], p_scopes text[])
returns uuid[] language plpgsql stable
set search_path = public, extensions, pg_temp as $$
begin
    if array_to_string(p_scopes, '') = '' then
        return '{}';
    end if;
    return (
        with number as materialized (
            select distinct unnest(public.wacampaign_numbers_of(f.scope, f.number)) as id
            from (select distinct o.scope, q.whatsapp_number_id as number
                  from unnest(p_ids, p_scopes) as o (id, scope)
                  join public.send_queue q on q.id = o.id
                  where o.scope is not null) as f
        )
        select coalesce(array_agg(t.campaign_id), '{}') from (
            select c.campaign_id from public.wacampaign_counts c
            where c.whatsapp_number_id in (select id from number)
              and c.status in ('ready', 'processing') and c.n > 0
            union
            select l.campaign_id from public.wacampaign_lanes l
            where l.whatsapp_number_id in (select id from number)
        ) as t);
end
$$;

-- Stops what a fault concerns. `until` null: until a person resumes. Campaigns of which no lane is
-- left that may go on are paused, with the reason where the backend's UI shows it. Of a template that
-- changed (`changed`), what is known now says why, and whether at all. A wait for the cause that is waited
-- for already is prolonged.
create or replace function public.wacampaign_hold(
    p_scope text, p_campaign_id uuid, p_number_id uuid, p_template text, p_code int, p_reason text,
    p_seconds int, p_worker_id uuid)
returns void language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_numbers constant uuid[] := public.wacampaign_numbers_of(p_scope, p_number_id);
    v_template text := case when p_scope in ('template', 'media', 'changed') then p_template end;
    v_campaign uuid := case when p_scope in ('media', 'changed') then p_campaign_id end;
    v_number uuid;
    v_reason text := p_reason;
begin
    if p_scope = 'changed' then
        select u.reason into v_reason
        from public.wacampaign_templates_in_use(array[p_campaign_id]) as u
        where u.number = p_number_id and u.template = p_template;
        if v_reason is null then
            return;
        end if;
    end if;
    foreach v_number in array v_numbers loop
        -- The same cause again while it waits: it waits longer, which is no event of its own. Nobody
        -- is waited for: of two holds that say the same the later one counts.
        update public.wacampaign_holds h
        set held_until = clock_timestamp() + make_interval(secs => p_seconds)
        where h.id = (
            select o.id from public.wacampaign_holds o
            where o.lifted_at is null and o.whatsapp_number_id = v_number and o.scope = p_scope
              and o.template_name is not distinct from v_template
              and o.campaign_id is not distinct from v_campaign
              and o.code is not distinct from p_code and o.reason = v_reason
              and o.held_until between clock_timestamp()
                                   and clock_timestamp() + make_interval(secs => p_seconds)
            order by o.held_until desc limit 1 for update skip locked);
        continue when found;
        insert into public.wacampaign_holds
            (scope, whatsapp_number_id, template_name, campaign_id, code, reason, held_until)
        select p_scope, v_number, v_template, v_campaign, p_code, v_reason,
               clock_timestamp() + make_interval(secs => p_seconds)
        where not exists (
            select 1 from public.wacampaign_holds h
            where h.lifted_at is null and h.whatsapp_number_id = v_number
              and h.template_name is not distinct from v_template
              and h.campaign_id is not distinct from v_campaign
              and (h.held_until is null or h.held_until > clock_timestamp() + make_interval(secs => p_seconds)));
        if found then
            insert into public.wacampaign_events (campaign_id, kind, actor, worker_id, reason, detail)
            values (p_campaign_id, 'held', case when p_worker_id is null then 'database' else 'worker' end,
                    p_worker_id, v_reason, jsonb_build_object(
                'scope', p_scope, 'number', v_number, 'template', v_template, 'code', p_code,
                'seconds', p_seconds));
        end if;
    end loop;

    -- What was counted is acted upon: after the hold the next fault starts a new count.
    update public.wacampaign_lanes
    set faults_in_a_row = 0
    where whatsapp_number_id = any (v_numbers)
      and (v_template is null or template_name = v_template);

    perform public.wacampaign_pause_held(k.id)
    from (
        select k.id from public.campaigns k
        where k.status = 'running'
          and exists (select 1 from public.wacampaign_counts c
                      where c.campaign_id = k.id and c.n > 0 and c.status in ('ready', 'processing')
                        and c.whatsapp_number_id = any (v_numbers))
        order by k.id
    ) as k;
end
$$;

-- Pauses a running campaign when all that is left of it is held until a person resumes. True if so.
create or replace function public.wacampaign_pause_held(p_campaign_id uuid)
returns bool language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_reason text;
    v_free bool;
    v_name text;
    v_left bigint;
begin
    select min(h.reason) filter (where h.id is not null), bool_or(h.id is null), sum(c.n)
    into v_reason, v_free, v_left
    from public.wacampaign_counts c
    left join lateral (
        select h.id, h.reason from public.wacampaign_holds h
        where h.lifted_at is null and h.held_until is null
          and h.whatsapp_number_id = c.whatsapp_number_id
          and (h.template_name is null or h.template_name = c.template_name)
          and (h.campaign_id is null or h.campaign_id = c.campaign_id)
        order by h.created_at
        limit 1
    ) as h on true
    where c.campaign_id = p_campaign_id and c.status = 'ready' and c.n > 0;
    if v_free is null then
        -- Nothing ready at this moment (all in flight): judge by what is in flight.
        select min(h.reason), bool_or(h.id is null) into v_reason, v_free
        from public.wacampaign_counts c
        left join public.wacampaign_holds h
            on h.lifted_at is null and h.held_until is null
            and h.whatsapp_number_id = c.whatsapp_number_id
            and (h.template_name is null or h.template_name = c.template_name)
            and (h.campaign_id is null or h.campaign_id = c.campaign_id)
        where c.campaign_id = p_campaign_id and c.status = 'processing' and c.n > 0;
    end if;
    if v_free is not false then
        return false;
    end if;
    update public.campaigns
    set status = 'paused', pause_reason = v_reason
    where id = p_campaign_id and status = 'running'
    returning name into v_name;
    if not found then
        return false;
    end if;
    perform public.wacampaign_event(p_campaign_id, 'paused', 'database', v_left, v_reason);
    perform public.wacampaign_show_totals(array[p_campaign_id]);
    perform public.wacampaign_bell(
        'error', 'Campaign paused: ' || v_name, v_reason, '/campaigns', p_campaign_id);
    return true;
end
$$;

-- The standing holds over the rows that a campaign has in one of these states, the oldest first.
create or replace function public.wacampaign_holds_over(
    p_campaign_id uuid, variadic p_statuses text[])
returns setof public.wacampaign_holds language sql stable
set search_path = public, extensions, pg_temp as $$
    select h.* from public.wacampaign_holds h
    where h.lifted_at is null and (h.held_until is null or h.held_until > clock_timestamp())
      and (h.campaign_id is null or h.campaign_id = p_campaign_id)
      and exists (select 1 from public.wacampaign_counts c
                  where c.campaign_id = p_campaign_id and c.n > 0 and c.status = any (p_statuses)
                    and c.whatsapp_number_id = h.whatsapp_number_id
                    and (h.template_name is null or h.template_name = c.template_name))
    order by h.created_at, h.id
$$;

-- Lifts what holds the rows that this campaign has left. Returns how many holds that were.
--   p_until: only those that stood by then, and wait for a person: the others end by themselves
drop function if exists public.wacampaign_lift_holds(uuid);
create or replace function public.wacampaign_lift_holds(
    p_campaign_id uuid, p_until timestamptz default 'infinity')
returns int language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_lifted int;
begin
    update public.wacampaign_holds h
    set lifted_at = clock_timestamp()
    where h.lifted_at is null
      and (p_until = 'infinity' or h.created_at <= p_until and h.held_until is null)
      and exists (
          select 1 from public.wacampaign_counts c
          where c.campaign_id = p_campaign_id and c.n > 0 and c.status = 'ready'
            and c.whatsapp_number_id = h.whatsapp_number_id
            and (h.template_name is null or h.template_name = c.template_name)
            and (h.campaign_id is null or h.campaign_id = c.campaign_id));
    get diagnostics v_lifted = row_count;
    return v_lifted;
end
$$;

-- The standing holds over the rows that a campaign has left, and for each why its cause is gone.
-- `gone` null: there is no sign of that, so a person has to say so (resume).
create or replace function public.wacampaign_standing_holds(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', h.id, 'scope', h.scope, 'number', h.whatsapp_number_id, 'template', h.template_name,
        'code', h.code, 'reason', h.reason, 'since', h.created_at,
        'gone', case
            when h.scope in ('template', 'media') then coalesce(
                (select 'its rows were repaired at '
                        || to_char(max(e.at) at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC'
                 from public.wacampaign_events e
                 where e.campaign_id = p_campaign_id and e.kind = 'repaired' and e.at > h.created_at
                   and not exists (select 1 from public.wacampaign_events u
                                   where u.campaign_id = p_campaign_id
                                     and u.kind = 'repair_undone' and u.id > e.id)
                 having count(*) > 0),
                -- An approval says something of faults of the template's state, and of no other.
                (select 'the template is APPROVED, read from Meta at '
                        || to_char(t.last_synced at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC'
                 from public.wacampaign_templates_in_use(array[p_campaign_id]) as t
                 where h.scope = 'template' and t.number = h.whatsapp_number_id
                   and t.template = h.template_name and t.status = 'APPROVED' and t.is_active
                   and t.last_synced > h.created_at
                   and coalesce(h.code, 132001) in (132001, 132015, 132016, 134101)))
            when h.scope = 'changed' and public.wacampaign_is_as_planned(
                    h.campaign_id, h.whatsapp_number_id, h.template_name)
                then 'the template is as it was planned again'
            when h.scope in ('number', 'token') then (
                select 'the number was brought up to date at '
                       || to_char(n.last_updated at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC'
                from public.whatsapp_numbers n
                where n.id = h.whatsapp_number_id and n.is_active
                  and n.last_updated > h.created_at)
            end) order by h.created_at, h.id), '[]'::jsonb)
    from public.wacampaign_holds_over(p_campaign_id, 'ready', 'pending') as h
    where h.held_until is null
$$;
