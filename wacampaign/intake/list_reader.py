"""A contact list of any kind, told by its content: looked into, then streamed."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from wacampaign.core.cells import cell
from wacampaign.core.phone_forms import looks_like_phone
from wacampaign.intake import json_lines
from wacampaign.intake.encoding import detect_encoding
from wacampaign.intake.layout import (
    LABEL_CELLS,
    SAMPLE_LINES,
    Layout,
    ListKind,
    layout_of,
    open_text,
    text_layout,
)
from wacampaign.intake.list_file import UnfitFile, open_list
from wacampaign.intake.records import Record, records
from wacampaign.intake.sheets.cells import Seen
from wacampaign.intake.sheets.workbook import ZIP_MAGIC, Workbook, opened
from wacampaign.problems import Usage

#: A phone as written → as sent; raises `BadPhone`.
ReadPhone = Callable[[str], str]


@dataclass(slots=True)
class OpenList:
    """A list that is being read."""

    records: Iterator[Record]
    #: Bytes of the file read so far.
    position: Callable[[], int]
    seen: Seen


def look_into(
    path: Path,
    read_phone: ReadPhone,
    *,
    encoding: str | None = None,
    sheet: str | None = None,
) -> Layout:
    """How the list at `path` is laid out, with what the plan says of it.

    `encoding` and `sheet` (its name, or its number from 1) are the operator's; None: found out.
    `read_phone` tells the columns that hold phones. Raises `UnfitFile` when it is no contact list;
    `Usage` when the file or the sheet is not there, or an option is for another kind.
    """
    with open_list(path) as file:
        is_archive = file.read(len(ZIP_MAGIC)) == ZIP_MAGIC
    if is_archive:
        if encoding is not None:
            raise Usage(f"{path.name} is a spreadsheet: it has no encoding", "leave --encoding out")
        with opened(path) as workbook:
            return _sheet_layout(path, workbook, read_phone, sheet)
    if sheet is not None:
        raise Usage(f"{path.name} is text: it has no sheets", "leave --sheet out")
    found = detect_encoding(path, encoding)
    if json_lines.is_json_lines(path, found.codec):
        rows = json_lines.sample_rows(path, found.codec)
        layout = layout_of(path, rows, read_phone)
        layout = replace(layout, kind=ListKind.JSON_LINES, encoding=found.codec)
    else:
        layout = text_layout(path, found.codec, read_phone)
    said = (found.in_words,) if found.in_words else ()
    return replace(layout, notes=(*said, *layout.notes))


def _sheet_layout(
    path: Path, workbook: Workbook, read_phone: ReadPhone, wanted: str | None
) -> Layout:
    sheet = workbook.sheet(wanted)
    rows: list[list[str]] = []
    for row in workbook.rows(sheet, Seen()):
        if any(map(cell, row.fields)):
            rows.append(row.fields)
            if len(rows) == SAMPLE_LINES:
                break
    if not rows:
        raise UnfitFile(
            f"sheet {sheet.name} of {path.name} is empty",
            f"give the sheet with --sheet: {workbook.others_than(sheet) or 'there is no other'}",
        )
    layout = layout_of(path, _evened(rows), read_phone)
    said = workbook.others_than(sheet)
    return replace(layout, sheet=sheet.name, notes=((said,) if said else ()) + layout.notes)


def _evened(rows: list[list[str]]) -> list[list[str]]:
    """`rows` at least as long as most, and as the first of several cells, which may be a header
    (with shorter rows above): a spreadsheet does not keep the empty cells at a row's end."""
    usual = Counter(map(len, rows)).most_common(1)[0][0]
    width = max(usual, next((len(row) for row in rows if len(row) > 1), 1))
    for row in rows:
        if any(map(looks_like_phone, row)):
            break
        width = max(width, len(row))
        if len(row) > LABEL_CELLS:
            break
    return [row + [""] * (width - len(row)) for row in rows]


@contextmanager
def open_records(path: Path, layout: Layout) -> Iterator[OpenList]:
    """The records of the list behind its header. Raises as `look_into`, also while they stream."""
    seen = Seen()
    if layout.kind is ListKind.SHEET:
        with opened(path) as workbook:
            yield OpenList(_sheet_records(workbook, layout, seen), lambda: workbook.position, seen)
        return
    with open_text(path, layout.encoding) as file:
        if layout.kind is ListKind.JSON_LINES:
            stream = json_lines.objects(path, file, layout)
        else:
            stream = records(path, file, layout)
        yield OpenList(stream, lambda: os.lseek(file.fileno(), 0, os.SEEK_CUR), seen)


def _sheet_records(workbook: Workbook, layout: Layout, seen: Seen) -> Iterator[Record]:
    heads_due = layout.heads
    for number, fields, fault in workbook.rows(workbook.sheet(layout.sheet), seen):
        if not fault and not (cell(fields[0]) or cell("".join(fields))):
            continue
        if heads_due:
            heads_due -= 1
            continue
        missing = layout.columns - len(fields)
        if missing > 0:
            fields.extend([""] * missing)
        yield Record(number, number, fields, fault)
