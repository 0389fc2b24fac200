"""The monitor's screen of one campaign.

In the order in which it is read: is it running, is it moving, when is it done, what waits and why,
what fails and what to do, who works.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.text import Text

from wacampaign.cli.screens.monitor_errors import error_blocks
from wacampaign.cli.screens.monitor_layout import (
    CLOCK_FROM,
    INDENT,
    WIDE,
    Block,
    View,
    chart,
    cut,
    flow,
    labelled,
    paragraph,
    ruled,
)
from wacampaign.cli.screens.monitor_workers import worker_lines
from wacampaign.cli.screens.pace_words import binding, end_of, rates
from wacampaign.cli.screens.queue_stats import ended, styled_status
from wacampaign.core.campaign.delivery import UNKNOWN, share, silence
from wacampaign.core.campaign.event import in_a_sentence, what_happened
from wacampaign.core.campaign.finding import Finding
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.stall import cause_of, stands
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.display_width import wrapped
from wacampaign.core.words import (
    counted,
    duration,
    local_clock,
    rough_duration,
    seconds_clock,
)

#: Lines that one finding may take: what is longer is read in `queue-stats`.
_FINDING_LINES: Final = 3
#: Narrower bars say nothing.
_BAR_MIN: Final = 8


def campaign_blocks(view: View, campaign: Campaign, width: int) -> list[Block]:
    """Everything about one campaign, each part with its rank."""
    marks, wide = view.marks, width >= WIDE
    findings = findings_of(campaign)
    cause = None if view.stale else cause_of(campaign, findings)
    delivered = _delivered(campaign, width)
    blocks = [
        Block(0, [header(view, campaign.name, width, campaign)]),
        Block(0, stale_lines(view, width)),
        Block(8, _subject(campaign, width)),
        ruled(10, width, marks),
        Block(1, [_accepted(view, campaign, width)]),
        Block(2, _pace(view, campaign, cause, width)),
        Block(6, _budget(campaign, width)),
        Block(6, delivered, short=delivered[:1]),
    ]
    rest = [finding for finding in findings if finding is not cause]
    if rest:
        first, *others = ([*finding_lines(view, one, width)] for one in rest)
        blocks += [ruled(11, width, marks), Block(3, first)]
        blocks += [Block(7, lines, least=2) for lines in others]
    blocks += [ruled(11, width, marks), Block(4, _queue(campaign, width))]
    blocks += error_blocks(view, campaign, width)
    blocks += [
        Block(
            5, worker_lines(view, width), least=1 if not view.stats.workers else 2, many="workers"
        ),
        Block(13, _events(campaign), least=2),
    ]
    if wide:
        # Room above the blocks, where there is more than enough of it.
        blocks = [part for block in blocks for part in _spaced(block)]
    return blocks


def _spaced(block: Block) -> Iterator[Block]:
    if block.rank in (5, 13) and block.lines:
        yield Block(14, [Text()])
    yield block


def header(view: View, name: str, width: int, campaign: Campaign | None = None) -> Text:
    """Whose screen this is, and whether it is true now."""
    right = Text()
    if campaign is not None:
        status, style = styled_status(campaign)
        if view.stale:
            status, style = f"WAS {status}", "bold red"
        right.append(status, style=style)
        if campaign.run_seconds is not None and campaign.status == "running":
            right.append(f" {rough_duration(campaign.run_seconds)}")
        elif campaign.lasted_seconds is not None and campaign.is_over:
            right.append(f" in {duration(campaign.lasted_seconds)}")
        right.append("  ")
    if width >= CLOCK_FROM:
        right.append(f"{seconds_clock(view.stats.at)}  ")
    if width >= WIDE:
        right.append(f"every {view.interval_seconds:g} s  ")
    if view.stale is None:
        right.append("LIVE", style="green")
    else:
        right.append("STALE", style="bold red")
    right.append(" ")
    line = Text.assemble(" ", (name, "bold"))
    cut(line, max(width - right.cell_len - 2, 9), view.unicode)
    line.append(" " * max(2, width - line.cell_len - right.cell_len))
    line.append_text(right)
    return line


def stale_lines(view: View, width: int) -> list[Text]:
    """That the database does not answer, since when, and what to do; nothing when it does."""
    if view.stale is None:
        return []
    away = duration(view.stale.seconds)
    text = (
        f"the database has not answered for {away}: all this is of {seconds_clock(view.stats.at)}"
    )
    if view.stale.reason and width >= WIDE:
        text += f" ({view.stale.reason})"
    lines = [Text(line, style="bold red") for line in _exclaimed(view, text, width)]
    return [*lines, Text(f"   {view.marks.arrow} wacampaign doctor", style="red")]


def _exclaimed(view: View, text: str, width: int) -> Iterator[str]:
    """` ! text`."""
    before = " ! "
    for line in paragraph(text, max(width - len(before), 20), _FINDING_LINES, view.unicode):
        yield before + line
        before = "   "


def finding_lines(view: View, finding: Finding, width: int) -> Iterator[Text]:
    """What is wrong, and what to do about it."""
    style = f"bold {finding.severity}"
    for line in _exclaimed(view, finding.text, width):
        yield Text(line, style=style)
    yield from _step(view, finding, width, 3)


def _step(view: View, finding: Finding, width: int, indent: int) -> Iterator[Text]:
    before = f"{' ' * indent}{view.marks.arrow} "
    for line in wrapped(finding.command, max(width - len(before), 20)):
        yield Text(before + line)
        before = " " * len(before)


def _subject(campaign: Campaign, width: int) -> list[Text]:
    number = campaign.number
    parts = [campaign.short_id, f"template {', '.join(campaign.templates) or '-'}"]
    if number.phone_number_id:
        name = number.display_name if width < WIDE else None
        id_ = f"{number.phone_number_id} ({number.display_name})"
        parts.append(f"number {name or (id_ if number.display_name else number.phone_number_id)}")
    if number.quality_rating:
        parts.append(f"quality {number.quality_rating}")
    if number.tier:
        parts.append(f"tier {number.tier.removeprefix('TIER_')}")
    if width >= WIDE:
        parts += _rates_of_number(campaign)
    text = f" {parts[0]}"
    for part in parts[1:]:
        if len(text) + 2 + len(part) > width:
            break
        text += f"  {part}"
    return [Text(text)]


def _rates_of_number(campaign: Campaign) -> Iterator[str]:
    """What is set, what is in use, what Meta takes, and who shares it."""
    number = campaign.number
    if number.rate is not None:
        in_use = f", {number.rate:g}/s in use" if number.rate != number.configured_rate else ""
        most = f", Meta takes {number.throughput}/s" if number.throughput else ""
        yield f"rate {number.configured_rate or number.rate:g}/s{in_use}{most}"
    if number.sharing > 1:
        yield f"shared by {number.sharing} campaigns"


def _accepted(view: View, campaign: Campaign, width: int) -> Text:
    counts, marks = campaign.counts, view.marks
    total = max(campaign.size, 1)
    figures = f"  {100 * counts.sent / total:5.1f} %  {counts.sent:,} / {campaign.size:,}"
    cells = width - INDENT - 1 - len(figures)
    line = labelled("ACCEPTED")
    if cells < _BAR_MIN:
        return line.append(figures.strip())
    parts = ((counts.sent, "green"), (counts.failed, "red"), (counts.in_doubt, "yellow"))
    # Never a full bar while something is left; never nothing for what is there.
    widths = [max(1, int(cells * n / total)) if n else 0 for n, _ in parts]
    nothing_left = sum(n for n, _ in parts) >= total
    missing = (cells if nothing_left else cells - 1) - sum(widths)
    if nothing_left or missing < 0:
        # What rounding left over or took too much is the largest part's.
        widths[widths.index(max(widths))] += missing
    for n, (_, style) in zip(widths, parts, strict=True):
        # Another mark, too: not every terminal shows colours.
        line.append((marks.full if style == "green" else marks.other) * n, style=style)
    line.append(marks.rest * (cells - sum(widths)), style="dim")
    line.append(figures)
    return line


def _pace(view: View, campaign: Campaign, cause: Finding | None, width: int) -> list[Text]:
    """Is it moving, when is it done, what binds it; or why it does not move."""
    lines = []
    if view.stale:
        was = f" ({campaign.rate_per_second:g}/s then)" if campaign.status == "running" else ""
        lines.append(labelled("RATE", f"unknown while the database does not answer{was}"))
        return [*lines, labelled("ETA", "unknown")]
    is_running = campaign.status == "running"
    if is_running:
        lines.append(_charted(view, campaign, rates(campaign), width))
    elif any(campaign.pace.bars):
        lines.append(_charted(view, campaign, "none now", width))
    if cause is not None:
        label = "STANDS" if is_running else "WAITS"
        style = f"bold {cause.severity}"
        text = cause.text
        if not is_running and text.startswith("paused: "):
            text = text.removeprefix("paused: ")
        before = labelled(label, style=style)
        for part in paragraph(text, max(width - INDENT, 20), _FINDING_LINES, view.unicode):
            lines.append(Text.assemble(before, (part, style)))
            before = labelled("")
        return [*lines, *_step(view, cause, width, INDENT)]
    if not is_running:
        if campaign.is_over:
            return [*lines, labelled("ENDED", ended(campaign).removeprefix("ended "))]
        return [*lines, labelled("WAITS", ended(campaign))]
    at = view.stats.at
    if stands(campaign) and campaign.counts.unsent:
        lines += _nothing_done(view, campaign, width)
    else:
        lines.append(labelled("ETA", end_of(campaign, at)))
    if words := binding(campaign, at):
        lines += flow("LIMITED", [Text(word) for word in words], width)
    return lines


def _nothing_done(view: View, campaign: Campaign, width: int) -> Iterator[Text]:
    """That no row was done lately, and where to look while nothing says why."""
    text, style = "no row was done lately", "bold yellow"
    waiting = sum(worker.in_flight for worker in view.stats.workers if worker.alive)
    if campaign.limit is None and waiting:
        text += f": workers wait for Meta's answers to {counted(waiting, 'message')}"
    elif campaign.limit is None:
        text += ", and nothing says why yet"
    before = labelled("STANDS", style=style)
    for part in wrapped(text, max(width - INDENT, 20)):
        yield Text.assemble(before, (part, style))
        before = labelled("")
    if campaign.limit is None:
        yield labelled("", f"{view.marks.arrow} wacampaign doctor")


def _charted(view: View, campaign: Campaign, text: str, width: int) -> Text:
    line = labelled("RATE", text, "  ")
    room = width - line.cell_len - 1
    if room >= _BAR_MIN:
        # The last bar has not ended: it would look like a fall.
        line.append(chart(campaign.pace.bars[:-1], room, view.marks), style="green")
    # While it still speeds up the bars of before say less than the pace beside them.
    highest = campaign.pace.highest
    if line.cell_len + 18 <= width and highest and highest * 1.1 >= campaign.pace.minute:
        line.append(f"  highest {highest:.1f}/s", style="dim")
    return line


def _budget(campaign: Campaign, width: int) -> list[Text]:
    budget = campaign.budget
    if budget is None:
        return []
    style = "yellow" if budget.is_used_up else ""
    figures = [f"{budget.used:,} / {budget.limit:,} {budget.of_whom}"]
    figures += [budget.next_place] if budget.is_used_up else []
    return flow("BUDGET", [Text(one, style=style) for one in figures], width)


def _delivered(campaign: Campaign, width: int) -> list[Text]:
    """What became of the accepted ones: the first line is the figure itself."""
    delivery, wide = campaign.delivery, width >= WIDE
    if not delivery.accepted:
        return []
    if not delivery.known:
        return [labelled("DELIVERY", UNKNOWN, style="dim")]
    figures = [f"{delivery.delivered:,} / {delivery.accepted:,}", f"read {delivery.read:,}"]
    figures += [f"replied {delivery.replied:,}"] if delivery.replied or wide else []
    if wide and (lag := delivery.lag.in_words):
        figures.append(lag)
    if campaign.heard_seconds is not None and not campaign.is_over:
        figures.append(f"last status {rough_duration(campaign.heard_seconds)} ago")
    reached = (f"{share(delivery.delivered, delivery.accepted)}", "green")
    rest = []
    for name, style in (("undelivered", "red"), ("held", "yellow"), ("silent", "")):
        n = getattr(delivery, name)
        text = f"{name} {n:,}"
        if n and name == "silent":
            text += f" ({silence(delivery) if wide else share(n, delivery.accepted)})"
        rest.append(Text(text, style=style if n else "dim"))
    first = flow("DELIVERED", [Text.assemble(reached), *map(Text, figures)], width)
    return [first[0], *flow("", rest, width)]


def _queue(campaign: Campaign, width: int) -> list[Text]:
    """What waits, what is on its way, and what is not as it should be; zero is said to be well."""
    counts = campaign.counts
    ready = f"ready {counts.ready:,}"
    if counts.ready and campaign.oldest_ready_seconds is not None:
        ready += f", the oldest waits {duration(campaign.oldest_ready_seconds)}"
    later = f"retry later {counts.retry_later:,}"
    if counts.retry_later and campaign.next_retry_at:
        later += f" from {local_clock(campaign.next_retry_at)} on"
    items = [Text(ready), Text(later, style="" if counts.retry_later else "dim")]
    items.append(Text(f"being sent {counts.processing:,}"))
    problems = [("pending", counts.pending, "red"), ("in doubt", counts.in_doubt, "yellow")]
    problems.append(("failed", counts.failed, "red"))
    for name, n, style in problems:
        items.append(
            Text(f"{name} {n:,} !", style=style) if n else Text(f"{name} 0 ok", style="dim")
        )
    if campaign.never_enqueued:
        items.append(Text(f"never queued {campaign.never_enqueued:,} !", style="red"))
    if campaign.deleted:
        items.append(Text(f"deleted {campaign.deleted:,} !", style="red"))
    return flow("QUEUE", items, width, style="bold", between="   ")


def _events(campaign: Campaign) -> list[Text]:
    if not campaign.events:
        return []
    # The newest first: on a short screen the end of the list is what does not fit.
    lines: list[Text] = [labelled("EVENTS", style="bold")]
    for event in reversed(campaign.events):
        kind, n = str(event["kind"]), event["rows"]
        text = in_a_sentence(what_happened(kind), n, str(event["actor"]), event["reason"])
        line = Text(f"   {seconds_clock(str(event['at']))}  {text}")
        lines.append(line)
    return lines
