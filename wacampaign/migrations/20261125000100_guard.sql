-- The guard: what is known of a row, and what may have been sent, stays so whoever writes. Safe to
-- repeat.
--
-- It neither fails another program's statement nor follows it: the row stays as it was, and one event
-- a statement and campaign says who tried what with how many rows. Our own writes need no session
-- setting (a pooler shares sessions): one that takes a row out of `processing` counts its `revision`
-- up by one, and what does not is another program's. Nor does another program set it: a row that is
-- written whole from an older copy (an upsert, an import) brings the copy's.

-- No default: adding it rewrites nothing.
alter table public.send_queue add column if not exists revision int;
comment on column public.send_queue.revision is 'counted up by one by each write of ours that takes the row out of processing; any other write is another program''s, see the guard';

-- Rows of another program's making: to be sent, though in doubt. None while the guard stands.
create index if not exists wacampaign_queue_doubt_waiting
    on public.send_queue (campaign_id)
    where status in ('ready', 'pending') and in_doubt_since is not null;

-- What other programs did or tried, for those who show it.
create index if not exists wacampaign_events_others
    on public.wacampaign_events (campaign_id, id)
    where kind in ('kept_back', 'completion_kept_back', 'rows_deleted');

-- Rows that were deleted while their message was on its way or in doubt: Meta's answer may come yet.
create table if not exists public.wacampaign_deleted_rows (
    id uuid primary key,
    campaign_id uuid,
    whatsapp_number_id uuid,
    template_name text,
    phone text,
    claim_id uuid,
    deleted_at timestamptz not null default clock_timestamp(),
    wamid text
);
create index if not exists wacampaign_deleted_rows_age
    on public.wacampaign_deleted_rows (deleted_at);
alter table public.wacampaign_deleted_rows enable row level security;

-- Who writes, as far as the database knows: login role, the role it took, that of the REST call, and
-- what the program calls itself. Never fails.
create or replace function public.wacampaign_who()
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
    v_role constant text := nullif(nullif(current_setting('role', true), 'none'), session_user::text);
    v_claims text := nullif(current_setting('request.jwt.claims', true), '');
    v_program constant text := nullif(btrim(current_setting('application_name', true)), '');
begin
    begin
        v_claims := v_claims::jsonb ->> 'role';
    exception when others then
        v_claims := null;
    end;
    return left(session_user::text || coalesce(' as ' || coalesce(v_role, v_claims), '')
                || coalesce(' over REST (' || v_claims || ')', '')
                || coalesce(', ' || v_program, ''), 200);
end
$$;

-- One row that is to be changed against what is known. Called for such rows only: the trigger's
-- condition is plain comparisons, so a bulk write that touches nothing guarded never comes here.
create or replace function public.wacampaign_guard_row()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_tried text := coalesce(old.status, 'nothing') || ' to ' || coalesce(new.status, 'nothing');
    v_taken_back constant bool := new.status in ('ready', 'pending', 'processing')
        and new.status is distinct from old.status;
    v_ours constant bool := new.revision is not distinct from coalesce(old.revision, 0) + 1;
    v_kept jsonb;
    v_campaign text;
begin
    if not v_ours then
        new.revision := old.revision;
    end if;
    if new.whatsapp_message_id is distinct from old.whatsapp_message_id
       and old.whatsapp_message_id is not null then
        -- The id of an accepted message is the proof of it.
        new.whatsapp_message_id := old.whatsapp_message_id;
        if not v_taken_back then
            v_tried := 'another message id';
        end if;
    elsif old.status = 'processing' and new.status in ('sent', 'failed')
          and new.whatsapp_message_id is null then
        -- Somebody's word about a row that a worker of ours holds, or that is in doubt. It is taken,
        -- but the worker's own answer is not to be lost for it, and a `failed` row of which nobody
        -- knows whether it was sent is not to be tried again.
        new.claim_id := old.claim_id;
        new.worker_id := old.worker_id;
        new.claimed_at := old.claimed_at;
        new.in_doubt_since := coalesce(old.in_doubt_since, clock_timestamp());
        new.in_doubt_cause := coalesce(old.in_doubt_cause, 'no_answer');
        return new;
    end if;

    if v_taken_back and (old.status = 'sent' or old.whatsapp_message_id is not null) then
        new := old;
        if old.status is distinct from 'sent' and old.status is distinct from 'failed' then
            new.status := 'sent';
            new.sent_at := coalesce(old.sent_at, old.updated_at);
            new.next_retry_at := null;
            new.in_doubt_since := null;
            new.in_doubt_cause := null;
            new.error_code := null;
            new.error_message := null;
        end if;
    elsif new.status in ('ready', 'pending')
          and (old.status = 'processing' or old.in_doubt_since is not null)
          and not v_ours
          and old.whatsapp_message_id is null then
        if new.whatsapp_message_id is not null then
            -- It comes with the proof that it was accepted.
            old.whatsapp_message_id := new.whatsapp_message_id;
            old.in_doubt_since := null;
            old.in_doubt_cause := null;
            old.sent_at := coalesce(old.sent_at, clock_timestamp());
        end if;
        new := old;
        new.status := case when old.whatsapp_message_id is null then 'processing' else 'sent' end;
    elsif old.status = 'processing' and new.status = 'processing' then
        if v_tried <> 'another message id' then
            v_tried := 'claim or doubt removed';
        end if;
        new.claim_id := coalesce(old.claim_id, new.claim_id);
        new.worker_id := coalesce(old.worker_id, new.worker_id);
        new.claimed_at := coalesce(old.claimed_at, new.claimed_at);
        new.lease_until := coalesce(old.lease_until, new.lease_until);
        new.in_doubt_since := coalesce(new.in_doubt_since, old.in_doubt_since);
        new.in_doubt_cause := coalesce(new.in_doubt_cause, old.in_doubt_cause);
    elsif old.status = 'sent' and new.status = 'failed' and new.whatsapp_message_id is null then
        -- It was said to be sent, without a proof: who says otherwise may be wrong, too.
        new.in_doubt_since := coalesce(old.in_doubt_since, clock_timestamp());
        new.in_doubt_cause := coalesce(old.in_doubt_cause, 'no_answer');
        return new;
    elsif old.in_doubt_since is not null and new.in_doubt_since is null
          and new.whatsapp_message_id is null and not v_ours then
        v_tried := 'doubt removed';
        new.in_doubt_since := old.in_doubt_since;
        new.in_doubt_cause := coalesce(new.in_doubt_cause, old.in_doubt_cause);
    elsif new.status = 'processing' and old.status is distinct from 'processing' then
        -- Taken by a program without claims: the last holder's is not its.
        new.claim_id := null;
        new.worker_id := null;
        new.claimed_at := null;
        new.lease_until := null;
        return new;
    elsif v_tried <> 'another message id' then
        return new;  -- nothing but another revision
    end if;

    if v_tried is not null then
        -- Added up for the statement's own trigger, which knows when it is over.
        begin
            v_kept := coalesce(
                nullif(current_setting('wacampaign.kept_back', true), '')::jsonb, '{}'::jsonb);
            v_campaign := coalesce(old.campaign_id::text, '');
            v_kept := v_kept || jsonb_build_object(v_campaign,
                coalesce(v_kept -> v_campaign, '{}'::jsonb) || jsonb_build_object(
                    v_tried, coalesce((v_kept -> v_campaign ->> v_tried)::bigint, 0) + 1));
            perform set_config('wacampaign.kept_back', v_kept::text, true);
        exception when others then
            null;  -- a row that is guarded but not counted is better than a backend that fails
        end;
    end if;
    return new;
end
$$;

-- What one statement was not followed in, as one event a campaign. Security definer: whoever wrote.
create or replace function public.wacampaign_guard_told()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_kept text;
begin
    begin
        v_kept := current_setting('wacampaign.kept_back', true);
        perform set_config('wacampaign.kept_back', '', true);
        insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
        select k.campaign_id, 'kept_back', public.wacampaign_who(),
               (select sum(t.value::bigint) from jsonb_each_text(k.tried) as t),
               'rows that were sent, are being sent or are in doubt stay as they are',
               jsonb_build_object('tried', k.tried)
        from (select nullif(e.key, '')::uuid as campaign_id, e.value as tried
              from jsonb_each(nullif(v_kept, '')::jsonb) as e) as k
        order by 1;
    exception when others then
        null;  -- as above
    end;
    return null;
end
$$;

-- `completed` by another program while rows are left to do: the campaign stays as it is. The rows
-- decide, so our own completion, which has looked, needs no mark.
create or replace function public.wacampaign_guard_completion()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_left bigint;
begin
    begin
        select coalesce(sum(c.n), 0) into v_left from public.wacampaign_counts c
        where c.campaign_id = new.id and c.status in ('ready', 'pending');
        v_left := v_left + public.wacampaign_held_rows(new.id);
        if v_left > 0 then
            insert into public.wacampaign_events
                (campaign_id, kind, actor, row_count, reason, detail)
            values (new.id, 'completion_kept_back', public.wacampaign_who(), v_left,
                    'rows are left to do',
                    jsonb_build_object('tried', jsonb_build_object(
                        old.status || ' to ' || new.status, 1)));
            new.status := old.status;
            new.end_time := old.end_time;
        end if;
    exception when others then
        null;
    end;
    return new;
end
$$;

-- Deleted rows are counted: one event a statement and campaign, with what they were.
create or replace function public.wacampaign_guard_deleted()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
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

-- Meta accepted a message whose row is gone: an event with its id, and the inbox's row while the
-- campaign is there. Each id once. Returns how many.
create or replace function public.wacampaign_answers_without_row(
    p_worker_id uuid,
    p_ids uuid[],
    p_outcomes text[],
    p_wamids text[]
)
returns int
language plpgsql
set search_path = public, extensions, pg_temp
as $$
declare
    v_n int;
begin
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
    )
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
                            and e.detail ->> 'wamid' = told.wamid);
    get diagnostics v_n = row_count;
    return v_n;
end
$$;

-- A row that was deleted while its message was on its way, or in doubt, and is entered again under its id:
-- it is what it was, `sent` if Meta has answered since. As far as ids tell; see `audit` for the rest.
create or replace function public.wacampaign_guard_inserted()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
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

-- Each trigger is made anew when what it says has changed since it was made (its comment tells), and
-- when it is switched off.
do $$
declare
    v_one record;
    v_had record;
begin
    for v_one in
        select t.name, t.on_table, t.says, 'wacampaign ' || md5(t.says) as mark
        from (values
            ('wacampaign_guard_row', 'send_queue', $says$
create trigger wacampaign_guard_row
before update on public.send_queue
for each row
when (
    -- accepted, and to be sent again
    (new.status in ('ready', 'pending', 'processing') and new.status is distinct from old.status
     and (old.status = 'sent' or old.whatsapp_message_id is not null))
    -- another id for an accepted message, or none
    or (old.whatsapp_message_id is not null
        and new.whatsapp_message_id is distinct from old.whatsapp_message_id)
    -- in somebody's hands or in doubt, and not our own write
    or ((old.status = 'processing' or old.in_doubt_since is not null)
        and new.revision is distinct from coalesce(old.revision, 0) + 1
        and (new.status in ('ready', 'pending')
             or (old.status = 'processing' and new.status = 'processing'
                 and old.claim_id is not null and new.claim_id is distinct from old.claim_id)
             -- whatever the status says: else it takes two statements to send it again
             or (old.in_doubt_since is not null and new.in_doubt_since is null
                 and new.whatsapp_message_id is null)
             or (old.status = 'processing' and new.status in ('sent', 'failed')
                 and old.claim_id is not null and new.whatsapp_message_id is null)))
    -- sent, as somebody said, and now failed
    or (old.status = 'sent' and new.status = 'failed'
        and new.whatsapp_message_id is null and new.in_doubt_since is null
        and new.revision is distinct from coalesce(old.revision, 0) + 1)
    -- written whole, from another copy of the row
    or (new.revision is distinct from old.revision
        and new.revision is distinct from coalesce(old.revision, 0) + 1)
    -- taken by a program without claims
    or (new.status = 'processing' and old.status is distinct from 'processing'
        and old.claim_id is not null and new.claim_id = old.claim_id
        and new.in_doubt_since is null)
)
execute function public.wacampaign_guard_row()$says$),
            ('wacampaign_guard_told', 'send_queue', $says$
create trigger wacampaign_guard_told
after update on public.send_queue
for each statement
when (coalesce(current_setting('wacampaign.kept_back', true), '') <> '')
execute function public.wacampaign_guard_told()$says$),
            ('wacampaign_guard_deleted', 'send_queue', $says$
create trigger wacampaign_guard_deleted
after delete on public.send_queue
referencing old table as old_rows
for each statement
execute function public.wacampaign_guard_deleted()$says$),
            ('wacampaign_guard_inserted', 'send_queue', $says$
create trigger wacampaign_guard_inserted
after insert on public.send_queue
referencing new table as new_rows
for each statement
execute function public.wacampaign_guard_inserted()$says$),
            ('wacampaign_guard_emptied', 'send_queue', $says$
create trigger wacampaign_guard_emptied
before truncate on public.send_queue
for each statement
execute function public.wacampaign_guard_deleted()$says$),
            ('wacampaign_guard_completion', 'campaigns', $says$
create trigger wacampaign_guard_completion
before update of status on public.campaigns
for each row
when (new.status = 'completed' and old.status in ('running', 'paused'))
execute function public.wacampaign_guard_completion()$says$)
        ) as t (name, on_table, says)
    loop
        select t.tgenabled as enabled, obj_description(t.oid, 'pg_trigger') as mark into v_had
        from pg_catalog.pg_trigger t
        where t.tgrelid = format('public.%I', v_one.on_table)::regclass and t.tgname = v_one.name;
        continue when v_had.mark = v_one.mark and v_had.enabled in ('O', 'A');
        execute format('drop trigger if exists %I on public.%I', v_one.name, v_one.on_table);
        execute v_one.says;
        execute format('comment on trigger %I on public.%I is %L', v_one.name, v_one.on_table, v_one.mark);
    end loop;
end
$$;

select public.wacampaign_keep_rights();
