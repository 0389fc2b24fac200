-- What is known of single rows in doubt, and what a person knows of them.

-- Some rows in doubt of a campaign, the oldest first, at most 100. `cause` and `text`: why nobody knows;
-- `statuses`: of messages to the recipient from the row's number, since the attempt, that no row owns (a
-- single one would have settled it).
create or replace function public.wacampaign_doubts_known(p_campaign_id uuid, p_limit int default 20)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_hashjoin = off set enable_mergejoin = off as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'row', r.id, 'claim', r.claim_id, 'phone', r.phone, 'template', r.template_name,
        'since', public.wacampaign_utc(r.in_doubt_since),
        'attempted_at', public.wacampaign_utc(r.claimed_at),
        'cause', coalesce(r.in_doubt_cause, 'no_answer'), 'text', r.error_message,
        'statuses', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'state', d.state, 'at', public.wacampaign_utc(d.last_at)) order by d.last_at), '[]'::jsonb)
            from (
                select d.state, d.last_at from public.wacampaign_deliveries d
                where d.row_id is null and d.whatsapp_number_id = r.whatsapp_number_id
                  and d.person = public.wacampaign_person(r.phone)
                  and d.last_at >= coalesce(r.claimed_at, r.in_doubt_since) - interval '2 seconds'
                order by d.last_at limit 5
            ) as d)
    ) order by r.in_doubt_since, r.id), '[]'::jsonb)
    from (
        select q.* from public.send_queue q
        where q.campaign_id = p_campaign_id and q.status = 'processing'
          and q.in_doubt_since is not null
        order by q.in_doubt_since, q.id
        limit least(greatest(p_limit, 1), 100)
    ) as r
$$;

-- A person says that the recipient of a row in doubt got the message: it counts as sent. The claim stays,
-- so that a status or a journal that turns up later still gives the row its message id. `changed` false:
-- it is no longer in doubt, or of another attempt.
create or replace function public.wacampaign_confirm_doubt(
    p_row_id uuid, p_claim_id uuid, p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off as $$
declare
    v_campaign uuid;
begin
    select q.campaign_id into v_campaign from public.send_queue q where q.id = p_row_id;
    if not found then
        return jsonb_build_object('changed', false);
    end if;
    perform public.wacampaign_campaign(v_campaign);
    update public.send_queue q
    set status = 'sent', revision = coalesce(q.revision, 0) + 1, error_code = null,
        error_message = null, sent_at = coalesce(q.sent_at, q.claimed_at, q.in_doubt_since),
        in_doubt_cause = 'assumed_sent', updated_at = clock_timestamp()
    where q.id = p_row_id and q.status = 'processing' and q.in_doubt_since is not null
      and q.claim_id is not distinct from p_claim_id;
    if not found then
        return jsonb_build_object('changed', false);
    end if;
    perform public.wacampaign_event(
        v_campaign, 'doubt_assumed_sent', p_actor, 1,
        'a person says that the recipient got the message', jsonb_build_object('rows', array[p_row_id]));
    perform public.wacampaign_show_totals(array[v_campaign]);
    return jsonb_build_object('changed', true);
end
$$;
