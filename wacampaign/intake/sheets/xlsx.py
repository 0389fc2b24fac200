"""The rows of an .xlsx (ECMA-376 part 1), streamed; why no library does it is told in
docs/explanation/decisions/0023-spreadsheets-are-read-here.md.
"""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import Final, NamedTuple
from xml.parsers import expat

from wacampaign.intake.list_file import UnfitFile
from wacampaign.intake.sheets.cells import (
    CELL_MAX,
    COLUMNS_MAX,
    SAVE_ANEW,
    Seen,
    SheetRow,
    column_name,
    no_result,
    parse,
)
from wacampaign.intake.sheets.number_format import BUILT_IN, Show, shower

_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_SHARED: Final = "shared strings"


class SheetEntry(NamedTuple):
    """One sheet of a workbook."""

    name: str
    hidden: bool
    #: Path of its XML in the archive.
    part: str


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _read_whole(archive: zipfile.ZipFile, part: str, start: object) -> bool:
    """Call `start(name, attributes)` for each element of a small part; False when it is missing."""
    try:
        source = archive.open(part)
    except KeyError:
        return False
    parser = expat.ParserCreate()
    parser.StartElementHandler = start  # type: ignore[assignment]
    with source:
        for _ in parse(source, parser, part):
            pass
    return True


def _targets(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Relation id → kind, path in the archive, of what `part` refers to."""
    folder, name = posixpath.split(part)
    found: dict[str, tuple[str, str]] = {}

    def start(tag: str, a: dict[str, str]) -> None:
        if _local(tag) == "Relationship" and a.get("TargetMode") != "External":
            path = posixpath.normpath(posixpath.join("/", folder, a.get("Target", "")))
            found[a.get("Id", "")] = (a.get("Type", "").rpartition("/")[2], path.lstrip("/"))

    _read_whole(archive, f"{folder}/_rels/{name}.rels".lstrip("/"), start)
    return found


class Xlsx:
    """An open workbook. Raises `UnfitFile` for what is damaged."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        roots = _targets(archive, "")
        self._part = next(
            (path for kind, path in roots.values() if kind == "officeDocument"), "xl/workbook.xml"
        )
        self._related = _targets(archive, self._part)
        self.since_1904 = False
        self.sheets: list[SheetEntry] = []
        _read_whole(archive, self._part, self._in_workbook)
        self._shared: list[str] | None = None

    def _in_workbook(self, tag: str, a: dict[str, str]) -> None:
        name = _local(tag)
        if name == "workbookPr":
            self.since_1904 = a.get("date1904") in ("1", "true")
        elif name == "sheet":
            relation = next((v for k, v in a.items() if k.endswith(":id")), "")
            kind, part = self._related.get(relation, ("", ""))
            if kind == "worksheet":
                hidden = a.get("state", "visible") != "visible"
                self.sheets.append(SheetEntry(a.get("name", ""), hidden, part))

    def _part_of(self, kind: str) -> str:
        return next((path for found, path in self._related.values() if found == kind), "")

    def _shows(self, seen: Seen) -> list[Show]:
        """By style index: how a number is shown."""
        codes: dict[int, str] = {}
        formats: list[int] = []
        inside = False

        def start(tag: str, a: dict[str, str]) -> None:
            nonlocal inside
            name = _local(tag)
            if name == "numFmt" and a.get("numFmtId", "").isdigit():
                codes[int(a["numFmtId"])] = a.get("formatCode", "General")
            elif name in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
                inside = name == "cellXfs"
            elif name == "xf" and inside:
                text = a.get("numFmtId", "0")
                formats.append(int(text) if text.isdigit() else 0)

        _read_whole(self._archive, self._part_of("styles"), start)
        made = {
            number: shower(
                codes.get(number, BUILT_IN.get(number, "General")), seen, since_1904=self.since_1904
            )
            for number in {0, *formats}
        }
        return [made[number] for number in formats] or [made[0]]

    def _shared_texts(self) -> list[str]:
        if self._shared is None:
            reader = _SharedTexts()
            part = self._part_of("sharedStrings")
            try:
                source = self._archive.open(part)
            except KeyError:
                source = None
            if source:
                with source:
                    for _ in parse(source, reader.parser, _SHARED):
                        pass
            self._shared = reader.texts
        return self._shared

    def rows(self, entry: SheetEntry, seen: Seen) -> Iterator[SheetRow]:
        """Stream the rows of a sheet that have content."""
        try:
            source = self._archive.open(entry.part)
        except KeyError:
            raise UnfitFile(f"sheet {entry.name} is missing in the file", SAVE_ANEW) from None
        reader = _Sheet(entry.name, self._shared_texts(), self._shows(seen), seen)
        with source:
            for _ in parse(source, reader.parser, f"sheet {entry.name}"):
                yield from reader.taken()


class _SharedTexts:
    """The texts that cells refer to by number; phonetic guides are left out."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._parts: list[str] = []
        self._size = 0
        self._collects = False
        self._phonetic = False
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _start(self, tag: str, _: dict[str, str]) -> None:
        name = _local(tag)
        if name == "si":
            self._parts, self._size = [], 0
        elif name == "rPh":
            self._phonetic = True
        elif name == "t":
            self._collects = not self._phonetic

    def _end(self, tag: str) -> None:
        name = _local(tag)
        if name == "t":
            self._collects = False
        elif name == "rPh":
            self._phonetic = False
        elif name == "si":
            self.texts.append(_unescape("".join(self._parts)))

    def _text(self, text: str) -> None:
        if self._collects:
            self._size += len(text)
            if self._size > CELL_MAX:
                raise UnfitFile(
                    f"text {len(self.texts) + 1:,} of the workbook has more than {CELL_MAX:,} "
                    "characters: no contact list",
                )
            self._parts.append(text)


def _unescape(text: str) -> str:
    """`text` with _x000D_ as the character it stands for (18.4.8, ST_Xstring)."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text)


class _Sheet:
    """Collects the rows of one sheet while its XML is parsed."""

    def __init__(self, name: str, shared: list[str], shows: list[Show], seen: Seen) -> None:
        self._name, self._shared, self._shows, self._seen = name, shared, shows, seen
        self._rows: list[SheetRow] = []
        self._number = 0
        self._hidden = False
        self._fields: list[str] = []
        self._faults: dict[int, str] = {}
        self._column = -1
        self._kind = "n"
        self._style = 0
        self._parts: list[str] = []
        self._size = 0
        self._has_formula = self._has_value = False
        self._collects = self._phonetic = False
        self._columns: dict[str, int] = {}
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def taken(self) -> list[SheetRow]:
        """The rows that are complete since it was last asked."""
        rows, self._rows = self._rows, []
        return rows

    def _start(self, tag: str, a: dict[str, str]) -> None:
        name = tag if ":" not in tag else _local(tag)
        if name == "c":
            ref = a.get("r")
            self._column = self._column + 1 if ref is None else self._column_of(ref)
            self._kind = a.get("t", "n")
            style = a.get("s", "0")
            self._style = int(style) if style.isdigit() else 0
            self._parts, self._size = [], 0
            self._has_formula = self._has_value = False
        elif name == "v" or name == "t":
            self._collects = not self._phonetic
            self._has_value = True
        elif name == "f":
            self._has_formula = True
        elif name == "rPh":
            self._phonetic = True
        elif name == "row":
            number = a.get("r", "")
            self._number = int(number) if number.isdigit() else self._number + 1
            self._hidden = a.get("hidden") in ("1", "true")
            self._fields, self._faults, self._column = [], {}, -1
        elif name == "mergeCell":
            self._seen.merged += 1

    def _column_of(self, ref: str) -> int:
        letters = ref.rstrip("0123456789")
        column = self._columns.get(letters)
        if column is None:
            column = 0
            for letter in letters:
                column = column * 26 + ord(letter.upper()) - 64
            if not letters.isalpha() or not 0 < column <= COLUMNS_MAX:
                raise UnfitFile(f"sheet {self._name} has a cell {ref[:20]}: damaged", SAVE_ANEW)
            column -= 1
            self._columns[letters] = column
        return column

    def _text(self, text: str) -> None:
        if self._collects:
            self._size += len(text)
            if self._size > CELL_MAX:
                raise UnfitFile(
                    f"cell {column_name(self._column)}{self._number} of sheet {self._name} has "
                    f"more than {CELL_MAX:,} characters: no contact list"
                )
            self._parts.append(text)

    def _end(self, tag: str) -> None:
        name = tag if ":" not in tag else _local(tag)
        if name == "v" or name == "t":
            self._collects = False
        elif name == "c":
            if self._parts:
                self._put(self._value("".join(self._parts)))
            elif self._has_formula and (not self._has_value or self._kind == "n"):
                self._put("")
                self._faults[self._column] = no_result(self._column, self._number)
        elif name == "rPh":
            self._phonetic = False
        elif name == "row" and (self._fields or self._faults):
            self._seen.hidden_rows += self._hidden
            self._rows.append(SheetRow(self._number, self._fields, self._faults or None))

    def _put(self, value: str) -> None:
        fields = self._fields
        missing = self._column - len(fields)
        if missing > 0:
            fields.extend([""] * missing)
        if missing >= 0:
            fields.append(value)
        else:
            fields[self._column] = value

    def _value(self, raw: str) -> str:
        kind = self._kind
        if kind == "s":
            try:
                return self._shared[int(raw)]
            except (ValueError, IndexError):
                raise UnfitFile(
                    f"cell {column_name(self._column)}{self._number} of sheet {self._name} refers "
                    "to a text that is missing: damaged",
                    SAVE_ANEW,
                ) from None
        if kind == "n":
            style = self._style if self._style < len(self._shows) else 0
            return self._shows[style](raw)
        if kind == "b":
            return "TRUE" if raw.strip() in ("1", "true") else "FALSE"
        if kind in ("str", "inlineStr"):
            return _unescape(raw)
        return raw  # an error such as #N/A, or a date as text
