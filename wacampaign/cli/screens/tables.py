"""Tables on stdout, aligned for people, tab-separated for programs; and wrapped paragraphs."""

import shutil
import sys
import textwrap
from collections.abc import Sequence

from wacampaign.cli.output import tell, tell_cells
from wacampaign.core.shown_text import one_line
from wacampaign.core.words import told_locally


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """The rows under their headings; the columns named in `right` are aligned to the right.

    Lines too long for the terminal are cut at its edge, so the columns that matter come first.
    Where stdout is no terminal: one line a row with tabs between, headings first.
    """
    lines = [list(headings)]
    # Cleaned before they are measured.
    lines += [["" if v is None else one_line(" ".join(str(v).split())) for v in r] for r in rows]
    if not sys.stdout.isatty():
        for line in lines:
            tell_cells(line)
        return
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    room = shutil.get_terminal_size().columns
    for line in lines:
        cells = [
            cell.rjust(width) if heading in right else cell.ljust(width)
            for heading, cell, width in zip(headings, line, widths, strict=True)
        ]
        text = "  ".join(cells).rstrip()
        tell(text if len(text) <= room else text[: room - 1] + "…")


def tell_wrapped(text: str, width: int, first: str = "", rest: str = "") -> None:
    """A paragraph of at most `width` columns, times in it as local ones.

    `first` stands before its first line, `rest` before the others. Long words stay whole, as people
    copy them.
    """
    for line in textwrap.wrap(
        told_locally(text),
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        tell(line)
