"""Whole phone numbers and secrets out of everything that people, logs and error texts show.

In doubt a number is masked: a shortened media id costs a look into the database, a phone number
in a log cannot be taken back.
"""

import re
from collections.abc import Collection
from typing import Final

#: Digits. From here on a run of digits may be a phone number with its country code; E.164 has at
#: most 15, and the ids of Meta that are longer are none.
_PHONE_DIGITS_MIN: Final = 8
_PHONE_DIGITS_MAX: Final = 15
#: Digits from which four may be shown at the end; of a shorter number they would be half of it.
_SHOW_FOUR_FROM: Final = 11

#: Country calling codes of one and two digits (ITU E.164); all others have three.
_CALLING_1: Final = frozenset("17")
_CALLING_2: Final = frozenset(
    str(code)
    for code in (
        *(20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50)),
        *(*range(51, 59), *range(60, 67), 81, 82, 84, 86, *range(90, 96), 98),
    )
)

_PATTERN: Final = re.compile(
    # Kept: ids of rows and campaigns, though their hex may be all digits; times (ISO 8601);
    # Meta's ids of numbers and accounts, by the words that this program puts before them.
    r"(?P<kept>(?:\bnumber id|--number|--waba|\bnumber (?:add|set)|\bphone_number_id to) \d{8,20}\b"
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\b\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?(?!\d))"
    # Names before a secret; the name stays.
    r"|(?P<name>\bbearer\s+|\boauth\s+(?!access\s+token\b)"
    r"|(?:access_token|app_secret|apikey|api_key|password|service_key)[\"']?\s*[=:]\s*[\"']?)"
    r"(?P<secret>[^\s\"'&,;}]+)"
    # Passwords in addresses: scheme://user:password@host; of databases up to the last @, as what
    # was not percent-encoded may stand there.
    r"|(?P<database>\bpostgres(?:ql)?(?:\+[a-z0-9_]+)?://[^\s:/@]*:)(?P<unencoded>\S+)(?=@)"
    r"|(?P<user>://[^\s:/@]*:)(?P<password>[^\s/@]+)(?=@)"
    # Tokens by their shape: Meta's user and app tokens, Supabase keys, any JWT.
    r"|(?P<token>EAA[0-9a-z_-]{5,}|\b\d{8,20}\|[0-9a-z_-]{10,}"
    r"|\bsb_(?:secret|publishable)_[0-9a-z_-]+|\beyJ[0-9a-z_-]{10,}(?:\.[0-9a-z_-]+){0,2})"
    # Phones: with a plus, with separators, or as bare digits.
    r"|(?P<phone>[+＋][ ]?\d(?:[ ().\-]{0,2}\d){7,14}(?!\d)"
    r"|(?<!\d)\d{8,15}(?!\d)"
    r"|(?<![\d.*])\d{2,5}(?:[ -]\d{2,6}){1,4}(?!\d))",
    re.IGNORECASE,
)
#: Digits of a phone number written with separators and without a plus. Fewer may be anything.
_SPACED_DIGITS_MIN: Final = 10

_HIDDEN: Final = "***"

#: Characters of a secret that is looked for in texts. A shorter one would hide common words.
_SECRET_CHARS_MIN: Final = 8
#: The secrets of this process's settings, longest first, and what finds them.
_secrets: set[str] = set()
_secrets_pattern: re.Pattern[str] | None = None


def hide_secrets(*secrets: str) -> None:
    """From now on these are masked wherever they turn up, whatever stands before them."""
    global _secrets_pattern
    _secrets.update(secret for secret in secrets if len(secret) >= _SECRET_CHARS_MIN)
    if _secrets:
        longest_first = sorted(_secrets, key=len, reverse=True)
        _secrets_pattern = re.compile("|".join(map(re.escape, longest_first)))


def _without_secrets(text: str) -> str:
    return _secrets_pattern.sub(_HIDDEN, text) if _secrets_pattern is not None else text


def mask_phone(phone: str) -> str:
    """A phone number as it may be shown: country code and last digits, such as `+44***0123`.

    Takes any writing; what is too short to be a number is hidden whole. Without a country code
    (a leading 0) only the last digits stay.
    """
    digits = "".join(c for c in phone if c.isdecimal())
    if len(digits) < _PHONE_DIGITS_MIN:
        return _HIDDEN
    tail = digits[-4:] if len(digits) >= _SHOW_FOUR_FROM else digits[-2:]
    if digits[0] in _CALLING_1:
        code = digits[0]
    elif digits[:2] in _CALLING_2:
        code = digits[:2]
    else:
        code = digits[:3]
    return f"{_HIDDEN}{tail}" if digits[0] == "0" else f"+{code}{_HIDDEN}{tail}"


def mask_secrets(text: str, *, ids: Collection[str] = ()) -> str:
    """`text` with every token, key, password and phone number masked. Safe to repeat.

    `ids` are Meta's ids that the caller knows to be no phone numbers: these stay.
    """
    text = _without_secrets(text)
    if not ids:
        return _PATTERN.sub(_masked, text)
    return _PATTERN.sub(lambda match: match[0] if match[0] in ids else _masked(match), text)


def mask_tokens(text: str) -> str:
    """As `mask_secrets`, but phone numbers stay: for those who asked to see them."""
    return _PATTERN.sub(
        lambda match: match[0] if match["phone"] else _masked(match), _without_secrets(text)
    )


def _masked(match: re.Match[str]) -> str:
    whole = match[0]
    if match["kept"] is not None:
        return whole
    if match["secret"] is not None:
        return match["name"] + _HIDDEN
    if match["unencoded"] is not None:
        return match["database"] + _HIDDEN
    if match["password"] is not None:
        return match["user"] + _HIDDEN
    if (token := match["token"]) is not None:
        return f"{token[:3]}{_HIDDEN}"
    digits = sum(c.isdecimal() for c in whole)
    if digits == len(whole) or whole[0] in "+＋":
        return mask_phone(whole)
    return mask_phone(whole) if _SPACED_DIGITS_MIN <= digits <= _PHONE_DIGITS_MAX else whole
