"""The chart of outcomes over time, as a part of the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wacampaign.core.investigation.model import Pace
from wacampaign.report.document import Chart
from wacampaign.report.pace import Stretch, stretches
from wacampaign.report.wording import duration, stamp

#: Bars side by side: at 360 px a bar is then about 3 px wide.
_BARS_MAX: Final = 120
#: Lines of the table: a screen of a phone or two.
_LINES_MAX: Final = 24


def outcomes_chart(pace: Sequence[Pace]) -> Chart:
    """Sent, failed and in doubt, in stretches that fit a picture and a table."""
    bars = stretches(pace, _BARS_MAX)
    return Chart(
        title="Outcomes over time",
        description=_description(bars) if bars else "No outcomes are known.",
        bars=bars,
        rows=stretches(pace, _LINES_MAX),
    )


def _description(bars: Sequence[Stretch]) -> str:
    sent = sum(one.sent for one in bars)
    failed = sum(one.failed for one in bars)
    doubt = sum(one.in_doubt for one in bars)
    return (
        f"{sent:,} sent, {failed:,} failed, {doubt:,} in doubt between {stamp(bars[0].begin)} and"
        f" {stamp(bars[-1].begin)} UTC; one bar is {duration(bars[0].seconds)}."
    )
