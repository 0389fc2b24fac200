"""What goes to stdout, and what a stream can show."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console

#: Version of every JSON object on stdout.
SCHEMA_VERSION: Final = 1


def print_json(fields: Mapping[str, Any], *, one_line: bool = False) -> None:
    """One JSON object on stdout, with its `schema_version` first.

    Indented for people on a terminal; always one line where lines are a stream (`one_line`).
    """
    pretty = not one_line and sys.stdout.isatty()
    print(
        json.dumps(
            {"schema_version": SCHEMA_VERSION, **fields},
            ensure_ascii=not speaks_unicode(sys.stdout),
            allow_nan=False,
            indent=2 if pretty else None,
        ),
        flush=True,
    )


def say(text: str) -> None:
    """A message for people, beside the data: on stderr."""
    print(text, file=sys.stderr, flush=True)


def stdout_console() -> Console:
    """Rich on stdout: colour on a terminal only, nothing wrapped or guessed at."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)


def speaks_unicode(stream: TextIO) -> bool:
    """Whether `stream` can show block characters and arrows."""
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
    return encoding.startswith("utf") and os.environ.get("TERM") != "dumb"


def arrow(stream: TextIO) -> str:
    """What stands before the next command."""
    return "→" if speaks_unicode(stream) else "->"


def silence_stdout() -> None:
    """Points stdout at nothing, so that Python's flush at exit does not fail once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):
        pass  # not a real descriptor: nothing is flushed there at exit
    finally:
        os.close(nowhere)
