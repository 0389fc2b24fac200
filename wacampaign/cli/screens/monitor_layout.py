"""How a frame of the monitor is laid out: lines that fit, what matters least dropped first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.text import Text

from wacampaign.core import display_width
from wacampaign.core.campaign.state import Stats

#: From this width (columns) errors and workers come with all that is known of them.
WIDE: Final = 120
#: From this width the header has room for a clock.
CLOCK_FROM: Final = 60
#: Columns of the word that a line begins with, and of what stands before the others of its block.
_LABEL: Final = 9
INDENT: Final = _LABEL + 2


@dataclass(frozen=True, slots=True)
class Marks:
    """Characters that a terminal shows or not."""

    rule: str
    full: str
    other: str
    rest: str
    #: Heights of a chart, the lowest first; what stands where nothing was done.
    heights: str
    nothing: str
    arrow: str
    chosen: str
    #: How keys that move are called.
    up_down: str


BLOCKS: Final = Marks("─", "█", "▒", "░", "▁▂▃▄▅▆▇█", "·", "→", "▸", "↑ ↓")
ASCII: Final = Marks("-", "#", "x", "-", ":-=+*#%@", ".", "->", ">", "j k")


@dataclass(frozen=True, slots=True)
class Staleness:
    """The database does not answer: what is shown was true a while ago."""

    seconds: float
    #: What was said when it was asked last.
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class View:
    """Everything that a frame shows."""

    stats: Stats
    interval_seconds: float
    #: None: what is shown is true.
    stale: Staleness | None = None
    unicode: bool = True
    #: The campaign that has the whole screen; None: a line for each.
    opened: str | None = None
    #: The one that keys are about, where there is a line for each.
    chosen: str | None = None
    #: Lines at the bottom, each with its style: a question, what came of a key, the keys.
    footer: tuple[tuple[str, str], ...] = ()
    #: Keys and their meaning, over everything else.
    help_lines: tuple[str, ...] = ()

    @property
    def marks(self) -> Marks:
        """What its terminal can show."""
        return BLOCKS if self.unicode else ASCII


@dataclass(slots=True)
class Block:
    """Lines that belong together. `rank`: the smaller, the longer they stay."""

    rank: int
    lines: list[Text]
    #: Fewer of them say nothing: a heading alone, say.
    least: int = 1
    #: What it has many of; how many were left out is said in a line of its own.
    many: str = ""
    #: Stands in when the whole block does not fit.
    short: list[Text] = field(default_factory=list)


def fit(blocks: Sequence[Block], height: int, marks: Marks) -> list[Text]:
    """The lines of `blocks` that `height` has room for, in their order."""
    room = height
    kept: dict[int, list[Text]] = {}
    for index, block in sorted(enumerate(blocks), key=lambda pair: pair[1].rank):
        lines = block.lines
        if len(lines) > room and block.short:
            lines = block.short
        if len(lines) > room:
            lines = _beginning(block, room)
        kept[index] = lines
        room -= len(lines)
    lines = [line for index in sorted(kept) for line in kept[index]]
    return _without_idle_rules(lines, marks)


def _beginning(block: Block, room: int) -> list[Text]:
    if room < max(block.least, 1):
        return []
    if not block.many or room < block.least + 1:
        return block.lines[:room]
    left_out = len(block.lines) - room + 1
    return [*block.lines[: room - 1], Text(f"   +{left_out} more {block.many}", style="dim")]


def _without_idle_rules(lines: Sequence[Text], marks: Marks) -> list[Text]:
    """A rule parts two blocks: none stands at an end, nor below another."""
    kept: list[Text] = []
    for line in lines:
        if not _is_rule(line, marks) or (kept and not _is_rule(kept[-1], marks)):
            kept.append(line)
    while kept and _is_rule(kept[-1], marks):
        kept.pop()
    return kept


def _is_rule(line: Text, marks: Marks) -> bool:
    return bool(line.plain) and not line.plain.strip(marks.rule)


def ruled(rank: int, width: int, marks: Marks) -> Block:
    """A line across."""
    return Block(rank, [Text(marks.rule * width, style="dim")])


def cut(line: Text, width: int, unicode: bool) -> Text:
    """`line` in at most `width` columns."""
    if line.cell_len > width:
        line.truncate(width, overflow="ellipsis" if unicode else "crop")
    line.no_wrap = True
    return line


def column(text: str, columns: int, unicode: bool) -> str:
    """`text` in just so many columns; that it was cut is to be seen."""
    short = display_width.padded(display_width.cut(text, columns), columns)
    return short if unicode or display_width.width(text) <= columns else short.replace("…", "~")


def paragraph(text: str, columns: int, most: int, unicode: bool) -> list[str]:
    """The first lines of `text`, `most` of them; that there are more is to be seen."""
    lines = list(display_width.wrapped(text, columns))
    if len(lines) > most:
        rest = " ".join(lines[most - 1 :])
        lines[most - 1 :] = [display_width.cut(rest, columns, "…" if unicode else "~")]
    return lines


def labelled(label: str, *parts: str | Text | tuple[str, str], style: str = "") -> Text:
    """` RATE      78.9/s …`."""
    return Text.assemble(Text(f" {label:<{_LABEL}} ", style=style), *parts)


def flow(
    label: str, items: Iterable[Text], width: int, *, style: str = "", between: str = "  "
) -> list[Text]:
    """The items beside each other, on as many lines as they need; none is parted."""
    lines = [labelled(label, style=style)]
    for item in items:
        beside = lines[-1].cell_len > INDENT
        if beside and lines[-1].cell_len + len(between) + item.cell_len > width:
            lines.append(labelled(""))
            beside = False
        lines[-1].append_text(Text(between if beside else ""))
        lines[-1].append_text(item)
    return lines


def chart(values: Sequence[float], cells: int, marks: Marks) -> str:
    """The last of the values, the newest at the right, against the highest of them."""
    shown = list(values)[-cells:]
    while shown and not shown[0]:
        shown.pop(0)
    top = max(shown, default=0.0)
    steps = len(marks.heights) - 1
    return "".join(
        marks.heights[round(value / top * steps)] if value else marks.nothing for value in shown
    )
