"""How a contact list is laid out: delimiter, header, number of columns."""

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from wacampaign.core.cells import cell
from wacampaign.core.phone_forms import looks_like_phone
from wacampaign.core.words import counted
from wacampaign.intake.encoding import UnfitFile, open_list

DELIMITERS: Final = (",", ";", "\t", "|")
#: Lines looked at to find the layout; more would not tell more.
SAMPLE_LINES: Final = 500

_PHONE_IN_IT: Final = re.compile(r"\d{7}|(?:\d[ ().-]{0,2}){9}")
_NAMES: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True, slots=True)
class Layout:
    """What a list's rows look like."""

    encoding: str
    delimiter: str
    #: The column names, or None when the first row is a contact already.
    header: tuple[str, ...] | None
    #: Columns of a row, the phone included.
    columns: int
    #: Whether the first line is Excel's `sep=;`.
    has_sep_line: bool


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """The file as text, line ends as they are (the csv module asks for that)."""
    return io.TextIOWrapper(open_list(path), encoding=encoding, newline="")


def trim(row: list[str], columns: int) -> list[str]:
    """`row` without blank fields beyond `columns`, which spreadsheets like to leave behind."""
    end = len(row)
    while end > columns and not cell(row[end - 1]):
        end -= 1
    return row[:end]


def detect_layout(path: Path, encoding: str, columns_needed: int | None) -> Layout:
    """Find the layout from the first lines.

    The first row is a header when its first field is not meant as a phone number; an attempt at a
    phone number, however damaged, is a row, so no contact is ever taken for a header. Raises
    `UnfitFile` when there are no rows, no phones in the first column, or not `columns_needed`
    columns (phone included).
    """
    with open_text(path, encoding) as file:
        lines = list(itertools.islice(file, SAMPLE_LINES))
    delimiter, has_sep_line = _sep_line(lines[0])
    if has_sep_line:
        lines = lines[1:]
    if not delimiter:
        delimiter = max(DELIMITERS, key=partial(_score, lines))
    rows = _sample(lines, delimiter)
    if not rows:
        raise UnfitFile(f"{path.name} has no rows")
    header = None if looks_like_phone(rows[0][0]) else tuple(map(cell, rows[0]))
    data = rows[1:] if header else rows
    if not data:
        raise UnfitFile(f"{path.name} has a header ({_quoted(header or ())}) and no contacts")
    _require_phones(path, header, data)
    columns = Counter(map(len, data)).most_common(1)[0][0]
    while columns > 1 and all(not cell(r[columns - 1]) for r in rows if len(r) >= columns):
        columns -= 1
    _require_columns(path, header, columns, columns_needed, _NAMES[delimiter])
    if header:
        header = tuple(trim(list(header), columns))
    return Layout(encoding, delimiter, header, columns, has_sep_line)


def _sep_line(first: str) -> tuple[str, bool]:
    text = first.strip("\r\n\"' ")
    if text.lower().startswith("sep=") and text[4:] in DELIMITERS:
        return text[4:], True
    return "", False


def _sample(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    # Lenient: reading the whole file is strict, and names the line of a misplaced quotation mark.
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return rows
        except csv.Error:  # a huge field; the same
            continue
        if any(cell(field) for field in row):
            rows.append(row)


def _score(lines: Sequence[str], delimiter: str) -> tuple[int, int, int]:
    """Rows with a phone in front, rows with the usual number of columns, that number."""
    rows = _sample(lines, delimiter)
    if not rows:
        return 0, 0, 0
    phones = sum(looks_like_phone(row[0]) for row in rows)
    columns, usual = Counter(map(len, rows)).most_common(1)[0]
    return (phones, usual, columns) if columns > 1 else (phones, 0, 0)


def _require_phones(path: Path, header: tuple[str, ...] | None, data: list[list[str]]) -> None:
    if any(looks_like_phone(row[0]) for row in data):
        return
    by_column = Counter(i for row in data for i, field in enumerate(row) if looks_like_phone(field))
    evidence = f"the first row has {_quoted(header or data[0])}"
    if by_column:
        column = by_column.most_common(1)[0][0] + 1
        evidence += f"; column {column} seems to hold the phones"
    raise UnfitFile(
        f"the first column of {path.name} holds no phone numbers: {evidence}",
        "put the phone into the first column, the variables in order behind it",
    )


def _require_columns(
    path: Path,
    header: tuple[str, ...] | None,
    columns: int,
    needed: int | None,
    delimiter_name: str,
) -> None:
    named = len(trim(list(header), 1)) if header else columns
    if needed is not None and columns != needed:
        listed = f" ({_quoted(header)})" if header else ""
        between = f", separated by {delimiter_name}" if columns > 1 else ""
        raise UnfitFile(
            f"{path.name} has {counted(columns, 'column')}{listed}{between}; needed "
            f"{'is' if needed == 1 else 'are'} {counted(needed, 'column')}: {_wanted(needed)}",
            "make the columns match the template, or choose the template that fits the columns",
        )
    if named > columns:
        raise UnfitFile(
            f"the header of {path.name} names {counted(named, 'column')} "
            f"({_quoted(header or ())}), its rows have {columns}",
            "make header and rows agree",
        )


def _wanted(needed: int) -> str:
    if needed == 1:
        return "the phone alone"
    return "the phone, var1" + (f" to var{needed - 1}" if needed > 2 else "")


def _quoted(fields: Sequence[str]) -> str:
    # A list without a header may have its first contact here: no whole number in an error text.
    shown = ", ".join(
        "a phone" if _PHONE_IN_IT.search(field) else f"“{cell(field)[:30]}”" for field in fields[:8]
    )
    return shown + (", …" if len(fields) > 8 else "")
