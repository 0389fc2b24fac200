-- Rows of the campaign that somebody deleted from the queue, without those that were replaced: no more
-- than contacts are without a row.
create or replace function public.wacampaign_deleted(p_campaign_id uuid)
returns bigint language sql stable
set search_path = public, extensions, pg_temp as $$
    select case
        when deleted.n = 0 or coalesce(k.total_contacts, 0) = 0 then deleted.n
        else greatest(0, least(
            deleted.n, k.total_contacts - public.wacampaign_counted(p_campaign_id))) end::bigint
    from (select coalesce(sum(e.row_count), 0) as n from public.wacampaign_events e
          where e.campaign_id = p_campaign_id and e.kind = 'rows_deleted') as deleted
    left join public.campaigns k on k.id = p_campaign_id
$$;

-- What other programs did to this campaign against what is known, or tried to: by kind, attempt and
-- program, the latest first, at most 20. See the guard.
create or replace function public.wacampaign_others(p_campaign_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'kind', o.kind, 'tried', o.tried, 'who', o.actor, 'rows', o.n, 'times', o.times,
        'first_at', o.first_at, 'last_at', o.last_at) order by o.last_at desc, o.tried), '[]'::jsonb)
    from (
        select e.kind, t.key as tried, e.actor,
               sum(case e.kind when 'completion_kept_back' then e.row_count else t.value::bigint end)
                   as n,
               count(*) as times, min(e.at) as first_at, max(e.at) as last_at
        from public.wacampaign_events e
        cross join lateral jsonb_each_text(
            coalesce(e.detail -> 'tried', e.detail -> 'statuses')) as t
        where e.campaign_id = p_campaign_id
          and e.kind in ('kept_back', 'completion_kept_back', 'rows_deleted')
        group by 1, 2, 3
        order by 7 desc
        limit 20
    ) as o
$$;
