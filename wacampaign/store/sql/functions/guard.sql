-- The guard's parts; what it does and how: tables/20261125000100_guard.sql.

-- Who writes, as far as the database knows: login role, the role it took, that of the REST call, and
-- what the program calls itself. Never fails.
create or replace function public.wacampaign_who()
returns text language plpgsql stable
set search_path = '' as $$
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
returns trigger language plpgsql
set search_path = '' as $$
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
returns trigger language plpgsql security definer
set search_path = '' as $$
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
returns trigger language plpgsql security definer
set search_path = '' as $$
declare
    v_left bigint;
begin
    begin
        v_left := public.wacampaign_counted(new.id, 'ready', 'pending')
            + public.wacampaign_held_rows(new.id);
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
