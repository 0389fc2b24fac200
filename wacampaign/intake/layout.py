"""How a list is laid out: kind of file, delimiter, header, columns, which of them hold phones."""

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

from wacampaign.core.bad_phone import BadPhone
from wacampaign.core.cells import cell
from wacampaign.core.columns.phone_column import means_phone
from wacampaign.core.phone_forms import looks_like_phone
from wacampaign.core.words import counted
from wacampaign.intake.list_file import UnfitFile, open_list

DELIMITERS: Final = (",", ";", "\t", "|")
#: Lines looked at to find the layout; more would not tell more.
SAMPLE_LINES: Final = 500
#: Contacts kept, to be shown where it is not clear what a column is.
SAMPLES_KEPT: Final = 3
#: Characters shown of a cell.
_NAME_SHOWN: Final = 30
#: Filled cells of a row above the header: a label and what it says.
LABEL_CELLS: Final = 2

_PHONE_IN_IT: Final = re.compile(r"\d{7}|(?:\d[ ().-]{0,2}){9}")


class ListKind(StrEnum):
    """What a list's file is."""

    TEXT = "text"
    JSON_LINES = "json lines"
    SHEET = "sheet"


@dataclass(frozen=True, slots=True)
class Layout:
    """What a list's rows look like."""

    kind: ListKind
    #: Python's codec; of a spreadsheet "".
    encoding: str
    #: What separates the fields of delimited text; "" of the others.
    delimiter: str
    #: The column names, or None when the first row is a contact already.
    header: tuple[str, ...] | None
    #: Columns of a row, the phone included.
    columns: int
    #: Whether the first line is Excel's `sep=;`.
    has_sep_line: bool = False
    #: How much of each column reads as phones, 0 to 1.
    phone_scores: tuple[float, ...] = ()
    #: The first contacts, as they stand.
    samples: tuple[tuple[str, ...], ...] = ()
    #: Rows with content above the header: a title, left out.
    rows_above: int = 0
    #: The name of the sheet.
    sheet: str = ""
    #: What the plan says of how the file is read.
    notes: tuple[str, ...] = ()

    @property
    def heads(self) -> int:
        """Rows with content before the first contact."""
        return self.rows_above + (self.header is not None)

    @property
    def row_word(self) -> str:
        """What the number of a row counts: the lines of the file, or the rows of the sheet."""
        return "row" if self.kind is ListKind.SHEET else "line"

    def place(self, number: int) -> str:
        """Where a row is, as messages say it."""
        of_sheet = f" of sheet {self.sheet}" if self.sheet else ""
        return f"{self.row_word} {number:,}{of_sheet}"


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """The file as text, line ends as they are (the csv module asks for that)."""
    return io.TextIOWrapper(open_list(path), encoding=encoding, newline="")


def trim(row: list[str], columns: int) -> list[str]:
    """`row` without blank fields beyond `columns`, which spreadsheets like to leave behind."""
    end = len(row)
    while end > columns and not cell(row[end - 1]):
        end -= 1
    return row[:end]


def text_layout(path: Path, encoding: str, read_phone: Callable[[str], str]) -> Layout:
    """Find the layout of delimited text from its first lines. Raises as `layout_of`."""
    with open_text(path, encoding) as file:
        lines = list(itertools.islice(file, SAMPLE_LINES))
    delimiter, has_sep_line = _sep_line(lines[0])
    if has_sep_line:
        lines = lines[1:]
    if not delimiter:
        delimiter = max(DELIMITERS, key=partial(_score, lines))
    layout = layout_of(path, _sample(lines, delimiter), read_phone)
    return replace(
        layout,
        kind=ListKind.TEXT,
        encoding=encoding,
        delimiter=delimiter,
        has_sep_line=has_sep_line,
    )


def layout_of(path: Path, rows: list[list[str]], read_phone: Callable[[str], str]) -> Layout:
    """The layout that `rows`, the first ones with content, have in common.

    Rows of one filled cell above a header are a title, and left out; so are rows of two (“As of”, a
    date) above a header that names the phones. The first other row is a
    header when nothing in it is meant as a phone number where the others have theirs; an attempt at
    a phone number, however damaged, is a row, so no contact is ever taken for a header. Raises
    `UnfitFile` when there are no rows or no phones in them.
    """
    if not rows:
        raise UnfitFile(f"{path.name} has no rows")
    above = _rows_above(rows)
    title, rows = rows[:above], rows[above:]
    scores = _phone_scores(rows[1:] or rows, read_phone)
    likely = [at for at, score in enumerate(scores) if score >= max(scores) / 2]
    if labels := _labels_above(rows, likely):
        title, rows, above = [*title, *rows[:labels]], rows[labels:], above + labels
        scores = _phone_scores(rows[1:] or rows, read_phone)
    has_header = bool(scores) and not any(
        looks_like_phone(field) for at, field in enumerate(rows[0]) if at in likely
    )
    header = tuple(map(cell, rows[0])) if has_header else None
    data = rows[1:] if header else rows
    if header is None:
        scores = _phone_scores(data, read_phone)
    if not data:
        raise UnfitFile(f"{path.name} has a header ({_quoted(header or ())}) and no contacts")
    if not max(scores):
        raise UnfitFile(
            f"{path.name} holds no phone numbers: the first row has {_quoted(rows[0])}",
            "give the list with the recipients' phones in a column",
        )
    columns = Counter(map(len, data)).most_common(1)[0][0]
    while columns > 1 and all(not cell(r[columns - 1]) for r in rows if len(r) >= columns):
        columns -= 1
    if header:
        header = _named_columns(path, header, columns)
    scores = [*scores, *[0.0] * columns][:columns]
    samples = tuple(tuple(row[:columns]) for row in data if len(row) >= columns)[:SAMPLES_KEPT]
    said = [text for row in title for text in map(cell, row) if text]
    return Layout(
        kind=ListKind.SHEET,
        encoding="",
        delimiter="",
        header=header,
        columns=columns,
        phone_scores=tuple(scores),
        samples=samples,
        rows_above=above,
        notes=(f"above the header, left out: {_quoted(said)}",) if said else (),
    )


def _rows_above(rows: list[list[str]]) -> int:
    """How many rows of one filled cell stand above a header of more, with contacts below it."""
    for at, row in enumerate(rows):
        filled = [field for field in row if cell(field)]
        if any(map(looks_like_phone, filled)):
            return 0
        if len(filled) > 1:
            return at
    return 0


def _labels_above(rows: list[list[str]], likely: Sequence[int]) -> int:
    """How many rows of at most two filled cells stand above a longer one that names the phones,
    which are in one of the columns `likely`."""
    longest = 0
    for at, row in enumerate(rows):
        named = [cell(row[i]) for i in likely if i < len(row)]
        if any(map(looks_like_phone, named)):
            return 0
        filled = sum(1 for field in row if cell(field))
        if filled > longest and any(map(means_phone, named)):
            return at
        longest = max(longest, filled)
        if longest > LABEL_CELLS:
            return 0
    return 0


def _phone_scores(rows: Sequence[Sequence[str]], read_phone: Callable[[str], str]) -> list[float]:
    """For each column how much of it are phones: those that can be sent to count three times as
    much as what is as long as one, such as order numbers."""
    width = max(map(len, rows))
    points = [0] * width
    for row in rows:
        for at, field in enumerate(row):
            if looks_like_phone(field):
                points[at] += 3 if _is_phone(field, read_phone) else 1
    return [n / (3 * len(rows)) for n in points]


def _is_phone(field: str, read_phone: Callable[[str], str]) -> bool:
    try:
        read_phone(field)
    except BadPhone:
        return False
    return True


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
    """Rows with a phone, rows with the usual number of columns, that number."""
    rows = _sample(lines, delimiter)
    if not rows:
        return 0, 0, 0
    phones = sum(any(map(looks_like_phone, row)) for row in rows)
    columns, usual = Counter(map(len, rows)).most_common(1)[0]
    return (phones, usual, columns) if columns > 1 else (phones, 0, 0)


def _named_columns(path: Path, header: tuple[str, ...], columns: int) -> tuple[str, ...]:
    """The header without blank names beyond the columns. Raises `UnfitFile` for more names."""
    trimmed = trim(list(header), columns)
    if len(trimmed) > columns:
        named = len(trim(list(header), 1))
        raise UnfitFile(
            f"the header of {path.name} names {counted(named, 'column')} "
            f"({_quoted(header)}), its rows have {columns}",
            "make header and rows agree",
        )
    return tuple(trimmed)


def _quoted(fields: Sequence[str]) -> str:
    # A list without a header may have its first contact here: no whole number in an error text.
    shown = ", ".join(
        "a phone" if _PHONE_IN_IT.search(field) else f"“{_short(cell(field))}”"
        for field in fields[:8]
    )
    return shown + (", …" if len(fields) > 8 else "")


def _short(text: str) -> str:
    return text if len(text) <= _NAME_SHOWN else text[: _NAME_SHOWN - 1] + "…"
