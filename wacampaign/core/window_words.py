"""Sending hours in words: for plans, screens and findings."""

from collections.abc import Iterator, Sequence
from typing import Final

from wacampaign.core.daily_window import Window, ZoneRows
from wacampaign.core.words import counted, duration, local_clock, rows

#: Sets of zones that a plan names; the others are added up.
_NAMED: Final = 8


def where(zones: Sequence[str]) -> str:
    """`Asia/Kolkata`, `Asia/Almaty and 15 more zones`."""
    if not zones:
        return "no clock that the database knows"
    if len(zones) < 2:
        return "".join(zones)
    return f"{zones[0]} and {counted(len(zones) - 1, 'more zone')}"


def in_hours(window: Window) -> str:
    """`09:00-20:00 in the recipients' zones`."""
    return f"{window.opens}-{window.closes} in the recipients' zones"


def waiting(window: Window) -> str:
    """When the rows that wait for their hours go on."""
    first = window.next_opening
    if first is None or first.changes_at is None:
        return "but the database knows none of these zones"
    at = local_clock(first.changes_at)
    if len([group for group in window.zones if not group.open]) == 1:
        return f"from {at} ({where(first.zones)})"
    return f"the first from {at} ({where(first.zones)}, {rows(first.rows)})"


def summary(window: Window) -> str:
    """The hours, and how many rows may go in them now."""
    text = f"sends {in_hours(window)}"
    if not window.zones:
        return text
    text += f": {rows(window.open_rows)} may go now"
    if window.closed_rows:
        wait = "waits" if window.closed_rows == 1 else "wait"
        text += f", {window.closed_rows:,} {wait}, {waiting(window)}"
    return text


def plan_notes(window: Window, at: str, rate: float | None) -> Iterator[str]:
    """What hours mean for the rows of a campaign. `at`: now, ISO 8601; `rate`: rows a second."""
    yield f"it sends {in_hours(window)}, and goes on by itself each day"
    for group in window.zones[:_NAMED]:
        yield f"  {rows(group.rows)} by {where(group.zones)}{_why(group, window)}: {_when(group)}"
    if more := window.zones[_NAMED:]:
        left = rows(sum(group.rows for group in more))
        yield f"  {left} in {counted(len(more), 'other set')} of zones"
    total = sum(group.rows for group in window.zones)
    if rate and total and (seconds := window.seconds_to_end(at, rate)) is not None:
        end = local_clock(at, plus_seconds=seconds)
        yield f"at {rate:g}/s its last row goes in {duration(seconds)}, at {end}"


def _when(group: ZoneRows) -> str:
    if group.changes_at is None:
        return "now" if group.open else "never"
    at = local_clock(group.changes_at)
    return f"now, until {at}" if group.open else f"from {at}"


def _why(group: ZoneRows, window: Window) -> str:
    if group.zones != (window.zone,):
        return ", in all of them" if len(group.zones) > 1 else ""
    if group.apart:
        return " (some have zones without an hour in common, or none that is known)"
    return " (of some no zone is known)" if group.unknown else ""
