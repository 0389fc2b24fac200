"""Contacts from a list in two passes: `survey` checks every row, `contacts` streams the good ones.

Neither keeps rows: a million contacts take about 25 MB for finding repeats during the survey and
1 MB (a byte a row) from then on.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from wacampaign.core.bad_phone import BadPhone
from wacampaign.core.columns.reading import ListReading
from wacampaign.core.list_sketch import sketch
from wacampaign.core.numbering_plans import calling_code
from wacampaign.core.phone_census import PhoneCensus
from wacampaign.core.phones import phone_reader
from wacampaign.core.plan import Progress
from wacampaign.core.recipients import Recipients
from wacampaign.core.regions import region_named
from wacampaign.core.words import counted
from wacampaign.intake.layout import Layout, ListKind, trim
from wacampaign.intake.list_file import UnfitFile, open_list
from wacampaign.intake.list_reader import look_into, open_records
from wacampaign.intake.records import Record
from wacampaign.intake.rejected import RejectedFile
from wacampaign.problems import Usage

#: Rows between two progress reports and looks at the file: some ten a second.
_BEAT: Final = 1 << 14
#: Rejections kept in memory, to be shown.
_SAMPLES: Final = 5


class FileChanged(UnfitFile):
    """The list was changed while it was read."""

    code = "file_changed"
    default_suggestion = "run it again when nobody writes to the file"


class Fault(StrEnum):
    """What kind of thing is wrong with a row."""

    PHONE = "phone"
    COLUMNS = "columns"
    VALUE = "value"
    #: Values that look like nobody's words.
    PLACEHOLDER = "placeholder"
    MARKUP = "markup"
    QUOTES = "quotes"
    CELL = "cell"
    REPEAT = "repeat"


class Contact(NamedTuple):
    """One recipient of a campaign."""

    #: Line of the file that the row starts on, or row of the sheet, from 1.
    line: int
    #: 8 to 15 digits, country code first.
    phone: str
    #: What fills the places of its template, as it is sent (`RowReading.keys` has their order).
    variables: tuple[str, ...]


class Rejection(NamedTuple):
    """One row that is left out. `phone` is as written: mask it before showing."""

    line: int
    phone: str
    fault: Fault
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What a contact list holds. `accepted + rejected + repeats` is the number of its rows."""

    path: Path
    layout: Layout
    #: How its rows become payloads.
    reading: ListReading
    #: Rows that `contacts` will yield.
    accepted: int
    #: Rows that cannot be sent to, repeats not among them.
    rejected: int
    #: Rows left out because their recipient came before.
    repeats: int
    #: Rows that may be a person listed before, in the other national spelling of the number; left
    #: out among `repeats`, or accepted when those are allowed.
    perhaps: int
    #: Rows left out, by kind.
    faults: Mapping[Fault, int]
    #: Accepted rows by country calling code, most frequent first. A foreign code in a list of
    #: one country is often a national number that was read as another country's.
    calling_codes: Mapping[str, int]
    #: The first few rows left out.
    first_rejections: tuple[Rejection, ...]
    #: The file that lists every row left out, or None when there is none or none was wanted.
    rejected_file: Path | None
    default_region: str | None
    #: People among the accepted rows, and their `sketch`: by it the list is known again.
    people: int
    sketch: tuple[int, ...] = field(repr=False)
    #: What the plan says of how the file was read.
    notes: tuple[str, ...]
    #: Size in bytes and modification time in ns when surveyed.
    fingerprint: tuple[int, int]
    #: One byte a row: 1 where it was accepted.
    accepted_rows: bytes = field(repr=False)

    @property
    def rows(self) -> int:
        return self.accepted + self.rejected + self.repeats


def survey(
    path: Path,
    choose: Callable[[Layout], ListReading],
    *,
    encoding: str | None = None,
    sheet: str | None = None,
    default_region: str | None = None,
    allow_repeats: bool = False,
    write_rejected: bool = True,
    rejected_beside: Path | None = None,
    on_progress: Progress = None,
) -> Survey:
    """Read the whole list at `path` once and check every row.

    `choose` decides which column is what, and refuses what is not clear. `encoding` and `sheet`
    (name, or number from 1) are found out unless they are given. `default_region` (IN, India, +91)
    is the country of numbers without a country code; without it a list that is written as inside
    one country is refused.
    `allow_repeats` takes a recipient as often as he is listed. Rows left out are written to
    `<name>.rejected.csv` beside the list (or beside `rejected_beside`), unless there are none or
    `write_rejected` is False.

    Raises `Usage` for a path that cannot be read and an unknown region, `UnfitFile` (a `Refused`)
    for a file that is no contact list, and what `choose` raises; then nothing is created.
    """
    if default_region is not None:
        try:
            default_region = region_named(default_region)
        except ValueError as error:
            raise Usage(str(error), "give its name or code, such as India, IN or +91") from None
    with open_list(path):
        fingerprint = _fingerprint(path)
    layout = look_into(path, phone_reader(default_region), encoding=encoding, sheet=sheet)
    reading = choose(layout)
    census = PhoneCensus()
    read_phone = phone_reader(default_region, census)
    columns, phone_at, taken = layout.columns, reading.phone, 0
    read = reading.columns
    only = reading.rows[0] if len(reading.rows) == 1 else None
    seen = Recipients(layout.row_word)
    accepted = bytearray()
    starts: Counter[str] = Counter()
    faults: Counter[Fault] = Counter()
    samples: list[Rejection] = []

    odd = Fault.QUOTES if layout.kind is ListKind.TEXT else Fault.CELL
    left_out = RejectedFile(path, rejected_beside or path)
    with left_out as rejected, open_records(path, layout) as opened:

        def reject(record: Record, fault: Fault, reason: str) -> None:
            accepted.append(0)
            faults[fault] += 1
            phone = record.fields[phone_at] if phone_at < len(record.fields) else ""
            if fault is Fault.QUOTES:  # the raw line: its other fields are nobody's business here
                phone = record.fields[0].partition(layout.delimiter)[0] if phone_at == 0 else ""
            if record.end > record.line:
                reason += f" (lines {record.line} to {record.end})"
            if len(samples) < _SAMPLES:
                samples.append(Rejection(record.line, phone, fault, reason))
            if write_rejected:
                rejected.add(record.line, phone, reason)

        for count, record in enumerate(opened.records):
            if count % _BEAT == 0 and on_progress:
                on_progress(min(opened.position(), fingerprint[0]), fingerprint[0])
            line, _, fields, fault = record
            if fault:
                why = fault if isinstance(fault, str) else _needed(fault, read)
                if why is not None:
                    reject(record, odd, why)
                    continue
            if len(fields) != columns:
                fields = trim(fields, columns)
                if len(fields) != columns:
                    width = counted(len(fields), "column")
                    reject(record, Fault.COLUMNS, f"{width} where {columns} are needed")
                    continue
            try:
                phone = read_phone(fields[phone_at])
            except BadPhone as bad:
                reject(record, Fault.PHONE, bad.reason)
                continue
            row = only or reading.of(taken)
            try:
                values = row.check.turned(row.values(fields))
            except ValueError as why:
                reject(record, Fault.VALUE, str(why))
                continue
            if (wrong := row.check.fault(values)) is not None:
                reject(record, Fault(wrong.unmeant or Fault.VALUE), wrong.text)
                continue
            repeats = seen.seen_before(phone, line)
            if repeats and not allow_repeats:
                reject(record, Fault.REPEAT, repeats)
                continue
            accepted.append(1)
            taken += 1
            starts[phone[:3]] += 1
        if _fingerprint(path) != fingerprint:
            raise FileChanged(f"{path.name} was changed while it was read")
        if default_region is None and (national := census.national()):
            raise UnfitFile(f"{path.name}: {national.reason}", national.suggestion)
    if on_progress:
        on_progress(fingerprint[0], fingerprint[0])

    return Survey(
        path=path,
        layout=layout,
        reading=reading,
        accepted=accepted.count(1),
        rejected=faults.total() - faults[Fault.REPEAT],
        repeats=faults[Fault.REPEAT],
        perhaps=seen.perhaps,
        faults={fault: count for fault, count in faults.items() if count},
        calling_codes=_by_calling_code(starts),
        first_rejections=tuple(samples),
        rejected_file=rejected.path if write_rejected and faults.total() else None,
        default_region=default_region,
        people=len(seen),
        sketch=sketch(seen),
        notes=(*layout.notes, *opened.seen.notes()),
        fingerprint=fingerprint,
        accepted_rows=bytes(accepted),
    )


def contacts(surveyed: Survey) -> Iterator[Contact]:
    """Stream the rows that the survey accepted, in the order of the file.

    Yields exactly `surveyed.accepted` contacts, or raises `FileChanged` as soon as the file is
    seen to be another than the one surveyed (`Usage` when it cannot be opened any more).
    """
    path, layout = surveyed.path, surveyed.layout
    read_phone = phone_reader(surveyed.default_region)
    flags = surveyed.accepted_rows
    reading, columns, taken = surveyed.reading, layout.columns, 0
    changed = FileChanged(f"{path.name} was changed after it was checked")
    row = 0
    with open_list(path):
        if _fingerprint(path) != surveyed.fingerprint:
            raise changed
    with open_records(path, layout) as opened:
        try:
            for row, record in enumerate(opened.records, start=1):
                if row % _BEAT == 0 and _fingerprint(path) != surveyed.fingerprint:
                    raise changed
                if not flags[row - 1]:
                    continue
                fields = record.fields
                if len(fields) < columns:
                    raise changed
                made = reading.of(taken)
                values = made.check.turned(made.values(fields))
                taken += 1
                yield Contact(record.line, read_phone(fields[reading.phone]), tuple(values))
        except (ValueError, IndexError, UnfitFile):  # of phones, endings and letters
            raise changed from None
    if row != len(flags) or _fingerprint(path) != surveyed.fingerprint:
        raise changed


def _needed(faults: Mapping[int, str], columns: Collection[int]) -> str | None:
    """The first of `faults` that is in one of `columns`: what nothing reads may be as it is."""
    return next((faults[at] for at in sorted(faults) if at in columns), None)


def _fingerprint(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError:
        raise FileChanged(f"{path.name} disappeared while it was read") from None
    return state.st_size, state.st_mtime_ns


def _by_calling_code(starts: Counter[str]) -> dict[str, int]:
    codes: Counter[str] = Counter()
    for start, count in starts.items():
        codes[calling_code(start) or "?"] += count
    return dict(codes.most_common())
