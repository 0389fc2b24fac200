-- One conditional statement each. `changed` false: it was so already.
--   p_action: start | pause | resume | cancel
--   p_reason: what the campaign and its event say; null: who did it
--   p_lifts_until: resuming lifts the holds that stood by then: later ones nobody has looked at
-- PT400: another action. PT409: the campaign is over, does not run (pause), or lacks contacts.
drop function if exists public.wacampaign_set_status(uuid, text, text, text);
create or replace function public.wacampaign_set_status(
    p_campaign_id uuid, p_action text, p_actor text, p_reason text default null,
    p_lifts_until timestamptz default 'infinity')
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_campaign constant public.campaigns := public.wacampaign_campaign(p_campaign_id);
    v_was constant text := v_campaign.status;
    v_done constant text := case p_action when 'start' then 'started' when 'resume' then 'resumed'
                                          when 'pause' then 'paused' when 'cancel' then 'cancelled' end;
    v_now text := case p_action when 'pause' then 'paused' when 'cancel' then 'failed'
                           else 'running' end;
    v_lifted int := 0;
begin
    if v_done is null then
        raise sqlstate 'PT400' using message = 'unknown action: ' || p_action;
    end if;
    if v_was = 'running' and v_now = 'running' then
        -- It runs, but some of its lanes may be held: resuming lifts that, and starts a new ramp.
        v_lifted := public.wacampaign_lift_holds(p_campaign_id, p_lifts_until);
        if v_lifted > 0 then
            delete from public.wacampaign_lanes where campaign_id = p_campaign_id;
            perform public.wacampaign_event(
                p_campaign_id, 'resumed', p_actor, p_reason => p_reason,
                p_detail => jsonb_build_object('was', v_was, 'holds_lifted', v_lifted));
            perform pg_notify('wacampaign', p_campaign_id::text);
        end if;
        return jsonb_build_object('changed', v_lifted > 0, 'was', v_was, 'status', v_was,
                                  'holds_lifted', v_lifted);
    end if;
    if p_action = 'pause' and v_was = 'paused' then
        -- It is paused, but would have started by itself.
        delete from public.wacampaign_schedule where campaign_id = p_campaign_id;
        if found then
            update public.campaigns set pause_reason = coalesce(p_reason, 'paused by ' || p_actor)
            where id = p_campaign_id;
            perform public.wacampaign_event(
                p_campaign_id, 'paused', p_actor, p_reason => p_reason,
                p_detail => jsonb_build_object('was', v_was,
                                               'pause_reason', v_campaign.pause_reason));
            return jsonb_build_object('changed', true, 'was', v_was, 'status', v_was,
                                      'holds_lifted', 0);
        end if;
    end if;
    if v_was = v_now then
        return jsonb_build_object('changed', false, 'was', v_was, 'status', v_was);
    end if;
    if v_now = 'running' and v_campaign.pause_reason = public.wacampaign_being_written() then
        raise sqlstate 'PT409' using
            message = 'not all of its contacts are in the queue, so it cannot be started',
            hint = 'if no `wacampaign create` is running: wacampaign cancel ' || p_campaign_id
                || ', then create it again';
    end if;
    if v_was in ('completed', 'failed')
       or (p_action = 'pause' and v_was <> 'running') then
        raise sqlstate 'PT409' using
            message = format('the campaign is %s, so it cannot be %s', v_was, v_done);
    end if;

    update public.campaigns
    set status = v_now,
        pause_reason = case when v_now <> 'running'
                       then coalesce(p_reason, v_done || ' by ' || p_actor) end,
        start_time = case when v_now = 'running' then coalesce(start_time, clock_timestamp())
                     else start_time end,
        end_time = case when v_now = 'failed' then clock_timestamp() end
    where id = p_campaign_id;

    if v_now = 'running' then
        -- A person says that the cause is gone: what held this campaign's lanes is lifted, and the
        -- ramp finds out with one message whether that is true.
        v_lifted := public.wacampaign_lift_holds(p_campaign_id, p_lifts_until);
    else
        perform public.wacampaign_show_totals(array[p_campaign_id]);
    end if;
    perform public.wacampaign_event(
        p_campaign_id, v_done, p_actor, public.wacampaign_counted(p_campaign_id, 'ready'), p_reason,
        jsonb_build_object('was', v_was, 'pause_reason', v_campaign.pause_reason,
                           'holds_lifted', v_lifted));
    -- Holds that were left may be over all of it: then it is paused as they have it.
    if v_now = 'running' and p_lifts_until < 'infinity'
       and public.wacampaign_pause_held(p_campaign_id) then
        v_now := 'paused';
    end if;
    return jsonb_build_object('changed', true, 'was', v_was, 'status', v_now,
                              'holds_lifted', v_lifted);
end
$$;

-- Starts a campaign although nobody looked whether it is ready: the event says so.
create or replace function public.wacampaign_start_unchecked(p_campaign_id uuid, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_answer jsonb;
begin
    v_answer := public.wacampaign_set_status(p_campaign_id, 'start', p_actor);
    if (v_answer ->> 'changed')::bool then
        perform public.wacampaign_event(
            p_campaign_id, 'preflight_skipped', p_actor,
            p_reason => 'started with --skip-preflight');
    end if;
    return v_answer;
end
$$;
