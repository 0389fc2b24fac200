"""One frame of the live view: lines that fit a terminal of any size, what matters most first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rich.text import Text

from wacampaign.cli.campaign_object import COUNTS, Stats, findings_of
from wacampaign.cli.queue_stats import STATUS_STYLES
from wacampaign.cli.wording import duration
from wacampaign.core.moments import local_clock, seconds_clock
from wacampaign.core.shown_text import every_line

#: From this width (columns) errors come with what to do, and workers stand beside the queue whole.
WIDE: Final = 120
#: From this width the header has room for a clock.
_CLOCK_FROM: Final = 60
#: Columns of the queue's half on a narrow terminal.
_HALF: Final = 36
_LABELS: Final = {"retry_later": "retry later", "in_doubt": "in doubt", "sent": "accepted"}


@dataclass(frozen=True, slots=True)
class View:
    """Everything that a frame shows."""

    stats: Stats
    #: Campaign id → accepted a second, oldest first.
    rates: Mapping[str, Sequence[float]]
    interval_seconds: float
    #: Age of the figures when the database does not answer.
    stale_seconds: float | None = None
    unicode: bool = True
    #: Last line; empty on the frame that stays behind.
    footer: str = ""


@dataclass(slots=True)
class _Block:
    """Lines that belong together. `rank`: the smaller, the longer they stay."""

    rank: int
    lines: list[Text]
    #: Stands in when the whole block does not fit.
    short: list[Text] = field(default_factory=list)


def frame(view: View, width: int, height: int) -> list[Text]:
    """The lines of one frame, at most `height` of at most `width` columns."""
    # Cleaned before it is measured.
    stats = view.stats
    clean = replace(stats, campaigns=every_line(stats.campaigns), workers=every_line(stats.workers))
    view = replace(view, stats=clean)
    campaigns = clean.campaigns
    if len(campaigns) == 1:
        blocks = _one_campaign(view, campaigns[0], width)
    else:
        blocks = _several_campaigns(view, width)
    if not view.footer:
        return [_cut(line, width, view.unicode) for line in _fit(blocks, height)]
    lines = _fit(blocks, height - 1)
    lines += [Text()] * (height - 1 - len(lines))
    lines.append(Text(f" {view.footer}", style="dim"))
    return [_cut(line, width, view.unicode) for line in lines]


def _fit(blocks: Sequence[_Block], height: int) -> list[Text]:
    room = height
    kept: dict[int, list[Text]] = {}
    for index, block in sorted(enumerate(blocks), key=lambda pair: pair[1].rank):
        lines = block.lines
        if len(lines) > room and block.short:
            lines = block.short
        kept[index] = lines[: max(0, room)]
        room -= len(kept[index])
    return [line for index in sorted(kept) for line in kept[index]]


def _cut(line: Text, width: int, unicode: bool) -> Text:
    if line.cell_len > width:
        line.truncate(width, overflow="ellipsis" if unicode else "crop")
    line.no_wrap = True
    return line


def _one_campaign(view: View, campaign: Mapping[str, Any], width: int) -> list[_Block]:
    workers = _workers(view, wide=width >= WIDE)
    queue = _queue(campaign)
    left = max(_HALF, *(line.cell_len + 2 for line in queue))
    rule = "─" if view.unicode else "-"
    bar = "│" if view.unicode else "|"
    height = max(len(queue), len(workers))
    beside = []
    for index in range(height):
        line = queue[index].copy() if index < len(queue) else Text()
        line.append(" " * (left - line.cell_len))
        line.append(f"{bar} ", style="dim")
        if index < len(workers):
            line.append_text(workers[index])
        beside.append(line)

    def ruled(rank: int) -> _Block:
        return _Block(rank, [Text(rule * width, style="dim")])

    blocks = [
        _Block(0, [_header(view, campaign, width)]),
        _Block(7, [_subject(campaign, wide=width >= WIDE)]),
        ruled(8),
        _Block(1, [_accepted(view, campaign, width), _pace(view, campaign, width)]),
    ]
    if findings := _findings(view, campaign):
        # The worst one stays longest; the queue is worth more than all the others.
        blocks += [ruled(9), _Block(3, findings[:2]), _Block(5, findings[2:])]
    blocks += [ruled(9), _Block(4, beside, short=[_compact_counts(campaign)])]
    if campaign["errors"]:
        blocks += [ruled(9), _Block(6, _errors(campaign, wide=width >= WIDE))]
    return blocks


def _several_campaigns(view: View, width: int) -> list[_Block]:
    blocks = [_Block(0, [_header(view, None, width)])]
    for index, campaign in enumerate(view.stats.campaigns):
        status = campaign["status"]
        title = Text.assemble(
            f" {campaign['id'][:8]}  ",
            (campaign["name"], "bold"),
            "  ",
            (status.upper(), STATUS_STYLES.get(status, "bold")),
        )
        lines = [title, _accepted(view, campaign, width), _pace(view, campaign, width)]
        lines += [_compact_counts(campaign), *_findings(view, campaign)[:2], Text()]
        blocks.append(_Block(3 + index, lines, short=[title]))
    if not view.stats.campaigns:
        blocks.append(_Block(1, [Text(" no campaign is scheduled, running or paused")]))
    blocks.append(_Block(1, _workers(view, wide=width >= WIDE)))
    return blocks


def _header(view: View, campaign: Mapping[str, Any] | None, width: int) -> Text:
    line = Text(" ")
    if campaign is None:
        line.append(f"wacampaign monitor  {len(view.stats.campaigns)} campaigns", style="bold")
    else:
        line.append(campaign["name"], style="bold")
    right = Text()
    if campaign is not None:
        status = campaign["status"]
        right.append(status.upper(), style=STATUS_STYLES.get(status, "bold"))
        right.append("  ")
    if width >= _CLOCK_FROM:
        right.append(f"{seconds_clock(view.stats.at)}  every {view.interval_seconds:g} s  ")
    if view.stale_seconds is None:
        right.append("LIVE", style="green")
    else:
        right.append(f"STALE {duration(view.stale_seconds)}", style="bold red")
    right.append(" ")
    room = width - right.cell_len - 2
    if line.cell_len > room > 8:
        line.truncate(room, overflow="ellipsis" if view.unicode else "crop")
    line.append(" " * max(2, width - line.cell_len - right.cell_len))
    line.append_text(right)
    return line


def _subject(campaign: Mapping[str, Any], *, wide: bool) -> Text:
    number = campaign["number"]
    parts = [f" {campaign['id'][:8]}", f"template {', '.join(campaign['templates']) or '-'}"]
    if number["phone_number_id"]:
        name = f" ({number['display_name']})" if wide and number["display_name"] else ""
        parts.append(f"number {number['phone_number_id']}{name}")
    if number["quality_rating"]:
        parts.append(f"quality {number['quality_rating']}")
    return Text("  ".join(parts))


def _accepted(view: View, campaign: Mapping[str, Any], width: int) -> Text:
    counts = campaign["counts"]
    total = max(campaign["total_contacts"], sum(counts.values()), 1)
    figures = f"  {100 * counts['sent'] / total:5.1f}%  {counts['sent']:,} / {total:,}"
    cells = max(8, width - 12 - len(figures))
    full, other, rest = ("█", "▒", "░") if view.unicode else ("#", "x", "-")
    line = Text(" ACCEPTED ")
    used = 0
    for n, style in (
        (counts["sent"], "green"),
        (counts["failed"], "red"),
        (counts["in_doubt"], "yellow"),
    ):
        # Never a full bar while something is left; never nothing for what is there.
        part = min(cells - used, max(1, int(cells * n / total)) if n else 0)
        # Another mark, too: not every terminal shows colours.
        mark = full if style == "green" else other
        line.append(mark * part, style=style)
        used += part
    line.append(rest * (cells - used), style="dim")
    line.append(figures)
    return line


def _pace(view: View, campaign: Mapping[str, Any], width: int) -> Text:
    number = campaign["number"]
    cap = f"  limit {number['rate']:g}/s" if number["rate"] is not None else ""
    line = Text(f" RATE     {campaign['rate_per_second']:g}/s{cap}  ")
    eta = _eta(view, campaign)
    room = min(60, width - line.cell_len - len(eta) - 4)
    if room > 8:
        line.append(_chart(view, campaign, room), style="green")
        line.append("  ")
    line.append(eta)
    return line


def _eta(view: View, campaign: Mapping[str, Any]) -> str:
    status, eta = campaign["status"], campaign["eta_seconds"]
    if status != "running":
        return (
            f"ended {local_clock(campaign['end_time'])}" if campaign["end_time"] else "not running"
        )
    if eta is None:
        return "ETA -"
    if eta == 0:
        return "last rows on their way"
    return f"ETA {local_clock(view.stats.at, plus_seconds=eta)} ({duration(eta)})"


def _chart(view: View, campaign: Mapping[str, Any], cells: int) -> str:
    """The rates since the monitor was opened, newest at the right, against their highest."""
    marks = "▁▂▃▄▅▆▇█" if view.unicode else ".:-=+*#%"
    rates = list(view.rates.get(campaign["id"], ()))[-cells:]
    top = max(rates, default=0.0)
    if top <= 0:
        return ""
    return "".join(marks[round(rate / top * (len(marks) - 1))] for rate in rates)


def _findings(view: View, campaign: Mapping[str, Any]) -> list[Text]:
    lines = []
    pointer = "→" if view.unicode else "->"
    for finding in findings_of(campaign):
        lines.append(Text(f" ! {finding.text}", style=f"bold {finding.severity}"))
        lines.append(Text(f"   {pointer} {finding.command}"))
    return lines


def _queue(campaign: Mapping[str, Any]) -> list[Text]:
    lines = [Text(" QUEUE", style="bold")]
    for name in COUNTS:
        n = campaign["counts"][name]
        style = {"failed": "red", "in_doubt": "yellow"}.get(name, "") if n else "dim"
        lines.append(Text(f"   {_LABELS.get(name, name):<12}{n:>12,}", style=style))
    oldest = campaign["oldest_ready_seconds"]
    waits = duration(oldest) if oldest is not None else "-"
    lines.append(Text(f"   {'oldest ready':<12}{waits:>12}", style="" if oldest else "dim"))
    return lines


def _compact_counts(campaign: Mapping[str, Any]) -> Text:
    counts = campaign["counts"]
    shown = [f"{_LABELS.get(name, name)} {counts[name]:,}" for name in COUNTS if counts[name]]
    return Text(" QUEUE    " + ("  ".join(shown) or "empty"))


def _workers(view: View, *, wide: bool) -> list[Text]:
    lines = [Text(f" WORKERS  {view.stats.live_workers} alive", style="bold")]
    for worker in view.stats.workers:
        beat = duration(worker["beat_age_seconds"])
        if not worker["alive"]:
            text = f"   {worker['host']} pid {worker['pid']}  LOST, last beat {beat} ago"
            lines.append(Text(text, style="red"))
            continue
        text = f"   {worker['host']} pid {worker['pid']}  {worker['in_flight']:,} in flight"
        if wide:
            since = local_clock(worker["started_at"])
            text += f"  beat {beat} ago  since {since}  {worker['id'][:8]}  v{worker['version']}"
        lines.append(Text(text))
    return lines


def _errors(campaign: Mapping[str, Any], *, wide: bool) -> list[Text]:
    from wacampaign.core.error_table import lookup

    lines = [Text(" ERRORS", style="bold")]
    for error in campaign["errors"]:
        line = Text(f"   {error['code']:>7}  {error['count']:>9,}  {error['title']:<44}")
        if wide:
            line.append(f"  the worker {lookup(error['code'], 400).worker_action}", style="dim")
        lines.append(line)
    return lines
