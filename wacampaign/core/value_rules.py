"""What Meta takes as a parameter's value, and what merely looks like a medium.

Sources: whatsapp-cloud-api, 1.6 (characters: 132018; lengths: 132005 and Meta's reference).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from wacampaign.core.cells import cell

#: Characters of a body with its values in.
BODY_LENGTH: Final = 1024
#: Characters of a text header.
HEADER_LENGTH: Final = 60
#: Characters of a URL button's address.
URL_LENGTH: Final = 2000
#: Characters of a coupon code when it is sent.
COUPON_LENGTH: Final = 20
#: Spaces in a row that are still taken.
_SPACES: Final = 4
#: Digits of a media id: those seen have 15 to 17; shorter ones are numbers of other kinds.
_ID_DIGITS_MIN: Final = 12

_URL: Final = re.compile(r"\s*https?://[^\s/]+", re.IGNORECASE)
_LONG_SPACES: Final = re.compile(rf" {{{_SPACES + 1},}}")
_VARIABLE: Final = re.compile(r"\{\{\s*[^{}\s]+\s*\}\}")


def is_url(text: str) -> bool:
    """Whether the sender would take it for a link."""
    return _URL.match(text) is not None


def is_media_id(text: str) -> bool:
    """Whether it can be an uploaded file's id: digits and nothing else."""
    text = cell(text)
    return text.isascii() and text.isdecimal()


def is_media(text: str) -> bool:
    """Whether it looks like header media: a URL, or digits as long as a media id."""
    return is_url(text) or (is_media_id(text) and len(cell(text)) >= _ID_DIGITS_MIN)


def as_text(value: object) -> str | None:
    """A value as it is sent; None for what is neither text nor a number."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def faults_of_value(
    text: str, length: int = BODY_LENGTH, *, coupon: bool = False
) -> Iterator[tuple[str, str, str]]:
    """Code, what it is (goes after the place's name), what is expected; for each fault.

    `length` is the most characters that the value's place takes.
    """
    if not cell(text):
        yield "empty", "is empty", "some text"
        return
    if not any(unicodedata.category(c) not in ("Cf", "Zs", "Zl", "Zp", "Cc") for c in text):
        yield "zero_width", "holds nothing that can be seen", "some text"
        return
    if any(c in text for c in "\n\r\x0b\x0c\x85\u2028\u2029"):
        yield "newline", "has a line break", "one line"
    if "\t" in text:
        yield "tab", "has a tab", "no tabs"
    if _LONG_SPACES.search(text):
        yield "spaces", f"has more than {_SPACES} spaces in a row", f"at most {_SPACES}"
    if len(text) > length:
        yield "too_long", f"has {len(text):,} characters", f"at most {length:,}"
    if coupon and not (text.isascii() and text.isalnum()):
        yield "not_alphanumeric", "has other characters than letters and digits", "A-Z, 0-9"


def filled_length(components: Sequence[Mapping[str, Any]], values: Sequence[str]) -> int | None:
    """Characters of the body once `values` fill its variables; None: it has no text."""
    for component in components:
        if isinstance(component, Mapping) and str(component.get("type", "")).upper() == "BODY":
            text = component.get("text")
            if not isinstance(text, str):
                return None
            return len(_VARIABLE.sub("", text)) + sum(map(len, values))
    return None
