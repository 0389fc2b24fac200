"""JSON lines: one object a line, its keys the columns (https://jsonlines.org)."""

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from wacampaign.core.cells import cell
from wacampaign.intake.layout import SAMPLE_LINES, Layout, open_text
from wacampaign.intake.list_file import UnfitFile
from wacampaign.intake.records import Record

_AS_LINES: Final = "write one object a line: jq -c '.[]' FILE > list.jsonl, and give that file"


class _NoRowError(ValueError):
    """Why one object is no row."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _NoRowError("a key is in the object twice")
    return made


# Numbers stay as they are written: 447700900123 as a float would lose nothing, 19.90 would.
_decode = json.JSONDecoder(
    parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_pairs
).decode


def is_json_lines(path: Path, encoding: str) -> bool:
    """Whether the text is JSON lines. Raises `UnfitFile` for JSON that is one document."""
    with open_text(path, encoding) as file:
        first = next((line for line in map(cell, file) if line), "")
    if first.startswith("["):
        try:
            opens = not first[1:] or isinstance(json.loads(first), list)
        except ValueError:
            opens = first[1:].lstrip().startswith(("{", "["))
        if opens:
            raise UnfitFile(f"{path.name} is one JSON document, a list", _AS_LINES)
        return False
    if not first.startswith("{"):
        return False
    try:
        _decode(first)
    except _NoRowError:
        return True
    except ValueError:
        if first == "{" or first.startswith(("{ ", '{"')):
            raise UnfitFile(f"{path.name} is JSON, but not one object a line", _AS_LINES) from None
        return False
    return True


def sample_rows(path: Path, encoding: str) -> list[list[str]]:
    """The keys of the first lines, in order, then their values. Raises `UnfitFile` as `objects`."""
    keys: dict[str, None] = {}
    made: list[dict[str, Any]] = []
    with open_text(path, encoding) as file:
        for number, line in enumerate(itertools.islice(file, SAMPLE_LINES), start=1):
            if not cell(line):
                continue
            with suppress(_NoRowError):
                made.append(_object(path, number, line))
                keys.update(dict.fromkeys(made[-1]))
    return [list(keys), *([_text(one.get(key)) for key in keys] for one in made)]


def objects(path: Path, file: Iterator[str], layout: Layout) -> Iterator[Record]:
    """Stream the lines of `file` as records. Raises `UnfitFile` for a line that is no JSON object.

    A value that is a list or an object spoils its record where it is needed, and a key that the
    first lines do not have its own.
    """
    header = layout.header or ()
    places = {name: at for at, name in enumerate(header)}
    for number, line in enumerate(file, start=1):
        if not cell(line):
            continue
        try:
            made = _object(path, number, line)
        except _NoRowError as unfit:
            yield Record(number, number, [""] * len(header), str(unfit))
        else:
            fields = [_text(made.get(key)) for key in header]
            yield Record(number, number, fields, _fault(made, places))


def _fault(made: dict[str, Any], places: Mapping[str, int]) -> str | dict[int, str] | None:
    nested: dict[int, str] = {}
    for key, value in made.items():
        if key not in places and value is not None:
            return f"has “{key[:30]}”, which the first lines do not have"
        if isinstance(value, list | dict):
            kind = "a list" if isinstance(value, list) else "an object"
            nested[places[key]] = f"“{key[:30]}” is {kind}, not a text"
    return nested or None


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        made = _decode(line)
    except _NoRowError:
        raise
    except (ValueError, RecursionError):
        raise UnfitFile(
            f"line {number:,} of {path.name} is no JSON object",
            "correct the line, or leave it out",
        ) from None
    if not isinstance(made, dict):
        raise UnfitFile(
            f"line {number:,} of {path.name} is no JSON object", "one object a line is read"
        )
    return made


def _text(value: object) -> str:
    if value is None or isinstance(value, list | dict):
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value)
