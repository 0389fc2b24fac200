"""Decides which column of a list fills which place of a template, or that it cannot be known.

A value in another's place is the worst that a list can do: people read each other's text, and
nothing refuses it. So names are believed where they name everything, position where no name speaks
against it, and everything else is asked.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wacampaign.core.columns.mapping import (
    PHONE,
    Pair,
    UnknownName,
    column_called,
    places_called,
    write_map,
)
from wacampaign.core.columns.names import fold
from wacampaign.core.columns.phone_column import NoPhones, SeveralPhones, find_phone_column
from wacampaign.core.columns.wanted import Wanted
from wacampaign.core.words import counted

#: Letters from which a name that is a part of another is taken to mean the same, as a guess.
_LIKE_FROM: Final = 3


class Way(StrEnum):
    """How the columns were told apart."""

    #: The header names every place that must be filled.
    NAMES = "name"
    POSITION = "position"
    #: All of them by `--map`.
    MAP = "map"


@dataclass(frozen=True, slots=True)
class Filled:
    """A place and what fills it: a column (its position from 0), or one text for all rows."""

    place: Wanted
    column: int | None = None
    constant: str | None = None


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """Which column fills what."""

    way: Way
    #: Position of the phones' column, from 0.
    phone: int
    #: Places in the template's order; those that nothing fills are left out (they may be).
    filled: tuple[Filled, ...]
    #: Positions of columns that nothing needs.
    left_out: tuple[int, ...]
    #: Whether the columns stand in another order than the template's places.
    is_reordered: bool

    @property
    def columns(self) -> tuple[int, ...]:
        """The columns in the order of `keys`."""
        return tuple(one.column for one in self.filled if one.column is not None)

    @property
    def keys(self) -> tuple[str, ...]:
        """Payload keys of the values that `columns` bring."""
        return tuple(one.place.key for one in self.filled if one.column is not None)

    @property
    def constants(self) -> dict[str, str]:
        """Payload keys and values that are the same in all rows."""
        return {one.place.key: one.constant for one in self.filled if one.constant is not None}


class UnclearColumns(ValueError):  # noqa: N818 - told to people, not raised as a bug
    """It cannot be known which column fills what. The text says why."""

    def __init__(
        self, why: str, suggested: str | None, fitting: str, known: Mapping[int, str]
    ) -> None:
        super().__init__(why)
        #: A `--map` that would settle it, if its guesses are right. None: columns are missing.
        self.suggested = suggested
        #: A header that names everything.
        self.fitting = fitting
        #: What is known of columns, by position: what each fills.
        self.known = known


def choose_columns(
    wanted: Sequence[Wanted],
    header: Sequence[str] | None,
    scores: Sequence[float],
    pairs: Sequence[Pair] = (),
    constants: Mapping[str, str] | None = None,
) -> ColumnChoice:
    """Which column fills which of `wanted`.

    `scores` have one number a column: how much of it reads as phones, 0 to 1. `pairs` are what a
    person said and beat everything; `constants` are texts for all rows, by payload key. Raises
    `UnclearColumns`, `UnknownName` (of `pairs`) and `NoPhones`.
    """
    return _Choosing(wanted, header, scores, pairs, constants or {}).choice()


class _Choosing:
    def __init__(
        self,
        wanted: Sequence[Wanted],
        header: Sequence[str] | None,
        scores: Sequence[float],
        pairs: Sequence[Pair],
        constants: Mapping[str, str],
    ) -> None:
        self._wanted = wanted
        self._width = len(scores)
        self._scores = scores
        self._constants = constants
        self._is_said = bool(pairs)
        names = [*(header or ())][: self._width]
        self._header = [*names, *[""] * (self._width - len(names))] if header is not None else None
        #: What was said, by place.
        self._said: dict[str, int] = {}
        self._said_phone: int | None = None
        for pair in pairs:
            self._take(pair)
        said = {*self._said.values(), self._said_phone}
        self._open = [
            place for place in wanted if place.key not in self._said and place.key not in constants
        ]
        #: Places that each column's name means, of the columns that may still be given to one. One
        #: whose name means what is filled otherwise is left out.
        self._claims: dict[int, list[Wanted]] = {}
        for column in range(self._width):
            meant = self._named_by(column)
            still_open = [place for place in meant if place in self._open]
            if column not in said and (still_open or not meant):
                self._claims[column] = still_open
        self._free = list(self._claims)

    def _take(self, pair: Pair) -> None:
        column = column_called(pair, self._header, self._width)
        if fold(pair.variable) == PHONE and not any(w.variable == PHONE for w in self._wanted):
            self._say_phone(column)
            return
        if pair.variable.strip().lower() == PHONE:  # a variable of that name is meant by its key
            self._say_phone(column)
            return
        for place in places_called(pair, self._wanted):
            if self._said.get(place.key, column) != column:
                raise UnknownName(f"“{pair.variable}” is given two columns")
            self._said[place.key] = column

    def _say_phone(self, column: int) -> None:
        if self._said_phone not in (None, column):
            raise UnknownName(f"“{PHONE}” is given two columns")
        self._said_phone = column

    def _named_by(self, column: int) -> list[Wanted]:
        if self._header is None:
            return []
        name = fold(self._header[column])
        claimed = [place for place in self._wanted if place.is_named(name)]
        exact = [place for place in claimed if place.variable == name]
        return exact or claimed

    def choice(self) -> ColumnChoice:
        phone = self._phone()
        required = [place for place in self._open if place.required]
        by_name = self._by_name()
        # All of them said: then nothing is left to be shifted, and other columns are left out.
        is_said = self._is_said and not required
        if by_name is not None and (self._header is not None or is_said):
            way = Way.MAP if is_said else Way.NAMES
            return self._made(way, phone, by_name)
        by_position = self._by_position(phone, required)
        if by_position is not None:
            return self._made(Way.POSITION, phone, by_position)
        raise self._unclear(self._why(phone, required), phone)

    def _phone(self) -> int:
        if self._said_phone is not None:
            return self._said_phone
        variables = {i for i, places in self._claims.items() if places}
        try:
            return find_phone_column(self._header, self._scores, variables)
        except NoPhones:
            raise
        except SeveralPhones as several:
            if self._phone_is_first(several.columns):
                return 0
            names = " and ".join(self._title(i) for i in several.columns[:4])
            why = f"several columns hold phone numbers: {names}"
            raise self._unclear(why, several.columns[0]) from None

    def _phone_is_first(self, columns: Collection[int]) -> bool:
        """Without names the phone is first, if the others are where digits are expected."""
        if self._header is not None or 0 not in columns:
            return False
        required = [place for place in self._open if place.required]
        by_position = self._by_position(0, required)
        return by_position is not None and all(
            not place.is_prose for place in required if by_position[place.key] in columns
        )

    def _by_name(self) -> dict[str, int] | None:
        """Column by payload key, if the header names each place that must be filled, once."""
        columns: dict[str, int] = {}
        for column, places in self._claims.items():
            if len({place.variable or place.key for place in places}) > 1:
                return None  # one name, two meanings
            for place in places:
                if place.key in columns:
                    return None  # two columns for one place
                columns[place.key] = column
        named = all(place.key in columns for place in self._open if place.required)
        return columns if named else None

    def _by_position(self, phone: int, required: Sequence[Wanted]) -> dict[str, int] | None:
        """Column by payload key, if there are as many as needed and no name speaks against it."""
        optional: dict[str, int] = {}
        in_order: list[int] = []
        for column in self._free:
            places = self._claims[column]
            if column == phone:
                continue
            if len(places) == 1 and not places[0].required:
                if places[0].key in optional:
                    return None
                optional[places[0].key] = column
            else:
                in_order.append(column)
        if len(in_order) != len(required):
            return None
        for place, column in zip(required, in_order, strict=True):
            if self._claims[column] and place not in self._claims[column]:
                return None
        pairs = zip((place.key for place in required), in_order, strict=True)
        return optional | dict(pairs)

    def _made(self, way: Way, phone: int, columns: Mapping[str, int]) -> ColumnChoice:
        columns = {**columns, **self._said}
        filled = []
        for place in self._wanted:
            if place.key in columns:
                filled.append(Filled(place, columns[place.key]))
            elif place.key in self._constants:
                filled.append(Filled(place, constant=self._constants[place.key]))
        used = {phone, *(one.column for one in filled)}
        order = [one.column for one in filled if one.place.required and one.column is not None]
        return ColumnChoice(
            way,
            phone,
            tuple(filled),
            tuple(i for i in range(self._width) if i not in used),
            is_reordered=order != sorted(order),
        )

    # --- what to say when it is unclear ---------------------------------------------------------

    def _title(self, column: int) -> str:
        name = self._header[column].strip() if self._header else ""
        return f"column {column + 1}" + (f" “{name[:30]}”" if name else "")

    def _why(self, phone: int, required: Sequence[Wanted]) -> str:
        rest = [i for i in self._free if i != phone]
        wanted = ", ".join(place.in_words for place in required)
        needs = (
            f"needed {'is' if len(required) == 1 else 'are'} {wanted}"
            if required
            else ("the template needs the phone alone")
        )
        there = counted(len(rest), "column") + " beside the phone"
        if self._header is None:
            return f"there {'is' if len(rest) == 1 else 'are'} {there} and no header; {needs}"
        for column, places in self._claims.items():
            if len({place.variable or place.key for place in places}) > 1:
                both = " and ".join(place.label for place in places)
                return f"{self._title(column)} may mean {both}"
        for place in self._open:
            named = [i for i, places in self._claims.items() if place in places]
            if len(named) > 1:
                both = " and ".join(map(self._title, named))
                return f"{both} both name {place.label}"
        named_places = {p.key for places in self._claims.values() for p in places}
        missing = ", ".join(place.label for place in required if place.key not in named_places)
        if len(missing) and named_places:
            return f"no column is named for {missing}, and by position others would be shifted"
        return f"there {'is' if len(rest) == 1 else 'are'} {there}, none named for {wanted}"

    def _unclear(self, why: str, phone: int) -> UnclearColumns:
        known = {phone: PHONE}
        by_key = {place.key: place for place in self._wanted}
        columns = dict(self._said)
        for column, places in self._claims.items():
            if len(places) == 1 and places[0].key not in columns and column != phone:
                columns[places[0].key] = column
        taken = {phone, *columns.values()}
        left = [i for i in self._free if i not in taken]
        left.sort(key=lambda i: self._scores[i])  # the less it reads as phones, the likelier
        guessed = dict(columns)
        unknown = [p for p in self._open if p.required and p.key not in guessed]
        for place in unknown:
            if (like := next((i for i in left if self._is_like(i, place)), None)) is not None:
                guessed[place.key] = like
                left.remove(like)
        before = -1
        for place in self._wanted:
            if place in unknown and place.key not in guessed and left:
                # In the order of the template, as most lists are.
                guessed[place.key] = next((i for i in left if i > before), left[0])
                left.remove(guessed[place.key])
            before = guessed.get(place.key, before)
        known |= {i: by_key[key].label for key, i in columns.items()}
        named = {place.name: place.key for place in self._wanted if place.required}
        named = {name: key for name, key in named.items() if key not in self._constants}
        suggested = None
        if all(key in guessed for key in named.values()):
            pairs = [(name, self._column_name(guessed[key])) for name, key in named.items()]
            suggested = write_map([(PHONE, self._column_name(phone)), *pairs])
        return UnclearColumns(why, suggested, ",".join([PHONE, *named]), known)

    def _is_like(self, column: int, place: Wanted) -> bool:
        """Whether one's name is a part of the other's: `Name` and `first_name`."""
        name = fold(self._header[column]) if self._header else ""
        variable = place.variable or ""
        shorter, longer = sorted((name, variable), key=len)
        return len(shorter) >= _LIKE_FROM and shorter in longer

    def _column_name(self, column: int) -> str:
        """How `--map` names it: its name, where that is one; else its number."""
        name = self._header[column].strip() if self._header else ""
        alike = [i for i, other in enumerate(self._header or ()) if fold(other) == fold(name)]
        return name if fold(name) and len(alike) == 1 else f"#{column + 1}"
