"""What fails, as the monitor shows it: each code with its trend and what happens now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.text import Text

from wacampaign.cli.screens.monitor_layout import WIDE, Block, View, chart, column, labelled, ruled
from wacampaign.core.campaign.error_counts import ErrorCount
from wacampaign.core.campaign.error_trends import TREND_MINUTES, ErrorTrend
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.errors import ErrorEntry, lookup
from wacampaign.core.outcomes import Outcome

#: Columns of an error's title beside what the worker does.
_TITLE: Final = 36


def error_blocks(view: View, campaign: Campaign, width: int) -> list[Block]:
    """Errors by code, those that rows still wait with among them; then the undelivered ones."""
    blocks = []
    trends = {trend.code: trend for trend in campaign.trends}
    counts = {error.code for error in campaign.errors}
    # Errors that were retried leave no failed row: their trend alone tells of them.
    passed = [ErrorCount(t.code, t.title, 0) for t in campaign.trends if t.code not in counts]
    shown = [*campaign.errors, *passed]
    # Codes of rows that wait for another try are among them: this many at least.
    uncoded = campaign.counts.failed - sum(error.count for error in campaign.errors)
    if shown or uncoded > 0:
        title = labelled("ERRORS", style="bold")
        title.append(f"{'rows':>10}   a min  ", style="dim")
        if width >= WIDE:
            title.append(f"{'15 min':<{TREND_MINUTES}}  ", style="dim")
        title.append("becomes  what it is", style="dim")
        if width >= WIDE:
            title.append(f"{'':<{_TITLE - 8}}what the worker does", style="dim")
        lines = [_error(view, one, trends.get(one.code), width) for one in shown]
        if uncoded > 0:
            lines.append(_uncoded(uncoded, width))
        blocks += [
            ruled(11, width, view.marks),
            Block(6, [title, *lines], least=2, many="codes"),
        ]
    if campaign.delivery.errors:
        title = Text.assemble(" ", ("UNDELIVERED", "bold"), ("  accepted, then failed", "dim"))
        blocks.append(Block(9, [title, *_undelivered(campaign.delivery.errors)], 2, "codes"))
    return blocks


def _error(view: View, error: ErrorCount, trend: ErrorTrend | None, width: int) -> Text:
    entry = lookup(error.code or None, 400)
    lately = trend.lately if trend else 0
    rises = trend is not None and trend.rises
    line = Text(f"   {error.code or '-':>7}  {error.count:>9,}  ")
    line.append(f"{f'+{lately}' if lately else '0':>6}  ", style="bold red" if rises else "")
    if width >= WIDE:
        line.append(_trend(view, trend), style="red" if rises else "")
        line.append("  ")
    line.append(f"{_becomes(entry):<7}  ")
    if width < WIDE:
        line.append(error.title)
        return line
    line.append(column(error.title, _TITLE, view.unicode))
    line.append(f"  {entry.worker_action}", style="dim")
    return line


def _uncoded(n: int, width: int) -> Text:
    line = Text(f"   {'-':>7}  {n:>9,}  {'':>6}  ")
    if width >= WIDE:
        line.append(" " * (TREND_MINUTES + 2))
    return line.append("failed   none of Meta's: who opted out, say")


def _trend(view: View, trend: ErrorTrend | None) -> str:
    values = trend.minutes if trend else ()
    return chart(values, TREND_MINUTES, view.marks).rjust(TREND_MINUTES)


def _becomes(entry: ErrorEntry) -> str:
    """What becomes of a row that meets it."""
    if entry.outcome is Outcome.RETRY:
        return "retried"
    if entry.outcome is Outcome.WAIT:
        return "waits"
    return "failed"


def _undelivered(errors: Iterable[ErrorCount]) -> Iterable[Text]:
    for error in errors:
        yield Text(f"   {error.code or '-':>7}  {error.count:>9,}  {error.title}")
