"""Several kinds over time as an SVG: one row of bars each, with a scale of its own, on one axis.

Rows and not stacked bars: a message that is sent, delivered and read is counted in each. Scales of
their own, as what is sent in minutes is read over days, and would not be seen on a common one.
"""

from collections.abc import Iterator
from html import escape
from typing import Final

from wacampaign.report.axis import AXIS_HEIGHT, axis_times, svg_text
from wacampaign.report.document import Series, TimeChart
from wacampaign.report.wording import duration

#: Pixels: a row's title, its bars, the space below them.
_TITLE: Final = 20
_BARS: Final = 52
_GAP: Final = 14
#: Pixels of the smallest bar: one message beside 2,000 has to be seen.
_LEAST: Final = 2.0
#: Part of a bar's place that it fills.
_FILLED: Final = 0.84
#: With fewer bars, the bars do not become wider.
_BARS_LEAST: Final = 12


def time_chart_svg(chart: TimeChart) -> str:
    """The picture. `chart` has spans."""
    height = len(chart.kinds) * (_TITLE + _BARS + _GAP) - _GAP
    unit = 100 / max(len(chart.spans), _BARS_LEAST)
    begins = ((n * unit, span.begin) for n, span in enumerate(chart.spans))
    return "\n".join(
        (
            f'<svg class="chart" role="img" width="100%" height="{height + AXIS_HEIGHT}"'
            ' aria-labelledby="times-title times-desc" xmlns="http://www.w3.org/2000/svg">',
            f'<title id="times-title">{escape(chart.title)}</title>',
            f'<desc id="times-desc">{escape(chart.description)}</desc>',
            *(
                part
                for row, kind in enumerate(chart.kinds)
                for part in _row(chart, row, kind, row * (_TITLE + _BARS + _GAP), unit)
            ),
            *axis_times(begins, unit, height),
            "</svg>",
        )
    )


def _row(chart: TimeChart, row: int, kind: Series, top: int, unit: float) -> Iterator[str]:
    most = max(span.counts[row] for span in chart.spans)
    axis = top + _TITLE + _BARS
    width = duration(chart.spans[0].seconds)
    yield svg_text("0", top + 13, f"{kind.label}: up to {most:,} in {width}", "start")
    for n, span in enumerate(chart.spans):
        if not (count := span.counts[row]):
            continue
        height = max(_LEAST, _BARS * count / most)
        title = f"{span.begin:%Y-%m-%d %H:%M}: {count:,} {kind.label.lower()}"
        yield (
            f"<g><title>{escape(title)}</title>"
            f'<rect class="{kind.id}" x="{unit * (n + (1 - _FILLED) / 2):.3f}%"'
            f' y="{axis - height:.1f}" width="{unit * _FILLED:.3f}%" height="{height:.1f}"/></g>'
        )
    yield f'<line class="axis" x1="0" x2="100%" y1="{axis}" y2="{axis}"/>'
