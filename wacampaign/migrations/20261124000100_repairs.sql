-- Repairs of header media: planned, recorded row by row, carried out in steps, undone. Safe to
-- repeat.
--
-- A repair gives `var1` of ready and failed rows another medium (and the rows, if wanted, another
-- number). It never touches what was accepted (a message id), is in doubt or in a worker's hands.
-- Which medium a row gets is said by three arrays of one length: template, number that the row is
-- on, medium. A row whose `var1` is neither a URL nor digits is left out: its variables are shifted,
-- and another value in that place would take one away.
--
-- What a repair may take is what its plan has shown: rows that came later, and rows that failed later,
-- are left out (as_of; a row whose updated_at the old backend did not write counts as shown). A ready
-- row is taken even if a worker had it in between: left out, it would be sent with the old medium.

create table if not exists public.wacampaign_repairs (
    id uuid primary key,
    campaign_id uuid not null,
    kind text not null,
    what text not null,
    command text not null,
    code int,
    actor text not null,
    target_templates text[] not null,
    target_numbers uuid[] not null,
    target_media text[] not null,
    number_to uuid,
    campaign_number_was uuid,
    as_of timestamptz not null,
    begun_at timestamptz not null default clock_timestamp(),
    beat_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    closed_at timestamptz,
    closed_by text,
    row_count bigint not null default 0,
    undo_begun_at timestamptz,
    undone_at timestamptz,
    undone_by text,
    undone_count bigint not null default 0
);
create index if not exists wacampaign_repairs_campaign
    on public.wacampaign_repairs (campaign_id, begun_at);

-- What a repair changed of a row. old_var1: SQL null is "there was none", JSON null is null.
create table if not exists public.wacampaign_repair_rows (
    repair_id uuid not null,
    row_id uuid not null,
    old_var1 jsonb,
    old_number_id uuid,
    old_status text not null,
    old_retry_count int not null,
    old_error_code int,
    old_error_message text,
    old_next_retry_at timestamptz,
    undone_at timestamptz,
    primary key (repair_id, row_id)
);

alter table public.wacampaign_repairs enable row level security;
alter table public.wacampaign_repair_rows enable row level security;

alter table public.media_library
    add column if not exists sha256 text;
comment on column public.media_library.sha256 is 'of the content, hex: an upload is used again for the same content and number';

-- The rows that a repair walks, over id.
create index if not exists wacampaign_queue_unsent
    on public.send_queue (campaign_id, id) where status in ('ready', 'failed');

-- Whether a value of var1 may be replaced: a URL, a media id, or nothing at all. Where it is asked
-- a million times, it stands written out: a call costs more than the question.
create or replace function public.wacampaign_is_media(p_payload jsonb)
returns bool
language sql
immutable
set search_path = public, extensions, pg_temp
as $$
    select case
        when jsonb_typeof(p_payload) is distinct from 'object' then false
        else coalesce(btrim(p_payload ->> 'var1', public.wacampaign_blanks()), '') ~* '^(https?://.*|[0-9]*)$' end
$$;

-- Whether a row has the medium already. p_signed: Meta signs its samples anew at each reading, so the
-- same address with another signature is no change, while the old one (`oe`, hexadecimal seconds)
-- is good for three more days, as in the media validator.
create or replace function public.wacampaign_has_medium(p_var1 text, p_medium text, p_signed bool)
returns bool
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select coalesce(p_var1 = p_medium or p_signed
        and split_part(p_var1, '?', 1) = split_part(p_medium, '?', 1)
        and coalesce(to_timestamp(
            ('x' || lpad(substring(p_var1 from '[?&]oe=([0-9a-fA-F]{1,8})(?:&|$)'), 16, '0'))
            ::bit(64)::bigint) > clock_timestamp() + interval '72 hours', true), false)
$$;

-- What a campaign has to repair, from the counts: its numbers and templates with their rows.
create or replace function public.wacampaign_repair_lanes(p_campaign_id uuid)
returns jsonb
language plpgsql
stable
set search_path = public, extensions, pg_temp
set jit = off
as $$
begin
    perform 1 from public.campaigns where id = p_campaign_id;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'number_id', l.number_id, 'template', l.template, 'ready', l.ready,
            'failed', l.failed, 'pending', l.pending,
            'phone_number_id', nullif(public.wacampaign_solid(w.phone_number_id), ''),
            'waba_id', public.wacampaign_solid(w.waba_id),
            'language', t.language, 'components', t.components,
            'parameter_format', t.parameter_format, 'template_status', t.status
        ) order by l.template, l.number_id), '[]'::jsonb)
        from (
            select c.whatsapp_number_id as number_id, c.template_name as template,
                   coalesce(sum(c.n) filter (where c.status = 'ready'), 0) as ready,
                   coalesce(sum(c.n) filter (where c.status = 'failed'), 0) as failed,
                   coalesce(sum(c.n) filter (where c.status = 'pending'), 0) as pending
            from public.wacampaign_counts c
            where c.campaign_id = p_campaign_id and c.status in ('ready', 'failed', 'pending')
            group by 1, 2
            having sum(c.n) > 0
        ) as l
        left join public.whatsapp_numbers w on w.id = l.number_id
        left join public.templates t
            on t.whatsapp_number_id = l.number_id and t.name = l.template
    );
end
$$;

-- Ready and failed rows by medium, so that costly questions are asked once a medium and not once a
-- row. p_many: the media are the recipients' own, so they are judged here and not listed. Language
-- sql: PostgreSQL reads it with several processes.
create or replace function public.wacampaign_repair_groups(p_campaign_id uuid, p_many bool)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set work_mem = '32MB'
as $$
    select coalesce(jsonb_agg(to_jsonb(g)), '[]'::jsonb)
    from (
        select q.template_name as template, q.whatsapp_number_id as number, q.status,
               q.whatsapp_message_id is not null as accepted,
               case when jsonb_typeof(q.payload) = 'object' is not true then '[]'::jsonb
                    when not p_many then q.payload -> 'var1'
                    when coalesce(btrim(q.payload ->> 'var1', public.wacampaign_blanks()), '') !~* '^(https?://.*|[0-9]*)$'
                    then '[]'::jsonb end as var1,
               count(*) as n
        from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status in ('ready', 'failed')
        group by 1, 2, 3, 4, 5
    ) as g
$$;

-- The same of one error code. Failed rows come from the index of the codes: a million calls of
-- wacampaign_error_code take ten seconds. A ready row has a code only if it was tried before.
create or replace function public.wacampaign_repair_groups_of_code(
    p_campaign_id uuid,
    p_code int,
    p_many bool
)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set work_mem = '32MB'
-- By a bitmap of the index: in the order of the pages, and without asking for each row's code.
set enable_seqscan = off
set enable_indexscan = off
as $$
    select coalesce(jsonb_agg(to_jsonb(g)), '[]'::jsonb)
    from (
        select q.template_name as template, q.whatsapp_number_id as number, q.status,
               q.whatsapp_message_id is not null as accepted,
               case when jsonb_typeof(q.payload) = 'object' is not true then '[]'::jsonb
                    when not p_many then q.payload -> 'var1'
                    when coalesce(btrim(q.payload ->> 'var1', public.wacampaign_blanks()), '') !~* '^(https?://.*|[0-9]*)$'
                    then '[]'::jsonb end as var1,
               count(*) as n
        from (
            select template_name, whatsapp_number_id, status, whatsapp_message_id, payload
            from public.send_queue
            where campaign_id = p_campaign_id and status = 'failed'
              and public.wacampaign_error_code(error_code, error_message) = p_code
            union all
            select template_name, whatsapp_number_id, status, whatsapp_message_id, payload
            from public.send_queue
            where campaign_id = p_campaign_id and status = 'ready'
              and (p_code = 0 and error_code is null and error_message is null
                   or (error_code is not null or error_message is not null)
                   and public.wacampaign_error_code(error_code, error_message) = p_code)
        ) as q
        group by 1, 2, 3, 4, 5
    ) as g
$$;

-- What a repair would change, counted from the rows. A medium that is not known yet (it is uploaded
-- when the plan is agreed to) is null: then every row differs from it.
--   lanes: by template, number and status: rows that change; those that have the medium already;
--     those whose var1 is no medium; those that were accepted
--   media: by template: how many different media are replaced (counted to the end only while the
--     first 20,000 rows have at most 1,000 of them, else `many`)
--   samples: five of the rows that change
--   as_of: when it was counted, for wacampaign_repair_begin
create or replace function public.wacampaign_repair_survey(
    p_campaign_id uuid,
    p_code int,
    p_templates text[],
    p_numbers uuid[],
    p_media text[],
    p_number_to uuid default null,
    p_kind text default null
)
returns jsonb
language plpgsql
stable
set search_path = public, extensions, pg_temp
set jit = off
set plan_cache_mode = force_custom_plan
as $$
declare
    v_many bool;
    v_groups jsonb;
    v_lanes jsonb;
    v_media jsonb;
    v_samples jsonb;
    v_signed constant bool := p_kind is not distinct from 'from_template';
begin
    select count(distinct f.payload -> 'var1') > 1000 into v_many
    from (
        select q.payload from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status in ('ready', 'failed')
          and q.template_name = any (p_templates)
        limit 20000
    ) as f;

    if p_code is null then
        v_groups := public.wacampaign_repair_groups(p_campaign_id, v_many);
    else
        v_groups := public.wacampaign_repair_groups_of_code(p_campaign_id, p_code, v_many);
    end if;
    with judged as materialized (
        select g.*, t.media,
               public.wacampaign_is_media(jsonb_build_object('var1', g.var1)) as usable,
               case when g.status = 'failed' or p_number_to <> g.number then 0
                    when not v_many then
                        case when public.wacampaign_has_medium(g.var1 #>> '{}', t.media, v_signed)
                        then g.n else 0 end
                    when t.media is null then 0
                    -- Of a million with media of their own, few have this one to the letter.
                    else (select count(*) from public.send_queue q
                          where q.campaign_id = p_campaign_id and q.status = g.status
                            and q.template_name = g.template and q.whatsapp_number_id = g.number
                            and q.whatsapp_message_id is not null = g.accepted
                            and split_part(q.payload ->> 'var1', '?', 1)
                                = split_part(t.media, '?', 1)
                            and public.wacampaign_has_medium(
                                q.payload ->> 'var1', t.media, v_signed)
                            and (p_code is null or p_code = public.wacampaign_error_code(
                                q.error_code, q.error_message)))
               end as already
        from jsonb_to_recordset(v_groups) as g (
            template text, number uuid, status text, accepted bool, var1 jsonb, n bigint)
        join unnest(p_templates, p_numbers, p_media) as t (template, number, media)
            on t.template = g.template and t.number = g.number
    )
    select (select coalesce(jsonb_agg(to_jsonb(l) order by l.template, l.status, l.number_id), '[]'::jsonb)
            from (select template, number as number_id, status,
                         coalesce(sum(n - already) filter (where usable and not accepted), 0) as change,
                         coalesce(sum(already) filter (where usable and not accepted), 0) as already,
                         coalesce(sum(n) filter (where not usable and not accepted), 0) as no_media,
                         coalesce(sum(n) filter (where accepted), 0) as accepted
                  from judged group by 1, 2, 3) as l),
           (select coalesce(jsonb_agg(to_jsonb(m) order by m.template), '[]'::jsonb)
            from (select template,
                         case when v_many then 1000 else count(distinct var1) end as media,
                         v_many as many
                  from judged
                  where usable and not accepted and n > already
                    and (v_many or not public.wacampaign_has_medium(
                        var1 #>> '{}', media, v_signed))
                  group by 1) as m)
    into v_lanes, v_media;

    -- Failed rows first, and those by the index of the codes. Where the count found none, none is
    -- looked for: a million rows that have their medium already would be asked one by one.
    select coalesce(jsonb_agg(to_jsonb(s)), '[]'::jsonb) into v_samples
    from (
        (select q.phone, q.template_name as template, q.status, q.payload ->> 'var1' as was,
                t.media as becomes
         from public.send_queue q
         join unnest(p_templates, p_numbers, p_media) as t (template, number, media)
             on t.template = q.template_name and t.number = q.whatsapp_number_id
         where jsonb_path_exists(v_lanes, '$[*] ? (@.status == "failed" && @.change > 0)')
           and q.campaign_id = p_campaign_id and q.status = 'failed'
           and q.whatsapp_message_id is null
           and (p_code is null
                or public.wacampaign_error_code(q.error_code, q.error_message) = p_code)
           and jsonb_typeof(q.payload) = 'object'
           and coalesce(btrim(q.payload ->> 'var1', public.wacampaign_blanks()), '') ~* '^(https?://.*|[0-9]*)$'
         -- In the index's order; else all of the code would be gathered for these five.
         order by case when p_code is not null then q.id end
         limit 5)
        union all
        (select q.phone, q.template_name, q.status, q.payload ->> 'var1', t.media
         from public.send_queue q
         join unnest(p_templates, p_numbers, p_media) as t (template, number, media)
             on t.template = q.template_name and t.number = q.whatsapp_number_id
         where jsonb_path_exists(v_lanes, '$[*] ? (@.status == "ready" && @.change > 0)')
           and q.campaign_id = p_campaign_id and q.status = 'ready'
           and q.whatsapp_message_id is null
           and (p_code is null or p_code = 0 and q.error_code is null and q.error_message is null
                or (q.error_code is not null or q.error_message is not null)
                and public.wacampaign_error_code(q.error_code, q.error_message) = p_code)
           and (p_number_to <> q.whatsapp_number_id
                or q.payload ->> 'var1' is distinct from t.media
                and not (v_signed and public.wacampaign_has_medium(
                    q.payload ->> 'var1', t.media, true)))
           and jsonb_typeof(q.payload) = 'object'
           and coalesce(btrim(q.payload ->> 'var1', public.wacampaign_blanks()), '') ~* '^(https?://.*|[0-9]*)$'
         limit 5)
        limit 5
    ) as s;
    return jsonb_build_object('lanes', v_lanes, 'media', v_media, 'samples', v_samples,
                              'as_of', statement_timestamp());
end
$$;

-- Begins a repair, or goes on with one that was interrupted. One at a time a campaign: while one
-- gives signs of life (a step within the last minute), another operator's is turned away (`busy`).
--   p_command: what the repair is, as text; the same text goes on with an open repair of the same
--     actor at once, of another when it is dead. An open one that is dead and different is closed:
--     what it changed stays, and can be undone.
--   p_as_of: the survey's; null: now. Going on, the newer plan counts.
-- Returns the repair with the media that it was begun with.
create or replace function public.wacampaign_repair_begin(
    p_id uuid,
    p_campaign_id uuid,
    p_kind text,
    p_what text,
    p_command text,
    p_code int,
    p_actor text,
    p_templates text[],
    p_numbers uuid[],
    p_media text[],
    p_number_to uuid default null,
    p_as_of timestamptz default null
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_as_of constant timestamptz := coalesce(p_as_of, clock_timestamp());
    v_status text;
    v_open public.wacampaign_repairs;
    v_continued bool := false;
begin
    select status into v_status from public.campaigns where id = p_campaign_id for update;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
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
            insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
            values (p_campaign_id, 'repair_closed', p_actor, v_open.row_count,
                    'it was interrupted, and another repair began',
                    jsonb_build_object('repair', v_open.id, 'by', p_id));
        end if;
    end if;
    if not v_continued then
        insert into public.wacampaign_repairs
            (id, campaign_id, kind, what, command, code, actor, target_templates, target_numbers,
             target_media, number_to, as_of)
        values (p_id, p_campaign_id, p_kind, p_what, p_command, p_code, p_actor, p_templates,
                p_numbers, p_media, p_number_to, v_as_of)
        on conflict (id) do nothing;
        if found then
            insert into public.wacampaign_events (campaign_id, kind, actor, reason, detail)
            values (p_campaign_id, 'repair_begun', p_actor, p_what, jsonb_build_object(
                'repair', p_id, 'kind', p_kind, 'code', p_code, 'templates', p_templates,
                'media', p_media, 'number', p_number_to));
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
create or replace function public.wacampaign_repair_step(
    p_repair_id uuid,
    p_after uuid,
    p_limit int
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
-- Over the index and row by row of the batch: no plan that reads the whole queue.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_custom_plan
as $$
declare
    v_after constant uuid := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
    v_repair public.wacampaign_repairs;
    v_last uuid;
    v_n int := 0;
    v_seen int;
begin
    select * into v_repair from public.wacampaign_repairs where id = p_repair_id;
    if not found then
        raise sqlstate 'PT404' using message = 'no such repair';
    end if;
    -- The lock first: what settles a row takes it too.
    perform 1 from public.campaigns where id = v_repair.campaign_id for update;
    select * into v_repair from public.wacampaign_repairs where id = p_repair_id for update;
    if v_repair.closed_at is not null or v_repair.undo_begun_at is not null then
        raise sqlstate 'PT409' using message = format(
            'this repair was %s by %s in the meantime', case when v_repair.undo_begun_at is null
            then 'closed' else 'undone' end, coalesce(v_repair.closed_by, v_repair.undone_by));
    end if;

    with walked as materialized (
        select q.id, q.template_name, q.whatsapp_number_id, q.status, q.retry_count, q.error_code,
               q.error_message, q.next_retry_at, q.payload -> 'var1' as var1,
               q.whatsapp_message_id is null and q.in_doubt_since is null
               and jsonb_typeof(q.payload) = 'object'
               and coalesce(btrim(q.payload ->> 'var1', public.wacampaign_blanks()), '') ~* '^(https?://.*|[0-9]*)$'
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
             old_error_code, old_error_message, old_next_retry_at)
        select p_repair_id, w.id, w.var1, w.whatsapp_number_id, w.status, w.retry_count,
               w.error_code, w.error_message, w.next_retry_at
        from walked w
        join unnest(v_repair.target_templates, v_repair.target_numbers, v_repair.target_media)
            as t (template, number, media)
            on t.template = w.template_name and t.number = w.whatsapp_number_id
        where w.concerned
          and (w.status = 'failed' or v_repair.number_to <> w.whatsapp_number_id
               or case when v_repair.kind = 'from_template'
                  then not public.wacampaign_has_medium(w.var1 #>> '{}', t.media, true)
                  else w.var1 #>> '{}' is distinct from t.media end)
        on conflict (repair_id, row_id) do update set undone_at = null
        returning row_id, old_number_id, xmax = 0 as is_new
    ), changed as (
        update public.send_queue q
        set payload = q.payload || jsonb_build_object('var1', t.media),
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
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_repair public.wacampaign_repairs;
    v_was uuid;
begin
    select * into v_repair from public.wacampaign_repairs where id = p_repair_id;
    select whatsapp_number_id into v_was
    from public.campaigns where id = v_repair.campaign_id for update;
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
        insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
        values (v_repair.campaign_id, 'repaired', p_actor, v_repair.row_count, v_repair.what,
                jsonb_build_object('repair', p_repair_id));
    end if;
    return (select jsonb_build_object('rows', row_count, 'finished', finished_at is not null)
            from public.wacampaign_repairs where id = p_repair_id);
end
$$;

-- A campaign that is over, but has rows to send again, runs again. `changed` false: it is not over,
-- was cancelled, or has nothing ready.
create or replace function public.wacampaign_repair_restart(p_campaign_id uuid, p_actor text)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_was text;
    v_ready bigint;
begin
    select status into v_was from public.campaigns where id = p_campaign_id for update;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    select coalesce(sum(n), 0) into v_ready from public.wacampaign_counts
    where campaign_id = p_campaign_id and status = 'ready';
    update public.campaigns set status = 'running', end_time = null, pause_reason = null
    where id = p_campaign_id and v_ready > 0
      and (status = 'completed' or status = 'failed' and not exists (
          select 1 from public.wacampaign_events
          where campaign_id = p_campaign_id and kind = 'cancelled'));
    if not found then
        return jsonb_build_object('changed', false, 'status', v_was);
    end if;
    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
    values (p_campaign_id, 'restarted', p_actor, v_ready, 'its header media was repaired',
            jsonb_build_object('was', v_was));
    return jsonb_build_object('changed', true, 'status', 'running');
end
$$;

-- The campaign's repairs whose id begins so (p_text null: all), newest first, at most 20.
create or replace function public.wacampaign_repairs_of(p_campaign_id uuid, p_text text default null)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set jit = off
as $$
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

-- The campaign's repairs after this one. What a later one has changed, only its own undo gives back:
-- the last first, as a pile is taken down.
create or replace function public.wacampaign_later_repairs(p_repair_id uuid)
returns uuid[]
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select coalesce(array_agg(l.id), '{}')
    from public.wacampaign_repairs r
    join public.wacampaign_repairs l
        on l.campaign_id = r.campaign_id and l.begun_at > r.begun_at and l.row_count > l.undone_count
    where r.id = p_repair_id
$$;

-- Which of a repair's rows an undo can give back, and why not the others.
create or replace function public.wacampaign_repair_undo_survey(p_repair_id uuid)
returns jsonb
language plpgsql
stable
set search_path = public, extensions, pg_temp
set jit = off
set plan_cache_mode = force_custom_plan
as $$
declare
    v_repair public.wacampaign_repairs;
    v_later uuid[];
begin
    select * into v_repair from public.wacampaign_repairs where id = p_repair_id;
    if not found then
        raise sqlstate 'PT404' using message = 'no such repair';
    end if;
    v_later := public.wacampaign_later_repairs(p_repair_id);
    return (
        with judged as materialized (
            select r.old_status, r.old_var1, q.status, q.phone, q.payload ->> 'var1' as var1,
                   case when r.undone_at is not null then 'undone'
                        when q.id is null then 'gone'
                        when q.whatsapp_message_id is not null or q.status = 'sent' then 'sent'
                        when q.status = 'processing' then 'processing'
                        when l.row_id is not null then 'repaired_again'
                        when q.status in ('ready', 'failed') and t.media is not null
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
                on t.template = q.template_name and t.number = r.old_number_id
                and t.media = q.payload ->> 'var1'
            where r.repair_id = p_repair_id
        )
        select jsonb_build_object(
            'fates', (select coalesce(jsonb_agg(to_jsonb(f)), '[]'::jsonb)
                      from (select fate, old_status, status, count(*) as n from judged
                            group by 1, 2, 3 order by 1, 2, 3) as f),
            'samples', (select coalesce(jsonb_agg(to_jsonb(s)), '[]'::jsonb)
                        from (select phone, var1 as was, old_var1 #>> '{}' as becomes from judged
                              where fate = 'restorable' limit 5) as s))
    );
end
$$;

-- Begins an undo (or goes on with one). `busy`: a repair of this campaign is going on.
create or replace function public.wacampaign_repair_undo_begin(p_repair_id uuid, p_actor text)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_repair public.wacampaign_repairs;
    v_other public.wacampaign_repairs;
begin
    select * into v_repair from public.wacampaign_repairs where id = p_repair_id;
    if not found then
        raise sqlstate 'PT404' using message = 'no such repair';
    end if;
    perform 1 from public.campaigns where id = v_repair.campaign_id for update;
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
-- and nothing is sent again that an undo alone would send.
create or replace function public.wacampaign_repair_undo_step(
    p_repair_id uuid,
    p_after uuid,
    p_limit int
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_custom_plan
as $$
declare
    v_after constant uuid := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
    v_repair public.wacampaign_repairs;
    v_later uuid[];
    v_n int;
    v_seen int;
    v_last uuid;
begin
    select * into v_repair from public.wacampaign_repairs where id = p_repair_id;
    if not found then
        raise sqlstate 'PT404' using message = 'no such repair';
    end if;
    perform 1 from public.campaigns where id = v_repair.campaign_id for update;
    -- Read again under the lock: another operator may have begun something since.
    select * into v_repair from public.wacampaign_repairs where id = p_repair_id for update;
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
        select q.id, w.old_var1, w.old_number_id, w.old_status, w.old_retry_count,
               w.old_error_code, w.old_error_message, w.old_next_retry_at,
               q.status = 'failed' and w.old_status = 'ready' as stays_failed
        from walked w
        join public.send_queue q on q.id = w.row_id
        join unnest(v_repair.target_templates, v_repair.target_numbers, v_repair.target_media)
            as t (template, number, media)
            on t.template = q.template_name and t.number = w.old_number_id
            and t.media = q.payload ->> 'var1'
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
        set payload = case when l.old_var1 is null then q.payload - 'var1'
                      else q.payload || jsonb_build_object('var1', l.old_var1) end,
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
        returning 1
    )
    select (select count(*) from marked), (select count(*) from walked),
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

-- The undo is done: the campaign's number goes back, too.
create or replace function public.wacampaign_repair_undo_finish(p_repair_id uuid, p_actor text)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
declare
    v_repair public.wacampaign_repairs;
begin
    select * into v_repair from public.wacampaign_repairs where id = p_repair_id;
    perform 1 from public.campaigns where id = v_repair.campaign_id for update;
    update public.wacampaign_repairs set undone_at = clock_timestamp()
    where id = p_repair_id and undo_begun_at is not null and undone_at is null
    returning * into v_repair;
    if found then
        if v_repair.campaign_number_was is not null then
            update public.campaigns set whatsapp_number_id = v_repair.campaign_number_was
            where id = v_repair.campaign_id and whatsapp_number_id = v_repair.number_to;
        end if;
        insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
        values (v_repair.campaign_id, 'repair_undone', p_actor, v_repair.undone_count,
                v_repair.what, jsonb_build_object(
                    'repair', p_repair_id, 'repaired', v_repair.row_count));
    end if;
    return jsonb_build_object('rows', (select undone_count from public.wacampaign_repairs
                                       where id = p_repair_id));
end
$$;

-- An upload of this content on this number that is younger than 28 days: Meta keeps it for 30.
create or replace function public.wacampaign_remembered_upload(p_number_id uuid, p_sha256 text)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set jit = off
as $$
    select jsonb_build_object('media_id', (
        select m.media_id from public.media_library m
        where m.whatsapp_number_id = p_number_id and m.sha256 = p_sha256
          and m.created_at > clock_timestamp() - interval '28 days'
        order by m.created_at desc
        limit 1))
$$;

create or replace function public.wacampaign_remember_upload(
    p_number_id uuid,
    p_media_id text,
    p_sha256 text,
    p_file_name text,
    p_file_type text,
    p_mime_type text,
    p_file_size bigint
)
returns jsonb
language plpgsql
set search_path = public, extensions, pg_temp
set jit = off
as $$
begin
    insert into public.media_library
        (whatsapp_number_id, media_id, sha256, file_name, file_type, mime_type, file_size,
         created_at)
    select p_number_id, p_media_id, p_sha256, p_file_name, p_file_type, p_mime_type, p_file_size,
           clock_timestamp()
    where not exists (select 1 from public.media_library
                      where whatsapp_number_id = p_number_id and media_id = p_media_id);
    return jsonb_build_object('remembered', found);
end
$$;

-- When wacampaign uploaded this medium on this number; null: it did not.
create or replace function public.wacampaign_uploaded_at(p_number_id uuid, p_media_id text)
returns jsonb
language sql
stable
set search_path = public, extensions, pg_temp
set jit = off
as $$
    select jsonb_build_object('at', (
        select max(m.created_at) from public.media_library m
        where m.whatsapp_number_id = p_number_id and m.media_id = p_media_id))
$$;

select public.wacampaign_keep_rights();
