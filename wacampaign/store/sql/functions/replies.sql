-- Who replied: shown_totals.sql shows it in campaigns.

-- Brings what is shown of one campaign's replies to what is known of them (inbound.sql). Returns the
-- campaign, if its turn has come.
drop function if exists public.wacampaign_count_delivery(int);
create or replace function public.wacampaign_count_replies()
returns uuid language plpgsql
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off
set enable_bitmapscan = off set plan_cache_mode = force_custom_plan as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_campaign uuid;
begin
    -- Campaigns that run, and those that ended within three days, ever more rarely: a hundredth of
    -- the time since.
    select d.campaign_id into v_campaign
    from public.wacampaign_runs r
    join public.campaigns k on k.id = r.campaign_id
    cross join lateral (
        select r.campaign_id, (
            select d.counted_at from public.wacampaign_delivery d
            where d.campaign_id = r.campaign_id) as counted_at
        offset 0) as d
    where r.first_sent_at is not null
      and (k.status = 'running' or r.last_settled_at > v_now - interval '3 days')
      and (d.counted_at is null
           or d.counted_at < v_now - greatest(interval '10 seconds',
                                              least(v_now - r.last_settled_at, interval '3 days') / 100))
    order by d.counted_at nulls first, d.campaign_id
    limit 1;
    if v_campaign is null then
        return null;
    end if;
    insert into public.wacampaign_delivery (campaign_id) values (v_campaign)
    on conflict do nothing;
    perform 1 from public.wacampaign_delivery
    where campaign_id = v_campaign
    for update skip locked;
    if not found then
        return null;
    end if;

    update public.wacampaign_delivery
    set replied = public.wacampaign_replied_of(v_campaign), counted_at = v_now
    where campaign_id = v_campaign;
    return v_campaign;
end
$$;
