"""The digits in a phone as WhatsApp, address books, CRMs and spreadsheets write it.

What is here looks at the writing only; whether the digits are a number is for `phones`. A text that
may hold two numbers is refused: joined they would be a third person's.
"""

import re
import unicodedata
from typing import Final, NamedTuple
from urllib.parse import unquote

from wacampaign.core.bad_phone import BadPhone, DamagedPhone, TwoNumbers
from wacampaign.core.numbering_plans import DIGITS_MIN, calling_code
from wacampaign.core.phone_labels import BETWEEN, EMPTY, LETTERS, WORD, without_labels


class Written(NamedTuple):
    """What is written, as ASCII digits."""

    digits: str
    #: Whether it says itself that a country code is first (`+`, `00`, a WhatsApp address).
    has_code: bool
    #: Digits at the end that stand apart and may be no part of the number; 0: none.
    apart: int = 0
    #: Whether it is a dash that sets them apart.
    by_dash: bool = False


#: Digits of one side that are surely a number of its own, as local numbers have seven.
_ALONE: Final = 7
#: Digits of the longest area code, without trunk 0 (Germany: five).
_AREA_MAX: Final = 5
#: Digits before an opening bracket that make a number: what is in it then is something else.
_BEFORE_BRACKET: Final = 8

_WIDE: Final[dict[int, int | str]] = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_ODD_SIGNS: Final = {
    **_WIDE,
    0x2795: "+",
    0x207A: "+",
    0xFE62: "+",
    0x2212: "-",
    0xB7: ".",
    0x2022: ".",
}

_SCIENTIFIC: Final = re.compile(r"^\+?(\d)(?:[.,](\d+))?[eE]\+?(\d{1,2})$")
_DECIMAL_TAIL: Final = re.compile(r"^(\+?\d{4,})[.,]0+$")
#: As spreadsheets show numbers: 447,700,900,123 and India's 4,47,70,09,00,123, with .00 perhaps.
_GROUPED: Final = re.compile(
    r"^(\+?)(\d{1,3}(?:([,.'’])\d{3})(?:\3\d{3}){2,4}|\d{1,2}(?:,\d\d){3,6},\d{3})(?:[.,]0+)?$"
)
#: A sum of money or a count: too short for a phone with its country code.
_AMOUNT: Final = re.compile(r"^[+-]?\d{1,3}([,.'’])\d{3}(?:\1\d{3})?(?:(?!\1)[.,]\d+)?$")
_DATE: Final = re.compile(
    r"^(?:(?:19|20)\d\d[-./]\d\d?[-./]\d\d?|\d\d?[-./]\d\d?[-./](?:19|20)\d\d)$"
)

#: RFC 3966 and the like, Meta's lead export (p:), and a vCard's property with its parameters.
_SCHEME: Final = re.compile(
    r"^(?:(?:item\d+\.)?tel(?:;[^:]*)?|callto|whatsapp|smsto|sms|wa|p)\s*:(?!//send)(?://)?\s*",
    re.IGNORECASE,
)
_LINK: Final = re.compile(
    r"^(?:(?:https?:)?//)?(?:(?:www|api|web|chat|m)\.)?(?:wa\.me|whatsapp\.com)(?=[/?])(.*)$"
    r"|^whatsapp://(send.*)$",
    re.IGNORECASE | re.DOTALL,
)
_IN_LINK: Final = re.compile(r"^/?(?:send)?/?\?(?:.*&)?phone=([^&#]+)|^/([^/?#]+)", re.IGNORECASE)
_LINK_NUMBER: Final = re.compile(r"^\+?[\d\s().-]+$")
#: How WhatsApp's own programs and libraries name an account; `:12` is one of its devices.
_ACCOUNT: Final = re.compile(
    r"^\+?(\d+)(?:\.\d+)?(?::\d+)?(?:-\d+)?@(c\.us|s\.whatsapp\.net|g\.us|lid|broadcast|newsletter)$",
    re.IGNORECASE,
)
_NO_PERSON: Final = {
    "g.us": "a WhatsApp group, not a person",
    "lid": "WhatsApp's hidden id of a person (@lid), not a phone number",
    "broadcast": "a WhatsApp broadcast list, not a person",
    "newsletter": "a WhatsApp channel, not a person",
}
#: Brazil's (0xx11): the trunk 0, a carrier of one's choice, the area.
_CARRIER: Final = re.compile(r"\(0xx(?=\d)", re.IGNORECASE)
_CONTEXT: Final = re.compile(r";\s*phone-context=(\+?\d+)", re.IGNORECASE)
_PARAMETERS: Final = re.compile(
    r"(?:;\s*(?:phone-context|isub|postd|cpc|type|waid)=[^;]*)+$", re.IGNORECASE
)
_EXTENSION: Final = re.compile(
    r"\d[\s.,;(/-]*(?:ext(?:ension|n)?\b[\s.:=]*|extn?\.?\s*=\s*|(?:x|poste|anexo|ramal|interno|durchwahl|dw"
    r"|доб|вн)[\s.:]*|#\s*)\d+\W*$"
    r"|\d\s*(?:[;,]{2,}|[pw,;](?=\d+#))\s*\d+#?$",
    re.IGNORECASE,
)

_APART: Final = re.compile(r"[:;,|&\\\n\r\v\f\t\x1c-\x1e\x85\u2028\u2029]")
_SEPARATORS: Final = frozenset(" -.()[]/")
_RUNS: Final = re.compile(r"[0-9]+")
#: What needs no further look at its form: nothing but digits and separators.
_USUAL: Final = re.compile(r"^[( ]*\+?[()0-9][0-9 ().-]*[0-9]$", re.ASCII)
#: Digits of an end that may be no part of the number, and of what is before it: pairs all along
#: are how some countries write one number.
_APART_MAX: Final = 4
_APART_BEFORE: Final = 4
_TWO: Final = "two numbers? give each its own row, or only one of them"


def written_phone(written: str) -> Written:
    """The digits of `written`. Raises `BadPhone` for what is no phone, or may be two of them."""
    text = _plain(written)
    if _USUAL.match(text) and not _GROUPED.match(text) and not _DECIMAL_TAIL.match(text):
        return _joined(text.lstrip("( "))
    text = text.removeprefix("=")  # ="+44…" keeps Excel from rounding
    text = text.strip("'’‘`\" ")
    if not text:
        raise BadPhone(EMPTY)
    if match := _SCIENTIFIC.match(text):
        return _scientific(match[1], match[2] or "", int(match[3]))
    if match := _DECIMAL_TAIL.match(text):
        text = match[1]
    elif match := _GROUPED.match(text):
        text = match[1] + "".join(filter(str.isdigit, match[2]))
    if (link := _LINK.match(text)) is not None:
        return _in_link(link)
    if (account := _ACCOUNT.match(text)) is not None:
        if why := _NO_PERSON.get(account[2].lower()):
            raise BadPhone(why)
        return Written(account[1], True)
    if "@" in text:
        raise BadPhone("an address with @, not a phone number")
    while (scheme := _SCHEME.match(text)) is not None:
        text = text[scheme.end() :]
    if _EXTENSION.search(text):
        raise TwoNumbers("a number with an extension: WhatsApp reaches no extension")
    text = _CARRIER.sub("(0", text)
    context = _CONTEXT.search(text)
    text = _PARAMETERS.sub("", text)
    if context is not None and not text.startswith("+"):
        text = context[1] + text
    return _digits(without_labels(text))


def _plain(written: str) -> str:
    """`written` without what cannot be seen, in ASCII where only the script's form differs."""
    if written.isascii():
        return written.strip()
    kept = []
    for char in written.translate(_ODD_SIGNS):
        category = unicodedata.category(char)
        if category == "Cf":
            continue
        if category == "Nd":
            char = str(unicodedata.decimal(char))
        elif category == "Zs":
            char = " "
        elif category == "Pd":
            char = "-"
        kept.append(char)
    return "".join(kept).strip()


def _scientific(whole: str, fraction: str, exponent: int) -> Written:
    if len(fraction.rstrip("0")) > exponent or len(fraction) < exponent:
        raise DamagedPhone(
            "rounded by a spreadsheet (such as 9.19E+11), the last digits are lost: format "
            "the column as text and export it again"
        )
    return Written(whole + fraction[:exponent], False)


def _in_link(link: re.Match[str]) -> Written:
    place = _IN_LINK.match(link[1] or link[2])
    found = unquote(place[1] or place[2]).strip() if place else ""
    if not _LINK_NUMBER.match(found):
        raise BadPhone("a WhatsApp link without a phone number")
    return Written(_without_zeros("".join(filter(str.isdigit, found))), True)


def _without_zeros(digits: str) -> str:
    return digits[2:] if digits.startswith("00") else digits


def _digits(text: str) -> Written:
    """The digits of what begins with a plus or digit and ends with a digit."""
    _refuse_two(text.lstrip("+ "))
    if any(char not in _SEPARATORS and not char.isdigit() for char in text.lstrip("+ ")):
        raise BadPhone(LETTERS if WORD.search(text) else "not written as a phone number")
    return _joined(text)


def _joined(text: str) -> Written:
    """The same of what holds digits and separators only, and a plus perhaps in front."""
    has_code = text.startswith("+")
    runs = _RUNS.findall(text)
    digits = "".join(runs)
    if digits.startswith("00"):
        digits, has_code = digits[2:], True
    if not digits:
        raise BadPhone(EMPTY)
    if len(runs) == 1:
        return Written(digits, has_code)
    if "(" in text or "[" in text:
        opened = max(text.rfind("("), text.rfind("["))
        if opened > _BEFORE_BRACKET and sum(map(str.isdigit, text[:opened])) >= _BEFORE_BRACKET:
            raise TwoNumbers(_TWO)
    if "/" in text:
        _refuse_slash(text, has_code)
    end, before = runs[-1], runs[-2]
    if len(end) >= _ALONE and len(_without_zeros(before)) >= _ALONE:
        raise TwoNumbers(_TWO)
    if len(end) <= _APART_MAX and len(before) >= _APART_BEFORE:
        between = text.rstrip("0123456789").rstrip()
        return Written(digits, has_code, len(end), between.endswith("-"))
    return Written(digits, has_code)


def _refuse_two(text: str) -> None:
    """Raises when something between digits sets two numbers apart."""
    if "+" in text or any(word.lower() in BETWEEN for word in WORD.findall(text)):
        raise TwoNumbers(_TWO)
    for pattern in (_APART, WORD):
        parts = [sum(map(str.isdigit, part)) for part in pattern.split(text)]
        if len(parts) > 1 and (pattern is _APART or sorted(parts)[-2] >= _ALONE):
            raise TwoNumbers(_TWO)


def _refuse_slash(text: str, has_code: bool) -> None:
    """Raises unless what is before the last slash is codes only: 030/123456 is one number."""
    before, _, after = text.rpartition("/")
    lead = _without_zeros("".join(filter(str.isdigit, before)))
    if has_code:
        lead = lead[len(calling_code(lead) or "") :]
        if after.strip().startswith("0"):
            raise TwoNumbers(_TWO)
    if len(lead.lstrip("0")) > _AREA_MAX:
        raise TwoNumbers(_TWO)


def looks_like_phone(text: str) -> bool:
    """Whether `text` is meant as a phone number, good or damaged: tells a header from a row."""
    if _DATE.match(text.strip()) or _AMOUNT.match(text.strip()):
        return False
    try:
        return len(written_phone(text).digits) >= DIGITS_MIN - 1
    except BadPhone as bad:
        return bad.meant_as_phone
