"""What a person says with `--map`: `first_name=Vorname,phone=Mobile`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from wacampaign.core.columns.names import fold, nearest
from wacampaign.core.columns.wanted import Wanted

#: What `--map` calls the recipients' phones.
PHONE: Final = "phone"
#: VAR=COLUMN; a column's name with a comma or a quotation mark stands in double quotes, where a
#: quotation mark is doubled.
_PAIR: Final = re.compile(r'\s*([^=,"]+?)\s*=\s*(?:"((?:[^"]|"")*)"|([^,"]*))\s*(?:,|$)')
_NUMBER: Final = re.compile(r"#?\s*([0-9]{1,5})$")
#: Names that are listed when one is unknown.
_LISTED: Final = 12


class UnknownName(ValueError):  # noqa: N818 - told to people, not raised as a bug
    """`--map` cannot be read, or names what is not there; the text says what there is."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One `VAR=COLUMN`, as written."""

    variable: str
    column: str
    #: In quotes: a name and never a number.
    is_quoted: bool = False


def read_map(texts: Iterable[str]) -> tuple[Pair, ...]:
    """The pairs of all `--map` options. Raises `UnknownName` for text that is none."""
    pairs = []
    for text in texts:
        at = 0
        while at < len(text):
            match = _PAIR.match(text, at)
            if match is None or not (match[2] or match[3] or "").strip():
                raise UnknownName(f"--map takes VAR=COLUMN, not “{text[at:].strip()}”")
            quoted = match[2] is not None
            column = match[2].replace('""', '"') if quoted else match[3]
            pairs.append(Pair(match[1], column.strip(), quoted))
            at = match.end()
    return tuple(pairs)


def write_map(pairs: Iterable[tuple[str, str]]) -> str:
    """The text that `read_map` reads as these variables and columns."""
    return ",".join(f"{variable}={_quoted(column)}" for variable, column in pairs)


def _quoted(column: str) -> str:
    plain = not re.search(r'[",]', column) and column == column.strip() and column
    return column if plain else '"' + column.replace('"', '""') + '"'


def column_called(pair: Pair, header: Sequence[str] | None, width: int) -> int:
    """The position, from 0, of the column that `pair` means: by its name, else by its number."""
    exact = [i for i, name in enumerate(header or ()) if name == pair.column]
    key = fold(pair.column)
    alike = [i for i, name in enumerate(header or ()) if key and fold(name) == key]
    for found in (exact, alike):
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            numbers = " or ".join(f"#{i + 1}" for i in found)
            raise UnknownName(f"several columns are named “{pair.column}”: say {numbers} instead")
    number = _NUMBER.match(pair.column)
    if number is not None and not pair.is_quoted:
        if 1 <= int(number[1]) <= width:
            return int(number[1]) - 1
        raise UnknownName(f"there is no column {number[1]}: the list has {width}")
    if header is None:
        raise UnknownName(
            f"the list has no header that could name a column “{pair.column}”: give its number, "
            f"#1 to #{width}"
        )
    raise UnknownName(f"there is no column “{pair.column}”{_instead(pair.column, header)}")


def places_called(pair: Pair, wanted: Sequence[Wanted]) -> list[Wanted]:
    """The places that `pair` means; several when a variable stands in several. Not `phone`."""
    key = fold(pair.variable)
    by_variable = [place for place in wanted if place.variable == key]
    if by_variable:
        return by_variable
    by_key = [place for place in wanted if fold(place.key) == key]
    by_name = [place for place in wanted if place.is_named(key)]
    for found in (by_key, by_name):
        if len(found) == 1:
            return found
    if by_name:
        names = ", ".join(f"{place.key} ({place.label})" for place in by_name)
        raise UnknownName(f"“{pair.variable}” may be {names}: name one of them")
    known = [PHONE, *(place.name for place in wanted)]
    raise UnknownName(
        f"the template has nothing that is called “{pair.variable}”{_instead(pair.variable, known)}"
    )


def _instead(name: str, known: Sequence[str]) -> str:
    near = nearest(name, known)
    listed = [one for one in dict.fromkeys(known) if one]
    more = ", …" if len(listed) > _LISTED else ""
    meant = f"; “{near}”?" if near else ""
    return f"{meant} There {'is' if len(listed) == 1 else 'are'}: " + (
        ", ".join(listed[:_LISTED]) + more
    )
