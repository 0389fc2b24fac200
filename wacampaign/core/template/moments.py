"""When an offer ends, as people and spreadsheets write it, and as Meta takes it."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from wacampaign.core.cells import cell

#: How a person would write it.
_FORM: Final = "2030-01-31 18:00"
_SINCE_1970: Final = re.compile(r"[0-9]{10}|[0-9]{13}")
_TIME: Final = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]+)?)?"
    r"(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_ISO: Final = re.compile(
    rf"(?P<year>[0-9]{{4}})-(?P<month>[0-9]{{1,2}})-(?P<day>[0-9]{{1,2}})[T ]\s*{_TIME}"
    r"\s?(?P<zone>[Zz]|UTC|[+-][0-9]{2}:?[0-9]{2})?"
)
#: Day, month and year, in the order of the country.
_DOTTED: Final = re.compile(
    rf"(?P<day>[0-9]{{1,2}})\.\s?(?P<month>[0-9]{{1,2}})\.\s?(?P<year>[0-9]{{4}}),?\s+{_TIME}"
)
_SLASHED: Final = re.compile(
    rf"(?P<one>[0-9]{{1,2}})/(?P<other>[0-9]{{1,2}})/(?P<year>[0-9]{{4}}),?\s+{_TIME}"
)
_DATE_ONLY: Final = re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}")


@lru_cache(maxsize=4096)
def moment_of(text: str) -> datetime:
    """The moment that `text` means, with its zone; without one it is this machine's.

    Takes `2030-01-31 18:00`, with seconds, AM or PM, `Z` or an offset; `31.1.2030 18:00`; days and
    months with slashes where only one order is possible; and seconds or milliseconds since 1970.
    Raises `ValueError`, whose text goes after the value's name.
    """
    text = cell(text)
    try:
        if _SINCE_1970.fullmatch(text):
            return datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1)).astimezone()
        if match := _ISO.fullmatch(text):
            zone = (match["zone"] or "").upper().replace("UTC", "Z")
            at = _at(match, int(match["month"]), int(match["day"]))
            return datetime.fromisoformat(f"{at}{zone}").astimezone() if zone else _local(at)
        if match := _DOTTED.fullmatch(text):
            return _local(_at(match, int(match["month"]), int(match["day"])))
        if match := _SLASHED.fullmatch(text):
            return _local(_slashed(match))
    except (OverflowError, OSError):
        pass
    if _DATE_ONLY.fullmatch(text):
        raise ValueError(f"has no time of day: write {_FORM}")
    raise ValueError(f"is no moment, such as {_FORM}")


def milliseconds_of(text: str, now: datetime) -> str:
    """Milliseconds since 1970, as Meta takes them. Raises `ValueError` as `moment_of` does, and for
    a moment that is over."""
    at = moment_of(text)
    if at <= now:
        raise ValueError(f"is over: it means {at:%Y-%m-%d %H:%M %Z}")
    return str(round(at.timestamp() * 1000))


def _local(at: str) -> datetime:
    return datetime.fromisoformat(at).astimezone()


def _at(match: re.Match[str], month: int, day: int) -> str:
    """Date and time in ISO 8601. Raises `ValueError`."""
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(f"is no moment, such as {_FORM}")
        hour = hour % 12 + (12 if match["half"] in "pP" else 0)
    minute, second = int(match["minute"]), int(match["second"] or 0)
    try:
        return datetime(int(match["year"]), month, day, hour, minute, second).isoformat()
    except ValueError:
        raise ValueError("is no day or time that there is") from None


def _slashed(match: re.Match[str]) -> str:
    """Raises `ValueError` where day and month may be either."""
    one, other = int(match["one"]), int(match["other"])
    if one != other and one <= 12 and other <= 12:
        year = match["year"]
        either = f"{year}-{other:02}-{one:02} or {year}-{one:02}-{other:02}"
        raise ValueError(f"may mean {either}: write it like that, with its time")
    return _at(match, other, one) if one > 12 else _at(match, one, other)
