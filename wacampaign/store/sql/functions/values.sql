-- What is worked out from values alone: pasted cells, codes, keys, times. Tables and indexes call these.
-- The characters are those of wacampaign/core/cells.py, which says why; a test compares them.

-- What is around a value and no part of it, for btrim: white space of Unicode, zero-width spaces,
-- byte order marks, soft hyphens. Evaluated once a query, so it costs nothing over a million rows.
create or replace function public.wacampaign_blanks()
returns text language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select E'\t\n\u000b\u000c\r\u001c\u001d\u001e\u001f \u0085\u00a0\u1680'
        || E'\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a'
        || E'\u2028\u2029\u202f\u205f\u3000\u180e\u200b\u2060\ufeff\u00ad'
$$;

-- A text without any blank, joiner or mark of the reading direction, for what has none inside:
-- tokens, ids.
create or replace function public.wacampaign_solid(p_text text)
returns text language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select translate(p_text, public.wacampaign_blanks()
        || E'\u200c\u200d\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069', '')
$$;

-- The digits of a phone in the forms that other programs write into a row, country code first as far
-- as it is there; a text without digits as it is. `wacampaign/core/phone_forms.py` knows more forms,
-- and which of them are numbers.
create or replace function public.wacampaign_digits(p_phone text)
returns text language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select case
        when p_phone ~ '^[1-9][0-9]*$' then p_phone
        -- Nothing that needs a closer look: most forms, at a tenth of the cost.
        when p_phone !~ '[/@.,(]|[^ -~]' then coalesce(nullif(regexp_replace(
            regexp_replace(p_phone, '[^0-9]', '', 'g'), '^00', ''), ''), p_phone)
        else (
            select coalesce(nullif(regexp_replace(regexp_replace(
                coalesce(substring(t.text from 'wa\.me/\+?([0-9]+)'),
                         substring(t.text from '[?&]phone=(?:\+|%2b)?([0-9]+)'),
                         substring(t.text from '^\+?([0-9]+)(?::[0-9]+)?@(?:c\.us|s\.whatsapp\.net)$'),
                         substring(t.text from '^(.*[0-9]{4})[.,]0+$'),
                         replace(t.text, '(0)', '')),
                '[^0-9]', '', 'g'), '^00', ''), ''), p_phone)
            from (select lower(translate(public.wacampaign_solid(p_phone),
                '０１２３４５６７８９٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९',
                '0123456789012345678901234567890123456789')) as text) as t) end
$$;

-- The person with this number: one key for the two national spellings of Brazil (ninth digit),
-- Argentina (9, 15) and Mexico (1). The same as `person_of` in wacampaign/core/national_spellings.py,
-- which says why; a test compares them. Where it is asked a million times, plain digits of other
-- countries are told before.
create or replace function public.wacampaign_person(p_phone text)
returns text language sql immutable parallel safe
set search_path = public, extensions, pg_temp as $$
    select case
        when p_phone !~ '^[1-9][0-9]*$' then
            case when p_phone is distinct from public.wacampaign_digits(p_phone)
                 then public.wacampaign_person(public.wacampaign_digits(p_phone)) else p_phone end
        when p_phone !~ '^5[245]' then p_phone
        when p_phone ~ '^55[1-9][0-9]9[6-9][0-9]{7}$' then left(p_phone, 4) || substr(p_phone, 6)
        when p_phone ~ '^549[0-9]{10}$' then '54' || substr(p_phone, 4)
        when p_phone ~ '^521[0-9]{10}$' then '52' || substr(p_phone, 4)
        when p_phone ~ '^54[0-9]{12,13}$' then regexp_replace(p_phone,
            '^549?(?:(11)15([0-9]{8})|([23][0-9]{2})15([0-9]{7})|([23][0-9]{3})15([0-9]{6}))$',
            '54\1\2\3\4\5\6')
        else p_phone end
$$;

-- The error code of a row: ours, or read from the text that the old backend wrote.
create or replace function public.wacampaign_error_code(p_code int, p_message text)
returns int language sql immutable
set search_path = public, extensions, pg_temp as $$
    select coalesce(
        p_code,
        substring(p_message from '\(#([0-9]{1,7})\)')::int,
        substring(p_message from '"code" *: *([0-9]{1,7})')::int,
        0
    )
$$;
comment on function public.wacampaign_error_code(int, text) is
    'for everybody: an index of send_queue calls it with the rights of whoever writes a failed row';

-- Which bucket a row of whatsapp_numbers sends from: that of its phone number id, without what
-- people paste along (white space of any kind, marks that nobody sees); a row without one has its own.
create or replace function public.wacampaign_bucket_key(p_id uuid, p_phone_number_id text)
returns text language sql immutable
set search_path = public, extensions, pg_temp as $$
    select coalesce(nullif(regexp_replace(p_phone_number_id, '[^0-9A-Za-z]', '', 'g'), ''), p_id::text)
$$;

-- A time as JSON gives it.
create or replace function public.wacampaign_utc(p_at timestamptz)
returns text language sql stable
set search_path = public, extensions, pg_temp as $$
    select to_char(p_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

-- The rate of a number now, in messages per second: what is configured, or less after throttling,
-- coming back by a twentieth of the configured rate every five seconds.
create or replace function public.wacampaign_rate(
    p_configured int, p_lowered numeric, p_changed_at timestamptz, p_now timestamptz)
returns numeric language sql immutable
set search_path = public, extensions, pg_temp as $$
    select case
        when p_lowered is null then greatest(coalesce(p_configured, 60), 0)
        else least(
            greatest(coalesce(p_configured, 60), 0),
            p_lowered
                + floor(extract(epoch from p_now - coalesce(p_changed_at, p_now)) / 5)
                * greatest(1, coalesce(p_configured, 60) / 20.0)
        )
    end
$$;

-- Whether a value of var1 may be replaced: a URL, a media id, or nothing at all. Where it is asked
-- a million times, it stands written out: a call costs more than the question.
create or replace function public.wacampaign_is_media(p_payload jsonb)
returns bool language sql immutable
set search_path = public, extensions, pg_temp as $$
    select case
        when jsonb_typeof(p_payload) is distinct from 'object' then false
        else coalesce(btrim(p_payload ->> 'var1', public.wacampaign_blanks()), '') ~* '^(https?://.*|[0-9]*)$' end
$$;

-- The last part of an address's path, as a reader sees it; null where it has none. Python's
-- `core.template.parameters.file_name` does the same; a test compares them.
create or replace function public.wacampaign_file_name(p_url text)
returns text language plpgsql immutable
set search_path = public, extensions, pg_temp as $$
declare
    v_part constant text := substring(split_part(split_part(p_url, '#', 1), '?', 1)
                                      from '^\s*[A-Za-z]+://[^/]*/(?:.*/)?([^/]*)$');
begin
    return (
        select nullif(btrim(convert_from(string_agg(
                   case when length(m[1]) = 3 and m[1] ~ '^%[0-9A-Fa-f]{2}$'
                        then decode(substr(m[1], 2), 'hex') else convert_to(m[1], 'UTF8') end,
                   ''::bytea order by n), 'UTF8'), public.wacampaign_blanks()), '')
        from regexp_matches(v_part, '%[0-9A-Fa-f]{2}|[^%]+|%', 'g') with ordinality as r (m, n));
exception when character_not_in_repertoire then  -- no UTF-8: as it stands
    return v_part;
end
$$;

-- Whether a row has the medium already. p_signed: Meta signs its samples anew at each reading, so the
-- same address with another signature is no change, while the old one (`oe`, hexadecimal seconds)
-- is good for three more days, as in the media validator.
create or replace function public.wacampaign_has_medium(p_var1 text, p_medium text, p_signed bool)
returns bool language sql stable
set search_path = public, extensions, pg_temp as $$
    select coalesce(p_var1 = p_medium or p_signed
        and split_part(p_var1, '?', 1) = split_part(p_medium, '?', 1)
        and coalesce(to_timestamp(
            ('x' || lpad(substring(p_var1 from '[?&]oe=([0-9a-fA-F]{1,8})(?:&|$)'), 16, '0'))
            ::bit(64)::bigint) > clock_timestamp() + interval '72 hours', true), false)
$$;
