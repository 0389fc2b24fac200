"""The columns of a list for the templates of a campaign: chosen, refused, and shown in a plan."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.core.columns.choice import (
    ColumnChoice,
    UnclearColumns,
    Way,
    choose_columns,
)
from wacampaign.core.columns.mapping import PHONE, Pair, UnknownName, places_called
from wacampaign.core.columns.names import fold
from wacampaign.core.columns.phone_column import NoPhones
from wacampaign.core.columns.reading import ListReading, row_reading
from wacampaign.core.columns.wanted import Wanted, wanted_by
from wacampaign.core.display_width import cut, padded, width, wrapped
from wacampaign.core.masking import mask_phone, mask_secrets
from wacampaign.core.template.moments import moment_of
from wacampaign.core.template.row_check import RowCheck
from wacampaign.core.template.unmeant import Unmeant
from wacampaign.core.templates import KnownTemplate
from wacampaign.intake.contacts import Contact, Survey
from wacampaign.intake.layout import Layout
from wacampaign.operations.templates import Choice
from wacampaign.problems import Refused, Usage

#: Screen columns of a plan's table, and of its cells.
_WIDTH: Final = 80
_NAME_SHOWN: Final = 20
_PLACE_SHOWN: Final = 28
#: Values shown of a column, and columns named in one line.
_VALUES_SHOWN: Final = 3
_NAMED: Final = 12


class ColumnsUnclear(Refused):
    """It is not clear which column is what."""

    code = "columns_unclear"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person said about a list's columns and values."""

    pairs: tuple[Pair, ...] = ()
    #: Texts that are the same for all rows: place and text.
    constants: tuple[Pair, ...] = ()
    #: Kinds of values that are sent though they look like nobody's words.
    allowed: frozenset[Unmeant] = frozenset()


def reading_for(choice: Choice, wishes: Wishes) -> Callable[[Layout], ListReading]:
    """Decides on a list's columns, once its layout is known.

    What it returns raises `ColumnsUnclear` with a `--map` that would settle it, and `Usage` for
    names that are not there.
    """

    def decide(layout: Layout) -> ListReading:
        rows = []
        pairs = _pairs_of_each(choice, wishes)
        for template in choice.templates:
            shape = template.shape
            wanted = wanted_by(shape)
            check = RowCheck(template.components, shape, wishes.allowed)
            constants = _constants(wanted, template, check, wishes)
            chosen = _choose(wanted, template, layout, pairs[template.name], constants)
            rows.append(row_reading(wanted, chosen, check))
        if len({row.choice.phone for row in rows}) > 1:
            raise ColumnsUnclear(
                "the templates' names leave different columns for the phones",
                "say which it is: --map phone=COLUMN",
            )
        return ListReading(rows[0].choice.phone, tuple(rows))

    return decide


def _pairs_of_each(choice: Choice, wishes: Wishes) -> dict[str, Sequence[Pair]]:
    """The `--map` of each template: of several each takes what it has a place for; what none has
    is left to all, and is refused."""
    own = {
        template.name: {
            pair
            for pair in wishes.pairs
            if fold(pair.variable) == PHONE or _places(pair, wanted_by(template.shape))
        }
        for template in choice.templates
    }
    strange = set(wishes.pairs).difference(*own.values())
    return {
        name: [pair for pair in wishes.pairs if pair in pairs or pair in strange]
        for name, pairs in own.items()
    }


def _constants(
    wanted: Sequence[Wanted], template: KnownTemplate, check: RowCheck, wishes: Wishes
) -> dict[str, str]:
    """Texts that are the same for all rows, by payload key. Raises `Usage`."""
    said: dict[str, str] = {}
    for pair in wishes.constants:
        if fold(pair.variable) == PHONE:
            raise Usage("all rows cannot have one phone", f"leave --set {PHONE} out")
        try:
            places = places_called(pair, wanted)
            mapped = {one.key for other in wishes.pairs for one in _places(other, wanted)}
        except UnknownName as unknown:
            raise Usage(
                f"{template.name}: {unknown}",
                "correct --set VAR=TEXT (or --filename, --expires): VAR is what the template names",
            ) from None
        for place in places:
            if place.key in mapped or place.key in said:
                raise Usage(f"{place.label} is given twice", "say it once: --map, --set or its own")
            if fault := check.fault_of_all(list(wanted).index(place), pair.column):
                raise Usage(f"{fault}, in all rows", "correct what --set (or its own option) says")
            said[place.key] = pair.column
    return said


def _places(pair: Pair, wanted: Sequence[Wanted]) -> Sequence[Wanted]:
    """The places that a `--map` names; none for the phone and for what `choose_columns` refuses."""
    try:
        return () if fold(pair.variable) == PHONE else places_called(pair, wanted)
    except UnknownName:
        return ()


def _choose(
    wanted: Sequence[Wanted],
    template: KnownTemplate,
    layout: Layout,
    pairs: Sequence[Pair],
    constants: Mapping[str, str],
) -> ColumnChoice:
    try:
        return choose_columns(wanted, layout.header, layout.phone_scores, pairs, constants)
    except UnknownName as unknown:
        raise Usage(
            str(unknown),
            "correct --map 'VAR=COLUMN,…': VAR is what the template names, "
            "or phone; COLUMN is a column's name or its number (#3)",
        ) from None
    except NoPhones as none:
        raise Refused(str(none), "give the list with the recipients' phones") from None
    except UnclearColumns as unclear:
        problem = ColumnsUnclear(f"{template.name}: {unclear}", _advice(unclear))
        problem.details = tuple(_table(_unclear_rows(layout, unclear)))
        raise problem from None


def _advice(unclear: UnclearColumns) -> str:
    if unclear.suggested is None:
        return (
            "add what is missing to the list, or --set VAR=TEXT where it is the same for all rows; "
            f"a header that fits: {unclear.fitting}"
        )
    said = unclear.suggested
    quoted = shlex.quote(said) if "'" in said else f"'{said}'"
    return f"say which is which; if these guesses are right, add: --map {quoted}"


# --- the table of a plan ------------------------------------------------------------------------


def _unclear_rows(layout: Layout, unclear: UnclearColumns) -> Iterator[tuple[str, str, str]]:
    for at in range(layout.columns):
        what = unclear.known.get(at, "?")
        values = [row[at] for row in layout.samples]
        yield _title(layout, at), what, _values(values, is_phone=what == PHONE)


def column_lines(surveyed: Survey, first: Sequence[Contact], *names: str) -> Iterator[str]:
    """A plan's lines on the columns: how they were told apart, the table, what is left out.

    `first` are the first accepted contacts, `names` the templates' names.
    """
    layout, rows = surveyed.layout, surveyed.reading.rows
    differ = len({row.choice.columns for row in rows}) > 1
    for nth, row in enumerate(rows if differ else rows[:1]):
        choice = row.choice
        of = f" of {names[nth]}" if differ else ""
        yield f"columns{of}, {_way(choice, layout)}:"
        own = [one for n, one in enumerate(first) if surveyed.reading.of(n) is row]
        own = own if differ else list(first)
        phones = [contact.phone for contact in own]
        lines = [(_title(layout, choice.phone), PHONE, _values(phones, is_phone=True))]
        for n, key in enumerate(row.keys):
            filled = next((one for one in choice.filled if one.place.key == key), None)
            if filled is None:
                continue
            values = [contact.variables[n] for contact in own]
            if filled.place.role == "expires":
                values = [f"{moment_of(value):%Y-%m-%d %H:%M %Z}" for value in values]
            title = "all rows" if filled.column is None else _title(layout, filled.column)
            lines.append((title, filled.place.label, _values(values, is_media=n == 0)))
        yield from _table(lines)
        if choice.left_out:
            listed = [_title(layout, at) for at in choice.left_out[:_NAMED]]
            more = len(choice.left_out) - len(listed)
            text = f"left out: {', '.join(listed)}{f' and {more} more' if more else ''}"
            yield from (f"  {line}" for line in wrapped(text, _WIDTH - 4))


def _way(choice: ColumnChoice, layout: Layout) -> str:
    if choice.way is Way.POSITION:
        if layout.header is None:
            return "by position (there is no header)"
        if _names_nothing(choice, layout.header):
            return "by position: the header has none of the template's names, so look at each"
        return "by position (the header does not name all of them)"
    if choice.way is Way.MAP:
        return "as --map says"
    return "by name: in another order than the template's" if choice.is_reordered else "by name"


def _names_nothing(choice: ColumnChoice, header: Sequence[str]) -> bool:
    """Whether header and template both have names, and none in common."""
    variables = {one.place.variable for one in choice.filled} - {None}
    return bool(variables) and variables.isdisjoint(map(fold, header))


def _table(rows: Iterator[tuple[str, str, str]] | Sequence[tuple[str, str, str]]) -> Iterator[str]:
    cells = [(cut(name, _NAME_SHOWN), cut(what, _PLACE_SHOWN), v) for name, what, v in rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)][:2]
    for name, what, values in cells:
        line = f"  {padded(name, widths[0])} → {padded(what, widths[1])}  {values}"
        yield cut(line.rstrip(), _WIDTH - 2)


def _title(layout: Layout, at: int) -> str:
    name = layout.header[at] if layout.header and at < len(layout.header) else ""
    return " ".join(name.split()) or f"column {at + 1}"


def _values(values: Sequence[str], *, is_phone: bool = False, is_media: bool = False) -> str:
    shown = [
        mask_phone(value) if is_phone else value if is_media else mask_secrets(value)
        for value in values[:_VALUES_SHOWN]
    ]
    return " | ".join(cut(" ".join(value.split()), _PLACE_SHOWN) for value in shown)


def columns_json(surveyed: Survey, names: Sequence[str]) -> list[dict[str, Any]]:
    """For `--json`: for each template what fills its places."""
    layout = surveyed.layout
    return [
        {
            "template": name,
            "by": str(row.choice.way),
            "phone": _title(layout, row.choice.phone),
            "filled": [
                {
                    "key": one.place.key,
                    "place": one.place.label,
                    "column": None if one.column is None else _title(layout, one.column),
                    "number": None if one.column is None else one.column + 1,
                    "constant": one.constant,
                }
                for one in row.choice.filled
            ],
            "left_out": [_title(layout, at) for at in row.choice.left_out],
        }
        for name, row in zip(names, surveyed.reading.rows, strict=True)
    ]
