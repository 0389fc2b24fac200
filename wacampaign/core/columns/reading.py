"""How the rows of a list become payloads, once it is known which column fills what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wacampaign.core.cells import BLANKS
from wacampaign.core.columns.choice import ColumnChoice
from wacampaign.core.columns.wanted import Wanted
from wacampaign.core.template.row_check import RowCheck

#: Position of a place that nothing fills.
_NOTHING = -1


@dataclass(frozen=True, slots=True)
class RowReading:
    """How a row fills one template."""

    choice: ColumnChoice
    check: RowCheck
    #: Payload keys of the values, in the order of the template's places.
    keys: tuple[str, ...]
    #: For each value its column, and its text where no column brings it.
    sources: tuple[tuple[int, str], ...] = field(repr=False)

    def values(self, fields: Sequence[str]) -> list[str]:
        """The row's values in the order of `keys`, without outer white space; "" where a row may
        leave one out and does. As they stand: `check` says how they are sent."""
        return [fields[at].strip(BLANKS) if at >= 0 else text for at, text in self.sources]

    def payload(self, values: Sequence[str]) -> dict[str, str]:
        """The values as `send_queue.payload` holds them."""
        return {key: value for key, value in zip(self.keys, values, strict=True) if value}


def row_reading(wanted: Sequence[Wanted], choice: ColumnChoice, check: RowCheck) -> RowReading:
    """Puts together what was decided about one template."""
    filled: Mapping[str, tuple[int, str]] = {
        one.place.key: ((_NOTHING, one.constant or "") if one.column is None else (one.column, ""))
        for one in choice.filled
    }
    keys = tuple(place.key for place in wanted)
    return RowReading(choice, check, keys, tuple(filled.get(k, (_NOTHING, "")) for k in keys))


@dataclass(frozen=True, slots=True)
class ListReading:
    """How the rows of a list fill the templates of a campaign: they are dealt out in turn."""

    #: Position of the phones' column, from 0.
    phone: int
    rows: tuple[RowReading, ...]

    @property
    def columns(self) -> frozenset[int]:
        """Positions of the columns that are read, from 0."""
        return frozenset({self.phone, *(at for row in self.rows for at in row.choice.columns)})

    def of(self, nth: int) -> RowReading:
        """How the nth accepted row is read, from 0."""
        return self.rows[nth % len(self.rows)]
