-- What the backend stores: its incoming messages, as they come and those that were there before.

-- The trigger on incoming rows: notes which. Never fails, as the backend's handler would lose the
-- rest of its webhook.
create or replace function public.wacampaign_log_message()
returns trigger language plpgsql security definer
set search_path = '' as $$
begin
    begin
        insert into public.wacampaign_logged_messages (message_id) values (new.id)
        on conflict do nothing;
    exception when others then
        null;
    end;
    return null;
end
$$;

-- The messages that wait to be taken, at most p_limit: those noted, and a step of those that were
-- there before, newest first. Changes nothing, so whoever takes them (wacampaign_take_logged) may
-- fail halfway.
--   messages: as wacampaign_take_inbound wants them; old: kept for what they wish alone
--   read_to: how far that step goes; null: there was none. last: it is the last one
--   look_again: some that were taken are to be put to their campaign once more
--   left: more are waiting
create or replace function public.wacampaign_logged_messages_waiting(p_limit int default 500)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set plan_cache_mode = force_custom_plan as $$
declare
    v_limit constant int := least(greatest(p_limit, 1), 5000);
    v_back public.wacampaign_read_back;
    v_ids uuid[];
    v_older uuid[];
    v_to jsonb;
begin
    v_ids := array(select l.message_id from public.wacampaign_logged_messages l
                   order by l.logged_at limit v_limit);
    select * into v_back from public.wacampaign_read_back where what = 'messages';
    if v_back.done_at is null and cardinality(v_ids) < v_limit then
        select array_agg(t.id order by t.created_at desc, t.id desc) into v_older
        from (
            select m.id, m.created_at from public.messages m
            -- Without a time it has no place in that order; what comes now is noted by itself.
            where m.direction = 'incoming' and m.created_at is not null
              and (v_back.what is null or (m.created_at, m.id) < (v_back.before_at, v_back.before_id))
            order by m.created_at desc, m.id desc
            limit v_limit) as t;
        select jsonb_build_object(
            'at', m.created_at, 'id', m.id, 'last', cardinality(v_older) < v_limit)
        into v_to
        from public.messages m where m.id = v_older[cardinality(v_older)];
        v_to := coalesce(v_to, jsonb_build_object(
            'at', clock_timestamp(), 'id', '00000000-0000-0000-0000-000000000000', 'last', true));
    end if;
    return jsonb_build_object(
        'messages', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'message_id', m.id, 'wamid', coalesce(nullif(m.whatsapp_message_id, ''), m.id::text),
                'at', extract(epoch from m.created_at), 'number_id', m.whatsapp_number_id,
                'old', m.created_at < clock_timestamp() - interval '31 days',
                'phone', m.user_phone, 'kind', m.message_type, 'text', m.message_body)), '[]'::jsonb)
            from public.messages m where m.id = any (v_ids || v_older)),
        -- Gone since: nothing is to be waited for.
        'gone', (
            select coalesce(jsonb_agg(u.id), '[]'::jsonb) from unnest(v_ids) as u (id)
            where not exists (select 1 from public.messages m where m.id = u.id)),
        'read_to', v_to,
        'look_again', exists (select 1 from public.wacampaign_inbound i
                              where i.look_again_at <= clock_timestamp()),
        'left', cardinality(v_ids) = v_limit or (v_to ->> 'last')::bool is false);
end
$$;

-- Takes what wacampaign_logged_messages_waiting gave (as JSON), and notes how far those that were there before
-- have been read. Looks once more for what came too early for its campaign's message.
create or replace function public.wacampaign_take_logged_messages(
    p_messages text, p_gone uuid[], p_read_to text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_to constant jsonb := p_read_to;
    v_answer jsonb;
begin
    v_answer := public.wacampaign_take_inbound(p_messages, 'backend');
    delete from public.wacampaign_logged_messages where message_id = any (p_gone);
    if v_to is not null then
        insert into public.wacampaign_read_back as b (what, before_at, before_id, done_at)
        values ('messages', (v_to ->> 'at')::timestamptz, (v_to ->> 'id')::uuid,
                case when (v_to ->> 'last')::bool then clock_timestamp() end)
        on conflict (what) do update
        set before_at = excluded.before_at, before_id = excluded.before_id,
            done_at = coalesce(b.done_at, excluded.done_at)
        where (excluded.before_at, excluded.before_id) < (b.before_at, b.before_id)
           or excluded.done_at is not null;
    end if;
    perform public.wacampaign_answered_again();
    return v_answer;
end
$$;

-- Messages that came before their campaign's message was written are put to it.
create or replace function public.wacampaign_answered_again()
returns void language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_wamids text[];
    v_campaigns uuid[];
    v_people text[];
begin
    with due as (
        select i.wamid from public.wacampaign_inbound i
        where i.look_again_at <= clock_timestamp()
        order by i.look_again_at limit 500
        for update skip locked
    ), seen as (
        update public.wacampaign_inbound i
        set look_again_at = null, campaign_id = coalesce(a.campaign, i.campaign_id),
            by_context = a.context
        from due
        join public.wacampaign_inbound o on o.wamid = due.wamid
        cross join lateral public.wacampaign_answered(
            o.context_id, o.phone, o.whatsapp_number_id, o.at) as a
        where i.wamid = due.wamid
        returning i.wamid, o.campaign_id, o.person
    )
    select array_agg(wamid), array_agg(campaign_id), array_agg(person)
    into v_wamids, v_campaigns, v_people from seen;
    if v_wamids is not null then
        perform public.wacampaign_keep_conversations(v_wamids, v_campaigns, v_people);
    end if;
end
$$;
