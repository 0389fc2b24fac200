"""The completion guard's verdict, and in words. The guard itself is one SQL statement."""

from __future__ import annotations

from dataclasses import dataclass

from wacampaign.core.budget import Budget
from wacampaign.core.campaign.counts import Counts
from wacampaign.core.campaign.in_doubt import note
from wacampaign.core.words import counted, local_clock, rows, were


@dataclass(frozen=True, slots=True)
class CompletionVerdict:
    """The guard's answer: completed or what is left, in rows and in time (ISO 8601, UTC)."""

    completed: bool
    status: str
    counts: Counts
    never_enqueued: int
    waits_until: str | None
    in_doubt_until: str | None
    #: None: no limit, or nothing is ready.
    budget: Budget | None = None


def describe_verdict(verdict: CompletionVerdict) -> str:
    """One sentence: completed, or what is left. Times of day are in the local time zone."""
    counts = verdict.counts
    if verdict.completed:
        attention = f", attention: {note(counts.in_doubt)}" if counts.in_doubt else ""
        return f"completed: {counts.sent:,} sent, {counts.failed:,} failed{attention}"
    if verdict.status not in ("running", "paused"):
        return f"not completed: the campaign is {verdict.status}"
    left = []
    if verdict.never_enqueued:
        n = verdict.never_enqueued
        left.append(f"{counted(n, 'contact')} {were(n)} never enqueued")
    if counts.pending:
        left.append(f"{rows(counts.pending)} pending")
    if counts.ready:
        budget = verdict.budget
        why = f" ({budget.in_words})" if budget is not None and budget.is_used_up else ""
        left.append(f"{rows(counts.ready)} ready{why}")
    if counts.retry_later:
        until = f" until {local_clock(verdict.waits_until)}" if verdict.waits_until else ""
        verb = "waits" if counts.retry_later == 1 else "wait"
        left.append(f"{rows(counts.retry_later)} {verb}{until}")
    if counts.processing:
        left.append(f"{rows(counts.processing)} being sent")
    if counts.in_doubt:
        until = ""
        if not left and verdict.in_doubt_until:
            until = f" (completes with that note at {local_clock(verdict.in_doubt_until)})"
        left.append(f"{note(counts.in_doubt)}{until}")
    paused = " (paused)" if verdict.status == "paused" else ""
    return f"not complete{paused}: " + (", ".join(left) or "it changed at this moment")
