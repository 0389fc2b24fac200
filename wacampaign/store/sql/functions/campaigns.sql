-- The campaign's row, locked against whoever settles its rows, completes or changes it.
--   p_lock false: not locked, for those who only read
-- PT404: there is none. Whoever calls this raises it, too.
create or replace function public.wacampaign_campaign(p_campaign_id uuid, p_lock bool default true)
returns public.campaigns language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_campaign public.campaigns;
begin
    if p_lock then
        perform 1 from public.campaigns where id = p_campaign_id for update;
    end if;
    select * into v_campaign from public.campaigns where id = p_campaign_id;
    if not found then
        raise sqlstate 'PT404' using message = 'no such campaign';
    end if;
    return v_campaign;
end
$$;

-- What a person types of an id, for sentences: its first eight characters, or seven where these would be
-- digits only, which are masked like a phone number. The same as `short_id` in core/words.py.
create or replace function public.wacampaign_short_id(p_id uuid)
returns text language sql immutable
set search_path = public, extensions, pg_temp as $$
    select case when left(p_id::text, 8) ~ '[a-f]' then left(p_id::text, 8) else left(p_id::text, 7) end
$$;

-- Resolves what a person typed: a full id, an unambiguous beginning of one (6 characters or more),
-- or an exact name. Returns the matches, at most ten.
create or replace function public.wacampaign_find(p_text text)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    with typed as (
        select translate(lower(p_text), '%_\', '') as beginning
    ), found as (
        select k.id, k.name, k.status, k.created_at,
               k.name = p_text or k.id::text = typed.beginning as exact
        from public.campaigns k, typed
        where k.name = p_text
           or (length(typed.beginning) >= 6 and k.id::text like typed.beginning || '%')
        order by exact desc, k.created_at desc
        limit 10
    )
    select coalesce(jsonb_agg(jsonb_build_object('id', id, 'name', name, 'status', status)
                              order by exact desc, created_at desc), '[]'::jsonb)
    from found
$$;

-- The newest campaigns, whatever their state.
create or replace function public.wacampaign_recent(p_limit int default 50)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'name', k.name, 'status', k.status)
                              order by k.created_at desc, k.id), '[]'::jsonb)
    from (
        select id, name, status, created_at from public.campaigns
        order by created_at desc, id
        limit least(p_limit, 500)
    ) as k
$$;
