-- Messages that were accepted and failed afterwards: by code, and one by one.

-- Undelivered messages by code: how many, and what Meta said of one of them.
create or replace function public.wacampaign_undelivered(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off as $$
    select public.wacampaign_campaign(p_campaign_id, false);
    select coalesce(jsonb_agg(jsonb_build_object(
        'code', c.code, 'count', c.n, 'title', t.title, 'text', t.details
    ) order by c.n desc, c.code), '[]'::jsonb)
    from (
        select code, sum(n) as n
        from public.wacampaign_delivery_counts
        where campaign_id = p_campaign_id and state = 'undelivered'
        group by 1
        having sum(n) > 0
    ) as c
    left join lateral (
        select d.title, d.details
        from public.wacampaign_deliveries d
        where d.campaign_id = p_campaign_id and d.state = 'undelivered'
          and coalesce(d.code, 0) = c.code
        order by d.wamid
        limit 1
    ) as t on true
$$;

-- One page of the undelivered messages of one code, in the order of their ids: those after p_after, at
-- most 1,000.
create or replace function public.wacampaign_undelivered_rows(
    p_campaign_id uuid, p_code int, p_after text default null, p_limit int default 1000)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'wamid', r.wamid, 'phone', coalesce(q.phone, r.phone),
        'template', coalesce(q.template_name, r.template_name), 'text', r.details,
        'title', r.title, 'accepted_at', public.wacampaign_utc(q.sent_at),
        'at', public.wacampaign_utc(r.failed_at), 'left_out', false
    ) order by r.wamid), '[]'::jsonb)
    from (
        select d.* from public.wacampaign_deliveries d
        where d.campaign_id = p_campaign_id and d.state = 'undelivered'
          and coalesce(d.code, 0) = p_code
          and d.wamid > coalesce(p_after, '')
          -- Another program called the row itself failed: it is among the failed ones.
          and not exists (select 1 from public.send_queue q
                          where q.id = d.row_id and q.status = 'failed')
        order by d.wamid
        limit least(greatest(p_limit, 1), 1000)
    ) as r
    left join public.send_queue q on q.id = r.row_id
$$;
