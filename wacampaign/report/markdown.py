"""The report as Markdown (CommonMark with tables), readable as plain text too."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from wacampaign.report.document import (
    NO_BREAK,
    Block,
    Chart,
    CodeBlock,
    Document,
    Figures,
    Heading,
    Items,
    Message,
    Paragraph,
    Parts,
    Piece,
    Table,
    TimeChart,
)
from wacampaign.report.pace import Stretch
from wacampaign.report.wording import duration, stamp

#: What could begin emphasis, code, a link, a picture, a cell, a formula, or struck-out text.
_SPECIAL: Final = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
#: What would make a line a list, a heading, or a rule.
_LINE_START: Final = re.compile(r"^(?:(?P<sign>[-+#=])|(?P<number>\d+)(?P<dot>[.)]))")
_BACKTICKS: Final = re.compile(r"`+")

#: Characters of the longest bar; the table then fits 100 columns.
_BAR_CHARS: Final = 24
_SENT, _FAILED, _IN_DOUBT = "▒", "█", "░"
#: For each kind of the client's report, and of the parts of its recipients.
_SIGNS: Final = ("░", "▒", "█", "×")
#: Characters of a bar beside a table that has to fit 80 columns.
_NARROW_BAR_CHARS: Final = 16
_CHART_HEAD: Final = ("Time (UTC)", "Sent", "Failed", "In doubt", "")


def markdown(document: Document, width: int | None = None) -> str:
    """The whole file, ending in a newline. No value can leave its place or become HTML.

    `width`: columns after which a paragraph goes on in the next line; None: it is one line.
    """
    parts = [f"# {_escaped(document.title)}", _line(document.subtitle, width)]
    for section in document.sections:
        parts.append(f"## {_escaped(section.title)}")
        parts += (_block(block, width) for block in section.blocks)
    return "\n\n".join(parts) + "\n"


def _block(block: Block, width: int | None) -> str:
    match block:
        case Paragraph():
            return _line(block.pieces, width)
        case Items():
            return "\n".join(_item(item, width) for item in block.items)
        case Heading():
            return f"### {_escaped(block.text)}"
        case CodeBlock():
            return _fenced(block.text)
        case Table():
            rows = (map(_cell, row) for row in block.rows)
            return _table(map(_cell, block.head), rows, block.numbers)
        case Chart():
            return _chart(block)
        case Figures():
            return "\n".join(_figures(block))
        case Parts():
            return _parts(block)
        case Message():
            return "\n".join(_message(block))
        case TimeChart():
            return _time_chart(block, width)


def _line(pieces: Iterable[Piece], width: int | None = None) -> str:
    """Pieces where a block may begin."""
    text = "".join(map(_piece, pieces)).strip()
    if width is None:
        return _begun(text)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(_begun, lines))


def _item(pieces: Iterable[Piece], width: int | None) -> str:
    return "- " + _line(pieces, width and width - 2).replace("\n", "\n  ")


def _begun(line: str) -> str:
    """What would be a list, a heading or a rule at a line's beginning is text."""
    return _LINE_START.sub(
        lambda m: f"\\{m['sign']}" if m["sign"] else f"{m['number']}\\{m['dot']}", line
    )


def _piece(piece: Piece) -> str:
    text = _code(piece.text) if piece.code else _escaped(piece.text)
    if not piece.strong or not text.strip():
        return text
    # Asterisks beside a space are no emphasis.
    bare = text.strip()
    before, _, after = text.partition(bare)
    return f"{before}**{bare}**{after}"


def _cell(piece: Piece) -> str:
    if not piece.code:
        return _piece(piece)
    # The only escape that holds in code, and in the cells of a table alone.
    return _piece(piece).replace("|", "\\|")


def _escaped(text: str) -> str:
    """`text` so that it reads as itself: no markup, no HTML, no entity."""
    # Read as it is, too: by people who look for "90.7 %".
    text = text.replace(NO_BREAK, " ")
    marked = _SPECIAL.sub(lambda match: f"\\{match[0]}", text)
    return marked.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(text: str) -> str:
    """A code span whose fence is longer than any run of backticks in `text`."""
    if not text.strip():
        return ""
    fence = "`" * (_longest_run(text) + 1)
    # One space at each end is taken off again.
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _fenced(text: str) -> str:
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}text\n{text}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


def _table(
    head: Iterable[str], rows: Iterable[Iterable[str]], numbers: frozenset[int] = frozenset()
) -> str:
    titles = list(head)
    rule = ("---:" if n in numbers else "---" for n in range(len(titles)))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, rule, *rows))


def _chart(chart: Chart) -> str:
    title = f"### {_escaped(chart.title)}"
    if not chart.rows:
        return f"{title}\n\n{_escaped(chart.description)}"
    most = max(stretch.total for stretch in chart.rows)
    what = _escaped(chart.description.partition(";")[0])
    length = duration(chart.rows[0].seconds)
    signs = f"{_SENT} sent, {_FAILED} failed, {_IN_DOUBT} in doubt"
    lines = (_chart_row(stretch, most) for stretch in chart.rows)
    table = _table(_CHART_HEAD, lines, frozenset((1, 2, 3)))
    return "\n\n".join((title, f"{what}. One line is {length}: {signs}.", table))


def _chart_row(stretch: Stretch, most: int) -> Sequence[str]:
    begin = stamp(stretch.begin)
    if stretch.pause:
        return begin, "", "", "", f"… {duration(stretch.seconds)} without outcomes"
    counts = stretch.sent, stretch.failed, stretch.in_doubt
    bar = "".join(
        sign * (max(1, round(_BAR_CHARS * count / most)) if count else 0)
        for sign, count in zip((_SENT, _FAILED, _IN_DOUBT), counts, strict=True)
    )
    return begin, *(f"{count:,}" for count in counts), bar


def _figures(block: Figures) -> Iterator[str]:
    for one in block.figures:
        note = f" ({_escaped(one.note)})" if one.note else ""
        yield f"- {_escaped(one.label)}: **{_escaped(one.value)}**{note}"


def _parts(block: Parts) -> str:
    rows = [
        (
            _escaped(part.kind.label),
            f"{part.count:,}",
            _escaped(part.share),
            _part_bar(part.count, block.total),
        )
        for part in block.parts
    ]
    rows.append(("All", f"{block.total:,}", "100 %", ""))
    return _table(("Outcome", _escaped(block.unit), "Share", ""), rows, frozenset((1, 2)))


def _message(block: Message) -> Iterator[str]:
    """A quotation; a line of it is a line."""
    groups = ([block.header or ""], block.lines, [block.footer or ""])
    begun = False
    for group in groups:
        if not any(group):
            continue
        if begun:
            yield ">"
        begun = True
        for line in group:
            yield f"> {_begun(_escaped(line))}  " if line else ">"
    if block.buttons:
        if begun:
            yield ">"
        yield from (f"> \\[{_escaped(button)}\\]  " for button in block.buttons)


def _time_chart(chart: TimeChart, width: int | None) -> str:
    signs = _SIGNS[: len(chart.kinds)]
    most = max(sum(span.counts) for span in chart.rows)
    legend = ", ".join(
        f"{sign} {kind.label.lower()}" for sign, kind in zip(signs, chart.kinds, strict=True)
    )
    what, _, _ = chart.description.partition(".")
    about = f"{what}. One line is {duration(chart.rows[0].seconds)}: {legend}."
    rows = (
        (
            stamp(span.begin)[:-3],
            *(f"{count:,}" for count in span.counts),
            "".join(_bar(n, most, sign) for n, sign in zip(span.counts, signs, strict=True)),
        )
        for span in chart.rows
    )
    head = ("Time", *(_escaped(kind.label) for kind in chart.kinds), "")
    table = _table(head, rows, frozenset(range(1, len(chart.kinds) + 1)))
    return "\n\n".join((f"### {_escaped(chart.title)}", _line((Piece(about),), width), table))


def _part_bar(count: int, whole: int) -> str:
    return "█" * round(_NARROW_BAR_CHARS * count / whole) or ("▏" if count else "")


def _bar(count: int, whole: int, sign: str) -> str:
    """At least one sign of what is there at all."""
    return sign * (max(1, round(_NARROW_BAR_CHARS * count / whole)) if count else 0)
