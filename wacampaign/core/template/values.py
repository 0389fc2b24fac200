"""What Meta takes as a parameter's value, and what merely looks like a medium.

Sources: whatsapp-cloud-api, 1.6 (characters: 132018; lengths: 132005 and Meta's reference).
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from wacampaign.core.cells import cell
from wacampaign.core.template.kinds import BODY_LENGTH
from wacampaign.core.words import counted

#: Spaces in a row that are still taken.
_SPACES: Final = 4
#: Digits of a media id: those seen have 15 to 17; shorter ones are numbers of other kinds.
_ID_DIGITS_MIN: Final = 12

_URL: Final = re.compile(r"\s*https?://[^\s/]+", re.IGNORECASE)
#: Those that are neither a tab nor a line break.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_LONG_SPACES: Final = re.compile(rf" {{{_SPACES + 1},}}")


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


def is_link(media: str) -> bool:
    """Whether header media is sent as a link: by its scheme and nothing else; all else is an id."""
    return media[:8].lower().startswith(("http://", "https://"))


def is_blank(value: object) -> bool:
    """Whether a variable brings nothing."""
    return value is None or (isinstance(value, str) and not cell(value))


def variable_count(n: int) -> str:
    """`no variables`, `1 variable`, `12 variables`."""
    return counted(n, "variable") if n else "no variables"


def header_samples(components: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The header media that was approved with the template (`example.header_handle`), in order."""
    for component in components:
        if isinstance(component, Mapping) and str(component.get("type", "")).upper() == "HEADER":
            example = component.get("example")
            handles = example.get("header_handle") if isinstance(example, Mapping) else None
            if isinstance(handles, str):
                yield handles
            elif isinstance(handles, Sequence):
                yield from (handle for handle in handles if isinstance(handle, str))


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
    if _CONTROL.search(text):
        yield "control", "has a control character", "none"
    if _LONG_SPACES.search(text):
        yield "spaces", f"has more than {_SPACES} spaces in a row", f"at most {_SPACES}"
    if len(text) > length:
        yield "too_long", f"has {len(text):,} characters", f"at most {length:,}"
    if coupon and not (text.isascii() and text.isalnum()):
        yield "not_alphanumeric", "has other characters than letters and digits", "A-Z, 0-9"
