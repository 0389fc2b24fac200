-- A campaign's state as an operator saw it: whoever acts on it later acts on this state only.
create or replace function public.wacampaign_state_seen(p_campaign_id uuid)
returns text language sql stable
set search_path = public, extensions, pg_temp as $$
    select md5(concat_ws('|', k.status, k.pause_reason, extract(epoch from k.start_time),
                         extract(epoch from k.end_time)))
    from public.campaigns k where k.id = p_campaign_id
$$;

-- Sets a campaign going again, by one conditional statement: only in the state that the operator
-- saw (p_token), only from completed, paused or (held) running. `changed` false: somebody else was
-- quicker. Lifts the holds whose cause is gone, and no other. PT409: it is scheduled, or cancelled.
create or replace function public.wacampaign_restart(
    p_campaign_id uuid, p_token text, p_actor text, p_reason text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    -- The lock first: what completes or resumes the campaign takes it, too.
    v_campaign constant public.campaigns := public.wacampaign_campaign(p_campaign_id);
    v_changed bool := false;
    v_lifted int;
    v_left bigint;
begin
    if public.wacampaign_state_seen(p_campaign_id) <> p_token then
        return jsonb_build_object('changed', false, 'was', v_campaign.status,
                                  'status', v_campaign.status, 'holds_lifted', 0, 'left', 0);
    end if;
    if v_campaign.status in ('scheduled', 'failed') then
        raise sqlstate 'PT409' using
            message = format('the campaign is %s, so it is not restarted', v_campaign.status);
    end if;
    perform public.wacampaign_reap();
    -- Also those that are pending: mend_rows makes them ready when the campaign runs.
    v_left := public.wacampaign_counted(p_campaign_id, 'ready', 'pending');

    update public.wacampaign_holds
    set lifted_at = clock_timestamp()
    where lifted_at is null and id in (
        select h.id from jsonb_to_recordset(public.wacampaign_standing_holds(p_campaign_id))
            as h (id uuid, gone text)
        where h.gone is not null);
    get diagnostics v_lifted = row_count;

    if v_left > 0 then
        update public.campaigns
        set status = 'running', end_time = null, pause_reason = null,
            start_time = coalesce(start_time, clock_timestamp())
        where id = p_campaign_id and status in ('completed', 'paused');
        v_changed := found;
    end if;
    if v_campaign.status = 'running' and v_lifted > 0 then
        -- A new run for it: the ramp finds out with one message whether the cause is gone.
        delete from public.wacampaign_lanes where campaign_id = p_campaign_id;
        perform pg_notify('wacampaign', p_campaign_id::text);
        v_changed := true;
    end if;
    if v_changed then
        perform public.wacampaign_event(
            p_campaign_id, 'restarted', p_actor, v_left, p_reason,
            jsonb_build_object('was', v_campaign.status, 'pause_reason', v_campaign.pause_reason,
                               'end_time', v_campaign.end_time, 'holds_lifted', v_lifted));
        perform public.wacampaign_show_totals(array[p_campaign_id]);
    end if;
    return jsonb_build_object('changed', v_changed, 'was', v_campaign.status,
        'status', case when v_changed then 'running' else v_campaign.status end,
        'holds_lifted', v_lifted, 'left', v_left);
end
$$;
