-- What is known of each recipient of a campaign: read in pages over the rows' ids.

-- What became of a row, in the words of the glossary. p_state is that of its message in
-- wacampaign_deliveries; null: no status of it was ever taken.
create or replace function public.wacampaign_result_state(
    p_status text, p_in_doubt bool, p_next_retry_at timestamptz, p_wamid text, p_error text,
    p_state text)
returns text language sql immutable
set search_path = public, extensions, pg_temp as $$
    select case
        when p_status = 'sent' or p_status = 'failed' and p_wamid is not null then
            case when p_state in ('delivered', 'read', 'undelivered', 'held') then p_state
                 when p_status = 'failed' then 'undelivered'
                 else 'silent' end
        when p_status = 'failed' then
            case when public.wacampaign_is_left_out(p_error) then 'left out' else 'refused' end
        when p_in_doubt then 'in doubt'
        when p_status = 'processing' then 'being sent'
        when p_next_retry_at is not null
             and not public.wacampaign_is_hours_mark(p_next_retry_at) then 'retry later'
        else 'waiting' end
$$;

-- One page of a campaign's recipients: the rows after p_after, at most 5,000. Times in UTC.
--   state: as above, or `pruned`: what became of it was removed since
--   error: the text of a refused row; title, details: what Meta said of an undelivered message
--   contradicted: told as failed and as delivered
--   category, billable: as Meta priced the message
--   reply: the recipient's last answer to this campaign; of one without text its kind
create or replace function public.wacampaign_results(
    p_campaign_id uuid, p_after uuid default null, p_limit int default 2000)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
    select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
        'id', r.id, 'phone', r.phone,
        'state', case
            when d.wamid is null and r.whatsapp_message_id is not null and g.removing_at > r.sent_at
            then 'pruned'
            else public.wacampaign_result_state(
                r.status, r.in_doubt_since is not null, r.next_retry_at, r.whatsapp_message_id,
                r.error_message, d.state) end,
        'template', r.template_name, 'language', t.language,
        'accepted_at', public.wacampaign_utc(r.sent_at),
        'sent_at', public.wacampaign_utc(d.sent_at),
        'delivered_at', public.wacampaign_utc(d.delivered_at),
        'read_at', public.wacampaign_utc(d.read_at),
        'failed_at', public.wacampaign_utc(case
            when d.failed_at is not null then d.failed_at
            when r.status = 'failed' then r.updated_at end),
        'code', case when r.status = 'failed'
                then nullif(public.wacampaign_error_code(r.error_code, r.error_message), 0)
                else nullif(d.code, 0) end,
        'error', case when r.status = 'failed' then r.error_message end,
        'title', d.title, 'details', d.details,
        'contradicted', case when d.failed_at is not null and d.delivered_at is not null
                        then true end,
        'category', p.pricing ->> 'category', 'billable', p.pricing -> 'billable',
        'reply', coalesce(i.body, '(' || i.kind || ')'), 'replied_at', public.wacampaign_utc(w.at),
        'wamid', r.whatsapp_message_id, 'retries', r.retry_count,
        'in_doubt_since', public.wacampaign_utc(r.in_doubt_since),
        'values', r.payload
    )) order by r.id), '[]'::jsonb)
    from (
        select q.* from public.send_queue q
        where q.campaign_id = p_campaign_id
          and q.id > coalesce(p_after, '00000000-0000-0000-0000-000000000000')
        order by q.id
        limit least(greatest(p_limit, 1), 5000)
    ) as r
    left join public.wacampaign_deliveries d on d.wamid = r.whatsapp_message_id
    left join public.wacampaign_campaign_templates t
        on t.campaign_id = r.campaign_id and t.whatsapp_number_id = r.whatsapp_number_id
        and t.template_name = r.template_name
    left join public.wacampaign_replies w
        on w.campaign_id = r.campaign_id and w.person = public.wacampaign_person(r.phone)
    left join public.wacampaign_inbound i on i.wamid = w.wamid
    left join public.wacampaign_pruned g on g.campaign_id = r.campaign_id
    cross join lateral (
        select coalesce(d.said -> 'delivered', d.said -> 'sent', d.said -> 'read', d.said -> 'failed')
            -> 'pricing' as pricing) as p
$$;

-- The names of the variables in a campaign's rows, in steps: of the rows after p_after, at most
-- 100,000. `last`: where the next step begins; null: there is none.
create or replace function public.wacampaign_result_variables(
    p_campaign_id uuid, p_after uuid default null, p_limit int default 50000)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off as $$
    with step as materialized (
        select q.id, q.payload from public.send_queue q
        where q.campaign_id = p_campaign_id
          and q.id > coalesce(p_after, '00000000-0000-0000-0000-000000000000')
        order by q.id
        limit least(greatest(p_limit, 1), 100000)
    )
    select jsonb_build_object(
        'names', (
            select coalesce(jsonb_agg(distinct k.name), '[]'::jsonb) from step
            cross join lateral jsonb_object_keys(
                case jsonb_typeof(step.payload) when 'object' then step.payload else '{}' end)
                as k (name)),
        'last', (
            select max(id::text) from step
            where (select count(*) from step) = least(greatest(p_limit, 1), 100000)))
$$;
