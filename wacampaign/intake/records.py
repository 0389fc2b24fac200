"""The records of delimited text in order, each with the line of the file it starts on."""

import csv
import io
from collections.abc import Iterator, Mapping
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
    #: Why the record cannot be read, or by column (its position from 0) why that cannot; else None.
    #: Of text `fields` is then the raw line.
    fault: str | Mapping[int, str] | None


def records(path: Path, file: io.TextIOWrapper, layout: Layout) -> Iterator[Record]:
    """Stream the records of `file`, opened by `open_text`.

    Strict about quotation marks, as one that is never closed swallows the rows behind it: where
    that may have happened the whole file is refused by `UnfitFile`, naming the line. A misplaced
    mark inside one line spoils that record only.
    """
    delimiter = layout.delimiter
    made = Record._make  # half the time of a call with names
    heads_due = layout.heads
    longest = csv.field_size_limit()
    number = int(layout.has_sep_line)
    if layout.has_sep_line:
        next(file, None)
    for text in file:
        line, number = number + 1, number + 1
        fault = None
        if '"' not in text and len(text) <= longest:
            fields = text.rstrip("\r\n").split(delimiter)  # as csv does it, in a third of the time
        else:
            quoted = _Quoted(path, file, text, delimiter)
            fields, fault = quoted.read(line)
            number += quoted.more
        # Spreadsheets leave rows of nothing but delimiters behind. Nearly all rows begin with a
        # phone, which the first look sees.
        if not (fields and (fields[0][:1].isalnum() or cell("".join(fields)))):
            continue
        if heads_due:
            heads_due -= 1
            continue
        yield made((line, number, fields, fault))


class _Quoted:
    """A record with quotation marks, which may go on over several lines."""

    def __init__(self, path: Path, file: Iterator[str], text: str, delimiter: str) -> None:
        self._path, self._file, self._last, self._delimiter = path, file, text, delimiter
        #: Lines behind the first that belong to it.
        self.more = 0

    def _lines(self) -> Iterator[str]:
        yield self._last
        for following in self._file:
            self._last = following
            self.more += 1
            yield following

    def read(self, line: int) -> tuple[list[str], str | None]:
        """Its fields, or the raw line with what is wrong in it; raises as `records`."""
        try:
            fields = next(csv.reader(self._lines(), delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            _refuse_runaway(self._path, error, line, line + self.more)
            return [cell(self._last)], "a quotation mark in the middle of a field"
        if self.more:
            _refuse_swallowed_rows(self._path, fields, self._delimiter, line, line + self.more)
        return fields, None


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
