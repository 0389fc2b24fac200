"""Numbers and dates of an .xlsx as their cell displays them (ECMA-376 part 1, 18.8.30 and 18.8.31).

Two exceptions: a whole number is never shortened to an exponent, as it may be a phone; and a date
in the computer's own form reads as 2026-12-31, as each computer shows another one.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from typing import Final

from wacampaign.intake.sheets.cells import Seen, general

#: Built-in formats by id (18.8.30). 14 and 22, and 27 to 36 and 50 to 58 (East Asian), are dates in
#: the computer's own form: "".
BUILT_IN: Final = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: '"$"#,##0', 6: '"$"#,##0',
    7: '"$"#,##0.00', 8: '"$"#,##0.00', 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 14: "", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: " h:mm", 37: "#,##0;(#,##0)",
    38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)", 41: "#,##0",
    42: '"$"#,##0', 43: "#,##0.00", 44: '"$"#,##0.00', 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0",
    48: "##0.0E+0", 49: "@", **dict.fromkeys((*range(27, 37), *range(50, 59)), ""),
}  # fmt: skip

Show = Callable[[str], str]

_TOKEN: Final = re.compile(
    r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|General|AM/PM|A/P|[yY]+|[mM]+|[dD]+|[hH]+|[sS]+(?:\.0+)?'
    r"|[eE][+-]|[0#?]+|.",
    re.DOTALL,
)
_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS: Final = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
#: Locale ids of English, and none: month names of others are not written here.
_ENGLISH: Final = re.compile(r"\[\$[^-\]]*-(?!(?:0?[0-9a-f]{0,2}09|x-sysdate)\])", re.IGNORECASE)


def shower(code: str, seen: Seen, *, since_1904: bool) -> Show:
    """How a cell of format `code` shows the number that the file holds."""
    if code.strip().lower() in ("general", "@"):
        return lambda raw: _noted(general(raw), seen)
    if not code or code.startswith((" ", "[$-F800]", "[$-F400]", "[$-x-sys")):
        return lambda raw: _own_form(raw, seen, since_1904=since_1904)
    sections = _sections(code)

    def show(raw: str) -> str:
        try:
            number = Decimal(raw)
            if not number.is_finite():
                return raw
        except InvalidOperation:
            return raw
        section, number = _choose(sections, number)
        tokens = _tokens(section)
        if _is_date(tokens):
            if _ENGLISH.search(section) and re.search("mmm|ddd", section, re.IGNORECASE):
                return _own_form(raw, seen, since_1904=since_1904)
            return _date(tokens, float(number), since_1904=since_1904) or general(raw)
        return _noted(_number(tokens, number), seen)

    return show


def _noted(text: str, seen: Seen) -> str:
    if not seen.decimal and re.search(r"\d\.\d", text):
        seen.decimal = text
    return text


def _sections(code: str) -> list[str]:
    sections = [""]
    for token in _TOKEN.findall(code):
        if token == ";":
            sections.append("")
        else:
            sections[-1] += token
    return sections


def _choose(sections: list[str], number: Decimal) -> tuple[str, Decimal]:
    """The section for the number's sign, and the number as that section shows it."""
    if any(re.match(r"(?:\[[^\]]*\])*\[[<>=]", section) for section in sections):
        return "General", number
    if number < 0 and len(sections) > 1:
        return sections[1], -number
    if number == 0 and len(sections) > 2:
        return sections[2], number
    return sections[0], number


@cache
def _tokens(section: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(section))


def _is_date(tokens: tuple[str, ...]) -> bool:
    return any(
        token[0] in "yYmMdDhHsS" or re.fullmatch(r"\[[hms]+\]", token, re.IGNORECASE)
        for token in tokens
    )


def _literal(token: str) -> str | None:
    """What a token shows that is no placeholder; None for a placeholder."""
    if token[0] == '"':
        return token[1:-1]
    if token[0] == "\\":
        return token[1:]
    if token[0] == "_":
        return " "
    if token[0] == "*":
        return ""
    if token[0] == "[":
        return token[2:-1].partition("-")[0] if token.startswith("[$") else ""
    return None if token[0] in "0#?.,%eEG/" and token != "/" else token


def _number(tokens: tuple[str, ...], number: Decimal) -> str:
    kinds = "".join("d" if t[0] in "0#?" else t[0] for t in tokens if _literal(t) is None)
    if "G" in kinds:
        shown = general(str(number))
        return "".join(shown if t == "General" else _literal(t) or "" for t in tokens)
    places = [t for t in tokens if t[0] in "0#?"]
    if not places:
        return "".join(_literal(t) or "" for t in tokens).strip()
    if "/" in tokens or "E" in kinds.upper():
        return general(str(number))
    point = tokens.index(".") if "." in tokens else len(tokens)
    decimals = sum(len(t) for t in tokens[point:] if t[0] in "0#?")
    digits_at = [i for i, t in enumerate(tokens) if t[0] in "0#?"]
    whole_end = max((i for i in digits_at if i < point), default=-1)
    commas = [i for i, t in enumerate(tokens) if t == ","]
    # Behind the last digit a comma divides by a thousand, between digits of the whole it groups.
    thousands = sum(i > digits_at[-1] or whole_end < i < point for i in commas)
    number = number.scaleb(2 * tokens.count("%") - 3 * thousands)
    number = number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    whole, _, fraction = f"{abs(number):f}".partition(".")
    last_places = "".join(t for t in tokens[point:] if t[0] in "0#?")
    optional = len(last_places) - len(last_places.rstrip("#?"))
    while optional and fraction.endswith("0"):
        fraction, optional = fraction[:-1], optional - 1
    shown = _whole(tokens[:point], whole, grouped=any(i < whole_end for i in commas))
    if fraction:
        shown += "." + fraction
    for token in tokens[point:]:
        shown += _literal(token) or ("%" if token == "%" else "")
    return ("-" if number < 0 else "") + shown.strip()


def _whole(tokens: tuple[str, ...], digits: str, *, grouped: bool) -> str:
    """The part before the point: digits fill the places from the right, the rest the first one."""
    left = sum(len(t) for t in tokens if t[0] in "0#?")
    digits = "" if digits == "0" else digits
    digits = digits.rjust(sum(t.count("0") for t in tokens if t[0] in "0#?"), "0")
    shown: list[str] = []
    at = 0
    for token in tokens:
        if token[0] not in "0#?":
            shown.append(_literal(token) or ("%" if token == "%" else ""))
            continue
        for _ in token:
            left -= 1
            while len(digits) - at > left:
                shown.append(digits[at])
                at += 1
                rest = len(digits) - at
                if grouped and rest and rest % 3 == 0:
                    shown.append(",")
    return "".join(shown)


def _moment(serial: float, *, since_1904: bool) -> datetime | None:
    # 1900 was a leap year to Lotus 1-2-3, and so it is to Excel.
    base = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 31 if serial < 60 else 30)
    try:
        moment = base + timedelta(seconds=round(serial * 86_400, 3))
    except (OverflowError, ValueError):
        return None
    return moment if serial >= 0 and moment.year <= 9999 else None


def _own_form(raw: str, seen: Seen, *, since_1904: bool) -> str:
    try:
        serial = float(raw)
    except ValueError:
        return raw
    moment = _moment(serial, since_1904=since_1904)
    if moment is None:
        return general(raw)
    text = f"{moment:%Y-%m-%d}" if serial >= 1 else ""
    if serial % 1:
        text = f"{text} {moment:%H:%M}".strip()
    seen.date = seen.date or text
    return text


def _date(tokens: tuple[str, ...], serial: float, *, since_1904: bool) -> str | None:
    moment = _moment(serial, since_1904=since_1904)
    if moment is None:
        return None
    noon = any(token in ("AM/PM", "A/P") for token in tokens)
    shown: list[str] = []
    for at, token in enumerate(tokens):
        kind = token[0].lower()
        if re.fullmatch(r"\[h+\]", token, re.IGNORECASE):
            shown.append(str(round(serial * 86_400) // 3600))
        elif token in ("AM/PM", "A/P"):
            shown.append(("AM" if moment.hour < 12 else "PM")[: 1 + (token == "AM/PM")])
        elif kind == "m" and _are_minutes(tokens, at):
            shown.append(f"{moment.minute:0{min(2, len(token))}d}")
        elif kind in "ymdhs":
            shown.append(_part(kind, token, moment, noon=noon))
        else:
            shown.append(token if (text := _literal(token)) is None else text)
    return "".join(shown).strip()


def _part(kind: str, token: str, moment: datetime, *, noon: bool) -> str:
    size = len(token)
    if kind == "y":
        return f"{moment.year:04d}" if size > 2 else f"{moment.year % 100:02d}"
    if kind == "m" and size > 2:
        month = _MONTHS[moment.month - 1]
        return month[:1] if size == 5 else month if size > 3 else month[:3]
    if kind == "d" and size > 2:
        day = _DAYS[moment.weekday()]
        return day if size > 3 else day[:3]
    if kind == "s" and "." in token:
        whole, _, places = token.partition(".")
        fraction = f"{moment.microsecond:06d}"[: len(places)]
        return f"{moment.second:0{len(whole)}d}.{fraction}"
    hour = (moment.hour % 12 or 12) if noon else moment.hour
    value = {"m": moment.month, "d": moment.day, "h": hour, "s": moment.second}[kind]
    return f"{value:0{min(2, size)}d}"


def _are_minutes(tokens: tuple[str, ...], at: int) -> bool:
    """Whether the m at `at` means minutes: it follows hours or stands before seconds."""
    parts = [
        (i, kind)
        for i, token in enumerate(tokens)
        if (kind := token.lstrip("[")[:1].lower()) in tuple("ymdhs")
    ]
    where = parts.index((at, "m"))
    before = parts[where - 1][1] if where else ""
    after = parts[where + 1][1] if where + 1 < len(parts) else ""
    return len(tokens[at]) < 3 and (before == "h" or after == "s")
