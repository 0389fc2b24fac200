"""The report as Markdown (CommonMark with tables), readable as plain text too."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from wacampaign.report.document import (
    Block,
    Chart,
    CodeBlock,
    Document,
    Heading,
    Items,
    Paragraph,
    Piece,
    Table,
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
_CHART_HEAD: Final = ("Time (UTC)", "Sent", "Failed", "In doubt", "")


def markdown(document: Document) -> str:
    """The whole file, ending in a newline. No value can leave its place or become HTML."""
    parts = [f"# {_escaped(document.title)}", _line(document.subtitle)]
    for section in document.sections:
        parts.append(f"## {_escaped(section.title)}")
        parts += map(_block, section.blocks)
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return _line(block.pieces)
        case Items():
            return "\n".join(f"- {_line(item)}" for item in block.items)
        case Heading():
            return f"### {_escaped(block.text)}"
        case CodeBlock():
            return _fenced(block.text)
        case Table():
            rows = (map(_cell, row) for row in block.rows)
            return _table(map(_cell, block.head), rows, block.numbers)
        case Chart():
            return _chart(block)


def _line(pieces: Iterable[Piece]) -> str:
    """Pieces where a block may begin."""
    text = "".join(map(_piece, pieces)).strip()
    return _LINE_START.sub(
        lambda m: f"\\{m['sign']}" if m["sign"] else f"{m['number']}\\{m['dot']}", text
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
