"""One frame of the live view: lines that fit a terminal of any size, what matters most first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Final

from rich.text import Text

from wacampaign.cli.screens.queue_stats import NONE_TO_SHOW, ended, styled_status
from wacampaign.core.campaign import in_doubt
from wacampaign.core.campaign.delivery import UNKNOWN, share, silence
from wacampaign.core.campaign.error_counts import ErrorCount
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.state import Campaign, Stats
from wacampaign.core.errors import lookup
from wacampaign.core.shown_text import every_line
from wacampaign.core.words import duration, local_clock, seconds_clock, short_id

#: From this width (columns) errors come with what to do, and workers stand beside the queue whole.
WIDE: Final = 120
#: From this width the header has room for a clock.
_CLOCK_FROM: Final = 60
#: Columns of the queue's half on a narrow terminal.
_HALF: Final = 36
_LABELS: Final = {"retry_later": "retry later", "in_doubt": in_doubt.NAME, "sent": "accepted"}


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
    view = replace(view, stats=every_line(view.stats))
    campaigns = view.stats.campaigns
    if len(campaigns) == 1:
        blocks = _one_campaign(view, campaigns[0], width)
    else:
        blocks = _several_campaigns(view, width)
    lines = _fit(blocks, height - 1 if view.footer else height)
    if view.footer:
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


def _one_campaign(view: View, campaign: Campaign, width: int) -> list[_Block]:
    workers = _workers(view, wide=width >= WIDE)
    queue = _queue(campaign)
    left = max(_HALF, *(line.cell_len + 2 for line in queue))
    rule = "─" if view.unicode else "-"
    bar = "│ " if view.unicode else "| "
    beside = [
        Text.assemble(line, " " * (left - line.cell_len), (bar, "dim"), worker, style=line.style)
        for line, worker in zip_longest(queue, workers, fillvalue=Text())
    ]

    def ruled(rank: int) -> _Block:
        return _Block(rank, [Text(rule * width, style="dim")])

    blocks = [
        _Block(0, [_header(view, campaign, width)]),
        _Block(7, [_subject(campaign, wide=width >= WIDE)]),
        ruled(8),
        _Block(1, [_accepted(view, campaign, width), _pace(view, campaign, width)]),
        _Block(5, _budget(campaign)),
        _Block(5, delivered := _delivered(campaign, width), short=delivered[:1]),
    ]
    if findings := _findings(view, campaign):
        # The worst one stays longest; the queue is worth more than all the others.
        blocks += [ruled(9), _Block(3, findings[:2]), _Block(5, findings[2:])]
    blocks += [ruled(9), _Block(4, beside, short=[_compact_counts(campaign)])]
    if campaign.errors or campaign.delivery.errors:
        blocks += [ruled(9), _Block(6, _errors(campaign, wide=width >= WIDE))]
    return blocks


def _several_campaigns(view: View, width: int) -> list[_Block]:
    blocks = [_Block(0, [_header(view, None, width)])]
    for index, campaign in enumerate(view.stats.campaigns):
        name = (campaign.name, "bold")
        title = Text.assemble(f" {campaign.short_id}  ", name, "  ", styled_status(campaign))
        lines = [title, _accepted(view, campaign, width), _pace(view, campaign, width)]
        lines += [*_delivered(campaign, width)[:1], _compact_counts(campaign)]
        lines += [*_findings(view, campaign)[:2], Text()]
        blocks.append(_Block(3 + index, lines, short=[title]))
    if not view.stats.campaigns:
        blocks.append(_Block(1, [Text(f" {NONE_TO_SHOW}")]))
    blocks.append(_Block(1, _workers(view, wide=width >= WIDE)))
    return blocks


def _header(view: View, campaign: Campaign | None, width: int) -> Text:
    name = f"wacampaign monitor  {len(view.stats.campaigns)} campaigns"
    right = Text()
    if campaign is not None:
        name = campaign.name
        right.append_text(Text.assemble(styled_status(campaign), "  "))
    line = Text.assemble(" ", (name, "bold"))
    if width >= _CLOCK_FROM:
        right.append(f"{seconds_clock(view.stats.at)}  every {view.interval_seconds:g} s  ")
    if view.stale_seconds is None:
        right.append("LIVE", style="green")
    else:
        right.append(f"STALE {duration(view.stale_seconds)}", style="bold red")
    right.append(" ")
    room = width - right.cell_len - 2
    if room > 8:
        _cut(line, room, view.unicode)
    line.append(" " * max(2, width - line.cell_len - right.cell_len))
    line.append_text(right)
    return line


def _subject(campaign: Campaign, *, wide: bool) -> Text:
    number = campaign.number
    parts = [f" {campaign.short_id}", f"template {', '.join(campaign.templates) or '-'}"]
    if number.phone_number_id:
        name = f" ({number.display_name})" if wide and number.display_name else ""
        parts.append(f"number {number.phone_number_id}{name}")
    if number.quality_rating:
        parts.append(f"quality {number.quality_rating}")
    return Text("  ".join(parts))


def _accepted(view: View, campaign: Campaign, width: int) -> Text:
    counts = campaign.counts
    total = max(campaign.size, 1)
    figures = f"  {100 * counts.sent / total:5.1f}%  {counts.sent:,} / {total:,}"
    cells = max(8, width - 12 - len(figures))
    full, other, rest = ("█", "▒", "░") if view.unicode else ("#", "x", "-")
    line = Text(" ACCEPTED ")
    used = 0
    for n, style in (
        (counts.sent, "green"),
        (counts.failed, "red"),
        (counts.in_doubt, "yellow"),
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


def _delivered(campaign: Campaign, width: int) -> list[Text]:
    """What became of the accepted ones: the first line is the figure itself."""
    delivery = campaign.delivery
    if not delivery.accepted:
        return []
    if not delivery.known:
        return [Text(f" DELIVERY {UNKNOWN}", style="dim")]
    figures = [f"{delivery.delivered:,} / {delivery.accepted:,}", f"read {delivery.read:,}"]
    figures += [f"replied {delivery.replied:,}"] if delivery.replied or width >= WIDE else []
    if width >= WIDE and (lag := delivery.lag.in_words):
        figures.append(lag)
    reached = Text.assemble(
        " DELIVERED", (f" {share(delivery.delivered, delivery.accepted)}  ", "green")
    )
    reached.append("  ".join(figures))
    rest = Text("          ")
    for name, style in (("undelivered", "red"), ("held", "yellow"), ("silent", "")):
        n = getattr(delivery, name)
        text = f" {name} {n:,} "
        if n and name == "silent":
            text += (
                f"({silence(delivery)})" if width >= WIDE else f"({share(n, delivery.accepted)})"
            )
        rest.append(text, style=style if n else "dim")
    return [reached, rest]


def _pace(view: View, campaign: Campaign, width: int) -> Text:
    number = campaign.number
    cap = f"  limit {number.rate:g}/s" if number.rate is not None else ""
    line = Text(f" RATE     {campaign.rate_per_second:g}/s{cap}  ")
    eta = _eta(view, campaign)
    room = min(60, width - line.cell_len - len(eta) - 4)
    if room > 8:
        line.append(_chart(view, campaign, room), style="green")
        line.append("  ")
    line.append(eta)
    return line


def _budget(campaign: Campaign) -> list[Text]:
    budget = campaign.budget
    if budget is None:
        return []
    figures = f" BUDGET   {budget.used:,} / {budget.limit:,} {budget.of_whom}"
    if not budget.is_used_up:
        return [Text(figures)]
    return [Text(f"{figures}  {budget.next_place}", style="yellow")]


def _eta(view: View, campaign: Campaign) -> str:
    if campaign.status != "running":
        return ended(campaign)
    eta = campaign.eta_seconds
    if campaign.stop is not None:
        return campaign.stop.in_words(view.stats.at)
    if eta is None:
        return "ETA -"
    if eta == 0:
        return "last rows on their way"
    return f"ETA {local_clock(view.stats.at, plus_seconds=eta)} ({duration(eta)})"


def _chart(view: View, campaign: Campaign, cells: int) -> str:
    """The rates since the monitor was opened, newest at the right, against their highest."""
    marks = "▁▂▃▄▅▆▇█" if view.unicode else ".:-=+*#%"
    rates = list(view.rates.get(campaign.id, ()))[-cells:]
    top = max(rates, default=0.0)
    if top <= 0:
        return ""
    return "".join(marks[round(rate / top * (len(marks) - 1))] for rate in rates)


def _findings(view: View, campaign: Campaign) -> list[Text]:
    lines = []
    pointer = "→" if view.unicode else "->"
    for finding in findings_of(campaign):
        lines.append(Text(f" ! {finding.text}", style=f"bold {finding.severity}"))
        lines.append(Text(f"   {pointer} {finding.command}"))
    return lines


def _queue(campaign: Campaign) -> list[Text]:
    lines = [Text(" QUEUE", style="bold")]
    for name, n in campaign.counts.by_name().items():
        style = {"failed": "red", "in_doubt": "yellow"}.get(name, "") if n else "dim"
        lines.append(Text(f"   {_LABELS.get(name, name):<12}{n:>12,}", style=style))
    oldest = campaign.oldest_ready_seconds
    waits = duration(oldest) if oldest is not None else "-"
    lines.append(Text(f"   {'oldest ready':<12}{waits:>12}", style="" if oldest else "dim"))
    return lines


def _compact_counts(campaign: Campaign) -> Text:
    counts = campaign.counts.by_name()
    shown = [f"{_LABELS.get(name, name)} {n:,}" for name, n in counts.items() if n]
    return Text(" QUEUE    " + ("  ".join(shown) or "empty"))


def _workers(view: View, *, wide: bool) -> list[Text]:
    lines = [Text(f" WORKERS  {view.stats.live_workers} alive", style="bold")]
    for worker in view.stats.workers:
        beat = duration(worker.beat_age_seconds)
        if not worker.alive:
            lines.append(Text(f"   {worker}  LOST, last beat {beat} ago", style="red"))
            continue
        text = f"   {worker}  {worker.in_flight:,} in flight"
        if wide:
            since = local_clock(worker.started_at)
            text += f"  beat {beat} ago  since {since}  {short_id(worker.id)}  v{worker.version}"
        lines.append(Text(text))
    return lines


def _errors(campaign: Campaign, *, wide: bool) -> list[Text]:
    lines = [Text(" ERRORS", style="bold")] if campaign.errors else []
    for error in campaign.errors:
        line = _error(error)
        if wide:
            line.append(f"  the worker {lookup(error.code, 400).worker_action}", style="dim")
        lines.append(line)
    if campaign.delivery.errors:
        lines.append(Text(" UNDELIVERED  accepted, then failed", style="bold"))
        lines += map(_error, campaign.delivery.errors)
    return lines


def _error(error: ErrorCount) -> Text:
    return Text(f"   {error.code:>7}  {error.count:>9,}  {error.title:<44}")
