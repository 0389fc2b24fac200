"""The rows of an .ods (OpenDocument 1.3 part 3), streamed. Its cells hold the text they display."""

import zipfile
from collections.abc import Iterator
from typing import Final, NamedTuple
from xml.parsers import expat

from wacampaign.intake.list_file import UnfitFile
from wacampaign.intake.sheets.cells import (
    CELL_MAX,
    COLUMNS_MAX,
    ROWS_MAX,
    Seen,
    SheetRow,
    column_name,
    general,
    no_result,
    parse,
)

_CONTENT: Final = "content.xml"
#: Elements inside a sheet whose text is in no cell: comments and drawings.
_ASIDE: Final = frozenset(("office:annotation", "table:shapes", "draw:frame"))


class OdsEntry(NamedTuple):
    """One sheet of the document."""

    name: str
    hidden: bool
    #: Its place among all sheets, from 0.
    place: int


class Ods:
    """An open document. Raises `UnfitFile` for what is damaged."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._listed: list[OdsEntry] | None = None

    @property
    def sheets(self) -> list[OdsEntry]:
        """All sheets; the whole document is read for them, once."""
        if self._listed is None:
            hidden_styles: set[str] = set()
            found: list[OdsEntry] = []
            style = ""
            depth = 0

            def start(tag: str, a: dict[str, str]) -> None:
                nonlocal style, depth
                if tag == "style:style":
                    style = a.get("style:name", "")
                elif tag == "style:table-properties" and a.get("table:display") == "false":
                    hidden_styles.add(style)
                elif tag == "table:table":
                    if depth == 0:
                        hidden = a.get("table:style-name", "") in hidden_styles
                        found.append(OdsEntry(a.get("table:name", ""), hidden, len(found)))
                    depth += 1

            def end(tag: str) -> None:
                nonlocal depth
                if tag == "table:table":
                    depth -= 1

            parser = expat.ParserCreate()
            parser.StartElementHandler = start
            parser.EndElementHandler = end
            with self._archive.open(_CONTENT) as source:
                for _ in parse(source, parser, _CONTENT):
                    pass
            self._listed = found
        return self._listed

    def rows(self, entry: OdsEntry, seen: Seen) -> Iterator[SheetRow]:
        """Stream the rows of a sheet that have content."""
        reader = _Table(entry, seen)
        with self._archive.open(_CONTENT) as source:
            for _ in parse(source, reader.parser, _CONTENT):
                yield from reader.taken()
                if reader.is_over:
                    return


class _Table:
    """Collects the rows of one sheet while the document is parsed."""

    def __init__(self, entry: OdsEntry, seen: Seen) -> None:
        self._entry, self._seen = entry, seen
        self._rows: list[tuple[SheetRow, int]] = []
        self._table = -1
        self._depth = 0
        self._number = 0
        self._repeat = 1
        self._hidden = False
        self._fields: list[str] = []
        self._blank = 0
        self._faults: dict[int, str] = {}
        self._attributes: dict[str, str] = {}
        self._parts: list[str] = []
        self._size = 0
        self._paragraphs = 0
        self._aside = 0
        self.is_over = False
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._in_paragraph = False

    def taken(self) -> Iterator[SheetRow]:
        """The rows that are complete since it was last asked."""
        rows, self._rows = self._rows, []
        for row, times in rows:
            for more in range(times):
                yield SheetRow(row.number + more, list(row.fields), row.fault)

    @property
    def _is_here(self) -> bool:
        return self._table == self._entry.place and self._depth == 1 and not self._aside

    def _start(self, tag: str, a: dict[str, str]) -> None:
        if tag == "table:table":
            if self._depth == 0:
                self._table += 1
            self._depth += 1
        if tag in _ASIDE:
            self._aside += 1
        if not self._is_here:
            return
        if tag == "table:table-row":
            self._repeat = _count(a.get("table:number-rows-repeated"))
            self._hidden = a.get("table:visibility", "visible") != "visible"
            self._fields, self._blank, self._faults = [], 0, {}
        elif tag == "table:table-cell" or tag == "table:covered-table-cell":
            self._attributes, self._parts, self._size, self._paragraphs = a, [], 0, 0
            spanned = (a.get("table:number-rows-spanned"), a.get("table:number-columns-spanned"))
            self._seen.merged += any(count not in (None, "1") for count in spanned)
        elif tag == "text:p":
            if self._paragraphs:
                self._parts.append("\n")
            self._paragraphs += 1
            self._in_paragraph = True
        elif tag == "text:s":
            self._text(" " * min(_count(a.get("text:c")), CELL_MAX))
        elif tag == "text:tab":
            self._text("\t")
        elif tag == "text:line-break":
            self._text("\n")

    def _text(self, text: str) -> None:
        if self._in_paragraph and self._is_here:
            self._size += len(text)
            if self._size > CELL_MAX:
                cell = f"{column_name(len(self._fields) + self._blank)}{self._number + 1}"
                raise UnfitFile(
                    f"cell {cell} of sheet {self._entry.name} has more than {CELL_MAX:,} "
                    "characters: no contact list"
                )
            self._parts.append(text)

    def _end(self, tag: str) -> None:
        if tag in _ASIDE:
            self._aside -= 1
        elif tag == "table:table":
            self._depth -= 1
            self.is_over = self._depth == 0 and self._table == self._entry.place
        if not self._is_here:
            return
        if tag == "text:p":
            self._in_paragraph = False
        elif tag == "table:table-cell" or tag == "table:covered-table-cell":
            self._end_of_cell()
        elif tag == "table:table-row":
            if self._fields or self._faults:
                if self._number + self._repeat > ROWS_MAX:
                    raise UnfitFile(f"sheet {self._entry.name} has more than {ROWS_MAX:,} rows")
                self._seen.hidden_rows += self._hidden * self._repeat
                row = SheetRow(self._number + 1, self._fields, self._faults or None)
                self._rows.append((row, self._repeat))
            self._number += self._repeat

    def _end_of_cell(self) -> None:
        repeat = _count(self._attributes.get("table:number-columns-repeated"))
        value = "".join(self._parts)
        raw = self._attributes.get("office:value")
        # A whole number shown with an exponent may be a phone.
        if raw is not None and (not value or ("E+" in value and general(raw).isdigit())):
            value = general(raw)
        saved = raw is not None or "office:value-type" in self._attributes
        if not value and not saved and "table:formula" in self._attributes:
            column = len(self._fields) + self._blank
            self._faults[column] = no_result(column, self._number + 1)
        value = value or self._attributes.get("office:string-value", "")
        if not value:  # runs to the sheet's last column, mostly
            self._blank += repeat
            return
        if len(self._fields) + self._blank + repeat > COLUMNS_MAX or (
            repeat > 1 and repeat * len(value) > CELL_MAX
        ):
            raise UnfitFile(f"sheet {self._entry.name} has more than {COLUMNS_MAX:,} columns")
        self._fields.extend([""] * self._blank + [value] * repeat)
        self._blank = 0


def _count(text: str | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 8 else 1
