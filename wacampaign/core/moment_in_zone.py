"""Times that a person types for a moment to come: local, with an offset, or by a zone's clocks."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from wacampaign.core.cells import cell
from wacampaign.core.daily_window import is_zone
from wacampaign.core.words import duration

_SHORT_HOUR: Final = re.compile(r"(?<=[ T])(?=\d:)")
_WITH_ZONE: Final = re.compile(r"(?P<time>.*\d)\s+(?P<zone>[A-Za-z][\w+-]*(?:/[\w+-]+)*)")


@dataclass(frozen=True, slots=True)
class TypedMoment:
    """A moment, and by whose clocks it was named."""

    at: datetime
    #: None: by this machine's, or with an offset.
    zone: str | None = None

    def __str__(self) -> str:
        """By the clocks that it was named by, in UTC, and here."""
        # Without seconds, so that no screen takes it for a time to be made local (`told_locally`).
        utc = f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
        here = f"{self.at.astimezone():%Y-%m-%d %H:%M %Z}"
        if self.zone is None:
            return f"{here} ({utc})"
        there = f"{self.at.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M}"
        return f"{there} in {self.zone} ({utc}, here {here})"

    def ahead(self, now: datetime) -> str:
        """`in 9 h 12 min`."""
        return f"in {duration((self.at - now).total_seconds())}"


def read_moment(text: str, zone: str | None = None) -> TypedMoment:
    """The moment that `text` means: `2026-11-27 09:00`, the same with `Asia/Kolkata` behind it or
    as `zone`, or ISO 8601 with an offset. Without either it is by this machine's clock.

    Raises `ValueError`, whose text goes after what was typed.
    """
    text = cell(text)
    if (found := _WITH_ZONE.fullmatch(text)) is not None:
        if zone is not None and zone != found["zone"]:
            raise ValueError(f"has a zone of its own, not {zone}")
        text, zone = found["time"], found["zone"]
    if zone is not None:
        try:
            zone = zone_named(zone)
        except ValueError as why:
            raise ValueError(f"cannot be read: {why}") from None
    try:
        read = datetime.fromisoformat(_SHORT_HOUR.sub("0", text))
        if read.tzinfo is not None:
            if zone is not None:
                raise ValueError("has an offset and a zone: one of them is enough")
            return TypedMoment(read.astimezone())
    except OverflowError:
        raise ValueError("is no time") from None
    except ValueError as why:
        raise ValueError(str(why) if "offset" in str(why) else "is no time") from None
    try:
        return TypedMoment(_only_one(read, ZoneInfo(zone) if zone else None, zone or "here"), zone)
    except (OverflowError, OSError):
        raise ValueError("is no time") from None


def _only_one(wall: datetime, zone: tzinfo | None, where: str) -> datetime:
    """The moment when the clocks show `wall`. Raises `ValueError` if they never do, or twice."""
    first, second = (_placed(wall.replace(fold=fold), zone) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    in_utc = first.astimezone(UTC), second.astimezone(UTC)
    if _wall(in_utc[0], zone) == wall:
        either = " or ".join(at.isoformat(timespec="minutes") for at in (first, second))
        raise ValueError(f"comes twice {_in(where)}, as clocks are set back: write {either}")
    # Which of the two is later is one way for a zone by its name and the other for this machine's.
    later = _wall(max(in_utc), zone)
    raise ValueError(
        f"never comes {_in(where)}, as clocks are set forward over it: {later:%H:%M} does"
    )


def _in(where: str) -> str:
    return where if where == "here" else f"in {where}"


def _placed(wall: datetime, zone: tzinfo | None) -> datetime:
    return wall.replace(tzinfo=zone) if zone is not None else wall.astimezone()


def _wall(moment: datetime, zone: tzinfo | None) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def zone_named(text: str) -> str:
    """The time zone of this name, in whatever case. Raises `ValueError`, with what may be meant."""
    name = cell(text)
    if is_zone(name):
        return name
    known = _zones()
    if (same := known.get(name.casefold())) is not None:
        return same
    cities = [zone for zone in known.values() if zone.split("/")[-1].casefold() == name.casefold()]
    near = cities or get_close_matches(name, list(known.values()), n=1, cutoff=0.7)
    meant = f": {near[0]}?" if near else ", such as Asia/Kolkata"
    raise ValueError(f"{name} is no time zone{meant}")


@cache
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in sorted(available_timezones()) if is_zone(name)}
