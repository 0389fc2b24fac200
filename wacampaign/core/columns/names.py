"""Names of columns and of variables, as they are compared: a person's spelling does not count."""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

#: Canonical combining classes from here on are marks above and below letters (accents). Those
#: before are part of their letter: vowel signs and viramas of Indic scripts, tones of Thai.
_ACCENTS_FROM: Final = 200
#: Share of alike letters from which a name is offered instead of an unknown one.
_NEAR: Final = 0.6


def fold(name: str) -> str:
    """Letters and digits of `name` alone: case, accents, spaces, `_`, `-`, quotes, braces and what
    cannot be seen are left out. `{{First-Name}}` and `first name` are both `firstname`."""
    text = unicodedata.normalize("NFKD", name).casefold()
    if text.isascii():
        return "".join(filter(str.isalnum, text))
    return "".join(c for c in text if c.isalnum() or _belongs_to_letter(c))


def _belongs_to_letter(char: str) -> bool:
    return unicodedata.category(char)[0] == "M" and unicodedata.combining(char) < _ACCENTS_FROM


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that is spelled most like `name`; None: none is near."""
    by_fold = {fold(one): one for one in known}
    found = get_close_matches(fold(name), by_fold, n=1, cutoff=_NEAR)
    return by_fold[found[0]] if found else None
