"""What goes to stdout, and what a stream can show.

All text of the command line goes through this module (a test looks for other ways out): a line
with `tell` or `say`, data with `print_json` or `tell_cells`, colours with `tell_styled`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

from wacampaign.cli.terminal import speaks_unicode as speaks_unicode
from wacampaign.core.display_width import broken, width
from wacampaign.core.shown_text import json_text, one_line

if TYPE_CHECKING:
    from rich.console import Console

#: Version of every JSON object on stdout.
SCHEMA_VERSION: Final = 1
#: Exit code of "a finding": something is not as it should be.
FINDING: Final = 3
#: Of a terminal that does not tell how many it has.
_USUAL_COLUMNS: Final = 80
#: A command in a sentence, with its arrow: to the sentence's next part.
_COMMAND: Final = re.compile(
    r"(?:(?:→|->) )?\bwacampaign(?: (?!\(|(?:and|in|must|or|says|shows|then) )\S*[^\s.,;:])+"
)
#: Stands for its blanks while a line is broken; no line has one of its own.
_HELD: Final = "\0"


def print_json(fields: Mapping[str, Any], *, one_line: bool = False) -> None:
    """One JSON object on stdout, with its `schema_version` first.

    Indented for people on a terminal; always one line where lines are a stream (`one_line`).
    """
    pretty = not one_line and sys.stdout.isatty()
    text = json_text(
        {"schema_version": SCHEMA_VERSION, **fields},
        ensure_ascii=not speaks_unicode(sys.stdout),
        allow_nan=False,
        indent=2 if pretty else None,
    )
    print(text, flush=True)


def tell(line: str = "", *, stream: TextIO | None = None) -> None:
    """One line for people, on stdout unless `stream` says otherwise.

    A line break in a name or an answer does not make it two.
    """
    print(one_line(line), file=stream or sys.stdout, flush=True)


def tell_cells(cells: Sequence[str]) -> None:
    """One line for programs, on stdout: the cells with tabs between them."""
    print("\t".join(map(one_line, cells)))


def tell_styled(parts: Iterable[tuple[str, str]]) -> None:
    """One line for people, on stdout: texts, each with its style (empty: none)."""
    clean = [(one_line(text), style) for text, style in parts]
    if not sys.stdout.isatty():  # no colours: nothing that takes 50 ms to import
        print("".join(text for text, _ in clean))
        return
    from rich.text import Text

    stdout_console().print(Text.assemble(*clean))


def tell_text(text: str) -> None:
    """Text of our own, of several lines, on stdout as it stands."""
    print(text)


def tell_data(lines: str) -> None:
    """Lines for programs, on stdout, each with its end."""
    sys.stdout.write(lines)


def say(line: str) -> None:
    """A message for people, beside the data: on stderr, on one line; on a terminal that it is too
    long for broken at its words. Commands stay whole, as people copy them."""
    line = one_line(line)
    lines = [line]
    if sys.stderr.isatty() and width(line) > (room := _columns(sys.stderr)):
        own = " " * (len(line) - len(line.lstrip()))
        held = _COMMAND.sub(lambda found: found[0].replace(" ", _HELD), line)
        lines = [part.replace(_HELD, " ") for part in broken(held, room, "", f"{own}  ")]
    for part in lines:
        print(part, file=sys.stderr, flush=True)


def _columns(stream: TextIO) -> int:
    """Of the terminal behind `stream`: `shutil` asks that of stdout, which may be a file."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    except (OSError, ValueError):
        return _USUAL_COLUMNS


def ask(question: str) -> str:
    """What a person answers at the terminal, without blanks around it; empty at the end of input.

    The question goes to stderr.
    """
    print(one_line(question), end="", file=sys.stderr, flush=True)
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        print(file=sys.stderr)  # what comes next begins a line
        raise
    if not answer:
        print(file=sys.stderr)  # nobody pressed Enter
    return answer.strip()


def at_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def stdout_console() -> Console:
    """Rich on stdout: colour on a terminal only, nothing wrapped or guessed at."""
    from wacampaign.cli.gate import console

    return console(sys.stdout, markup=False, emoji=False, soft_wrap=True)


def arrow(stream: TextIO) -> str:
    """What stands before the next command."""
    return "→" if speaks_unicode(stream) else "->"


def cut_mark(stream: TextIO) -> str:
    """What ends a text that was cut, as wide there as it is here."""
    return "…" if speaks_unicode(stream) else "..."
