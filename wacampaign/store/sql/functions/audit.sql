-- Proof from the rows themselves, not from counters, in three parts: a million rows and as many
-- messages are too much for one statement over REST. This one reads the rows once.
--   lost: contacts without a row (never_enqueued; deleted, by another program), and rows left undone
--     by a campaign that says it is completed (left_behind)
--   twice_by_row: a row's own history tells of a second acceptance
--   ids_shared: rows that carry another row's message id, so at most one of them was accepted
--   without_id: accepted rows without a message id; assumed_sent: those that a person decided about
create or replace function public.wacampaign_audit(p_campaign_id uuid)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_campaign constant public.campaigns := public.wacampaign_campaign(p_campaign_id, false);
    v_rows bigint;
    v_accepted bigint;
    v_failed bigint;
    v_undone bigint;
    v_without_id bigint;
    v_assumed bigint;
    v_shared bigint := 0;
    v_doubt bigint;
    v_missing bigint;
    v_deleted bigint;
    v_twice bigint;
    v_drift bigint;
begin
    with counted as materialized (
        select q.status, count(*) as n,
               count(*) filter (where q.whatsapp_message_id is null) as without_id,
               count(*) filter (where q.in_doubt_cause = 'assumed_sent') as assumed
        from public.send_queue q where q.campaign_id = p_campaign_id
        group by q.status
    )
    select coalesce(sum(n), 0),
           coalesce(sum(n) filter (where status = 'sent'), 0),
           coalesce(sum(n) filter (where status = 'failed'), 0),
           coalesce(sum(n) filter (where status in ('pending', 'ready')), 0),
           coalesce(sum(without_id) filter (where status = 'sent'), 0),
           coalesce(sum(assumed) filter (where status = 'sent'), 0),
           (select coalesce(sum(abs(t.n)), 0) from (
                select sum(s.n) as n from (
                    select c.status, c.n from public.wacampaign_counts c
                    where c.campaign_id = p_campaign_id
                    union all
                    select coalesce(counted.status, ''), -counted.n from counted
                ) as s group by s.status) as t)
    into v_rows, v_accepted, v_failed, v_undone, v_without_id, v_assumed, v_drift
    from counted;
    if not exists (
        select 1 from pg_catalog.pg_index i
        join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = 'public.send_queue'::regclass
          and i.indisunique and i.indnatts = 1 and a.attname = 'whatsapp_message_id'
    ) then
        select coalesce(sum(r.n - 1), 0) into v_shared from (
            select count(*) as n from public.send_queue q
            where q.campaign_id = p_campaign_id and q.whatsapp_message_id is not null
            group by q.whatsapp_message_id having count(*) > 1) as r;
    end if;
    v_doubt := (public.wacampaign_row_counts(p_campaign_id) ->> 'in_doubt')::bigint;
    v_missing := public.wacampaign_missing(p_campaign_id);
    v_deleted := public.wacampaign_deleted(p_campaign_id);
    select count(*) into v_twice from public.wacampaign_events
    where campaign_id = p_campaign_id and kind = 'accepted_twice';
    return jsonb_build_object(
        'id', p_campaign_id,
        'name', v_campaign.name,
        'status', v_campaign.status,
        'rows', v_rows,
        'accepted', v_accepted,
        'failed', v_failed,
        'lost', v_missing + v_deleted + case when v_campaign.status = 'completed' then v_undone else 0 end,
        'never_enqueued', v_missing,
        'deleted', v_deleted,
        'others', public.wacampaign_others(p_campaign_id),
        'resent', (select coalesce(sum(e.row_count), 0) from public.wacampaign_events e
                   where e.campaign_id = p_campaign_id and e.kind = 'doubt_resent'),
        'left_behind', case when v_campaign.status = 'completed' then v_undone else 0 end,
        'twice_by_row', v_twice,
        'ids_shared', v_shared,
        'in_doubt', v_doubt,
        'without_id', v_without_id - v_assumed,
        'assumed_sent', v_assumed,
        'count_drift', v_drift,
        'total_contacts', v_campaign.total_contacts,
        'total_sent_shown', v_campaign.total_sent,
        'total_failed_shown', v_campaign.total_failed,
        'totals_due', public.wacampaign_totals_due(p_campaign_id),
        'ok', v_missing = 0 and v_deleted = 0 and v_twice = 0 and v_shared = 0 and v_drift = 0
              and not (v_campaign.status = 'completed' and v_undone > 0));
end
$$;

-- The audit's second part: messages accepted beyond one a row. A message of this campaign that no
-- row owns, and no row without an id can own, was sent beside the queue's knowledge.
create or replace function public.wacampaign_audit_messages(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off
-- The join and the counting spill to the disk else.
set work_mem = '64MB' as $$
    with unowned as materialized (
        select m.user_phone as phone, count(*) as n
        from public.messages m
        where m.campaign_id = p_campaign_id and m.direction = 'outgoing'
          and m.message_type = 'template' and m.whatsapp_message_id is not null
          and not exists (select 1 from public.send_queue q
                          where q.campaign_id = p_campaign_id
                            and q.whatsapp_message_id = m.whatsapp_message_id)
          and not exists (select 1 from public.wacampaign_events e
                          where e.campaign_id = p_campaign_id
                            and e.kind in ('accepted_twice', 'message_id_twice',
                                           'answer_without_row')
                            and e.detail ->> 'wamid' = m.whatsapp_message_id)
        group by m.user_phone
    ), accepted as materialized (
        select distinct q.phone from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status = 'sent' and exists (select 1 from unowned)
    ), without_id as (
        -- The old backend left ids out, and a row in doubt has none: one message each is theirs.
        select q.phone, count(*) as n from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status in ('sent', 'processing')
          and q.whatsapp_message_id is null and exists (select 1 from unowned)
        group by q.phone
    )
    -- Nor is the message of a row that somebody deleted: so many may be theirs, as far as their recipients
    -- have no accepted row now. (Who deletes rows and puts them back has them sent again.)
    select jsonb_build_object('unowned', coalesce(sum(m.more) filter (where m.again), 0)
        + greatest(0, coalesce(sum(m.more) filter (where not m.again), 0)
        - (select coalesce(sum(s.value::bigint), 0) from public.wacampaign_events e
           cross join lateral jsonb_each_text(e.detail -> 'statuses') as s
           where e.campaign_id = p_campaign_id and e.kind = 'rows_deleted'
             and s.key in ('sent', 'failed'))))
    from (
        select greatest(0, u.n - coalesce(w.n, 0)) as more,
               exists (select 1 from public.wacampaign_events e
                       where e.campaign_id = p_campaign_id and e.kind = 'rows_deleted')
               and a.phone is not null as again
        from unowned u
        left join without_id w on w.phone = u.phone
        left join accepted a on a.phone = u.phone
    ) as m
$$;

-- The audit's third part: people with more than one accepted row.
--   recipients_repeated: numbers that the list named twice
--   perhaps_repeated: people who may be one, as their numbers are two national spellings of one;
--     perhaps_samples: both numbers of some of them
create or replace function public.wacampaign_audit_recipients(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off set work_mem = '64MB' as $$
    with numbers as materialized (
        select case when q.phone ~ '^[1-9][0-9]*$' then q.phone
                    when q.phone ~ '^[+][1-9][0-9]*$' then substr(q.phone, 2)
                    else public.wacampaign_digits(q.phone) end as digits, count(*) as n
        from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status = 'sent'
        group by 1
    ), people as materialized (
        select array_agg(digits order by digits) as spellings
        from numbers where digits ~ '^5[245]'
        group by public.wacampaign_person(digits) having count(*) > 1
    )
    select jsonb_build_object(
        'recipients_repeated', (select count(*) from numbers where n > 1),
        'perhaps_repeated', (select count(*) from people),
        'perhaps_samples', (
            select coalesce(jsonb_agg(to_jsonb(s.spellings)), '[]'::jsonb)
            from (select spellings from people order by spellings limit 3) as s))
$$;
