-- Cells that people paste. The characters are those of wacampaign/core/cells.py, which says why; a
-- test compares them.

-- What is around a value and no part of it, for btrim: white space of Unicode, zero-width spaces,
-- byte order marks, soft hyphens. Evaluated once a query, so it costs nothing over a million rows.
create or replace function public.wacampaign_blanks()
returns text
language sql
immutable
parallel safe
set search_path = public, extensions, pg_temp
as $$
    select E'\t\n\u000b\u000c\r\u001c\u001d\u001e\u001f \u0085\u00a0\u1680'
        || E'\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a'
        || E'\u2028\u2029\u202f\u205f\u3000\u180e\u200b\u2060\ufeff\u00ad'
$$;

-- A text without any blank, joiner or mark of the reading direction, for what has none inside:
-- tokens, ids.
create or replace function public.wacampaign_solid(p_text text)
returns text
language sql
immutable
parallel safe
set search_path = public, extensions, pg_temp
as $$
    select translate(p_text, public.wacampaign_blanks()
        || E'\u200c\u200d\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069', '')
$$;

select public.wacampaign_keep_rights();
