"""What Meta refuses in a template variable (#132018, #131008), found before anything is sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from wacampaign.core.cells import cell

#: Characters. A template's body has at most 1,024 after the variables are filled in.
TEXT_CHARS_MAX: Final = 1024
#: Characters of a URL (header media, button).
URL_CHARS_MAX: Final = 2000

_LINE_BREAK: Final = re.compile("[\n\r\x0b\x0c\x85\u2028\u2029]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SPACES: Final = re.compile(r" {5,}")
_SUSPECT: Final = re.compile(r"[\x00-\x1f\x7f]| {5}")


def first_fault(values: Sequence[str]) -> str | None:
    """Why a contact's variables (stripped of outer white space) cannot be sent, or None.

    Names the first bad one, `var1` being the first.
    """
    joined = "|".join(values)
    # Nearly every row leaves here: short plain ASCII without anything odd in it.
    if (
        len(joined) <= TEXT_CHARS_MAX
        and "" not in values
        and joined.isascii()
        and _SUSPECT.search(joined) is None
    ):
        return None
    for position, value in enumerate(values, start=1):
        if fault := value_fault(value):
            return f"var{position} {fault}"
    return None


def value_fault(value: str) -> str | None:
    """Why one variable cannot be sent, as the end of a sentence ("is empty"), or None."""
    if all(c.isspace() or unicodedata.category(c) in ("Cf", "Mn") for c in value):
        return "is empty" if not cell(value) else "has only invisible characters"
    if _LINE_BREAK.search(value):
        return "has a line break"
    if "\t" in value:
        return "has a tab"
    if _CONTROL.search(value):
        return "has a control character"
    if _SPACES.search(value):
        return "has more than 4 spaces in a row"
    limit = URL_CHARS_MAX if value.startswith(("http://", "https://")) else TEXT_CHARS_MAX
    if len(value) > limit:
        return f"has {len(value):,} characters, at most {limit:,} are possible"
    return None
