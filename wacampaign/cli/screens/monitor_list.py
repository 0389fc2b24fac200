"""The monitor's screen of several campaigns: a line each, running and failing ones first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from wacampaign.cli.screens.monitor_campaign import finding_lines, header, stale_lines
from wacampaign.cli.screens.monitor_layout import WIDE, Block, View, column, ruled
from wacampaign.cli.screens.monitor_workers import worker_lines
from wacampaign.cli.screens.queue_stats import NONE_TO_SHOW, status_style
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.display_width import padded
from wacampaign.core.words import counted, local_clock, rough_duration

#: Columns of a name: those of a narrow terminal, and at most.
_NAME_MIN: Final = 14
_NAME_MAX: Final = 40
#: Columns of the figures, and from which width (columns) a finding has room beside them.
_FIGURES: Final = 49
_FINDING_FROM: Final = 76
#: Columns that a finding gets beside them.
_FINDING: Final = 15
_FINDING_WIDE: Final = 44
#: Columns from which there is room for the end beside what counts more, and for the rate.
_END_FROM: Final = 64
_RATE_FROM: Final = 55
#: Columns of the two.
_END: Final = 9
_RATE: Final = 10


def in_order(campaigns: Sequence[Campaign]) -> list[Campaign]:
    """Running and failing ones first; drafts and ended ones last."""
    return sorted(campaigns, key=_urgency)


def _urgency(campaign: Campaign) -> int:
    is_red = any(finding.severity == "red" for finding in findings_of(campaign))
    if campaign.status == "running":
        return 0 if is_red else 1
    if campaign.is_over:
        return 6
    if is_red:
        return 2
    if campaign.start_time:
        return 3
    return 4 if campaign.scheduled_start_time else 5


def list_blocks(view: View, width: int, height: int) -> list[Block]:
    """A line for each campaign that there is room for, then what is wrong with the chosen one."""
    stats = view.stats
    title = f"wacampaign monitor  {counted(len(stats.campaigns), 'campaign')}"
    blocks = [Block(0, [header(view, title, width)]), Block(0, stale_lines(view, width))]
    if not stats.campaigns:
        return [*blocks, Block(1, [Text(f" {NONE_TO_SHOW}")])]
    campaigns = in_order(stats.campaigns)
    chosen = next((one for one in campaigns if one.id == view.chosen), campaigns[0])
    workers = worker_lines(view, width)
    details = [Text.assemble(" ", (chosen.name, "bold"))]
    for finding in findings_of(chosen)[:2]:
        details += finding_lines(view, finding, width)
    if len(details) == 1:
        details.append(Text("   nothing is wrong with it", style="dim"))
    # What is below must not push the running ones out of sight.
    beside = len(details) + min(len(workers), 3) + 4
    room = max(height - 2 - len(stale_lines(view, width)) - beside, 3)
    name = _name_columns(width)
    first = _first_shown(campaigns, chosen, room)
    shown = campaigns[first : first + room]
    lines = [Text(_heading(name, width), style="dim")]
    lines += [_line(view, one, name, width, is_chosen=one is chosen) for one in shown]
    blocks.append(Block(1, lines))
    above, below = first, len(campaigns) - first - len(shown)
    if above or below:
        words = [f"+{below} more"] if below else []
        words += [f"{above} above"] if above else []
        blocks.append(Block(1, [Text(f"   {', '.join(words)}", style="bold")]))
    blocks += [
        ruled(10, width, view.marks),
        Block(2, details, least=3),
        ruled(11, width, view.marks),
        Block(3, workers, many="workers"),
    ]
    return blocks


def _name_columns(width: int) -> int:
    """How many a name gets."""
    left_out = (_END if width < _END_FROM else 0) + (_RATE if width < _RATE_FROM else 0)
    finding = _FINDING_WIDE if width >= WIDE else _FINDING
    beside = finding if width >= _FINDING_FROM else 1
    return max(_NAME_MIN, min(_NAME_MAX, width - _FIGURES + left_out - beside))


def _heading(name: int, width: int) -> str:
    """What stands over the lines."""
    # A figure ends below the end of its word.
    rate = f"{'rate':>10}" if width >= _RATE_FROM else ""
    end = "  done at" if width >= _END_FROM else ""
    return f"   {padded('campaign', name)}  status    accepted{rate}{end}  failed"


def _first_shown(campaigns: Sequence[Campaign], chosen: Campaign, room: int) -> int:
    """Which of them is on the first line, so that the chosen one is among the shown."""
    index = campaigns.index(chosen)
    return max(0, index - room + 1)


def _line(view: View, campaign: Campaign, name: int, width: int, *, is_chosen: bool) -> Text:
    stale = view.stale is not None
    findings = findings_of(campaign)
    worst = findings[0] if findings else None
    mark = (view.marks.chosen if is_chosen else " ", "bold")
    flag = ("!", f"bold {worst.severity}") if worst else (" ", "")
    status = "was " + campaign.status if stale else campaign.status
    size = campaign.size
    percent = f"{100 * campaign.counts.sent / size:.1f} %" if size else "-"
    running = campaign.status == "running" and not stale
    rate = f"{campaign.rate_per_second:.1f}/s" if running else "-"
    failed = campaign.counts.failed
    # Never the whole of it for what is not all.
    if percent == "100.0 %" and campaign.counts.sent < size:
        percent = "99.9 %"
    end = f"  {_end(view, campaign) if not stale else '-':<7}" if width >= _END_FROM else ""
    line = Text.assemble(
        mark,
        flag,
        " ",
        (column(campaign.name, name, view.unicode), "reverse" if is_chosen else ""),
        "  ",
        (f"{status:<9}", status_style(campaign)),
        f"  {percent:>7}",
        f"  {rate:>8}" if width >= _RATE_FROM else "",
        end,
        (f"  {failed:>6,}", "red" if failed else "dim"),
    )
    if worst is not None and width >= _FINDING_FROM:
        line.append(f"  {worst.text}", style=worst.severity)
    return line


def _end(view: View, campaign: Campaign) -> str:
    """`14:40`, `in 2 d`; `-` where nobody knows."""
    eta = campaign.eta_seconds
    if campaign.is_over:
        return "ended"
    if eta is None:
        return "-"
    if eta >= 86_400:
        return f"in {rough_duration(eta)}"
    clock, _, _ = local_clock(view.stats.at, plus_seconds=eta).rpartition(" ")
    return clock.rpartition(" ")[2] or "-"
