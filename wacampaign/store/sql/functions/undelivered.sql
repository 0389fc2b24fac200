-- Failures that come after the acceptance hold what they concern, as answers do.

-- Holds what these failed messages concern, if there are enough of them. Returns how many of them are of
-- a kind that is held now.
--   p_rules: code → {"scope", "after", "cumulative", "seconds", "reason", "slow"}; in a reason CAMPAIGN
--     and PHONE_NUMBER_ID stand for what they name
-- Not for what is long past: a failure of an earlier run, of yesterday, or from before a person lifted
-- the same hold says nothing of today.
create or replace function public.wacampaign_hold_undelivered(p_wamids text[], p_rules jsonb)
returns int language plpgsql
set search_path = public, extensions, pg_temp set enable_seqscan = off as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_fault record;
    v_stood bool;
    v_held int := 0;
    v_slow uuid[];
begin
    for v_fault in
        select distinct on (r.scope, d.whatsapp_number_id, d.template_name, d.campaign_id)
               r.*, d.campaign_id, d.whatsapp_number_id, d.template_name, d.code, k.name, k.status,
               count(*) over (partition by r.scope, d.whatsapp_number_id, d.template_name,
                                           d.campaign_id) as n,
               l.undelivered_in_a_row as answers,
               nullif(public.wacampaign_solid(w.phone_number_id), '') as number
        from public.wacampaign_deliveries d
        join public.send_queue q on q.id = d.row_id
        join public.campaigns k on k.id = d.campaign_id
        cross join lateral jsonb_to_record(p_rules -> d.code::text)
            as r (scope text, after int, seconds int, reason text, slow int)
        left join public.wacampaign_lanes l
            on l.campaign_id = d.campaign_id and l.whatsapp_number_id = d.whatsapp_number_id
            and l.template_name = d.template_name
        left join public.whatsapp_numbers w on w.id = d.whatsapp_number_id
        where d.wamid = any (p_wamids) and p_rules ? d.code::text
          and d.failed_at > v_now - interval '1 day'
          and l.campaign_id is not null
          and (l.began_at is null or l.began_at <= coalesce(q.actual_sent_at, q.sent_at))
          and not exists (
              select 1 from public.wacampaign_holds h
              where h.scope = r.scope and h.whatsapp_number_id = d.whatsapp_number_id
                and (h.template_name is null or h.template_name = d.template_name)
                and (h.campaign_id is null or h.campaign_id = d.campaign_id)
                and h.lifted_at > d.failed_at)
        order by r.scope, d.whatsapp_number_id, d.template_name, d.campaign_id, r.after, d.wamid
    loop
        if v_fault.slow = 1 then
            v_slow := v_slow || v_fault.whatsapp_number_id;
        end if;
        continue when v_fault.scope is null or coalesce(v_fault.answers, 0) < v_fault.after;
        v_held := v_held + v_fault.n;
        v_stood := exists (
            select 1 from public.wacampaign_holds h
            where h.lifted_at is null and h.scope = v_fault.scope
              and (h.held_until is null or h.held_until > v_now)
              and h.whatsapp_number_id = v_fault.whatsapp_number_id
              and (h.template_name is null or h.template_name = v_fault.template_name)
              and (h.campaign_id is null or h.campaign_id = v_fault.campaign_id));
        perform public.wacampaign_hold(
            v_fault.scope, v_fault.campaign_id, v_fault.whatsapp_number_id, v_fault.template_name,
            v_fault.code,
            replace(replace(v_fault.reason, 'CAMPAIGN', v_fault.campaign_id::text),
                    'PHONE_NUMBER_ID', coalesce(v_fault.number, 'PHONE_NUMBER_ID'))
                || format(' (template %s%s; accepted, and failed afterwards)', v_fault.template_name,
                          coalesce(', number id ' || v_fault.number, '')),
            v_fault.seconds, null);
        if not v_stood and v_fault.status not in ('running', 'paused') then
            perform public.wacampaign_bell(
                'error', 'Messages are not delivered: ' || v_fault.name,
                replace(v_fault.reason, 'CAMPAIGN', v_fault.campaign_id::text), '/campaigns',
                v_fault.campaign_id);
        end if;
    end loop;
    if v_slow is not null then
        perform public.wacampaign_slow_numbers(v_slow);
    end if;
    return v_held;
end
$$;
