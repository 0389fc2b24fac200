"""Times under a chart, and text in it. Widths are percentages, heights pixels."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from html import escape
from typing import Final

#: Pixels below an axis that its times take.
AXIS_HEIGHT: Final = 40
#: Times under the axis; four fit side by side at 320 px.
_TIMES: Final = 4
#: Percent of the width within which a text keeps to the edge.
_EDGE: Final = 12.0


def axis_times(begins: Iterable[tuple[float, datetime]], unit: float, axis: int) -> Iterator[str]:
    """Times of some bars, evenly apart; a day is said once, under the first bar that shows it.

    `begins`: where each bar begins, in percent, and its time. `unit`: a bar's width in percent.
    `axis`: the axis' y in pixels; the times take `AXIS_HEIGHT` below it.
    """
    last_day = ""
    free_from = 0.0
    for start, begin in begins:
        if start < free_from:
            continue
        x = start + unit / 2
        # Near the edges a text in the middle would be cut off.
        place, anchor = f"{x:.3f}%", "middle"
        if x < _EDGE:
            place, anchor = "0", "start"
        elif x > 100 - _EDGE:
            place, anchor = "100%", "end"
        yield f'<line class="axis" x1="{x:.3f}%" x2="{x:.3f}%" y1="{axis}" y2="{axis + 5}"/>'
        clock = f"{begin:%H:%M:%S}".removesuffix(":00")
        yield svg_text(place, axis + 18, clock, anchor)
        day = f"{begin.day} {begin:%b}"
        if day != last_day:
            yield svg_text(place, axis + 34, day, anchor)
        last_day = day
        free_from = start + 100 / _TIMES


def svg_text(x: str, y: int, text: str, anchor: str) -> str:
    """`text` at a place of the picture."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
