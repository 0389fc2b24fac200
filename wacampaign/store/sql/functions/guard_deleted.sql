-- The guard's parts for rows that are deleted; see tables/20261125000100_guard.sql.

-- Deleted rows are counted: one event a statement and campaign, with what they were.
create or replace function public.wacampaign_guard_deleted()
returns trigger language plpgsql security definer
set search_path = '' as $$
begin
    begin
        if tg_op = 'TRUNCATE' then
            insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
            select t.campaign_id, 'rows_deleted', public.wacampaign_who(), sum(t.n),
                   'the whole queue was emptied',
                   jsonb_build_object('statuses', jsonb_object_agg(t.status, t.n))
            from (select c.campaign_id, c.status, sum(c.n) as n
                  from public.wacampaign_counts c group by 1, 2 having sum(c.n) > 0) as t
            group by t.campaign_id
            order by 1;
        else
            insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
            select t.campaign_id, 'rows_deleted', public.wacampaign_who(), sum(t.n),
                   'rows were deleted from the queue',
                   jsonb_build_object('statuses', jsonb_object_agg(t.status, t.n))
            from (select o.campaign_id, coalesce(o.status, '') as status, count(*) as n
                  from old_rows o group by 1, 2) as t
            group by t.campaign_id
            order by 1;
            insert into public.wacampaign_deleted_rows
                (id, campaign_id, whatsapp_number_id, template_name, phone, claim_id)
            select o.id, o.campaign_id, o.whatsapp_number_id, o.template_name, o.phone, o.claim_id
            from old_rows o
            where o.status = 'processing' and o.claim_id is not null
            order by o.id
            on conflict (id) do nothing;
        end if;
    exception when others then
        null;
    end;
    return null;
end
$$;

-- A row that was deleted while its message was on its way, or in doubt, and is entered again under its id:
-- it is what it was, `sent` if Meta has answered since. As far as ids tell; see `audit` for the rest.
create or replace function public.wacampaign_guard_inserted()
returns trigger language plpgsql security definer
set search_path = '' as $$
begin
    begin
        if exists (select 1 from public.wacampaign_deleted_rows) then
            with again as (
                update public.send_queue q
                set status = case when d.wamid is null then 'processing' else 'sent' end,
                    revision = coalesce(q.revision, 0) + 1, claim_id = d.claim_id,
                    whatsapp_message_id = d.wamid,
                    sent_at = case when d.wamid is not null then d.deleted_at end,
                    in_doubt_since = case when d.wamid is null then clock_timestamp() end,
                    in_doubt_cause = case when d.wamid is null then 'no_answer' end,
                    updated_at = clock_timestamp()
                from new_rows n
                join public.wacampaign_deleted_rows d on d.id = n.id
                where q.id = n.id and q.status in ('ready', 'pending')
                  and q.whatsapp_message_id is null
                returning q.campaign_id
            )
            insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
            select a.campaign_id, 'kept_back', public.wacampaign_who(), count(*),
                   'deleted while they were being sent or in doubt, and entered again: still in doubt',
                   jsonb_build_object('tried', jsonb_build_object('deleted and entered again', count(*)))
            from again a group by a.campaign_id
            order by 1;
        end if;
    exception when others then
        null;
    end;
    return null;
end
$$;
