-- A repair of header media, carried out in steps. The rules: tables/20261124000100_repairs.sql.

-- The repair's row.
--   p_lock: its campaign is locked first, as by what settles a row, then the repair; read after that,
--     as another operator may have begun something meanwhile
-- PT404: there is none. Whoever calls this raises it, too.
create or replace function public.wacampaign_repair(p_repair_id uuid, p_lock bool default true)
returns public.wacampaign_repairs language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_repair public.wacampaign_repairs;
begin
    if p_lock then
        perform 1 from public.campaigns where id = (
            select campaign_id from public.wacampaign_repairs where id = p_repair_id) for update;
        perform 1 from public.wacampaign_repairs where id = p_repair_id for update;
    end if;
    select * into v_repair from public.wacampaign_repairs where id = p_repair_id;
    if not found then
        raise sqlstate 'PT404' using message = 'no such repair';
    end if;
    return v_repair;
end
$$;

-- Begins a repair, or goes on with one that was interrupted. One at a time a campaign: while one
-- gives signs of life (a step within the last minute), another operator's is turned away (`busy`).
--   p_command: what the repair is, as text; the same text goes on with an open repair of the same
--     actor at once, of another when it is dead. An open one that is dead and different is closed:
--     what it changed stays, and can be undone.
--   p_as_of: the survey's; null: now. Going on, the newer plan counts.
--   p_template_to: the rows move to this template, and keep their payload
-- Returns the repair with the media that it was begun with. PT409: the campaign was cancelled.
drop function if exists public.wacampaign_repair_begin(uuid, uuid, text, text, text, int, text, text[], uuid[], text[], uuid, timestamptz);
create or replace function public.wacampaign_repair_begin(
    p_id uuid, p_campaign_id uuid, p_kind text, p_what text, p_command text, p_code int,
    p_actor text, p_templates text[], p_numbers uuid[], p_media text[],
    p_number_to uuid default null, p_as_of timestamptz default null,
    p_template_to text default null)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_as_of constant timestamptz := coalesce(p_as_of, clock_timestamp());
    v_status constant text := (public.wacampaign_campaign(p_campaign_id)).status;
    v_open public.wacampaign_repairs;
    v_continued bool := false;
begin
    if v_status = 'failed' and exists (select 1 from public.wacampaign_events
                                       where campaign_id = p_campaign_id and kind = 'cancelled') then
        raise sqlstate 'PT409' using
            message = 'the campaign was cancelled, so none of its rows is sent again';
    end if;
    select * into v_open from public.wacampaign_repairs
    where campaign_id = p_campaign_id and closed_at is null
      and (finished_at is null or undo_begun_at is not null and undone_at is null)
    order by (id = p_id) desc, beat_at desc
    limit 1;
    if v_open.id is not null then
        v_continued := v_open.undo_begun_at is null
            and (v_open.id = p_id or v_open.command = p_command
                 and (v_open.actor = p_actor
                      or v_open.beat_at < clock_timestamp() - interval '1 minute'));
        if not v_continued and v_open.beat_at >= clock_timestamp() - interval '1 minute' then
            return jsonb_build_object('busy', true, 'id', v_open.id, 'actor', v_open.actor,
                'undo', v_open.undo_begun_at is not null, 'what', v_open.what, 'seconds',
                round(extract(epoch from clock_timestamp() - v_open.beat_at)));
        end if;
        update public.wacampaign_repairs
        set beat_at = clock_timestamp(),
            as_of = case when v_continued then greatest(as_of, v_as_of) else as_of end,
            closed_at = case when not v_continued then clock_timestamp() end,
            closed_by = case when not v_continued then p_actor end
        where id = v_open.id;
        if not v_continued then
            perform public.wacampaign_event(
                p_campaign_id, 'repair_closed', p_actor, v_open.row_count,
                'it was interrupted, and another repair began',
                jsonb_build_object('repair', v_open.id, 'by', p_id));
        end if;
    end if;
    if not v_continued then
        insert into public.wacampaign_repairs
            (id, campaign_id, kind, what, command, code, actor, target_templates, target_numbers,
             target_media, number_to, as_of, template_to)
        values (p_id, p_campaign_id, p_kind, p_what, p_command, p_code, p_actor, p_templates,
                p_numbers, p_media, p_number_to, v_as_of, p_template_to)
        on conflict (id) do nothing;
        if found then
            perform public.wacampaign_event(
                p_campaign_id, 'repair_begun', p_actor, p_reason => p_what,
                p_detail => jsonb_build_object(
                    'repair', p_id, 'kind', p_kind, 'code', p_code, 'templates', p_templates,
                    'media', p_media, 'number', p_number_to, 'template', p_template_to));
            perform public.wacampaign_repair_list_template(p_id);
        end if;
        select * into v_open from public.wacampaign_repairs where id = p_id;
    end if;
    return jsonb_build_object(
        'busy', false, 'id', v_open.id, 'continued', v_continued, 'rows', v_open.row_count,
        'what', v_open.what, 'media', v_open.target_media, 'finished', v_open.finished_at is not null);
end
$$;

-- The next p_limit ready and failed rows after p_after (at most 20,000): those that the repair
-- concerns are recorded and changed. `last` is where the next call goes on; null: there is no more.
-- A row that fails again is not taken again, as it was no part of the plan; only a repair that was
-- interrupted and goes on may, and what the row had before the repair stays recorded.
-- PT409: the repair was closed or undone meanwhile.
create or replace function public.wacampaign_repair_step(
    p_repair_id uuid, p_after uuid, p_limit int)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off
-- Over the index and row by row of the batch: no plan that reads the whole queue.
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
set enable_mergejoin = off set plan_cache_mode = force_custom_plan as $$
declare
    v_after constant uuid := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
    v_repair constant public.wacampaign_repairs := public.wacampaign_repair(p_repair_id);
    v_last uuid;
    v_n int := 0;
    v_seen int;
begin
    if v_repair.closed_at is not null or v_repair.undo_begun_at is not null then
        raise sqlstate 'PT409' using message = format(
            'this repair was %s by %s in the meantime', case when v_repair.undo_begun_at is null
            then 'closed' else 'undone' end, coalesce(v_repair.closed_by, v_repair.undone_by));
    end if;

    with documents as materialized (
        select distinct t.name, t.whatsapp_number_id from public.templates t
        join unnest(v_repair.target_templates, v_repair.target_numbers) as l (template, number)
            on l.template = t.name and l.number = t.whatsapp_number_id
        where t.components @> '[{"type": "HEADER", "format": "DOCUMENT"}]'
    ), walked as materialized (
        select q.id, q.template_name, q.whatsapp_number_id, q.status, q.retry_count, q.error_code,
               q.error_message, q.next_retry_at, q.payload -> 'var1' as var1,
               btrim(coalesce(q.payload ->> 'filename', ''), public.wacampaign_blanks()) = ''
                   as is_nameless,
               q.whatsapp_message_id is null and q.in_doubt_since is null
               and (v_repair.template_to is not null
                    or jsonb_typeof(q.payload) = 'object'
                    and coalesce(btrim(q.payload ->> 'var1', public.wacampaign_blanks()), '') ~* '^(https?://.*|[0-9]*)$')
               and coalesce(q.created_at <= v_repair.as_of, true)
               and (q.status = 'ready' or coalesce(q.updated_at <= v_repair.as_of, true))
               and (v_repair.code is null or v_repair.code
                    = public.wacampaign_error_code(q.error_code, q.error_message)) as concerned
        from public.send_queue q
        where q.campaign_id = v_repair.campaign_id and q.status in ('ready', 'failed')
          and q.id > v_after
        order by q.id
        limit least(greatest(p_limit, 1), 20000)
        for update
    ), recorded as (
        insert into public.wacampaign_repair_rows
            (repair_id, row_id, old_var1, old_number_id, old_status, old_retry_count,
             old_error_code, old_error_message, old_next_retry_at, old_template, added_filename)
        select p_repair_id, w.id, w.var1, w.whatsapp_number_id, w.status, w.retry_count,
               w.error_code, w.error_message, w.next_retry_at, w.template_name,
               -- Its reader saw the address's last part; of a media id, there is none.
               case when v_repair.template_to is null and w.is_nameless
                         and t.media !~* '^https?://' and (w.template_name, w.whatsapp_number_id)
                             in (select name, whatsapp_number_id from documents)
                    then public.wacampaign_file_name(w.var1 #>> '{}') end
        from walked w
        join unnest(v_repair.target_templates, v_repair.target_numbers, v_repair.target_media)
            as t (template, number, media)
            on t.template = w.template_name and t.number = w.whatsapp_number_id
        where w.concerned and w.template_name is distinct from v_repair.template_to
          and (w.status = 'failed' or v_repair.number_to <> w.whatsapp_number_id
               or v_repair.template_to is not null
               or case when v_repair.kind = 'from_template'
                  then not public.wacampaign_has_medium(w.var1 #>> '{}', t.media, true)
                  else w.var1 #>> '{}' is distinct from t.media end)
        on conflict (repair_id, row_id) do update set undone_at = null
        returning row_id, old_number_id, added_filename, xmax = 0 as is_new
    ), changed as (
        update public.send_queue q
        set payload = case when v_repair.template_to is null
                      then q.payload || jsonb_strip_nulls(jsonb_build_object(
                          'var1', t.media, 'filename', r.added_filename)) else q.payload end,
            template_name = coalesce(v_repair.template_to, q.template_name),
            whatsapp_number_id = coalesce(v_repair.number_to, q.whatsapp_number_id),
            status = 'ready', retry_count = 0, error_code = null, error_message = null,
            next_retry_at = null, claim_id = null, worker_id = null, claimed_at = null,
            lease_until = null, updated_at = clock_timestamp()
        from recorded r,
             unnest(v_repair.target_templates, v_repair.target_numbers, v_repair.target_media)
                 as t (template, number, media)
        where q.id = r.row_id and t.template = q.template_name and t.number = r.old_number_id
        returning r.is_new
    )
    select (select count(*) from changed where is_new), (select count(*) from walked),
           (select id from walked order by id desc limit 1)
    into v_n, v_seen, v_last;

    update public.wacampaign_repairs
    set row_count = row_count + v_n, beat_at = clock_timestamp()
    where id = p_repair_id;
    if v_n > 0 then
        perform public.wacampaign_show_totals(array[v_repair.campaign_id]);
        perform pg_notify('wacampaign', v_repair.campaign_id::text);
    end if;
    return jsonb_build_object('rows', v_n, 'seen', v_seen, 'last', v_last);
end
$$;

-- All rows have had their turn. The campaign's own number follows when all that it has unsent is on
-- the new one.
create or replace function public.wacampaign_repair_finish(p_repair_id uuid, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_repair public.wacampaign_repairs := public.wacampaign_repair(p_repair_id);
    v_was uuid;
begin
    select whatsapp_number_id into v_was from public.campaigns where id = v_repair.campaign_id;
    update public.wacampaign_repairs set finished_at = clock_timestamp()
    where id = p_repair_id and finished_at is null and closed_at is null and undo_begun_at is null
    returning * into v_repair;
    if found then
        if v_repair.number_to is not null and v_was is distinct from v_repair.number_to
           and not exists (select 1 from public.wacampaign_counts
                           where campaign_id = v_repair.campaign_id and n > 0
                             and status in ('pending', 'ready', 'failed')
                             and whatsapp_number_id <> v_repair.number_to) then
            update public.campaigns set whatsapp_number_id = v_repair.number_to
            where id = v_repair.campaign_id;
            update public.wacampaign_repairs set campaign_number_was = v_was where id = p_repair_id;
        end if;
        perform public.wacampaign_event(
            v_repair.campaign_id, 'repaired', p_actor, v_repair.row_count, v_repair.what,
            jsonb_build_object('repair', p_repair_id));
    end if;
    return (select jsonb_build_object('rows', row_count, 'finished', finished_at is not null)
            from public.wacampaign_repairs where id = p_repair_id);
end
$$;

-- A campaign that is over, but has rows to send again, runs again. `changed` false: it is not over,
-- was cancelled, or has nothing ready.
create or replace function public.wacampaign_repair_restart(p_campaign_id uuid, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_was constant text := (public.wacampaign_campaign(p_campaign_id)).status;
    v_ready constant bigint := public.wacampaign_counted(p_campaign_id, 'ready');
begin
    update public.campaigns set status = 'running', end_time = null, pause_reason = null
    where id = p_campaign_id and v_ready > 0
      and (status = 'completed' or status = 'failed' and not exists (
          select 1 from public.wacampaign_events
          where campaign_id = p_campaign_id and kind = 'cancelled'));
    if not found then
        return jsonb_build_object('changed', false, 'status', v_was);
    end if;
    perform public.wacampaign_event(
        p_campaign_id, 'restarted', p_actor, v_ready, 'its rows were repaired',
        jsonb_build_object('was', v_was));
    return jsonb_build_object('changed', true, 'status', 'running');
end
$$;

-- The campaign's repairs whose id begins so (p_text null: all), newest first, at most 20.
create or replace function public.wacampaign_repairs_of(
    p_campaign_id uuid, p_text text default null)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', r.id, 'kind', r.kind, 'what', r.what, 'command', r.command, 'actor', r.actor,
        'rows', r.row_count, 'begun_at', r.begun_at, 'finished', r.finished_at is not null,
        'closed', r.closed_at is not null, 'undo_begun', r.undo_begun_at is not null,
        'undone', r.undone_at is not null, 'undone_rows', r.undone_count
    ) order by r.begun_at desc), '[]'::jsonb)
    from (
        select * from public.wacampaign_repairs
        where campaign_id = p_campaign_id
          and (p_text is null or id::text like translate(lower(p_text), '%_\', '') || '%')
        order by begun_at desc
        limit 20
    ) as r
$$;
