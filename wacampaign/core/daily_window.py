"""Sending hours: between two times of day by the recipients' clocks, and what follows for the end.

The database decides (functions/hours.sql); this says what that will come to. Times of day are wall
clocks: on a day on which clocks are set, the hours begin and end when the clocks show it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: How a person would write it.
FORM: Final = "09:00-20:00"
_FORM: Final = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")
_DAY: Final = 24 * 60
#: Days that an end is looked for: past it nobody plans.
_DAYS: Final = 60
#: Half hours or hours by which clocks are set, and the days around a moment that concern it.
_QUARTERS: Final = tuple(timedelta(minutes=15 * n) for n in range(-6, 5))


@dataclass(frozen=True, slots=True)
class Hours:
    """From one time of day to another, in minutes after midnight; the end is 1,440 at most.

    An end before the beginning is one after midnight.
    """

    opens: int
    closes: int

    def __str__(self) -> str:
        return f"{_clock(self.opens)}-{_clock(self.closes)}"

    @property
    def opens_at(self) -> str:
        """The beginning as `HH:MM`."""
        return _clock(self.opens)

    @property
    def closes_at(self) -> str:
        """The end as `HH:MM`, `24:00` for midnight."""
        return _clock(self.closes)

    def are_now(self, zones: Sequence[str], at: datetime) -> bool:
        """Whether it is within these hours in all zones at `at`; without any zone it never is."""
        return bool(zones) and all(self._in(ZoneInfo(zone), at) for zone in zones)

    def _in(self, zone: ZoneInfo, at: datetime) -> bool:
        local = at.astimezone(zone)
        seconds = (local.hour * 60 + local.minute) * 60 + local.second + local.microsecond / 1e6
        begun, over = seconds >= self.opens * 60, seconds >= self.closes * 60
        return begun and not over if self.opens < self.closes else begun or not over

    def change_after(self, zones: Sequence[str], at: datetime) -> datetime | None:
        """When that changes next; None: not within two days."""
        now = self.are_now(zones, at)
        moments = sorted({m for zone in zones for m in self._moments(ZoneInfo(zone), at)})
        for moment in moments:
            within = at < moment < at + timedelta(days=2)
            if within and self.are_now(zones, moment) != now:
                return moment
        return None

    def _moments(self, zone: ZoneInfo, at: datetime) -> list[datetime]:
        """Where something may change: the two times of the days around, and the quarters of an
        hour near them, on one of which clocks are set."""
        midnight = datetime.combine(at.astimezone(zone).date(), time())
        moments = []
        for day in range(-1, 3):
            for minutes in (self.opens, self.closes):
                wall = midnight + timedelta(days=day, minutes=minutes)
                edge = wall.replace(tzinfo=zone).astimezone(UTC)
                quarter = edge.replace(minute=edge.minute // 15 * 15)
                moments += [base + n for base in (edge, quarter) for n in _QUARTERS]
        return moments


def read_hours(text: str) -> Hours:
    """Hours as people write them: `09:00-20:00`, `20:00-02:00`, `09:00-24:00`.

    Raises `ValueError`, whose text goes after what was written.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"is no pair of times, such as {FORM}")
    opens_hour, opens_minute, closes_hour, closes_minute = map(int, found.groups())
    opens, closes = opens_hour * 60 + opens_minute, closes_hour * 60 + closes_minute
    if max(opens_minute, closes_minute) > 59 or opens >= _DAY or closes > _DAY:
        raise ValueError(f"has a time that no clock shows; it takes 00:00 to 24:00, as in {FORM}")
    if closes == 0:
        closes = _DAY
    if opens == closes:
        raise ValueError("ends when it begins")
    if closes - opens == _DAY:
        raise ValueError("is the whole day: leave it out to send at any time")
    return Hours(opens, closes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def is_zone(name: str) -> bool:
    """Whether it is the name of a time zone, such as Asia/Kolkata."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return "/" in name or name == "UTC"


@dataclass(frozen=True, slots=True)
class ZoneRows:
    """Rows whose recipients share their clocks."""

    #: All of them count.
    zones: tuple[str, ...]
    rows: int
    #: Whether it is the hour there, and when that changes (ISO 8601).
    open: bool
    changes_at: str | None
    #: Nobody knows where these phones are.
    unknown: bool = False
    #: Their own zones have no hour in common, so another clock counts.
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """The sending hours of a campaign and the rows that are to go in them."""

    #: `HH:MM`.
    opens: str
    closes: str
    #: Whose clock counts where a phone's own is not known.
    zone: str
    set_by: str
    #: The most rows first.
    zones: tuple[ZoneRows, ...]

    @property
    def hours(self) -> Hours:
        """The hours as such."""
        return read_hours(f"{self.opens}-{self.closes}")

    @property
    def open_rows(self) -> int:
        """Rows that may go now."""
        return sum(group.rows for group in self.zones if group.open)

    @property
    def closed_rows(self) -> int:
        """Rows that wait for their hours."""
        return sum(group.rows for group in self.zones if not group.open)

    @property
    def next_opening(self) -> ZoneRows | None:
        """Of those that wait, those that go first."""
        waiting = [group for group in self.zones if not group.open and group.changes_at]
        return min(waiting, key=lambda group: group.changes_at or "", default=None)

    def seconds_to_end(self, at: str, rate: float, more: int = 0) -> int | None:
        """Seconds until the last row is taken at `rate` a second, counted over the hours.

        `more`: rows of which no zone is known yet, which are taken for rows of the commonest.
        None: not within two months, or a zone is one that this machine does not know.
        """
        if rate <= 0:
            return None
        try:
            return _seconds_to_end(self.hours, self.zones, datetime.fromisoformat(at), rate, more)
        except ZoneInfoNotFoundError:
            return None


def _seconds_to_end(
    hours: Hours, groups: Sequence[ZoneRows], start: datetime, rate: float, more: int
) -> int | None:
    left = [float(group.rows + (more if place == 0 else 0)) for place, group in enumerate(groups)]
    now = start
    changes: list[datetime | None] = [start] * len(groups)
    opened = [False] * len(groups)
    while any(left):
        for place, group in enumerate(groups):
            change = changes[place]
            if left[place] and change is not None and change <= now:
                opened[place] = hours.are_now(group.zones, now)
                changes[place] = hours.change_after(group.zones, now)
        todo = [place for place, rows in enumerate(left) if rows and opened[place]]
        coming = [c for place, c in enumerate(changes) if left[place] and c is not None]
        until = min(coming, default=now + timedelta(days=_DAYS))
        if todo:
            needs = timedelta(seconds=sum(left[place] for place in todo) / rate)
            until = min(until, now + needs)
            budget = (until - now).total_seconds() * rate
            # Those whose hours end first go first, as the claim has it.
            for place in sorted(todo, key=lambda p: changes[p] or until):
                sent = min(left[place], budget)
                left[place] = 0.0 if left[place] - sent < 0.5 else left[place] - sent
                budget -= sent
        if until - start >= timedelta(days=_DAYS):
            return None
        now = max(until, now + timedelta(seconds=1))
    return round((now - start).total_seconds())
