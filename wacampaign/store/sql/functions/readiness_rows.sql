-- Rows that would be sent are those `pending` or `ready`. They are surveyed whole, in pages: each page
-- answers with groups of rows that are made alike, so that one row of each tells of all.

-- Whether so many rows of a number and template wait for their hours that pages of p_limit of them are
-- found sooner by walking all rows of the campaign once than by reading those rows for each page.
create or replace function public.wacampaign_many_wait(
    p_campaign_id uuid, p_number_id uuid, p_template text, p_limit int)
returns bool language sql stable
set search_path = public, extensions, pg_temp as $$
    with marked as (
        select sum(n) as n from public.wacampaign_window_zones where campaign_id = p_campaign_id
    ), rows as (
        select sum(c.n) as n,
               sum(c.n) filter (where c.status = 'ready') as waits,
               sum(c.n) filter (where c.status = 'ready' and c.whatsapp_number_id = p_number_id
                                  and c.template_name = p_template) as here
        from public.wacampaign_counts c where c.campaign_id = p_campaign_id
    )
    select coalesce((marked.n * rows.here / nullif(rows.waits, 0)) ^ 2 > rows.n * p_limit, false)
    from marked, rows
$$;

-- Ids of rows that are not fresh, by the order of ids: read along all rows of the campaign.
create or replace function public.wacampaign_other_rows_walked(
    p_campaign_id uuid, p_number_id uuid, p_template text, p_after_id uuid, p_limit int)
returns uuid[] language sql stable
set search_path = public, extensions, pg_temp set jit = off
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
    select array_agg(t.id) from (
        select q.id from public.send_queue q
        where q.campaign_id = p_campaign_id and q.id > p_after_id
          and q.whatsapp_number_id = p_number_id and q.template_name = p_template
          and (q.status = 'pending' or (q.status = 'ready'
               and (q.next_retry_at is not null or q.created_at is null)))
        order by q.id limit p_limit) as t
$$;

-- The same: found by the indexes of each kind, and sorted.
create or replace function public.wacampaign_other_rows_found(
    p_campaign_id uuid, p_number_id uuid, p_template text, p_after_id uuid, p_limit int)
returns uuid[] language sql stable
set search_path = public, extensions, pg_temp set jit = off set enable_seqscan = off as $$
    with found as materialized (
        select q.id from public.send_queue q
        where q.status = 'pending' and q.campaign_id = p_campaign_id
          and q.whatsapp_number_id = p_number_id and q.template_name = p_template
        union all
        select q.id from public.send_queue q
        where q.status = 'ready' and q.next_retry_at is not null and q.campaign_id = p_campaign_id
          and q.whatsapp_number_id = p_number_id and q.template_name = p_template
        union all
        select q.id from public.send_queue q
        where q.status = 'ready' and q.next_retry_at is null and q.created_at is null
          and q.campaign_id = p_campaign_id
          and q.whatsapp_number_id = p_number_id and q.template_name = p_template
    )
    select array_agg(t.id order by t.id)
    from (select f.id from found f where f.id > p_after_id order by f.id limit p_limit) as t
$$;

drop function if exists public.wacampaign_readiness_rows(uuid, uuid, text, text, text, uuid, text[], int[], int, int);

-- One page of the rows of a number and template that would be sent, in groups of rows alike.
--
-- p_part: `fresh` (ready, never tried) is read along the claim's own index; `other` is what is left
-- (pending, waiting for a retry or for its hours), in the order of ids. p_after_at and p_after_id:
-- `last_at`, `last_id` of the page before.
-- p_roles says what var1, var2, … fill (media, header, body, suffix, coupon, …), p_limits how many
-- characters each may have, p_body_times how often each stands in the body, p_body_room how many
-- characters all of the body may have together. p_prose_signs and p_other_signs are expressions that
-- find values nobody meant to send, placeholders and markup, in texts that people read and in others;
-- the third of the others finds whole addresses where an ending goes. p_quick_sign finds all that the
-- first two find, and more, at a fraction of their cost.
--
-- A signature holds each variable with its marks: e empty, z nothing visible, n line break, t tab,
-- s five spaces, l too long, u URL, m and d digits (12 and more, fewer), c no coupon code, f not the
-- form of degrees, a moment or sections, v a moment that is over, # number, p placeholder, x markup,
-- h whole address, N null, b boolean, o neither; and `!body` (too long). `first_end`: when the first
-- offer ends that is not over, in milliseconds since 1970. The phones: `wacampaign_readiness_phones`.
create or replace function public.wacampaign_readiness_rows(
    p_campaign_id uuid, p_number_id uuid, p_template text, p_part text, p_after_at text,
    p_after_id uuid, p_roles text[], p_limits int[], p_body_times int[], p_body_room int,
    p_quick_sign text, p_prose_signs text[], p_other_signs text[], p_limit int default 20000)
returns jsonb language plpgsql stable
set search_path = public, extensions, pg_temp set plan_cache_mode = force_custom_plan
set enable_seqscan = off set jit = off set work_mem = '64MB' as $$
declare
    v_limit constant int := least(greatest(p_limit, 1), 100000);
    v_after_at constant timestamptz := coalesce(p_after_at::timestamptz, '-infinity');
    v_after_id constant uuid := coalesce(p_after_id, '00000000-0000-0000-0000-000000000000');
    v_keys constant text[] := array(
        select 'var' || i from generate_series(1, coalesce(cardinality(p_roles), 0)) as i);
    -- Those of the header's medium, and of each card's.
    v_media_keys constant text[] := array(
        select 'var' || i from unnest(p_roles) with ordinality as r (role, i)
        where role = 'media' order by i);
    v_ends constant text := 'var' || array_position(p_roles, 'expires');
    v_now_ms constant text := lpad(floor(extract(epoch from now()) * 1000)::text, 13, '0');
    v_ids uuid[];
    v_last timestamptz;
    -- White space, and what cannot be seen besides.
    c_white constant text := ' \t\n\r\v\f\u001c-\u001f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000';
    c_hidden constant text := c_white || '\u0001-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff';
    c_blank constant text := '^[' || c_white || ']*$';
    c_unseen constant text := '^[' || c_hidden || ']*$';
    c_lines constant text := '[\n\r\v\f\u0085\u2028\u2029]';
    c_latitude constant text := '^\s*[+-]?(0?[0-8]?[0-9]([.,][0-9]+)?|0?90([.,]0+)?)\s*$';
    c_longitude constant text := '^\s*[+-]?((0?[0-9]?[0-9]|1[0-7][0-9])([.,][0-9]+)?|180([.,]0+)?)\s*$';
    c_sections constant text := '^\s*(;\s*)*[^;]*[^;\s][^;]*:[^;]*[^;,\s][^;]*(;([^;]*[^;\s][^;]*:[^;]*[^;,\s][^;]*|\s*))*$';
    c_odd constant text := c_unseen || '|[\t\n\r\v\f\u0085\u2028\u2029]| {5}';
begin
    -- The keys of the page first, by an index; then the rows themselves.
    if p_part = 'fresh' then
        select array_agg(t.id order by t.created_at, t.id), max(t.created_at) into v_ids, v_last
        from (
            select q.id, q.created_at from public.send_queue q
            where q.campaign_id = p_campaign_id and q.whatsapp_number_id = p_number_id
              and q.template_name = p_template and q.status = 'ready' and q.next_retry_at is null
              and (q.created_at, q.id) > (v_after_at, v_after_id)
            order by q.created_at, q.id
            limit v_limit
        ) as t;
    else
        v_ids := case when public.wacampaign_many_wait(p_campaign_id, p_number_id, p_template, v_limit)
            then public.wacampaign_other_rows_walked(
                p_campaign_id, p_number_id, p_template, v_after_id, v_limit)
            else public.wacampaign_other_rows_found(
                p_campaign_id, p_number_id, p_template, v_after_id, v_limit) end;
    end if;

    return (
        with page as materialized (
            select k.n, q.id, q.phone, q.payload
            from unnest(v_ids) with ordinality as k (id, n)
            join public.send_queue q on q.id = k.id
        ), signed as (
            select p.n,
                   case when coalesce(jsonb_typeof(p.payload), 'null') = 'null' then ''
                        when jsonb_typeof(p.payload) <> 'object'
                            then 'no object ' || jsonb_typeof(p.payload)
                        else (
                       select coalesce(string_agg(
                                  left(v.key, 40) || ':' || v.kind || case when v.text is null then '' else
                                  case when v.text !~ c_odd then ''
                                       when v.text ~ c_blank then 'e'
                                       when v.text ~ c_unseen then 'z'
                                       else case when v.text ~ c_lines then 'n' else '' end
                                            || case when strpos(v.text, E'\t') > 0 then 't' else '' end
                                            || case when strpos(v.text, '     ') > 0 then 's' else '' end
                                       end
                                  || case when length(v.text) > p_limits[v.i] then 'l' else '' end
                                  || case when strpos(v.text, '://') > 0
                                               and v.text ~* '^\s*https?://[^\s/]' then 'u'
                                          when (v.i <= 2 or p_roles[v.i] = 'media') and v.text ~ '^\s*[0-9]+\s*$'
                                              then case when length(btrim(v.text, public.wacampaign_blanks())) >= 12
                                                        then 'm' else 'd' end
                                          else '' end
                                  || case p_roles[v.i]
                                          when 'coupon' then case when v.text !~ '^[A-Za-z0-9]*$' then 'c' else '' end
                                          when 'latitude' then case when v.text !~ c_latitude then 'f' else '' end
                                          when 'longitude' then case when v.text !~ c_longitude then 'f' else '' end
                                          when 'expires' then case when v.text !~ '^\s*[0-9]{13}\s*$' then 'f'
                                                                   when btrim(v.text) <= v_now_ms then 'v' else '' end
                                          when 'products' then case when v.text !~ c_sections then 'f' else '' end
                                          else '' end
                                  || case when v.bare !~ p_quick_sign then ''
                                          else case when v.bare ~ v.signs[1] then 'p' else '' end
                                               || case when v.bare ~ v.signs[2] then 'x' else '' end
                                          end
                                  || case when p_roles[v.i] = 'suffix' and v.bare ~ v.signs[3]
                                          then 'h' else '' end
                                  end, ' '), '')
                              || case when sum(length(v.text) * p_body_times[v.i]) > p_body_room then ' !body' else '' end
                       from (
                           select e.key, k.i,
                                  case when k.type in ('string', 'number') then e.value #>> '{}' end
                                      as text,
                                  case when k.type = 'string'
                                       then btrim(e.value #>> '{}', public.wacampaign_blanks()) end
                                      as bare,
                                  case k.type when 'string' then '' when 'number' then '#'
                                              when 'null' then 'N' when 'boolean' then 'b'
                                              else 'o' end as kind,
                                  case when k.i is null then null
                                       when p_roles[k.i] in ('header', 'body') then p_prose_signs
                                       else p_other_signs end as signs
                           from jsonb_each(p.payload) as e
                           cross join lateral (
                               select jsonb_typeof(e.value) as type,
                                      array_position(v_keys, e.key) as i) as k
                       ) as v) end as signature
            from page p
        ), grouped as materialized (
            select signature, count(*) as n, min(signed.n) as first from signed group by 1
        ), shown as (
            select * from grouped order by n desc, signature limit 500
        ), files as materialized (
            select btrim(p.payload ->> k.key, public.wacampaign_blanks()) as value,
                   count(distinct p.n) as n
            from page p cross join unnest(v_media_keys) as k (key)
            where jsonb_typeof(p.payload) = 'object'
              and btrim(coalesce(p.payload ->> k.key, ''), public.wacampaign_blanks()) <> ''
            group by 1
        )
        select jsonb_build_object(
            'rows', coalesce(cardinality(v_ids), 0),
            'groups', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'signature', s.signature, 'n', s.n, 'phone', p.phone, 'payload', p.payload)
                    order by s.n desc, s.signature), '[]'::jsonb)
                from shown s join page p on p.n = s.first),
            'grouped', (select coalesce(sum(n), 0) from shown),
            'media', (
                select coalesce(jsonb_agg(to_jsonb(f) order by f.n desc, f.value), '[]'::jsonb)
                from (select left(value, 2000) as value, n from files
                      order by n desc, value limit 100) as f),
            'media_count', (select count(*) from files),
            'first_end', (
                select min(btrim(p.payload ->> v_ends)) from page p
                where jsonb_typeof(p.payload) = 'object'
                  and btrim(p.payload ->> v_ends) ~ '^[0-9]{13}$'
                  and btrim(p.payload ->> v_ends) > v_now_ms),
            'last_at', case when cardinality(v_ids) = v_limit then v_last::text end,
            'last_id', case when cardinality(v_ids) = v_limit then v_ids[v_limit] end));
end
$$;
