"""Cells that people paste: what is around a value and cannot be part of it.

Spreadsheets, chats and web pages add more than spaces: no-break and zero-width spaces, byte order
marks, soft hyphens, marks of the reading direction. The database does the same
(`btrim` with `wacampaign_blanks()`, and `wacampaign_solid`); a test compares them.
"""

from typing import Final

#: White space of Unicode (`White_Space`), then what has no width and no meaning at the end of a
#: text: Mongolian vowel separator, zero-width space, word joiner, byte order mark, soft hyphen.
#: Joiners are not among them: words of some scripts end in one.
BLANKS: Final = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u180e\u200b\u2060\ufeff\xad"
)
#: Joiners and marks of the reading direction: never part of a token, an id or a phone.
UNSEEN: Final = (
    "\u200c\u200d\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)

_NO_BLANK: Final = str.maketrans("", "", BLANKS + UNSEEN)


def cell(text: str) -> str:
    """`text` without blanks at its ends; inside everything stays."""
    return text.strip(BLANKS)


def solid(text: str) -> str:
    """`text` without any blank or unseen mark, for what has none inside: tokens, ids, digits."""
    return text.translate(_NO_BLANK)
