"""What the terminal behind a stream can show: letters and lines beyond ASCII, colours."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, TextIO

#: Locales whose characters are those of ASCII.
_ASCII_LOCALES: Final = ("", "C", "POSIX")
#: What Python puts in their place when it starts (PEP 538), so that it can write every name.
_COERCED: Final = ("C.UTF-8", "C.utf8")
#: What this process was started with, where the system tells (Linux).
_STARTED_WITH: Final = Path("/proc/self/environ")
#: Drawn by us, and what stands for it where there is only ASCII, in as many columns.
_DRAWN: Final = str.maketrans(
    dict.fromkeys("─━╸╺", "-")
    | dict.fromkeys("│┃", "|")
    | dict.fromkeys("█▓", "#")
    | dict.fromkeys("·•", "*")
)
#: In lines of text, where columns do not matter.
_WRITTEN: Final = _DRAWN | str.maketrans({"→": "->", "…": "...", "×": "x"})


def speaks_unicode(stream: TextIO) -> bool:
    """Whether `stream` can show block characters and arrows."""
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
    if not encoding.startswith("utf") or os.environ.get("TERM") == "dumb":
        return False
    # Into a file or a pipe goes what the encoding holds; who reads it has a screen of their own.
    return not stream.isatty() or not _is_ascii(_environment())


def ascii_stand_ins(stream: TextIO, *, drawn_only: bool) -> dict[int, str]:
    """For `str.translate`: what `stream` cannot show of our own signs; nothing when it can.

    `drawn_only`: each takes as many columns as the sign itself.
    """
    if not stream.isatty() or speaks_unicode(stream):
        return {}
    return _DRAWN if drawn_only else _WRITTEN


def has_colours() -> bool:
    """Whether the terminal's own description knows any; True where there is none of it."""
    try:
        import curses

        curses.setupterm(os.environ.get("TERM"), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        return curses.tigetnum("colors") > 0
    except (ImportError, OSError, ValueError, curses.error):
        return True


def _is_ascii(environment: Mapping[str, str]) -> bool:
    """Whether the locale is one of those that know ASCII only."""
    given = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next(filter(None, given), "") in _ASCII_LOCALES


@cache
def _environment() -> Mapping[str, str]:
    """As a person set it: Python writes over LC_CTYPE when it starts in such a locale."""
    now = os.environ
    if now.get("LC_CTYPE") not in _COERCED:
        return now
    try:
        words = _STARTED_WITH.read_bytes().split(b"\0")
    except OSError:
        return now
    pairs = (os.fsdecode(word).partition("=") for word in words)
    return {name: value for name, _, value in pairs}
