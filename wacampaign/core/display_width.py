"""Columns that a text takes on a terminal: letters of some scripts take two, marks none."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

#: A word with the blanks before it.
_WORD: Final = re.compile(r"([\t-\r ]*)([^\t-\r ]+)")


def width(text: str) -> int:
    """Columns of `text` on one line (Unicode's East Asian Width, UAX 11)."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def cut(text: str, columns: int, mark: str = "…") -> str:
    """`text`, or its beginning and `mark`, in at most so many columns."""
    if width(text) <= columns:
        return text
    kept, used = 0, width(mark)
    for char in text:
        used += _width(char)
        if used > columns:
            break
        kept += 1
    return text[:kept] + mark


def padded(text: str, columns: int) -> str:
    """`text` with spaces behind it."""
    return text + " " * (columns - width(text))


def wrapped(text: str, columns: int) -> Iterator[str]:
    """The lines of a paragraph; a word that is longer than a line is broken."""
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if width(joined) <= columns:
            line = joined
            continue
        if line:
            yield line
        while width(word) > columns:
            head = cut(word, columns)[:-1]
            yield head
            word = word[len(head) :]
        line = word
    yield line


def broken(text: str, columns: int, first: str = "", rest: str = "") -> list[str]:
    """The lines of a paragraph, `first` before its first one, `rest` before the others.

    Long words stay whole, as people copy them.
    """
    lines: list[str] = []
    line = None
    for blanks, word in _WORD.findall(text):
        joined = f"{first if line is None else line}{' ' * len(blanks)}{word}"
        if line is not None and width(joined) > columns:
            lines.append(line)
            joined = rest + word
        line = joined
    return lines if line is None else [*lines, line]
