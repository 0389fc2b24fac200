"""`queue-stats` for people: what is wrong first, then counts, pace and errors, then workers."""

import sys
from collections.abc import Iterator
from typing import Final, TypeAlias

from wacampaign.cli.output import arrow
from wacampaign.cli.screens.pace_words import last_rows, lately_of
from wacampaign.cli.screens.tables import indented
from wacampaign.core.campaign import in_doubt
from wacampaign.core.campaign.delivery import (
    MEANINGS,
    UNKNOWN,
    Delivery,
    contradiction,
    share,
    silence,
)
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.state import Campaign, Stats
from wacampaign.core.window_words import summary
from wacampaign.core.words import counted, duration, local_clock, rows, short_id

#: One line of output: texts, each with its style (empty: none).
Line: TypeAlias = tuple[tuple[str, str], ...]

#: What stands there when every campaign is over.
NONE_TO_SHOW: Final = "no campaign is scheduled, running or paused"
_STATUS_STYLES: Final = {
    "running": "bold green",
    "paused": "bold yellow",
    "completed": "bold cyan",
    "failed": "bold red",
}


def stats_lines(stats: Stats) -> Iterator[Line]:
    """All campaigns and workers of an answer."""
    if not stats.campaigns:
        yield _line(NONE_TO_SHOW)
    for campaign in stats.campaigns:
        yield from _campaign_lines(campaign, stats.at)
        yield _line("")
    yield from _worker_lines(stats)


def _line(text: str, style: str = "") -> Line:
    return ((text, style),)


def _sentence(indent: str, text: str, style: str = "") -> Iterator[Line]:
    """Broken at words on a terminal, the other lines further in."""
    for part in indented(indent, text):
        yield _line(part, style)


def _campaign_lines(campaign: Campaign, at: str) -> Iterator[Line]:
    yield (
        (campaign.name, "bold"),
        (f"  {campaign.short_id}  ", ""),
        styled_status(campaign),
        (f"  {counted(campaign.total_contacts, 'contact')}", ""),
    )
    for finding in findings_of(campaign):
        yield from _sentence("  ", f"! {finding.text}", finding.severity)
        yield from _sentence("    ", f"{arrow(sys.stdout)} {finding.command}")
    counts = campaign.counts.by_name()
    width = max(len(f"{n:,}") for n in counts.values())
    notes = _count_notes(campaign)
    for name, n in counts.items():
        line = _line(f"  {name:<12}{n:>{width},}")
        if note := notes.get(name):
            line += _line(f"   {note}", "dim")
        yield line
    yield from _sentence("  ", _pace(campaign, at))
    if (lately := lately_of(campaign)) is not None:
        yield from _sentence("  ", f"lately {lately}")
    if (window := campaign.window) is not None:
        yield from _sentence("  ", summary(window))
    if (budget := campaign.budget) is not None:
        yield from _sentence("  ", f"{budget.in_words} ({budget.of_whom})")
    if campaign.errors:
        yield _line("  errors by code")
        code_width = max(len(str(error.code)) for error in campaign.errors)
        for error in campaign.errors:
            code = str(error.code).rjust(code_width)
            yield _line(f"    {code}  {error.count:>{width},}  {error.title}")
    if campaign.counts.sent:
        yield from _delivery_lines(campaign.delivery, width)


def _delivery_lines(delivery: Delivery, width: int) -> Iterator[Line]:
    """What became of the accepted ones, which `width` columns hold."""
    if not delivery.known:
        text = f"delivery {UNKNOWN}; wacampaign webhook receives them"
        yield from _sentence("  ", text, "dim")
        return
    yield _line(f"  delivery of the {delivery.accepted:,} accepted")
    notes = dict(MEANINGS)
    if delivery.delivered:
        notes["delivered"] = f"{delivery.read:,} of them read"
        if lag := delivery.lag.in_words:
            notes["delivered"] += f"; {lag}"
    if delivery.silent:
        notes["silent"] = silence(delivery)
    for name in ("delivered", "undelivered", "held", "silent"):
        n = getattr(delivery, name)
        line = _line(f"    {name:<12}{n:>{width},}   {share(n, delivery.accepted):>7}")
        yield line + (_line(f"   {notes[name]}", "dim") if n else ())
    yield _line(f"    {'replied':<12}{delivery.replied:>{width},}")
    if delivery.errors:
        yield _line("  undelivered by code")
        code_width = max(len(str(error.code)) for error in delivery.errors)
        for error in delivery.errors:
            code = str(error.code).rjust(code_width)
            yield _line(f"    {code}  {error.count:>{width},}  {error.title}")
    if delivery.contradicted:
        yield from _sentence("  ", contradiction(delivery.contradicted), "dim")
    if delivery.waiting:
        yield _line(f"  {delivery.waiting:,} statuses are stored and not yet counted", "dim")


def _count_notes(campaign: Campaign) -> dict[str, str]:
    notes = {}
    if campaign.counts.ready and campaign.oldest_ready_seconds is not None:
        notes["ready"] = f"the oldest waits {duration(campaign.oldest_ready_seconds)}"
    if campaign.counts.in_doubt:
        notes["in_doubt"] = in_doubt.COUNT_NOTE
    if campaign.counts.sent:
        notes["sent"] = "accepted by the API"
    # Codes of rows that wait for another try are among the errors: this many at least.
    uncoded = campaign.counts.failed - sum(error.count for error in campaign.errors)
    if uncoded > 0:
        notes["failed"] = (
            f"{uncoded:,} without a code of Meta's, such as people who opted out:"
            f" wacampaign failures {campaign.short_id}"
        )
    return notes


def _pace(campaign: Campaign, at: str) -> str:
    if campaign.status != "running":
        return ended(campaign)
    limit, eta = campaign.number.rate, campaign.eta_seconds
    cap = f" (limit {limit:g}/s)" if limit is not None else ""
    if campaign.counts.only_retries and not campaign.waits_for_hours:
        end = "the rest waits for another try"
    elif campaign.stop is not None:
        end = campaign.stop.in_words(at)
    elif eta is None:
        end = "end unknown"
    elif eta == 0:
        end = last_rows(campaign)
    else:
        end = f"done in {duration(eta)}, at {local_clock(at, plus_seconds=eta)}"
    return f"rate {campaign.rate_per_second:g}/s{cap}, {end}"


def styled_status(campaign: Campaign) -> tuple[str, str]:
    """`RUNNING`, and its style."""
    return campaign.status.upper(), status_style(campaign)


def status_style(campaign: Campaign) -> str:
    """How a campaign's status looks."""
    return _STATUS_STYLES.get(campaign.status, "bold")


def ended(campaign: Campaign) -> str:
    """What stands where a campaign that runs has its pace."""
    text = f"ended {local_clock(campaign.end_time)}" if campaign.end_time else "not running"
    if campaign.status == "failed" and (left := campaign.counts.undone):
        text += f", {rows(left)} not sent"
    return text


def _worker_lines(stats: Stats) -> Iterator[Line]:
    if not stats.workers:
        yield _line("workers: none")
        return
    yield _line(f"workers: {stats.live_workers} alive")
    for worker in stats.workers:
        state = f"{worker.in_flight:,} in flight, beat" if worker.alive else "LOST, last beat"
        yield _line(
            f"  {short_id(worker.id)}  {worker}  {state} {duration(worker.beat_age_seconds)} ago",
            "" if worker.alive else "red",
        )
