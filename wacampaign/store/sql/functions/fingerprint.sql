-- What a row must fill of a template. Wording, footers, fixed buttons and samples are no part of it: a
-- mended typo stops no campaign. What counts: the variables of header and body, the kind of a header that
-- is no text, each button that a message must name with its place (and the address that a row's ending
-- belongs to), the cards of a carousel, whether an offer ends, and parts of a kind not known here.

-- The variables of a text, each once: numbers by their size, names in the order of the text.
create or replace function public.wacampaign_text_variables(p_text text)
returns jsonb language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select coalesce(jsonb_agg(v.name order by
        case when v.name ~ '^[0-9]{1,9}$' then v.name::int end, v.place), '[]'::jsonb)
    from (
        select r.m[1] as name, min(r.n) as place
        from regexp_matches(coalesce(p_text, ''), '\{\{\s*([^{}[:space:]]+)\s*\}\}', 'g')
            with ordinality as r (m, n)
        group by 1) as v
$$;

-- The buttons that a message must name: place, kind, and the address that an ending belongs to. A
-- one-time password's button is one kind, though Meta shows it in two ways.
create or replace function public.wacampaign_named_buttons(p_buttons jsonb)
returns jsonb language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select jsonb_agg(jsonb_build_array(b.place - 1, k.kind, case when k.kind = 'URL' then k.url end)
                     order by b.place)
    from jsonb_array_elements(case when jsonb_typeof(p_buttons) = 'array' then p_buttons
                              else '[]'::jsonb end) with ordinality as b (button, place)
    cross join lateral (
        select b.button ->> 'url' as url,
               case when b.button ->> 'url' ~* '^https?://(www\.)?whatsapp\.com/otp/' then 'OTP'
                    else upper(coalesce(b.button ->> 'type', '')) end as kind) as k
    where k.kind not in ('QUICK_REPLY', 'PHONE_NUMBER', 'VOICE_CALL')
      and (k.kind <> 'URL' or public.wacampaign_text_variables(k.url) <> '[]'::jsonb)
$$;

-- What a row must fill, by the kind of each part. The order of parts and of keys is of no importance.
-- Null: the components are damaged (other programs write them, too), so they say nothing.
create or replace function public.wacampaign_template_fingerprint(p_components jsonb)
returns jsonb language plpgsql immutable
set search_path = public, extensions, pg_temp as $$
declare
    v_part jsonb;
    v_kind text;
    v_needs jsonb;
    v_all jsonb := '{}';
begin
    if jsonb_typeof(p_components) is distinct from 'array' then
        return null;
    end if;
    for v_part in select value from jsonb_array_elements(p_components) loop
        if jsonb_typeof(v_part) <> 'object' then
            return null;
        end if;
        v_kind := upper(coalesce(v_part ->> 'type', ''));
        continue when v_all ? v_kind or v_kind = 'FOOTER';
        v_needs := case
            when v_kind = 'HEADER' and upper(coalesce(v_part ->> 'format', 'TEXT')) <> 'TEXT'
                then to_jsonb(upper(v_part ->> 'format'))
            when v_kind in ('HEADER', 'BODY')
                then nullif(public.wacampaign_text_variables(v_part ->> 'text'), '[]'::jsonb)
            when v_kind = 'BUTTONS' then public.wacampaign_named_buttons(v_part -> 'buttons')
            when v_kind = 'CAROUSEL' then (
                select jsonb_agg(public.wacampaign_template_fingerprint(c.card -> 'components')
                                 order by c.place)
                from jsonb_array_elements(case when jsonb_typeof(v_part -> 'cards') = 'array'
                                          then v_part -> 'cards' else '[]'::jsonb end)
                    with ordinality as c (card, place))
            when v_kind = 'LIMITED_TIME_OFFER'
                then to_jsonb(coalesce(v_part #>> '{limited_time_offer,has_expiration}', 'false'))
            else 'true'::jsonb end;
        if v_needs is not null then
            v_all := v_all || jsonb_build_object(v_kind, v_needs);
        end if;
    end loop;
    if not v_all ? 'BODY' and exists (
        select 1 from jsonb_array_elements(coalesce(v_all -> 'BUTTONS', '[]')) as b
        where b ->> 1 = 'OTP') then
        -- As it is created it has no text: Meta's has the code as {{1}}.
        v_all := v_all || '{"BODY": ["1"]}';
    end if;
    return v_all;
end
$$;
