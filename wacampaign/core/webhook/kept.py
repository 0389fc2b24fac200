"""What of Meta's JSON is kept: whatever a database takes, in a form of bounded size.

Postgres' jsonb and text refuse NUL and half characters, JSON has no infinity, and a body of 3 MB
may be one object nested a million times.
"""

import math
import re
from typing import Any, Final

#: Characters of the ids and names in an update. Meta's longest, callback data, has 512.
ID_MOST: Final = 512
#: Characters of one text. A WhatsApp message has up to 4,096, a flow's answer may have more.
_TEXT_MOST: Final = 16_384
#: Characters of a key; Meta's have up to 40.
_KEY_MOST: Final = 128
#: Objects within objects: Meta's deepest have about ten.
_DEPTH_MOST: Final = 24
#: Values and keys of one update. An order of 30 products has some 200.
_VALUES_MOST: Final = 5_000
#: Characters of one update, all texts together.
_CHARACTERS_MOST: Final = 131_072
#: Bits of a whole number: longer ones nobody means, and json.dumps raises above 4,300 digits.
_BITS_MOST: Final = 256
_REFUSED: Final = re.compile("[\0\ud800-\udfff]")
#: Unix seconds with ten digits, from 2001 to 2286: fewer are no date, more are milliseconds.
_SECONDS: Final = range(1_000_000_000, 10_000_000_000)


def clean(text: str) -> str:
    """`text` without what no database takes: NUL and lone surrogates."""
    return _REFUSED.sub("", text)


def text_of(value: Any, most: int = _TEXT_MOST) -> str | None:
    """A clean text of at most `most` characters; None for an empty one and for no text."""
    return (clean(value[:most]) or None) if isinstance(value, str) else None


def id_of(value: Any) -> str | None:
    """An id, which Meta gives as a text, sometimes as a whole number; None when it is none.

    What is longer than `ID_MOST` or holds what no id has is none: cut, it would be another's.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**30:
        return str(value)
    if not isinstance(value, str) or not 0 < len(value) <= ID_MOST or not value.isprintable():
        return None
    return value if value.strip() == value else None


def whole_number(value: Any, most: int) -> int | None:
    """A number from 0 to `most`, also one that came as a text; None for anything else."""
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= most else None


def moment(value: Any) -> int | None:
    """Meta's time in Unix seconds, from a text or a number; None when it is none."""
    seconds = whole_number(value, _SECONDS.stop)
    # Of a range, `None in` would look through all of it.
    return seconds if seconds is not None and seconds in _SECONDS else None


def objects(value: Any) -> list[Any]:
    """The elements of a list; an object that stands for a list of one; none of anything else."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, dict) else []


def object_of(value: Any) -> dict[str, Any]:
    """An object as it is; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


class Keeper:
    """Copies one update, clean and bounded; `cut` says whether something had to go."""

    def __init__(self) -> None:
        self.cut = False
        self._values = _VALUES_MOST
        self._characters = _CHARACTERS_MOST

    def kept(self, value: dict[Any, Any]) -> dict[str, Any]:
        """The object as JSON that every database takes."""
        return self._object(value, 0)

    def _object(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for key, element in value.items():
            if not self._room():
                break
            if isinstance(key, str):
                copy[self._text(key, _KEY_MOST)] = self._value(element, depth + 1)
        return copy

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value, _TEXT_MOST)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return value if value.bit_length() <= _BITS_MOST else None
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, dict | list) and depth < _DEPTH_MOST:
            if isinstance(value, dict):
                return self._object(value, depth)
            copy = []
            for element in value:
                if not self._room():
                    break
                copy.append(self._value(element, depth + 1))
            return copy
        self.cut = True
        return None

    def _room(self) -> bool:
        """Whether one more value fits."""
        if self._values <= 0 or self._characters <= 0:
            self.cut = True
            return False
        self._values -= 1
        return True

    def _text(self, text: str, most: int) -> str:
        most = min(most, self._characters)
        if len(text) > most:
            self.cut = True
            text = text[:most]
        self._characters -= len(text)
        return text if text.isascii() and "\0" not in text else clean(text)
