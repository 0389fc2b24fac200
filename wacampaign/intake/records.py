"""The records of delimited text in order, each with the line of the file it starts on."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from wacampaign.core.cells import cell
from wacampaign.core.phone_forms import looks_like_phone
from wacampaign.intake.layout import Layout
from wacampaign.intake.list_file import UnfitFile

_CLOSE_IT: Final = 'close the quotation mark, or double it ("") where it belongs to the text'


class Record(NamedTuple):
    """One row of the list, blank rows and the header left out."""

    #: Line of the file that the record starts on, or row of the sheet, from 1.
    line: int
    #: Line that it ends on.
    end: int
    fields: list[str]
    #: Why the record cannot be read, else None. Of text `fields` is then the raw line.
    fault: str | None


def records(path: Path, file: io.TextIOWrapper, layout: Layout) -> Iterator[Record]:
    """Stream the records of `file`, opened by `open_text`.

    Strict about quotation marks, as one that is never closed swallows the rows behind it: where
    that may have happened the whole file is refused by `UnfitFile`, naming the line. A misplaced
    mark inside one line spoils that record only.
    """
    last = ""

    def lines() -> Iterator[str]:
        nonlocal last
        for last in file:  # noqa: UP028 - the last one is at hand outside
            yield last

    if layout.has_sep_line:
        next(file, None)
    before = skipped = int(layout.has_sep_line)
    heads_due = layout.heads
    reader = csv.reader(lines(), delimiter=layout.delimiter, strict=True)
    while True:
        fault = None
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            end = reader.line_num + skipped
            _refuse_runaway(path, error, before + 1, end)
            fields, fault = [cell(last)], "a quotation mark in the middle of a field"
        line, before = before + 1, reader.line_num + skipped
        if before > line and fault is None:
            _refuse_swallowed_rows(path, fields, layout.delimiter, line, before)
        # Spreadsheets leave rows of nothing but delimiters behind.
        if not fields or not (cell(fields[0]) or cell("".join(fields))):
            continue
        if heads_due:
            heads_due -= 1
            continue
        yield Record(line, before, fields, fault)


def _refuse_runaway(path: Path, error: csv.Error, line: int, end: int) -> None:
    if "end of data" in str(error):
        raise UnfitFile(
            f"line {line:,} of {path.name}: a quotation mark opens here and is never closed",
            _CLOSE_IT,
        ) from None
    if "field limit" in str(error):
        raise UnfitFile(
            f"line {line:,} of {path.name}: one field goes on for more than "
            f"{csv.field_size_limit():,} characters, to line {end:,}: is a quotation mark not "
            "closed?",
            _CLOSE_IT,
        ) from None
    if end > line:
        raise UnfitFile(
            f"line {line:,} of {path.name}: a quoted field goes on to line {end:,} and ends in the "
            "middle of a field there: is a quotation mark not closed?",
            _CLOSE_IT,
        ) from None


def _refuse_swallowed_rows(
    path: Path, fields: list[str], delimiter: str, line: int, end: int
) -> None:
    for field in fields:
        for inner in field.splitlines()[1:]:
            first, _, rest = inner.partition(delimiter)
            if (rest or len(fields) == 1) and looks_like_phone(first):
                raise UnfitFile(
                    f"line {line:,} of {path.name}: a quoted field goes on to line {end:,} and has "
                    "lines in it that look like rows: is a quotation mark not closed?",
                    _CLOSE_IT,
                )
