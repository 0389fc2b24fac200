"""Text from elsewhere as it may reach a terminal: no control character, no turned direction.

An escape sequence in a name could rename the window, move the cursor over what was printed, or
type into some terminals; a line break forges a line of output; a bidirectional override makes a
command look other than it is. Joiners stay: names and emoji need them, and they do no harm.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

#: They turn the reading direction: marks, embeddings, overrides, isolates.
_TURNING: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_BREAKS: Final = "\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
#: C0, DEL, C1, lone surrogates, Unicode's own line breaks, and what turns the direction.
HARMFUL: Final = f"\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\u2028\\u2029{_TURNING}"

_BREAK: Final = re.compile(f"\r\n|[{_BREAKS}]")
_HARMFUL: Final = re.compile(f"[{HARMFUL}]")
_HARMFUL_BUT_LINES: Final = re.compile(f"(?![\n\t])[{HARMFUL}]")
#: What stands for a character that is not shown.
_STAND_IN: Final = "\ufffd"


def one_line(text: str) -> str:
    """`text` on one line: a space for each line break and tab, `�` for what may not be shown."""
    if text.isascii() and text.isprintable():
        return text
    return _HARMFUL.sub(_STAND_IN, _BREAK.sub(" ", text))


def every_line(value: Any) -> Any:
    """A value, of JSON or of dataclasses, with each text in it as `one_line` gives it."""
    if is_dataclass(value) and not isinstance(value, type):
        clean = {field.name: every_line(getattr(value, field.name)) for field in fields(value)}
        return replace(value, **clean)
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, Mapping):
        return {key: every_line(element) for key, element in value.items()}
    if isinstance(value, Sequence):
        return [every_line(element) for element in value]
    return value


def lines_kept(text: str) -> str:
    """`text` with its lines and tabs, and `�` for what may not be shown."""
    return _HARMFUL_BUT_LINES.sub(_STAND_IN, text)


def json_text(value: Any, *, ensure_ascii: bool = False, **options: Any) -> str:
    """JSON that a terminal may be shown: the same data, harmful characters as `\\u` escapes.

    `options` are those of `json.dumps`.
    """
    text = json.dumps(value, ensure_ascii=ensure_ascii, **options)
    # Line breaks are JSON's own indentation: inside strings they are escaped already.
    return _HARMFUL_BUT_LINES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
