"""The table of error codes, read from `codes.toml` when it is first needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Final, get_args, get_type_hints

from wacampaign.core.errors.kinds import KINDS
from wacampaign.core.errors.model import ErrorEntry, investigate

#: What an entry may say beside its kind, and of which types: the fields of `ErrorEntry`.
_TYPES: Final = {
    name: get_args(hint) or (hint,) for name, hint in get_type_hints(ErrorEntry).items()
}


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """All that `codes.toml` says."""

    #: All known codes, old ones included. 200 to 299 and the other ranges are there code by code.
    entries: dict[int, ErrorEntry]
    #: By what they concern, in the order of the file; without the old ones.
    groups: dict[str, tuple[ErrorEntry, ...]]
    #: Old code → what it is called today.
    old_codes: dict[int, int]
    #: What a subcode says beside a code, by both.
    subcodes: dict[tuple[int, int], ErrorEntry]
    #: A code that nobody knows, but for HTTP 429. Its code, and that of `no_code`, is -1.
    unknown_code: ErrorEntry
    #: A row that failed without a code of Meta's.
    no_code: ErrorEntry


@cache
def error_table() -> ErrorTable:
    """The table of this program."""
    try:
        return read_table(resources.files(__package__).joinpath("codes.toml").read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"core/errors/codes.toml: {error}") from error


def read_table(text: str) -> ErrorTable:
    """What a text in the form of `codes.toml` says.

    Raises ValueError for text that is not TOML and, naming the entry, for a key or word that is
    unknown or missing, for a value of the wrong type, and for a code that stands twice.
    """
    # Here, as this and the reading take 13 ms: commands that look up no code do not wait for it.
    import tomllib

    groups = tomllib.loads(text)
    # These two are filled in when the code is known.
    words = {"code": "{code}", "investigate": "{investigate}"}
    with _naming("sentences"):
        for name, sentence in groups.pop("sentences").items():
            words[name] = sentence.format_map(words)
    with _naming("fallback"):
        fallback = groups.pop("fallback")
        unknown_code = _entry(-1, fallback["unknown_code"], words)
        no_code = _entry(-1, fallback["no_code"], words)
    with _naming("old_codes"):
        old_codes = {int(old): new for old, new in groups.pop("old_codes").items()}
    said_by_subcodes = groups.pop("subcodes", {})
    by_group: dict[str, tuple[ErrorEntry, ...]] = {}
    for name, group in groups.items():
        by_group[name] = tuple(_group(name, group, words)) if isinstance(group, dict) else ()
        if not by_group[name]:
            raise ValueError(f"{name}: no code stands in it")
    entries: dict[int, ErrorEntry] = {}
    for name, of_group in by_group.items():
        for entry in of_group:
            if entry.code in entries:
                raise ValueError(f"{name}.{entry.code}: the code stands twice")
            entries[entry.code] = entry
    for old, new in old_codes.items():
        if old in entries or new not in entries:
            raise ValueError(f"old_codes.{old}: {old} stands twice, or {new} in no group")
    entries |= {old: replace(entries[new], code=old) for old, new in old_codes.items()}
    subcodes: dict[tuple[int, int], ErrorEntry] = {}
    for both, said in said_by_subcodes.items():
        with _naming(f"subcodes.{both}"):
            code, _, subcode = both.partition("/")
            step = _step(said["next_step"], int(code), words)
            subcodes[int(code), int(subcode)] = replace(
                entries[int(code)], title=said["title"], next_step=step
            )
    return ErrorTable(entries, by_group, old_codes, subcodes, unknown_code, no_code)


def _group(name: str, group: dict[str, Any], words: dict[str, str]) -> Iterator[ErrorEntry]:
    """A group's entries. What its own table says holds for those that do not say otherwise."""
    common = {key: value for key, value in group.items() if not isinstance(value, dict)}
    for codes, said in group.items():
        if codes not in common:
            with _naming(f"{name}.{codes}"):
                for part in codes.split():
                    first, _, last = part.partition("-")
                    if int(last or first) < int(first):
                        raise ValueError("the range is empty")
                    for code in range(int(first), int(last or first) + 1):
                        yield _entry(code, common | said, words)


def _entry(code: int, said: dict[str, Any], words: dict[str, str]) -> ErrorEntry:
    fields = {"http_status": None} | KINDS[said["kind"]]
    for key, value in said.items():
        if key != "kind":
            types = _TYPES[key]
            if issubclass(types[0], StrEnum):
                fields[key] = types[0](value)
            elif type(value) in types and value != "" and not (type(value) is int and value < 0):
                fields[key] = value
            else:
                raise ValueError(f"{key} cannot be {value!r}")
    fields["next_step"] = _step(fields["next_step"], code, words)
    return ErrorEntry(code, **fields)


def _step(sentence: str, code: int, words: dict[str, str]) -> str:
    return sentence.format_map(words).format(code=code, investigate=investigate(code))


@contextmanager
def _naming(place: str) -> Iterator[None]:
    """Names the place in `codes.toml` in the error of what is wrong there."""
    try:
        yield
    except KeyError as error:
        raise ValueError(f"{place}: {error} is unknown or missing") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from error
