"""Tables on stdout, aligned for people, tab-separated for programs; and wrapped paragraphs."""

import shutil
import sys
from collections.abc import Sequence
from typing import Final

from wacampaign.cli.output import cut_mark, tell, tell_cells
from wacampaign.core.display_width import broken, cut, padded, width, wrapped
from wacampaign.core.shown_text import one_line
from wacampaign.core.words import told_locally

#: Columns before, and at most of, a value that found no place in its row's own line.
_INDENT: Final = "    "
_BELOW_MAX: Final = 240


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> None:
    """The rows under their headings; the columns named in `right` are aligned to the right.

    `notes`, if any: of each row what is said of it below it, on a terminal, in one line.

    Columns that the terminal has no room for stand below their row, each under its name: what an
    operator looks for is never cut away. Where stdout is no terminal: one line a row with tabs
    between, headings first.
    """
    lines = [list(headings)]
    # Cleaned before they are measured.
    lines += [["" if v is None else one_line(" ".join(str(v).split())) for v in r] for r in rows]
    if not sys.stdout.isatty():
        for line in lines:
            tell_cells(line)
        return
    widths = [max(width(line[i]) for line in lines) for i in range(len(headings))]
    room = shutil.get_terminal_size().columns
    beside, mark = _columns_that_fit(widths, room), cut_mark(sys.stdout)
    for n, line in enumerate(lines):
        cells = [
            " " * (columns - width(cell)) + cell if heading in right else padded(cell, columns)
            for heading, cell, columns in zip(headings, line, widths[:beside], strict=False)
        ]
        tell(cut("  ".join(cells).rstrip(), room, mark))
        if n and notes and notes[n - 1]:
            tell(cut(_INDENT + one_line(notes[n - 1]), room, mark))
        below = zip(headings[beside:], line[beside:], strict=True)
        text = "  ".join(
            f"{heading} {cut(cell, _BELOW_MAX, mark)}" for heading, cell in below if cell
        )
        if n and text:
            for part in wrapped(text, max(room - len(_INDENT), 20)):
                tell(_INDENT + part)


def _columns_that_fit(widths: Sequence[int], room: int) -> int:
    """How many of the first columns fit beside each other, two columns between; one at least."""
    used, fit = -2, 0
    for columns in widths:
        used += 2 + columns
        if used > room:
            break
        fit += 1
    return max(fit, 1)


def tell_indented(indent: str, text: str, rest: str | None = None) -> None:
    """One line for people, on a terminal as many as it needs, the others behind `rest`, by itself
    further in."""
    for line in indented(indent, text, rest):
        tell(line)


def indented(indent: str, text: str, rest: str | None = None) -> list[str]:
    """The lines that `tell_indented` tells."""
    if not sys.stdout.isatty():
        return [indent + text]
    columns = shutil.get_terminal_size().columns
    text = told_locally(one_line(text))
    if width(indent + text) <= columns:  # also an empty one, which is no paragraph
        return [indent + text]
    own = " " * (len(text) - len(text.lstrip()))
    return broken(text, columns, indent, f"{indent}{own}  " if rest is None else rest)


def tell_wrapped(text: str, width: int, first: str = "", rest: str = "") -> None:
    """A paragraph of at most `width` columns, times in it as local ones.

    `first` stands before its first line, `rest` before the others. Long words stay whole, as people
    copy them.
    """
    for line in broken(told_locally(text), width, first, rest):
        tell(line)
