"""Typed values out of the database's answers: one reader for all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

Value = TypeVar("Value")

#: What a list of the answer becomes, by the type of its field.
_MANY: Final[dict[Any, Callable[..., Any]]] = {tuple: tuple, Sequence: list}


def read(kind: type[Value], answer: Mapping[str, Any], **known: Any) -> Value:
    """`answer` as this dataclass: its fields are what is taken of it, `known` apart.

    Dataclasses in it are read alike. Raises `KeyError` for a field without a default that the
    answer does not have.
    """
    for name, (needed, value) in _fields(kind).items():  # type: ignore[arg-type]
        if name not in known and (needed or name in answer):
            known[name] = value(answer[name])
    return kind(**known)


@cache
def _fields(kind: Any) -> dict[str, tuple[bool, Callable[[Any], Any]]]:
    """By name: whether the answer has to have it, and what makes its value."""
    hints = get_type_hints(kind)
    return {
        field.name: (
            field.default is MISSING and field.default_factory is MISSING,
            _value_of(hints[field.name]),
        )
        for field in fields(kind)
    }


def _value_of(hint: Any) -> Callable[[Any], Any]:
    if is_dataclass(hint):
        return lambda given: read(hint, given)  # type: ignore[arg-type]
    if not (parts := get_args(hint)):
        return lambda given: given
    inner = _value_of(parts[0])
    if (many := _MANY.get(get_origin(hint))) is not None:
        # What is no list was damaged by another writer: whoever uses it says so.
        return lambda given: many(map(inner, given)) if isinstance(given, list) else given
    return lambda given: None if given is None else inner(given)
