"""What all readers of spreadsheets have in common: a row, what is odd in a sheet, its limits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Final, NamedTuple
from xml.parsers import expat

from wacampaign.core.words import counted
from wacampaign.intake.list_file import UnfitFile

#: Bytes of XML read at once.
CHUNK: Final = 1 << 16
#: Characters of a cell: as many as a field of a CSV may have; Excel itself takes 32,767.
CELL_MAX: Final = 1 << 17
#: Columns of a sheet, of Excel and of LibreOffice.
COLUMNS_MAX: Final = 16_384
#: Rows of a sheet, of both.
ROWS_MAX: Final = 1_048_576


class SheetRow(NamedTuple):
    """One row that is not empty."""

    #: As the spreadsheet numbers it, from 1.
    number: int
    fields: list[str]
    #: By column, its position from 0: why that cell cannot be read. None: all can.
    fault: Mapping[int, str] | None


@dataclass(slots=True)
class Seen:
    """What the rows read so far had in them that a person may not expect."""

    #: Rows with content that the spreadsheet does not show.
    hidden_rows: int = 0
    #: Areas of merged cells.
    merged: int = 0
    #: The first date in the form that differs from computer to computer, as read; "" if none.
    date: str = ""
    #: The first number with a decimal part, as read.
    decimal: str = ""
    faults: list[str] = field(default_factory=list)

    def notes(self) -> Iterator[str]:
        """A line of the plan for each."""
        if self.hidden_rows:
            yield (
                f"NOTE: {counted(self.hidden_rows, 'row')} hidden in the spreadsheet (a filter?), "
                "read like the others; delete what is not meant"
            )
        if self.merged:
            yield (
                f"NOTE: {counted(self.merged, 'area')} of merged cells: only the first cell of "
                "each has the value"
            )
        if self.date:
            yield (
                f"NOTE: dates in the computer's own form read as “{self.date}”; format the column "
                "as text for another form"
            )
        if self.decimal:
            yield f"numbers with decimals read as “{self.decimal}”, with a point"


def no_result(column: int, number: int) -> str:
    """Why a formula's cell cannot be read: of `column` from 0, in row `number` from 1."""
    return (
        f"the formula in {column_name(column)}{number} has no saved result: open the file in a "
        "spreadsheet and save it"
    )


def parse(source: IO[bytes], parser: expat.XMLParserType, part: str) -> Iterator[None]:
    """Feed `source` to `parser`, pausing after each chunk. Raises `UnfitFile` for broken XML."""

    def no_doctype(*_: object) -> None:
        raise UnfitFile(f"{part} declares a document type: no spreadsheet program does", SAVE_ANEW)

    parser.StartDoctypeDeclHandler = no_doctype
    parser.buffer_text = True
    try:
        while chunk := source.read(CHUNK):
            parser.Parse(chunk, False)
            yield
        parser.Parse(b"", True)
        yield
    except expat.ExpatError as error:
        raise UnfitFile(f"{part} is damaged: {error}", SAVE_ANEW) from None


#: What mends most damage.
SAVE_ANEW: Final = "open it in a spreadsheet, save it again and give that file"


def column_name(index: int) -> str:
    """The letters of a column, from 0: A, B, …, AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name


def general(raw: str) -> str:
    """A number as a cell without a format shows it, but never with an exponent where it is whole.

    Whole numbers below 10^15 are exact in a spreadsheet and keep all digits, as phones are among
    them; beyond that digits are lost, and the exponent shows it.
    """
    try:
        number = float(raw)
    except ValueError:
        return raw
    if number != number or number in (float("inf"), float("-inf")):
        return raw
    if number == int(number):
        return str(int(number)) if abs(number) < 1e15 else f"{number:.5E}"
    text = f"{number:.10g}"
    return f"{number:.12f}".rstrip("0") if "e-0" in text and abs(number) > 1e-9 else text.upper()
