-- A repair of header media taken back, row by row, as far as its rows are as it left them.

-- The campaign's repairs after this one. What a later one has changed, only its own undo gives back:
-- the last first, as a pile is taken down.
create or replace function public.wacampaign_later_repairs(p_repair_id uuid)
returns uuid[] language sql stable
set search_path = public, extensions, pg_temp as $$
    select coalesce(array_agg(l.id), '{}')
    from public.wacampaign_repairs r
    join public.wacampaign_repairs l
        on l.campaign_id = r.campaign_id and l.begun_at > r.begun_at and l.row_count > l.undone_count
    where r.id = p_repair_id
$$;

-- Which of a repair's rows an undo can give back, and why not the others.
create or replace function public.wacampaign_repair_undo_survey(p_repair_id uuid)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
    v_repair constant public.wacampaign_repairs := public.wacampaign_repair(p_repair_id, false);
    v_later constant uuid[] := public.wacampaign_later_repairs(p_repair_id);
begin
    return (
        with judged as materialized (
            select r.old_status, q.status, q.phone,
                   case when v_repair.template_to is null then q.payload ->> 'var1'
                   else q.template_name end as was,
                   case when v_repair.template_to is null then r.old_var1 #>> '{}'
                   else r.old_template end as becomes,
                   case when r.undone_at is not null then 'undone'
                        when q.id is null then 'gone'
                        when q.whatsapp_message_id is not null or q.status = 'sent' then 'sent'
                        when q.status = 'processing' then 'processing'
                        when l.row_id is not null then 'repaired_again'
                        when q.status in ('ready', 'failed') and t.template is not null
                             and (v_repair.number_to is null
                                  or q.whatsapp_number_id = v_repair.number_to) then 'restorable'
                        else 'changed' end as fate
            from public.wacampaign_repair_rows r
            left join public.send_queue q on q.id = r.row_id
            left join (
                select distinct row_id from public.wacampaign_repair_rows
                where repair_id = any (v_later) and undone_at is null
            ) as l on l.row_id = r.row_id
            left join unnest(v_repair.target_templates, v_repair.target_numbers,
                             v_repair.target_media) as t (template, number, media)
                on t.number = r.old_number_id
                and case when v_repair.template_to is null
                    then t.template = q.template_name and t.media = q.payload ->> 'var1'
                    else t.template = r.old_template and q.template_name = v_repair.template_to end
            where r.repair_id = p_repair_id
        )
        select jsonb_build_object(
            'fates', (select coalesce(jsonb_agg(to_jsonb(f)), '[]'::jsonb)
                      from (select fate, old_status, status, count(*) as n from judged
                            group by 1, 2, 3 order by 1, 2, 3) as f),
            'samples', (select coalesce(jsonb_agg(to_jsonb(s)), '[]'::jsonb)
                        from (select phone, was, becomes from judged
                              where fate = 'restorable' limit 5) as s))
    );
end
$$;

-- Begins an undo (or goes on with one). `busy`: a repair of this campaign is going on.
create or replace function public.wacampaign_repair_undo_begin(p_repair_id uuid, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_repair constant public.wacampaign_repairs := public.wacampaign_repair(p_repair_id);
    v_other public.wacampaign_repairs;
begin
    select * into v_other from public.wacampaign_repairs
    where campaign_id = v_repair.campaign_id and closed_at is null
      and (finished_at is null or undo_begun_at is not null and undone_at is null)
      and beat_at >= clock_timestamp() - interval '1 minute'
      and (id <> p_repair_id
           or case when undo_begun_at is null then actor else undone_by end <> p_actor)
    limit 1;
    if found then
        return jsonb_build_object('busy', true, 'id', v_other.id, 'actor', v_other.actor,
            'undo', v_other.undo_begun_at is not null, 'what', v_other.what, 'seconds',
            round(extract(epoch from clock_timestamp() - v_other.beat_at)));
    end if;
    update public.wacampaign_repairs
    set undo_begun_at = clock_timestamp(), undone_at = null, undone_by = p_actor,
        finished_at = coalesce(finished_at, clock_timestamp()), closed_at = null,
        beat_at = clock_timestamp()
    where id = p_repair_id;
    return jsonb_build_object('busy', false);
end
$$;

-- The next p_limit rows of the repair after p_after: those that are as it left them get back what
-- they had. One that has failed since keeps that error if it was ready before: its medium goes back,
-- and nothing is sent again that an undo alone would send. PT409: the undo was ended meanwhile.
create or replace function public.wacampaign_repair_undo_step(
    p_repair_id uuid, p_after uuid, p_limit int)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_custom_plan as $$
declare
    v_after constant uuid := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
    v_repair constant public.wacampaign_repairs := public.wacampaign_repair(p_repair_id);
    v_later uuid[];
    v_n int;
    v_seen int;
    v_last uuid;
begin
    if v_repair.undo_begun_at is null or v_repair.closed_at is not null then
        raise sqlstate 'PT409' using message = format(
            'this undo was ended by %s, who began another repair',
            coalesce(v_repair.closed_by, 'somebody'));
    end if;
    v_later := public.wacampaign_later_repairs(p_repair_id);
    with walked as materialized (
        select r.* from public.wacampaign_repair_rows r
        where r.repair_id = p_repair_id and r.row_id > v_after
        order by r.row_id
        limit least(greatest(p_limit, 1), 20000)
        for update
    ), locked as materialized (
        select q.id, w.old_var1, w.added_filename, w.old_template, w.old_number_id, w.old_status,
               w.old_retry_count, w.old_error_code, w.old_error_message, w.old_next_retry_at,
               q.status = 'failed' and w.old_status = 'ready' as stays_failed
        from walked w
        join public.send_queue q on q.id = w.row_id
        join unnest(v_repair.target_templates, v_repair.target_numbers, v_repair.target_media)
            as t (template, number, media)
            on t.number = w.old_number_id
            and case when v_repair.template_to is null
                then t.template = q.template_name and t.media = q.payload ->> 'var1'
                else t.template = w.old_template and q.template_name = v_repair.template_to end
        where w.undone_at is null and q.status in ('ready', 'failed')
          and q.whatsapp_message_id is null
          and (v_repair.number_to is null or q.whatsapp_number_id = v_repair.number_to)
          and (v_later = '{}' or not exists (
              select 1 from public.wacampaign_repair_rows l
              where l.repair_id = any (v_later) and l.row_id = q.id and l.undone_at is null))
        order by q.id
        for update of q
    ), changed as (
        update public.send_queue q
        set payload = case when v_repair.template_to is not null then q.payload
                      when l.old_var1 is null then q.payload - 'var1'
                      when q.payload ->> 'filename' = l.added_filename
                          then q.payload - 'filename' || jsonb_build_object('var1', l.old_var1)
                      else q.payload || jsonb_build_object('var1', l.old_var1) end,
            template_name = case when v_repair.template_to is null then q.template_name
                            else l.old_template end,
            whatsapp_number_id = l.old_number_id,
            status = case when l.stays_failed then q.status else l.old_status end,
            retry_count = case when l.stays_failed then q.retry_count else l.old_retry_count end,
            error_code = case when l.stays_failed then q.error_code else l.old_error_code end,
            error_message = case when l.stays_failed then q.error_message
                            else l.old_error_message end,
            next_retry_at = case when l.stays_failed then q.next_retry_at
                            else l.old_next_retry_at end,
            updated_at = clock_timestamp()
        from locked l
        where q.id = l.id
        returning q.id
    ), marked as (
        update public.wacampaign_repair_rows r
        set undone_at = clock_timestamp()
        from changed c
        where r.repair_id = p_repair_id and r.row_id = c.id
    )
    select (select count(*) from changed), (select count(*) from walked),
           (select row_id from walked order by row_id desc limit 1)
    into v_n, v_seen, v_last;
    update public.wacampaign_repairs
    set undone_count = undone_count + v_n, beat_at = clock_timestamp()
    where id = p_repair_id;
    if v_n > 0 then
        perform public.wacampaign_show_totals(array[v_repair.campaign_id]);
    end if;
    return jsonb_build_object('rows', v_n, 'seen', v_seen, 'last', v_last);
end
$$;

-- The undo is done: the campaign's number goes back, too, and its list of templates.
create or replace function public.wacampaign_repair_undo_finish(p_repair_id uuid, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_repair public.wacampaign_repairs := public.wacampaign_repair(p_repair_id);
begin
    update public.wacampaign_repairs set undone_at = clock_timestamp()
    where id = p_repair_id and undo_begun_at is not null and undone_at is null
    returning * into v_repair;
    if found then
        if v_repair.campaign_number_was is not null then
            update public.campaigns set whatsapp_number_id = v_repair.campaign_number_was
            where id = v_repair.campaign_id and whatsapp_number_id = v_repair.number_to;
        end if;
        perform public.wacampaign_repair_unlist_template(p_repair_id);
        perform public.wacampaign_event(
            v_repair.campaign_id, 'repair_undone', p_actor, v_repair.undone_count, v_repair.what,
            jsonb_build_object('repair', p_repair_id, 'repaired', v_repair.row_count));
    end if;
    return jsonb_build_object('rows', (select undone_count from public.wacampaign_repairs
                                       where id = p_repair_id));
end
$$;
