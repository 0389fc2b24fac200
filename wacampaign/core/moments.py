"""Times as people read them on a screen: the operator's local time (TZ), always with its zone.

JSON, CSV files, logs and reports, which are read elsewhere, have UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

#: How data and the database's own sentences write a time.
_IN_TEXT: Final = re.compile(
    r"\b(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d):\d\d(?:\.\d{1,6})?(?:Z|\+00:00)| (\d\d:\d\d) UTC\b)"
)


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


def told_locally(text: str) -> str:
    """`text` with each UTC time in it as `local_time` gives it."""
    return _IN_TEXT.sub(lambda m: local_time(f"{m[1]}T{m[2] or m[3]}+00:00"), text)


def _local(timestamp: str, plus_seconds: float = 0) -> datetime:
    at = datetime.fromisoformat(timestamp)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at + timedelta(seconds=plus_seconds)).astimezone()
