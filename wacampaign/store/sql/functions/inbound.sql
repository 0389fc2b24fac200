-- Incoming messages: taken once, whoever stored them, and put to what they answer.

-- The national spellings of one number that a message may stand under: the other way round of
-- wacampaign_person.
create or replace function public.wacampaign_spellings(p_phone text)
returns text[] language sql immutable
set search_path = public, extensions, pg_temp as $$
    select array[p_phone, k.person] || case
        when k.person ~ '^55[1-9][0-9][6-9][0-9]{7}$'
            then array[left(k.person, 4) || '9' || substr(k.person, 5)]
        when k.person ~ '^54[0-9]{10}$' then array['549' || substr(k.person, 3)]
        when k.person ~ '^52[0-9]{10}$' then array['521' || substr(k.person, 3)]
        else '{}' end
    from (select public.wacampaign_person(p_phone) as person) as k
$$;

-- Which campaign a reply belongs to: that of the message which it names, else that of the last
-- campaign message to its phone on its number before it.
--   context: the message that it names is known
--   phone: the recipient of that message
create or replace function public.wacampaign_answered(
    p_context_id text, p_phone text, p_number_id uuid, p_at timestamptz,
    out campaign uuid, out context bool, out phone text)
returns record language plpgsql stable
set search_path = public, extensions, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    -- Who writes later than that answers no campaign.
    c_answers constant interval := '31 days';
    -- An auto-reply comes within a second, and our own row may be written after it; Meta's times
    -- are whole seconds.
    c_written_after constant interval := '5 seconds';
begin
    context := false;
    if p_context_id is not null then
        select q.campaign_id, true, q.phone into campaign, context, phone
        from public.send_queue q where q.whatsapp_message_id = p_context_id limit 1;
        if found then
            return;
        end if;
        select m.campaign_id, true, m.user_phone into campaign, context, phone
        from public.messages m where m.whatsapp_message_id = p_context_id limit 1;
        if found then
            return;
        end if;
        context := false;
    end if;
    if p_phone is not null then
        select m.campaign_id into campaign
        from public.messages m
        where m.user_phone = any (public.wacampaign_spellings(p_phone))
          and m.direction = 'outgoing' and m.campaign_id is not null
          and m.created_at <= p_at + c_written_after and m.created_at > p_at - c_answers
          and (p_number_id is null or m.whatsapp_number_id = p_number_id)
        order by m.created_at desc
        limit 1;
    end if;
end
$$;

-- Takes incoming messages, each once by its wamid; what a second teller knows more (names, the
-- message that is answered) is added. Any order and any number of repetitions comes to the same.
--   p_messages: a JSON list of objects with wamid, at (seconds since 1970), phone_number_id or number_id (of whatsapp_numbers),
--     phone, user_id, name, kind, text, payload, context_id, said; wish (stop | start), cause and
--     evidence, as core/optout_words.py reads the text; message_id (of messages, when it waited)
--   p_source: receiver | backend
create or replace function public.wacampaign_take_inbound(p_messages text, p_source text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_now constant timestamptz := clock_timestamp();
    -- Older ones are no conversation any more; what they wished counts.
    c_kept constant interval := '31 days';
    -- Until our own row about the message that is answered is surely written.
    c_look_again constant interval := '20 seconds';
    v_told jsonb;
    v_wamids text[];
    v_new int;
    v_campaigns uuid[];
    v_people text[];
    v_wishes int;
    v_known text[];
begin
    -- Each message once, with its number, its person and a time that is not to come.
    select coalesce(jsonb_agg(to_jsonb(t) order by t.wamid), '[]'::jsonb) into v_told
    from (
        select distinct on (m.wamid)
               m.wamid, coalesce(m.kind, 'unknown') as kind, m.name, m.text, m.payload,
               nullif(m.context_id, '') as context_id, m.said, m.wish, m.cause, m.evidence,
               nullif(m.user_id, '') as user_id,
               least(coalesce(to_timestamp(m.at), v_now), v_now) as at,
               coalesce(m.number_id, (
                   select w.id from public.whatsapp_numbers w
                   where public.wacampaign_bucket_key(w.id, w.phone_number_id) = m.phone_number_id
                   order by w.is_active is not false desc, w.id limit 1)) as number_id,
               nullif(public.wacampaign_digits(m.phone), '') as phone
        from jsonb_to_recordset(p_messages::jsonb) as m (
            wamid text, at double precision, phone_number_id text, number_id uuid, phone text,
            user_id text, name text, kind text, text text, payload text, context_id text,
            said jsonb, wish text, cause text, evidence text)
        where m.wamid <> ''
        order by m.wamid
    ) as t;
    v_known := public.wacampaign_know_people(v_told);

    select coalesce(jsonb_agg(m.value || jsonb_build_object(
               'campaign', a.campaign, 'context', a.context,
               'phone', coalesce(m.value ->> 'phone', i.phone, case when a.context then a.phone end),
               'person', coalesce(public.wacampaign_person(m.value ->> 'phone'), i.person,
                                  case when a.context then public.wacampaign_person(a.phone) end,
                                  m.value ->> 'user_id', m.value ->> 'wamid'))), '[]'::jsonb)
    into v_told
    from jsonb_array_elements(v_told) as m (value)
    left join public.wacampaign_identities i
        on m.value ->> 'phone' is null and i.user_id = m.value ->> 'user_id'
    cross join lateral public.wacampaign_answered(
        m.value ->> 'context_id', coalesce(m.value ->> 'phone', i.phone),
        (m.value ->> 'number_id')::uuid, (m.value ->> 'at')::timestamptz) as a;
    v_wamids := array(select m.value ->> 'wamid' from jsonb_array_elements(v_told) as m (value));

    -- What they counted for until now, as a second teller may know better.
    select coalesce(array_agg(i.campaign_id), '{}'), coalesce(array_agg(i.person), '{}')
    into v_campaigns, v_people
    from public.wacampaign_inbound i where i.wamid = any (v_wamids);
    with put as (
        insert into public.wacampaign_inbound as i
            (wamid, at, taken_at, whatsapp_number_id, phone, user_id, person, name, kind, body,
             payload, context_id, campaign_id, by_context, look_again_at, source, said)
        select m.wamid, m.at, v_now, m.number_id, m.phone, m.user_id, m.person, m.name, m.kind,
               m.text, m.payload, m.context_id, m.campaign, m.context,
               case when not m.context and m.at > v_now - c_look_again * 3
                    then v_now + c_look_again end,
               p_source, m.said
        from jsonb_to_recordset(v_told) as m (
            wamid text, at timestamptz, number_id uuid, phone text, user_id text, person text,
            name text, kind text, text text, payload text, context_id text, campaign uuid,
            context bool, said jsonb)
        where m.at > v_now - c_kept
        order by m.wamid
        on conflict (wamid) do update
        set whatsapp_number_id = coalesce(i.whatsapp_number_id, excluded.whatsapp_number_id),
            phone = coalesce(i.phone, excluded.phone),
            person = case when i.phone is null then excluded.person else i.person end,
            user_id = coalesce(i.user_id, excluded.user_id),
            name = coalesce(i.name, excluded.name),
            -- The backend has a button's text or its payload, and no body of some kinds.
            body = coalesce(nullif(i.body, ''), excluded.body),
            payload = coalesce(i.payload, excluded.payload),
            context_id = coalesce(i.context_id, excluded.context_id),
            campaign_id = case when excluded.by_context and not i.by_context
                               then excluded.campaign_id
                               else coalesce(i.campaign_id, excluded.campaign_id) end,
            by_context = i.by_context or excluded.by_context,
            look_again_at = case when excluded.by_context then null else i.look_again_at end,
            said = coalesce(i.said, excluded.said)
        returning i.xmax = 0 as is_new
    )
    select count(*) filter (where is_new) into v_new from put;

    perform public.wacampaign_keep_conversations(v_wamids, v_campaigns, v_people);
    v_wishes := public.wacampaign_wish(v_told, p_source);
    if v_known is not null then
        perform public.wacampaign_move_wishes(v_known);
    end if;
    delete from public.wacampaign_logged_messages
    where message_id in (select (m.value ->> 'message_id')::uuid
                         from jsonb_array_elements(p_messages::jsonb) as m (value)
                         where m.value ->> 'message_id' is not null);
    return jsonb_build_object('taken', cardinality(v_wamids), 'new', v_new, 'wishes', v_wishes);
end
$$;

-- Learns whose phone a business-scoped id is, where a message or a status tells both. Returns the ids that
-- are new or another person's now; null: none.
--   p_told: objects with phone and user_id
create or replace function public.wacampaign_know_people(p_told jsonb)
returns text[] language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_ids text[];
begin
    with both_told as (
        select distinct on (t.user_id) t.user_id, t.phone,
               public.wacampaign_person(t.phone) as person
        from jsonb_to_recordset(p_told) as t (user_id text, phone text)
        where t.user_id <> '' and t.phone <> ''
        order by t.user_id
    ), put as (
        insert into public.wacampaign_identities as i (user_id, person, phone)
        select user_id, person, phone from both_told order by user_id
        on conflict (user_id) do update set person = excluded.person, phone = excluded.phone
        where i.person <> excluded.person
        returning i.user_id
    )
    select array_agg(user_id) into v_ids from put;
    return v_ids;
end
$$;

-- What was wished under these ids alone is their phones' from now on. After all else that a taker
-- writes, so that takers lock in one order.
create or replace function public.wacampaign_move_wishes(p_user_ids text[])
returns void language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_moved text[];
begin
    with moved as (
        update public.wacampaign_wishes w
        set person = i.person, phone = i.phone
        from public.wacampaign_identities i
        where i.user_id = any (p_user_ids) and w.person = i.user_id
        returning w.person
    )
    select array_agg(distinct person) into v_moved from moved;
    if v_moved is not null then
        delete from public.wacampaign_optouts where person = any (p_user_ids);
        perform public.wacampaign_decide(v_moved);
    end if;
end
$$;

-- Brings conversations, replies and their counts to what these messages say.
--   p_campaigns, p_people: pairs that a message counted for until now
create or replace function public.wacampaign_keep_conversations(
    p_wamids text[], p_campaigns uuid[], p_people text[])
returns void language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
begin
    insert into public.wacampaign_conversations as c
        (whatsapp_number_id, person, wamid, at, name, free_from)
    select k.number_id, i.person, (array_agg(i.wamid order by i.at desc, i.n desc))[1], max(i.at),
           (array_agg(i.name order by i.at desc, i.n desc) filter (where i.name is not null))[1],
           max(i.at) filter (where i.said ? 'referral')
    from public.wacampaign_inbound i
    cross join lateral (select coalesce(
        i.whatsapp_number_id, '00000000-0000-0000-0000-000000000000') as number_id) as k
    where i.wamid = any (p_wamids)
    group by k.number_id, i.person
    order by k.number_id, i.person
    on conflict (whatsapp_number_id, person) do update
    set wamid = case when excluded.at >= c.at then excluded.wamid else c.wamid end,
        at = greatest(c.at, excluded.at),
        name = case when excluded.at >= c.at then coalesce(excluded.name, c.name)
                    else coalesce(c.name, excluded.name) end,
        free_from = greatest(c.free_from, excluded.free_from);

    with pair as materialized (
        select i.campaign_id, i.person from public.wacampaign_inbound i
        where i.wamid = any (p_wamids) and i.campaign_id is not null
        union
        select u.campaign_id, u.person from unnest(p_campaigns, p_people) as u (campaign_id, person)
        where u.campaign_id is not null
    ), last as materialized (
        select p.campaign_id, p.person, l.wamid, l.at
        from pair p
        left join lateral (
            select i.wamid, i.at from public.wacampaign_inbound i
            where i.campaign_id = p.campaign_id and i.person = p.person
            order by i.at desc, i.n desc limit 1) as l on true
    ), put as (
        insert into public.wacampaign_replies as r (campaign_id, person, wamid, at)
        select campaign_id, person, wamid, at from last where wamid is not null
        order by campaign_id, person
        on conflict (campaign_id, person) do update
        set wamid = excluded.wamid, at = excluded.at
        where excluded.at >= r.at
        returning r.campaign_id, (r.xmax = 0)::int as n
    ), gone as (
        delete from public.wacampaign_replies r
        using last l
        where r.campaign_id = l.campaign_id and r.person = l.person and l.wamid is null
        returning r.campaign_id, -1 as n
    )
    insert into public.wacampaign_reply_counts as c (campaign_id, replied)
    select t.campaign_id, sum(t.n)
    from (select * from put union all select * from gone) as t
    group by t.campaign_id
    having sum(t.n) <> 0
    order by t.campaign_id
    on conflict (campaign_id) do update set replied = c.replied + excluded.replied;
end
$$;

-- People who replied to a campaign.
create or replace function public.wacampaign_replied_of(p_campaign_id uuid)
returns bigint language sql stable
set search_path = public, extensions, pg_temp as $$
    select coalesce((select c.replied from public.wacampaign_reply_counts c
                     where c.campaign_id = p_campaign_id), 0)
$$;
