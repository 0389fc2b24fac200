"""A spreadsheet file opened: its kind, the sheet that is meant, the limits."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from wacampaign.intake.list_file import UnfitFile, open_list
from wacampaign.intake.sheets.cells import SAVE_ANEW, Seen, SheetRow
from wacampaign.intake.sheets.ods import Ods, OdsEntry
from wacampaign.intake.sheets.xlsx import SheetEntry, Xlsx
from wacampaign.problems import Usage

#: First bytes of a ZIP archive, which both formats are.
ZIP_MAGIC: Final = b"PK\x03\x04"
#: Bytes that one part of the file may unpack to: a full sheet of 1,048,576 rows and 20 columns has
#: 1 GB. Python reads no more of a part than its entry declares.
_PART_MAX: Final = 2 << 30
#: The same for texts and styles, which are held in memory.
_HELD_MAX: Final = 256 << 20
_HELD: Final = ("sharedStrings.xml", "styles.xml", "workbook.xml", ".rels", "manifest.xml")

_OTHERS: Final = (
    ("xl/workbook.bin", "a binary Excel workbook (.xlsb)"),
    ("Index/Document.iwa", "a Numbers document"),
    ("Index.zip", "a Numbers document"),
    ("word/", "a Word document"),
    ("ppt/", "a PowerPoint presentation"),
)


@contextmanager
def opened(path: Path) -> Iterator["Workbook"]:
    """The spreadsheet at `path`. Raises `UnfitFile` for what is none, or is damaged."""
    with open_list(path) as file:
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise UnfitFile(
                f"{path.name} is an Excel workbook, another spreadsheet or a ZIP archive, "
                "cut off or damaged",
                "copy or download it again; if it opens in a spreadsheet, save it anew",
            ) from None
        with archive:
            try:
                yield Workbook(path, file, archive)
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
                raise UnfitFile(
                    f"{path.name} is damaged: its parts cannot be unpacked", SAVE_ANEW
                ) from None
            except RuntimeError as error:  # what zipfile raises for a part with a password
                if "password" not in str(error) and "encrypted" not in str(error):
                    raise
                raise UnfitFile(
                    f"{path.name} has a password", "open it, save it without password, give that"
                ) from None


class Workbook:
    """An open spreadsheet file and its sheets."""

    def __init__(self, path: Path, file: BinaryIO, archive: zipfile.ZipFile) -> None:
        self._path, self._file = path, file
        names = archive.namelist()
        self._refuse_bombs(archive)
        if "content.xml" in names and _kind(archive).endswith("opendocument.spreadsheet"):
            self._refuse_encrypted(archive)
            self._book: Xlsx | Ods = Ods(archive)
        elif any(name.endswith("workbook.xml") for name in names):
            self._book = Xlsx(archive)
        else:
            self._refuse_other(names)

    @property
    def position(self) -> int:
        """Bytes of the file read so far."""
        return self._file.tell()

    def _refuse_bombs(self, archive: zipfile.ZipFile) -> None:
        for part in archive.infolist():
            held = part.filename.endswith(_HELD)
            if part.file_size > (_HELD_MAX if held else _PART_MAX):
                raise UnfitFile(
                    f"{self._path.name} unpacks to {part.file_size / 1e9:.1f} GB "
                    f"({part.filename[-40:]}): no contact list is that large",
                    "copy the rows and columns that are needed into a new file",
                )

    def _refuse_encrypted(self, archive: zipfile.ZipFile) -> None:
        manifest = "META-INF/manifest.xml"
        if manifest in archive.namelist() and b"encryption-data" in archive.read(manifest):
            raise UnfitFile(
                f"{self._path.name} has a password", "save it without password, and give that file"
            )

    def _refuse_other(self, names: Sequence[str]) -> None:
        for start, kind in _OTHERS:
            if any(name.startswith(start) for name in names):
                raise UnfitFile(
                    f"{self._path.name} is {kind}, not a contact list",
                    "open it, save the list as .xlsx or as CSV (UTF-8) and give that file",
                )
        inside = ", ".join(name for name in names if not name.endswith("/"))[:80]
        raise UnfitFile(
            f"{self._path.name} is a ZIP archive ({inside or 'empty'}), not a contact list",
            "unpack it and give the list that is in it",
        )

    def sheet(self, wanted: str | None) -> SheetEntry | OdsEntry:
        """The sheet of that name (in any case) or number, from 1; else the first visible one.

        Raises `Usage` with the names when there is none.
        """
        sheets = self._book.sheets
        if wanted is None:
            shown = [sheet for sheet in sheets if not sheet.hidden]
            if shown or sheets:
                return (shown or sheets)[0]
        for same in (str, str.casefold):
            for sheet in sheets:
                if wanted is not None and same(sheet.name) == same(wanted):
                    return sheet
        if wanted and wanted.isdecimal() and 0 < int(wanted) <= len(sheets):
            return sheets[int(wanted) - 1]
        raise Usage(
            f"{self._path.name} has no sheet {wanted}; it has {self._listed()}"
            if sheets
            else f"{self._path.name} has no sheets",
            "choose one of them with --sheet NAME",
        )

    def others_than(self, sheet: SheetEntry | OdsEntry) -> str | None:
        """A line of the plan that names the sheet read when there are others."""
        sheets: Sequence[SheetEntry | OdsEntry] = self._book.sheets
        if len(sheets) == 1:
            return None
        place = list(sheets).index(sheet) + 1
        return f"sheet {sheet.name} ({place} of {self._listed()}); --sheet reads another"

    def _listed(self) -> str:
        sheets = self._book.sheets
        names = [s.name + (" (hidden)" if s.hidden else "") for s in sheets[:8]]
        more = f", {len(sheets) - 8} more" if len(sheets) > 8 else ""
        return f"{len(sheets)}: {', '.join(names)}{more}"

    def rows(self, sheet: SheetEntry | OdsEntry, seen: Seen) -> Iterator[SheetRow]:
        """Stream the rows of `sheet` that have content; `seen` is filled meanwhile."""
        return self._book.rows(sheet, seen)  # type: ignore[arg-type]


def _kind(archive: zipfile.ZipFile) -> str:
    try:
        return archive.read("mimetype").decode("ascii", "replace").strip()
    except KeyError:
        return ""
