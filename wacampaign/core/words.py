"""Counts, durations and times as people read them.

Times on a screen are the operator's local time (TZ), always with its zone. JSON, CSV files, logs
and reports, which are read elsewhere, have UTC.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

#: How data and the database's own sentences write a time.
_IN_TEXT: Final = re.compile(
    r"\b(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d):\d\d(?:\.\d{1,6})?(?:Z|\+00:00)| (\d\d:\d\d) UTC\b)"
)


def counted(n: int, noun: str) -> str:
    """`1 row`, `10,807 rows`, `2 boxes`."""
    ending = "" if n == 1 else "es" if noun.endswith("x") else "s"
    return f"{n:,} {noun}{ending}"


def are(n: int) -> str:
    """The verb behind so many: `is`, `are`."""
    return "is" if n == 1 else "are"


def were(n: int) -> str:
    """`was`, `were`."""
    return "was" if n == 1 else "were"


def have(n: int) -> str:
    """`has`, `have`."""
    return "has" if n == 1 else "have"


def verb(n: int, word: str) -> str:
    """What so many do: `waits`, `wait`."""
    return f"{word}s" if n == 1 else word


def rows(n: int) -> str:
    """`1 row`, `10,807 rows`."""
    return counted(n, "row")


def short_id(uuid: str) -> str:
    """The first eight characters of an id: what a person types.

    Seven where eight would be digits alone: texts in which phone numbers are masked hold it, too.
    """
    return uuid[:7] if uuid[:8].isdecimal() else uuid[:8]


def duration(seconds: float) -> str:
    """`41 s`, `2 min 11 s`, `1 h 05 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def milliseconds(value: float) -> str:
    """`42 ms`, `310 ms`, `1.9 s` of milliseconds."""
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def rough_duration(seconds: float) -> str:
    """`41 s`, `5 min`, `26 h`: one unit, the rest is cut off."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"


def rough_span(low: float, high: float) -> str:
    """`41 to 52 s`, `7 to 9 min`, `2 to 3 h`: whole units that hold all from `low` to `high`."""
    unit, name = (1, "s") if high < 120 else (60, "min") if high < 7200 else (3600, "h")
    return f"{math.floor(low / unit)} to {math.ceil(high / unit)} {name}"


def seconds_between(start: str, end: str) -> float:
    """From one ISO 8601 timestamp to another."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def local_time(timestamp: str, *, plus_seconds: float = 0) -> str:
    """`2026-11-25 14:32 IST` of an ISO 8601 timestamp; without a zone it is UTC, as everywhere."""
    return f"{_local(timestamp, plus_seconds):%Y-%m-%d %H:%M %Z}"


def local_clock(timestamp: str, *, plus_seconds: float = 0) -> str:
    """`14:32 IST`; with its date when it is another day than today."""
    at = _local(timestamp, plus_seconds)
    if at.date() == datetime.now().astimezone().date():
        return f"{at:%H:%M %Z}"
    return f"{at:%Y-%m-%d %H:%M %Z}"


def seconds_clock(timestamp: str) -> str:
    """`14:32:07 IST`."""
    return f"{_local(timestamp):%H:%M:%S %Z}"


def local_seconds(timestamp: str) -> str:
    """`2026-11-25 14:32:07 IST`."""
    return f"{_local(timestamp):%Y-%m-%d %H:%M:%S %Z}"


def told_locally(text: str) -> str:
    """`text` with each UTC time in it as `local_time` gives it."""
    return _IN_TEXT.sub(lambda m: local_time(f"{m[1]}T{m[2] or m[3]}+00:00"), text)


def _local(timestamp: str, plus_seconds: float = 0) -> datetime:
    at = datetime.fromisoformat(timestamp)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at + timedelta(seconds=plus_seconds)).astimezone()
