"""The chart of outcomes over time as an SVG inside the page.

Widths are percentages and heights pixels, so that the text has the same size on a phone and on a
screen. Colours come from the page's style, by class.
"""

import itertools
from collections.abc import Sequence
from html import escape
from typing import Final

from wacampaign.report.axis import AXIS_HEIGHT, axis_times, svg_text
from wacampaign.report.document import Chart
from wacampaign.report.pace import Stretch
from wacampaign.report.wording import duration, stamp

#: Pixels: the whole picture, the space above for the topmost count, the axis.
_HEIGHT: Final = 240
_TOP: Final = 18
_AXIS: Final = _HEIGHT - AXIS_HEIGHT
_PLOT: Final = _AXIS - _TOP
#: Pixels of the picture that only says that there is nothing.
_EMPTY_HEIGHT: Final = 40
#: Pixels of the smallest bar: one failure beside 2,000 sent has to be seen.
_LEAST: Final = 2.0
#: Part of a bar's place that it fills.
_FILLED: Final = 0.84
#: Bars in whose width a pause is drawn.
_PAUSE_BARS: Final = 4.0
#: With fewer bars, the bars do not become wider.
_BARS_LEAST: Final = 12.0
#: Classes of the style, from the axis upwards, and their words.
KINDS: Final = (("failed", "failed"), ("in_doubt", "in doubt"), ("sent", "sent"))


def svg(chart: Chart) -> str:
    """The picture; an empty frame with a sentence when there are no outcomes."""
    height = _HEIGHT if chart.bars else _EMPTY_HEIGHT
    parts = [
        f'<svg class="chart" role="img" width="100%" height="{height}"'
        ' aria-labelledby="chart-title chart-desc" xmlns="http://www.w3.org/2000/svg">',
        f'<title id="chart-title">{escape(chart.title)}</title>',
        f'<desc id="chart-desc">{escape(chart.description)}</desc>',
    ]
    if chart.bars:
        parts += _drawn(chart.bars)
    else:
        parts.append(svg_text("0", _EMPTY_HEIGHT // 2, chart.description, "start"))
    return "\n".join((*parts, "</svg>"))


def _drawn(bars: Sequence[Stretch]) -> list[str]:
    most = max(bar.total for bar in bars)
    top = _round_up(most)
    levels = [(n, _AXIS - _PLOT * n / top) for n in ((top, top // 2) if top > 1 else (top,))]
    parts = [f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>' for _, y in levels]
    widths = [_PAUSE_BARS if bar.pause else 1.0 for bar in bars]
    unit = 100 / max(sum(widths), _BARS_LEAST)
    starts: list[float] = []
    x = 0.0
    for bar, width in zip(bars, widths, strict=True):
        starts.append(x)
        parts.append(_pause(bar, x, width * unit) if bar.pause else _bar(bar, x, unit, top))
        x += width * unit
    parts.append(f'<line class="axis" x1="0" x2="100%" y1="{_AXIS}" y2="{_AXIS}"/>')
    # After the bars, which would hide them.
    parts += (svg_text("0", round(y) - 4, f"{level:,}", "start") for level, y in levels)
    begins = [(s, bar.begin) for s, bar in zip(starts, bars, strict=True) if not bar.pause]
    return [*parts, *axis_times(begins, unit, _AXIS)]


def _bar(bar: Stretch, x: float, unit: float, top: int) -> str:
    if not bar.total:
        return ""
    counts = ", ".join(f"{getattr(bar, name):,} {word}" for name, word in reversed(KINDS))
    parts = [f"<g><title>{stamp(bar.begin)} UTC: {counts}</title>"]
    y = float(_AXIS)
    for name, _ in KINDS:
        if count := getattr(bar, name):
            height = max(_LEAST, _PLOT * count / top)
            y -= height
            parts.append(
                f'<rect class="{name}" x="{x + unit * (1 - _FILLED) / 2:.3f}%" y="{y:.1f}"'
                f' width="{unit * _FILLED:.3f}%" height="{height:.1f}"/>'
            )
    return "".join((*parts, "</g>"))


def _pause(bar: Stretch, x: float, width: float) -> str:
    return (
        f"<g><title>{stamp(bar.begin)} UTC: {duration(bar.seconds)} without outcomes</title>"
        f'<rect class="pause" x="{x:.3f}%" y="{_TOP}" width="{width:.3f}%" height="{_PLOT}"/>'
        f"{svg_text(f'{x + width / 2:.3f}%', _TOP + _PLOT // 2, '…', 'middle')}</g>"
    )


def _round_up(count: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50, …: a count that halves well."""
    steps = (int(factor * 10**power) for power in itertools.count() for factor in (1, 2, 5))
    return next(step for step in steps if step >= count)
