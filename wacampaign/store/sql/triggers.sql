-- The triggers on the backend's tables, after the functions that they call. One block a table: a
-- writer meets all of its triggers or none, as one counter alone would count half of what he does.

do $$
begin
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_count_insert
after insert on public.send_queue
referencing new table as new_rows
for each statement
execute function public.wacampaign_count_rows()$says$);
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_count_update
after update on public.send_queue
referencing old table as old_rows new table as new_rows
for each statement
execute function public.wacampaign_count_rows()$says$);
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_count_delete
after delete on public.send_queue
referencing old table as old_rows
for each statement
execute function public.wacampaign_count_rows()$says$);
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_count_truncate
after truncate on public.send_queue
for each statement
execute function public.wacampaign_count_rows()$says$);
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_guard_row
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
execute function public.wacampaign_guard_row()$says$);
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_guard_told
after update on public.send_queue
for each statement
when (coalesce(current_setting('wacampaign.kept_back', true), '') <> '')
execute function public.wacampaign_guard_told()$says$);
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_guard_deleted
after delete on public.send_queue
referencing old table as old_rows
for each statement
execute function public.wacampaign_guard_deleted()$says$);
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_guard_inserted
after insert on public.send_queue
referencing new table as new_rows
for each statement
execute function public.wacampaign_guard_inserted()$says$);
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_guard_emptied
before truncate on public.send_queue
for each statement
execute function public.wacampaign_guard_deleted()$says$);
end
$$;

do $$
begin
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_campaign_started
after update of status on public.campaigns
for each row
when (new.status = 'running' and old.status is distinct from 'running')
execute function public.wacampaign_campaign_started()$says$);
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_schedule_over
after update of status on public.campaigns
for each row
when (new.status is distinct from 'paused')
execute function public.wacampaign_schedule_over()$says$);
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_guard_completion
before update of status on public.campaigns
for each row
when (new.status = 'completed' and old.status in ('running', 'paused'))
execute function public.wacampaign_guard_completion()$says$);
end
$$;

do $$
begin
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_status_logged
after insert on public.message_status_logs
referencing new table as new_rows
for each statement
execute function public.wacampaign_status_logged()$says$);
end
$$;

do $$
begin
    perform public.wacampaign_keep_trigger($says$
create or replace trigger wacampaign_message_logged
after insert on public.messages
for each row
-- Outgoing ones are ours or the backend's own, and cost nothing.
when (new.direction = 'incoming')
execute function public.wacampaign_log_message()$says$);
end
$$;

-- After the triggers, whether they were new or not: a run that was cut between the two, or a
-- restore that skipped them, leaves counts that this puts right.
select public.wacampaign_recount();

-- Campaigns that ran or waited before their languages were written down: as today's templates are.
select public.wacampaign_plan_templates(array(
    select k.id from public.campaigns k where k.status in ('scheduled', 'paused', 'running')),
    'database');
