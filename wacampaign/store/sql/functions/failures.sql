-- Failed rows: who failed and why. The codes: tables/20261123000800_failures.sql.

-- Failed rows by code: how many, how many of them had been accepted, and one of their texts. `left_out`:
-- rows without a code that were never sent, as their recipient wants or gets no marketing.
create or replace function public.wacampaign_failures(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off as $$
    select public.wacampaign_campaign(p_campaign_id, false);
    select coalesce(jsonb_agg(jsonb_build_object(
        'code', c.code, 'count', c.n, 'accepted', a.n, 'left_out', a.left_out, 'text', t.text
    ) order by c.n desc, c.code), '[]'::jsonb)
    from (
        select error_code as code, sum(n) as n
        from public.wacampaign_counts
        where campaign_id = p_campaign_id and status = 'failed'
        group by 1
        having sum(n) > 0
    ) as c
    cross join lateral (
        select (select count(*) from public.send_queue q
                where q.campaign_id = p_campaign_id and q.status = 'failed'
                  and q.whatsapp_message_id is not null
                  and public.wacampaign_error_code(q.error_code, q.error_message) = c.code) as n,
               case when c.code = 0 then (
                   select count(*) from public.send_queue q
                   where q.campaign_id = p_campaign_id and q.status = 'failed'
                     and public.wacampaign_error_code(q.error_code, q.error_message) = 0
                     and public.wacampaign_is_left_out(q.error_message)) else 0 end as left_out
    ) as a
    left join lateral (
        select q.error_message as text
        from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status = 'failed'
          and public.wacampaign_error_code(q.error_code, q.error_message) = c.code
          and (c.code <> 0 or c.n = a.left_out or not public.wacampaign_is_left_out(q.error_message))
        order by q.id
        limit 1
    ) as t on true
$$;

-- One page of the failed rows of one code, over id: those after p_after, at most 1,000.
create or replace function public.wacampaign_failed_page(
    p_campaign_id uuid, p_code int, p_after uuid, p_limit int)
returns setof public.send_queue language sql stable
set search_path = public, extensions, pg_temp set enable_seqscan = off
set enable_bitmapscan = off as $$
    select q.* from public.send_queue q
    where q.campaign_id = p_campaign_id and q.status = 'failed'
      and public.wacampaign_error_code(q.error_code, q.error_message) = p_code
      and q.id > coalesce(p_after, '00000000-0000-0000-0000-000000000000')
    order by q.id
    limit least(p_limit, 1000)
$$;

-- Such a page, as it is shown.
create or replace function public.wacampaign_failed_rows(
    p_campaign_id uuid, p_code int, p_after uuid default null, p_limit int default 1000)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', r.id, 'phone', r.phone, 'template', r.template_name, 'text', r.error_message,
        'at', public.wacampaign_utc(r.updated_at), 'accepted', r.whatsapp_message_id is not null,
        'accepted_at', public.wacampaign_utc(r.sent_at), 'wamid', r.whatsapp_message_id,
        'left_out', r.whatsapp_message_id is null and public.wacampaign_is_left_out(r.error_message)
    ) order by r.id), '[]'::jsonb)
    from public.wacampaign_failed_page(p_campaign_id, p_code, p_after, p_limit) as r
$$;
