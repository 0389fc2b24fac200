"""The report as one HTML file: no scripts, nothing loaded from anywhere, for phone and printer."""

import re
from collections.abc import Iterable
from html import escape
from importlib import resources
from typing import Final

from wacampaign.report.chart import KINDS, svg
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
    Section,
    Table,
    TimeChart,
    words,
)
from wacampaign.report.time_chart import time_chart_svg
from wacampaign.report.wording import duration, stamp

#: Whatever slips through: a browser runs and loads nothing.
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)

#: Columns, with numbers among them, that a phone can show side by side.
_NARROW: Final = 3

#: Words longer than so many characters may be broken: where their parts end (of an address, an id),
#: else after so many. At a width that holds whole words, a table's columns are as wide as these.
_WORD_CHARS: Final = 24
_LONG_WORD: Final = re.compile(rf"\S{{{_WORD_CHARS + 1},}}")
_PART: Final = re.compile(rf"[^-/._?&=:,@]{{1,{_WORD_CHARS}}}[-/._?&=:,@]*|[-/._?&=:,@]+")

#: Characters up to which all of a column stays on its line: times, kinds, states wherever a table
#: is one; ids (36) on a wide screen, when those columns together leave room for the others.
_SHORT_CHARS: Final = 20
_LINE_CHARS: Final = 36
_LINES_CHARS: Final = 90


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
            f"<header><h1>{_text(document.title)}</h1>",
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
            return f"<h3>{_text(block.text)}</h3>"
        case CodeBlock():
            return f'<pre tabindex="0"><code>{escape(block.text)}</code></pre>'
        case Table():
            return _table(block)
        case Chart():
            return _chart(block)
        case Figures():
            return _figures(block)
        case Parts():
            return _parts(block)
        case Message():
            return _message(block)
        case TimeChart():
            return _time_chart(block)


def _line(pieces: Iterable[Piece]) -> str:
    return "".join(map(_piece, pieces))


def _text(text: str) -> str:
    """`text` escaped, with places to break in words that no line could hold."""
    parts = _LONG_WORD.sub(lambda word: "\0".join(_PART.findall(word[0])), text)
    return "<wbr>".join(map(escape, parts.split("\0")))


def _piece(piece: Piece) -> str:
    text = _text(piece.text)
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
    kinds = _columns(table)
    head = "".join(
        f'<th scope="col"{kind}>{_piece(title)}</th>'
        for kind, title in zip(kinds, table.head, strict=True)
    )
    rows = []
    for first, *others in table.rows:
        cells = "".join(
            f'<td data-title="{escape(table.head[n].text)}"{kinds[n]}>{_piece(cell)}</td>'
            for n, cell in enumerate(others, 1)
        )
        rows.append(f'<tr><th scope="row"{kinds[0]}>{_piece(first)}</th>{cells}</tr>')
    body = "\n".join(rows)
    return f"<table{stacks}><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def _columns(table: Table) -> list[str]:
    """The class of each column: numbers, what stays on its line, and what may take several."""
    longest = [max(len(row[n].text) for row in (table.head, *table.rows)) for n in _each(table)]
    unbroken = [chars for chars in longest if chars <= _LINE_CHARS]
    roomy = sum(unbroken) <= _LINES_CHARS

    def kind(n: int) -> str:
        if n in table.numbers:
            return ' class="number"'
        if longest[n] <= _SHORT_CHARS:
            return ' class="short"'
        return ' class="line"' if roomy and longest[n] <= _LINE_CHARS else ""

    return [kind(n) for n in _each(table)]


def _each(table: Table) -> range:
    return range(len(table.head))


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


def _figures(block: Figures) -> str:
    tiles = "".join(
        f"<div><dt>{_text(one.label)}</dt><dd>{_text(one.value)}</dd>"
        + (f'<dd class="note">{_text(one.note)}</dd>' if one.note else "")
        + "</div>"
        for one in block.figures
    )
    return f'<dl class="figures">{tiles}</dl>'


def _parts(block: Parts) -> str:
    """One bar of the whole, and its parts as a table, which says the same."""
    bar: list[str] = []
    rows: list[str] = []
    begin = 0
    for part in block.parts:
        x, width = (f"{100 * n / block.total:.3f}%" for n in (begin, part.count))
        bar.append(f'<rect class="{part.kind.id}" x="{x}" y="0" width="{width}" height="28"/>')
        begin += part.count
        rows.append(
            f'<tr><th scope="row"><span class="key {part.kind.id}"></span>'
            f'{_text(part.kind.label)}</th><td class="number">{part.count:,}</td>'
            f'<td class="number">{_text(part.share)}</td></tr>'
        )
    body = "\n".join(rows)
    return (
        '<figure class="outcomes"><svg class="whole" aria-hidden="true" width="100%" height="28"'
        f' xmlns="http://www.w3.org/2000/svg">{"".join(bar)}</svg>\n'
        '<table><thead><tr><th scope="col">Outcome</th>'
        f'<th scope="col" class="number">{_text(block.unit)}</th>'
        f'<th scope="col" class="number">Share</th></tr></thead>\n<tbody>\n{body}\n</tbody>'
        f'<tfoot><tr><th scope="row">All</th><td class="number">{block.total:,}</td>'
        f'<td class="number">100{NO_BREAK}%</td></tr></tfoot></table></figure>'
    )


def _message(block: Message) -> str:
    parts = [f'<p class="head">{_text(block.header)}</p>'] if block.header else []
    if block.lines:
        parts.append(f"<p>{'<br>'.join(map(_text, block.lines))}</p>")
    if block.footer:
        parts.append(f'<p class="foot">{_text(block.footer)}</p>')
    parts += (f'<p class="button">{_text(button)}</p>' for button in block.buttons)
    return f'<div class="bubble">{"".join(parts)}</div>'


def _time_chart(chart: TimeChart) -> str:
    """The picture, its description, and the same as a table to open."""
    head = words("Time", *(kind.label for kind in chart.kinds))
    rows = (
        words(stamp(span.begin)[:-3], *(f"{count:,}" for count in span.counts))
        for span in chart.rows
    )
    table = Table(head, tuple(rows), frozenset(range(1, len(head))))
    return "\n".join(
        (
            f"<h3>{_text(chart.title)}</h3>",
            f'<figure class="outcomes">{time_chart_svg(chart)}',
            f"<figcaption>{_text(chart.description)}</figcaption>",
            f"<details><summary>As a table</summary>{_table(table)}</details></figure>",
        )
    )
