"""What Meta refuses in a template variable (#132018, #131008), found before anything is sent."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from wacampaign.core.cells import cell
from wacampaign.core.template.kinds import BODY_LENGTH, URL_LENGTH

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
        len(joined) <= BODY_LENGTH
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
    limit = URL_LENGTH if value.startswith(("http://", "https://")) else BODY_LENGTH
    if len(value) > limit:
        return f"has {len(value):,} characters, at most {limit:,} are possible"
    return None
