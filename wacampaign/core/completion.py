"""The completion guard's verdict in words. The guard itself is one SQL statement."""

from __future__ import annotations

from wacampaign.core.moments import local_clock
from wacampaign.core.ports import CompletionVerdict


def describe_verdict(verdict: CompletionVerdict) -> str:
    """One sentence: completed, or what is left. Times of day are in the local time zone."""
    counts = verdict.counts
    if verdict.completed:
        doubt = counts.get("in_doubt", 0)
        note = f", attention: {doubt:,} in doubt" if doubt else ""
        return f"completed: {counts['sent']:,} sent, {counts['failed']:,} failed{note}"
    if verdict.status not in ("running", "paused"):
        return f"not completed: the campaign is {verdict.status}"
    left = []
    if verdict.never_enqueued:
        left.append(f"{verdict.never_enqueued:,} contacts were never enqueued")
    if counts["pending"]:
        left.append(f"{_rows(counts['pending'])} pending")
    if counts["ready"]:
        left.append(f"{_rows(counts['ready'])} ready")
    if counts["retry_later"]:
        until = f" until {local_clock(verdict.waits_until)}" if verdict.waits_until else ""
        verb = "waits" if counts["retry_later"] == 1 else "wait"
        left.append(f"{_rows(counts['retry_later'])} {verb}{until}")
    if counts["processing"]:
        left.append(f"{_rows(counts['processing'])} being sent")
    if counts["in_doubt"]:
        until = ""
        if len(left) == 0 and verdict.in_doubt_until:
            until = f" (completes with that note at {local_clock(verdict.in_doubt_until)})"
        left.append(f"{counts['in_doubt']:,} in doubt{until}")
    paused = " (paused)" if verdict.status == "paused" else ""
    return f"not complete{paused}: " + (", ".join(left) or "it changed at this moment")


def _rows(n: int) -> str:
    return f"{n:,} row" if n == 1 else f"{n:,} rows"
