"""The names of encodings: as Python and as spreadsheets write them."""

import codecs
import re
from typing import Final

from wacampaign.intake.code_pages import CODE_PAGES
from wacampaign.problems import Usage

#: Codecs that Python counts as text, and no file is written in.
_NO_FILE: Final = frozenset(
    ("idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined", "utf-7")
)
#: What menus say instead of a name. They depend on the computer, so that no codec can be told.
_DEPENDING: Final = frozenset(("ansi", "oem", "excel", "msdos", "dos", "windows", "default"))
_LABELS: Final = {page.codec: page.label for page in CODE_PAGES} | {
    "utf_8": "UTF-8",
    "utf_8_sig": "UTF-8",
    "utf_16": "UTF-16",
    "utf_16_le": "UTF-16 without byte order mark",
    "utf_16_be": "UTF-16 without byte order mark",
    "utf_32": "UTF-32",
    "utf_32_le": "UTF-32 without byte order mark",
    "utf_32_be": "UTF-32 without byte order mark",
    "ascii": "ASCII",
    "iso8859_1": "ISO 8859-1",
    "mac_greek": "Macintosh Greek",
    "mac_turkish": "Macintosh Turkish",
}
_HOW: Final = "such as --encoding Windows-1252 (Western Europe), Windows-1251 (Cyrillic) or UTF-8"


def label_of(codec: str) -> str:
    """The name of a codec as spreadsheets show it; Python's where they have none."""
    return _LABELS.get(codec.replace("-", "_"), codec)


def find_codec(name: str) -> str:
    """Python's codec for `name`: its own names, and those of menus ("Cyrillic (Windows-1251)").

    Raises `Usage` when there is none, or the name means another one on each computer.
    """
    text = name.strip().strip("\"'")
    inner = re.findall(r"\(([^()/]+)", text)
    if re.sub(r"[^a-z]", "", text.lower()) in _DEPENDING and not any(c.isdigit() for c in text):
        raise Usage(f"“{name}” is another encoding on each computer", _HOW)
    for candidate in (text, text.partition(":")[0], *inner):
        word = candidate.strip().lower()
        word = {"unicode": "utf-16", "mac": "mac_roman", "65001": "utf-8"}.get(word, word)
        word = re.sub(r"^(?:cp|code ?page|windows|ms)[ -]*(?=\d)", "cp", word)
        try:
            found = codecs.lookup(word)
        except (LookupError, ValueError):
            continue
        if not getattr(found, "_is_text_encoding", True) or found.name in _NO_FILE:
            break
        return found.name
    raise Usage(f"“{name}” is no encoding", _HOW)
