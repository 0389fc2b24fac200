"""The report as one HTML file: no scripts, nothing loaded from anywhere, for phone and printer."""

from collections.abc import Iterable
from html import escape
from importlib import resources
from typing import Final

from wacampaign.report.chart import KINDS, svg
from wacampaign.report.document import (
    Block,
    Chart,
    CodeBlock,
    Document,
    Heading,
    Items,
    Paragraph,
    Piece,
    Section,
    Table,
    words,
)
from wacampaign.report.wording import duration, stamp

#: Whatever slips through: a browser runs and loads nothing.
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)

#: Columns, with numbers among them, that a phone can show side by side.
_NARROW: Final = 3


def html(document: Document) -> str:
    """The whole file. Every value is escaped; addresses are shown and are no links."""
    title = escape(document.title)
    style = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    contents = "".join(
        f'<li><a href="#{escape(section.id)}">{escape(section.title)}</a></li>'
        for section in document.sections
    )
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{title}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            f"<header><h1>{title}</h1>",
            f"<p>{_line(document.subtitle)}</p></header>",
            f'<nav aria-label="Contents"><ul>{contents}</ul></nav>',
            f"<main>\n{''.join(map(_section, document.sections))}</main>",
            "</body>",
            "</html>\n",
        )
    )


def _section(section: Section) -> str:
    blocks = "\n".join(map(_block, section.blocks))
    title = f"<h2>{escape(section.title)}</h2>"
    return f'<section id="{escape(section.id)}">{title}\n{blocks}\n</section>\n'


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return f"<p>{_line(block.pieces)}</p>"
        case Items():
            return f"<ul>{''.join(f'<li>{_line(item)}</li>' for item in block.items)}</ul>"
        case Heading():
            return f"<h3>{escape(block.text)}</h3>"
        case CodeBlock():
            return f'<pre tabindex="0"><code>{escape(block.text)}</code></pre>'
        case Table():
            return _table(block)
        case Chart():
            return _chart(block)


def _line(pieces: Iterable[Piece]) -> str:
    return "".join(map(_piece, pieces))


def _piece(piece: Piece) -> str:
    text = escape(piece.text)
    if piece.code and text:
        text = f"<code>{text}</code>"
    if piece.strong and text:
        text = f"<strong>{text}</strong>"
    return f'<span class="{piece.mark}">{text}</span>' if piece.mark else text


def _table(table: Table) -> str:
    """On a narrow screen each row becomes a block whose cells carry their column's title.

    A few columns with numbers are narrow enough to stay a table.
    """
    stacks = "" if table.numbers and len(table.head) <= _NARROW else ' class="stacks"'
    head = "".join(
        f'<th scope="col"{_number(n, table)}>{_piece(title)}</th>'
        for n, title in enumerate(table.head)
    )
    rows = []
    for first, *others in table.rows:
        cells = "".join(
            f'<td data-title="{escape(table.head[n].text)}"{_number(n, table)}>{_piece(cell)}</td>'
            for n, cell in enumerate(others, 1)
        )
        rows.append(f'<tr><th scope="row">{_piece(first)}</th>{cells}</tr>')
    body = "\n".join(rows)
    return f"<table{stacks}><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def _number(column: int, table: Table) -> str:
    return ' class="number"' if column in table.numbers else ""


def _chart(chart: Chart) -> str:
    """The picture, its legend and description, and the same as a table to open."""
    legend = "".join(
        f'<li><span class="key {name}"></span>{word}</li>' for name, word in reversed(KINDS)
    )
    if any(stretch.pause for stretch in chart.bars):
        legend += '<li><span class="key pause"></span>… no outcomes, not to scale</li>'
    parts = [f"<h3>{escape(chart.title)}</h3>", '<figure class="outcomes">', svg(chart)]
    if chart.bars:
        parts += (
            f'<ul class="legend">{legend}</ul>',
            f"<figcaption>{escape(chart.description)}</figcaption>",
            f"<details><summary>As a table</summary>{_table(_numbers(chart))}</details>",
        )
    return "\n".join((*parts, "</figure>"))


def _numbers(chart: Chart) -> Table:
    rows = []
    for stretch in chart.rows:
        counts = [f"{n:,}" for n in (stretch.sent, stretch.failed, stretch.in_doubt)]
        if stretch.pause:
            counts = [f"… {duration(stretch.seconds)} without outcomes", "", ""]
        rows.append(words(stamp(stretch.begin), *counts))
    head = words("Time (UTC)", "Sent", "Failed", "In doubt")
    return Table(head, tuple(rows), frozenset((1, 2, 3)))
