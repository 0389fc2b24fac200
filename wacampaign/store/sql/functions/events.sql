-- Writes an event down: when, who, what, how many, why.
--   p_campaign_id: null: of no campaign
--   p_detail: what else a reader may want to know, by kind
create or replace function public.wacampaign_event(
    p_campaign_id uuid, p_kind text, p_actor text, p_rows numeric default null,
    p_reason text default null, p_detail jsonb default null)
returns void language sql
set search_path = public, extensions, pg_temp as $$
    insert into public.wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)
    values (p_campaign_id, p_kind, p_actor, p_rows, p_reason, p_detail)
$$;

-- The campaign's events, the oldest first: the last p_limit of them, at most 500.
create or replace function public.wacampaign_events_of(p_campaign_id uuid, p_limit int default 50)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(to_jsonb(e) order by e.id), '[]'::jsonb)
    from (select * from public.wacampaign_events
          where campaign_id = p_campaign_id
          order by id desc limit least(p_limit, 500)) as e
$$;
