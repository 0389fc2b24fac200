-- The same campaign once more: its name, its list, its recipients.

-- Keeps what the list of a new campaign looks like. A second time, nothing.
create or replace function public.wacampaign_keep_list(
    p_campaign_id uuid, p_recipients int, p_sketch bigint[])
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
begin
    insert into public.wacampaign_lists (campaign_id, recipients, sketch)
    values (p_campaign_id, p_recipients, p_sketch)
    on conflict (campaign_id) do nothing;
    return jsonb_build_object('kept', found);
end
$$;

-- Campaigns that a new one may repeat, newest first, at most ten: those with its name, and those of
-- the last p_days that have one of its templates and p_share (0 to 1) of all recipients of both
-- lists in both. A campaign that was cancelled before a message of it left repeats nothing.
create or replace function public.wacampaign_repeated_by(
    p_name text, p_templates text[], p_recipients int, p_sketch bigint[], p_share numeric,
    p_days int)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    with alike as (
        select l.campaign_id, common.share
        from public.wacampaign_lists l
        join public.campaigns k on k.id = l.campaign_id and k.template_names && p_templates
        cross join lateral (
            -- Of the smallest marks of both lists together, as many as each list keeps, those that
            -- are in both.
            select avg((mark = any (l.sketch) and mark = any (p_sketch))::int) as share
            from (select mark from (select unnest(l.sketch) union select unnest(p_sketch)) as m (mark)
                  order by mark
                  limit case when cardinality(l.sketch) < l.recipients
                                  or cardinality(p_sketch) < p_recipients
                             then greatest(cardinality(l.sketch), cardinality(p_sketch)) end
            ) as smallest
        ) as common
        where k.created_at > clock_timestamp() - make_interval(days => p_days)
    ), found as (
        select k.id, k.name, k.status, k.created_at, k.total_contacts, k.name = p_name as same_name,
               coalesce(a.share, 0) >= p_share as same_list
        from public.campaigns k
        left join alike a on a.campaign_id = k.id
        where (k.name = p_name or a.share >= p_share)
          and (k.status <> 'failed' or exists (
                select 1 from public.wacampaign_counts c
                where c.campaign_id = k.id and c.status in ('sent', 'processing') and c.n > 0))
        order by k.created_at desc, k.id
        limit 10
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', id, 'name', name, 'status', status, 'same_name', same_name, 'same_list', same_list,
        'total', coalesce(total_contacts, 0), 'sent', public.wacampaign_counted(id, 'sent'),
        'seconds_ago', round(extract(epoch from clock_timestamp() - created_at))::bigint
    ) order by created_at desc, id), '[]'::jsonb)
    from found
$$;

-- Other campaigns of the last p_days that sent (or are sending) a template which the rows of this
-- one would send, most messages first, at most five.
create or replace function public.wacampaign_readiness_others(p_campaign_id uuid, p_days int)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    with mine as materialized (
        select distinct template_name from public.wacampaign_counts
        where campaign_id = p_campaign_id and status in ('pending', 'ready') and n > 0
    ), others as (
        select c.campaign_id, sum(c.n) as n
        from public.wacampaign_counts c
        join mine using (template_name)
        where c.campaign_id <> p_campaign_id and c.n > 0
          and c.status in ('sent', 'processing', 'ready', 'pending')
        group by 1
    )
    select coalesce(jsonb_agg(to_jsonb(o)), '[]'::jsonb)
    from (
        select k.id, k.name, k.status
        from others
        join public.campaigns k on k.id = others.campaign_id
        where (k.status = 'running'
               or greatest(k.created_at, k.start_time, k.end_time)
                  > clock_timestamp() - make_interval(days => p_days))
        order by others.n desc, k.id
        limit 5
    ) as o
$$;

-- How many people whom this campaign would write to have got the same template from the other one
-- within p_days, or will while it runs; and when the last of them got it. Of p_parts parts of all
-- people (at most 10), the p_part-th (from 0): a million people in one call are too many for REST's
-- 8 s. A part has the numbers that end in some digits, as all spellings of one do.
create or replace function public.wacampaign_readiness_repeats(
    p_campaign_id uuid, p_other_id uuid, p_days int, p_part int, p_parts int)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set enable_seqscan = off set jit = off
set work_mem = '64MB' as $$
    with part as materialized (
        select q.campaign_id = p_campaign_id as mine, q.template_name as template, q.status, q.sent_at,
               -- Plain digits of most countries are the person's key already.
               case when left(q.phone, 2) not in ('52', '54', '55') and q.phone ~ '^[1-9][0-9]*$'
                    then q.phone else public.wacampaign_person(q.phone) end as person
        from public.send_queue q
        where q.campaign_id in (p_campaign_id, p_other_id)
          and case when q.campaign_id = p_campaign_id then q.status in ('pending', 'ready')
                   when q.status = 'sent'
                   then q.sent_at > clock_timestamp() - make_interval(days => p_days)
                   else q.status <> 'failed' and (
                       select k.status = 'running' from public.campaigns k where k.id = p_other_id) end
          -- The last digit, as a number; of what is no phone anything.
          and (ascii(right(case when ascii(right(q.phone, 1)) between 48 and 57
                                 and right(q.phone, 2) <> '.0'
                           then q.phone else public.wacampaign_digits(q.phone) end, 1)) + 2) % 10
              % p_parts = p_part
    ), mine as materialized (
        select person, template from part where mine group by 1, 2
    ), theirs as materialized (
        select person, template, bool_or(status = 'sent') as got, max(sent_at) as sent_at
        from part where not mine group by 1, 2
    )
    select jsonb_build_object(
        'people', (select count(*) from mine),
        'got', count(*) filter (where t.got),
        'will', count(*) filter (where not t.got),
        'template', min(t.template),
        'seconds_ago', round(extract(epoch from clock_timestamp() - max(t.sent_at)))::bigint)
    from mine m
    join theirs t using (person, template)
$$;
