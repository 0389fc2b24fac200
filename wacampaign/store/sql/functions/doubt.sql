-- A person decides about rows in doubt, at most p_limit of them in this call.
--   p_action: resend (they are sent once more, perhaps for the second time) | assume_sent
--   p_expected: how many rows in doubt the person saw; when there are more, nothing is changed
--   p_seen_at: when the person saw them, by the database's clock. What is in doubt only since then is
--     not concerned, so the call may be repeated, though a row may be in doubt anew by then
--   p_seen_claims: begun claims of dead workers, whose rows the person saw before they were in doubt
-- PT400: another action. PT409: the campaign was cancelled, so nothing of it is sent again.
-- A completed campaign whose rows are to be sent again runs again; a paused one stays paused.
-- `left`: rows that the person saw and that are still in doubt.
drop function if exists public.wacampaign_resolve_doubt(uuid, text, int, text, int);
create or replace function public.wacampaign_resolve_doubt(
    p_campaign_id uuid, p_action text, p_expected int, p_actor text, p_seen_at timestamptz,
    p_seen_claims uuid[], p_limit int default 5000)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set plan_cache_mode = force_custom_plan as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_was text;
    v_found bigint;
    v_ids uuid[];
    v_n int := 0;
    v_reopened bool := false;
begin
    if p_action not in ('resend', 'assume_sent') then
        raise sqlstate 'PT400' using message = 'unknown action: ' || p_action;
    end if;
    v_was := (public.wacampaign_campaign(p_campaign_id)).status;
    if v_was = 'failed' and p_action = 'resend' then
        raise sqlstate 'PT409' using
            message = 'the campaign was cancelled, so none of its rows is sent again';
    end if;
    select count(*) into v_found from public.send_queue q
    where q.campaign_id = p_campaign_id and q.status = 'processing'
      and q.in_doubt_since is not null
      and (q.in_doubt_since <= p_seen_at or q.claim_id = any (p_seen_claims));
    if v_found > p_expected then
        return jsonb_build_object('rows', 0, 'found', v_found, 'left', v_found, 'reopened', false,
                                  'status', v_was);
    end if;

    select array_agg(t.id) into v_ids from (
        select q.id from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status = 'processing'
          and q.in_doubt_since is not null
          and (q.in_doubt_since <= p_seen_at or q.claim_id = any (p_seen_claims))
        order by q.in_doubt_since, q.id
        limit least(greatest(p_limit, 1), 5000)
        for update
    ) as t;
    if v_ids is not null then
        if p_action = 'resend' then
            update public.send_queue
            set status = 'ready', revision = coalesce(revision, 0) + 1, retry_count = 0,
                error_code = null, error_message = null, next_retry_at = null, claim_id = null,
                worker_id = null, claimed_at = null, lease_until = null, in_doubt_since = null,
                in_doubt_cause = null, updated_at = v_now
            where id = any (v_ids);
            get diagnostics v_n = row_count;
            update public.campaigns
            set status = 'running', end_time = null, pause_reason = null
            where id = p_campaign_id and status = 'completed';
            v_reopened := found;
            perform public.wacampaign_event(
                p_campaign_id, 'doubt_resent', p_actor, v_n,
                'a person had rows in doubt sent again: some may get the message twice',
                jsonb_build_object('was', v_was, 'rows', to_jsonb(v_ids[1:1000])));
            perform pg_notify('wacampaign', p_campaign_id::text);
        else
            -- The claim stays: a journal that turns up later still proves what became of the row.
            update public.send_queue
            set status = 'sent', revision = coalesce(revision, 0) + 1, error_code = null,
                error_message = null, sent_at = coalesce(sent_at, claimed_at, in_doubt_since),
                in_doubt_cause = 'assumed_sent', updated_at = v_now
            where id = any (v_ids);
            get diagnostics v_n = row_count;
            perform public.wacampaign_event(
                p_campaign_id, 'doubt_assumed_sent', p_actor, v_n,
                'a person decided that rows in doubt count as sent',
                jsonb_build_object('was', v_was, 'rows', to_jsonb(v_ids[1:1000])));
        end if;
        perform public.wacampaign_show_totals(array[p_campaign_id]);
    end if;
    return jsonb_build_object('rows', v_n, 'found', v_found, 'left', v_found - v_n,
        'reopened', v_reopened, 'status', case when v_reopened then 'running' else v_was end);
end
$$;
