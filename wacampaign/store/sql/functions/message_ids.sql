-- The message ids of a batch, without those that another row (of the batch, too) has already.
create or replace function public.wacampaign_free_ids(p_ids uuid[], p_wamids text[])
returns text[] language sql stable
set search_path = public, extensions, pg_temp as $$
    select array_agg(case when exists (select 1 from public.send_queue t
                                       where t.whatsapp_message_id = o.wamid and t.id <> o.id)
                            or exists (select 1 from unnest(p_ids, p_wamids) as u (id, wamid)
                                       where u.wamid = o.wamid and u.id < o.id)
                          then null else o.wamid end order by o.place)
    from unnest(p_ids, p_wamids) with ordinality as o (id, wamid, place)
$$;

-- An event for each message id that `wacampaign_free_ids` leaves out; false if there is none.
create or replace function public.wacampaign_tell_taken_ids(
    p_worker_id uuid, p_ids uuid[], p_wamids text[])
returns bool language plpgsql
set search_path = public, extensions, pg_temp as $$
begin
    insert into public.wacampaign_events (campaign_id, kind, actor, worker_id, reason, detail)
    select q.campaign_id, 'message_id_twice', 'database', p_worker_id,
           'Meta gave one message id to two rows',
           jsonb_build_object('row', o.id, 'wamid', o.wamid)
    from unnest(p_ids, p_wamids, public.wacampaign_free_ids(p_ids, p_wamids)) as o (id, wamid, free)
    join public.send_queue q on q.id = o.id
    where o.wamid is not null and o.free is null;
    return found;
end
$$;

-- Meta accepted a message whose row is gone: an event with its id, and the inbox's row while the
-- campaign is there. Each id once. Returns how many.
create or replace function public.wacampaign_answers_without_row(
    p_worker_id uuid, p_ids uuid[], p_outcomes text[], p_wamids text[])
returns int language sql
set search_path = public, extensions, pg_temp as $$
    with told as materialized (
        select distinct on (o.id, o.wamid) o.id, o.wamid
        from unnest(p_ids, p_outcomes, p_wamids) as o (id, outcome, wamid)
        where o.outcome = 'sent' and o.wamid is not null
          and not exists (select 1 from public.send_queue q where q.id = o.id)
    ), known as (
        update public.wacampaign_deleted_rows d
        set wamid = told.wamid
        from told
        where d.id = told.id and d.wamid is null
        returning d.*
    ), inbox as (
        insert into public.messages
            (whatsapp_number_id, user_phone, direction, message_type, template_name, campaign_id,
             whatsapp_message_id, status, created_at)
        select d.whatsapp_number_id, d.phone, 'outgoing', 'template', d.template_name,
               d.campaign_id, d.wamid, 'sent', clock_timestamp()
        from known d
        join public.campaigns k on k.id = d.campaign_id
        on conflict (whatsapp_message_id) do nothing
    ), logged as (
        insert into public.wacampaign_events
            (campaign_id, kind, actor, worker_id, row_count, reason, detail)
        select d.campaign_id, 'answer_without_row', 'worker', p_worker_id, 1,
               'Meta accepted a message whose row was deleted meanwhile',
               jsonb_build_object('row', told.id, 'wamid', told.wamid, 'deleted_at', d.deleted_at)
        from told
        left join known d on d.id = told.id
        where d.id is not null
           or not exists (select 1 from public.wacampaign_deleted_rows x where x.id = told.id)
              and not exists (select 1 from public.wacampaign_events e
                              where e.campaign_id is null and e.kind = 'answer_without_row'
                                and e.detail ->> 'wamid' = told.wamid)
        returning 1
    )
    select count(*)::int from logged
$$;
