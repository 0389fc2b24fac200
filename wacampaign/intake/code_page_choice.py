"""Which code page a list is written in: one that is certain enough, or those that it may be.

The rules of `code_pages` say which readings can be words, `chardet` which is more likely; measured
on lists of 1 to 50 rows by `bench/encodings.py`.
"""

import codecs
import math
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import chardet

from wacampaign.intake.code_pages import (
    CODE_PAGES,
    CYRILLIC_PAGES,
    MANY,
    CodePage,
    beyond_ascii,
    oddness,
)

#: What one oddity weighs against the detector's confidence: as much as seven times the confidence.
_WEIGHT: Final = 2.0
#: How far the best must be ahead of the next reading: 3.3 times as likely, and more of few words:
#: nearly any two words are words in some other script as well.
_AHEAD: Final = 1.2
_AHEAD_OF_ONE_WORD: Final = 3.0
#: The same for few East Asian characters: most pairs of bytes are one in each of these pages.
_AHEAD_OF_FEW_CHARACTERS: Final = 2.5
#: Below this the detector's confidences say nothing.
_CONFIDENCE_MIN: Final = 1e-3
#: Oddities a line from which on no reading is text.
_ODD_MAX: Final = 1.0
#: What the detector calls code pages of which ours is the superset.
_SUBSETS: Final = {
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
}
#: Candidates shown when it is not certain.
_SHOWN: Final = 4
#: Digits and signs: they are alike in all code pages, and dilute the detector's confidence.
_ALIKE: Final = bytes(range(0x20, 0x40))

#: Marks as programs put them into English text, in Windows-1252: between letters only where a short
#: form or a name such as O’Neil has them, as other code pages have letters there.
_TYPOGRAPHY: Final = re.compile(
    r"(?<=[a-z])’(?=(?:s|t|re|ll|ve|d|m)\b)|(?<=\b[A-Za-z])’(?=[A-Z])|(?<!\w)[“‘](?=\w)|(?<=[\w.!?,])”(?!\w)"
    r"|(?<!\w)[–—](?!\w)|(?<=\d)–(?=\d)|(?<!\w)[€£](?=[\d ])|(?<=[\d ])[€£](?!\w)"
    r"|(?<=[a-z])…(?!\w)|(?<=\w)[™®](?!\w)|(?<=[\d+() ])\xa0(?=[\d() ])"
)


class Reading(NamedTuple):
    """One way to read the bytes of a list."""

    page: CodePage
    text: str


def choose_code_page(lines: bytes) -> tuple[Reading, ...]:
    """The reading of `lines` (of a list, those with bytes beyond ASCII) that is certain, alone.

    When none is, two or more that it may be, the most likely first. Readings that differ in no
    letter count as one, named by the most frequent.
    """
    confidence = _confidences(lines)
    ranked: list[tuple[float, float, Reading]] = []
    count = lines.count(b"\n") + 1
    for page in CODE_PAGES:
        try:
            text = lines.decode(page.codec)
        except UnicodeDecodeError:
            continue
        odd = oddness(text, page)
        weight = math.log(max(confidence.get(page.codec, 0), _CONFIDENCE_MIN)) - _WEIGHT * odd
        ranked.append((weight, odd, Reading(page, text)))
    ranked.sort(key=lambda entry: -entry[0])  # stable: of equals the more frequent
    distinct: list[tuple[float, float, Reading]] = []
    for entry in ranked:
        if all(entry[2].text != other.text for _, _, other in distinct):
            distinct.append(entry)
    plain = next((r for _, _, r in distinct if r.page is CODE_PAGES[0]), None)
    if plain and _TYPOGRAPHY.sub("", plain.text).isascii():
        return (plain,)
    possible = [entry for entry in distinct if entry[1] <= _ODD_MAX * count]
    if not possible:
        return tuple(reading for _, _, reading in distinct[:_SHOWN])
    if _certain(possible):
        return (_named(possible[0][2], ranked),)
    return tuple(_named(reading, ranked) for _, _, reading in possible[:_SHOWN])


def _named(reading: Reading, ranked: list[tuple[float, float, Reading]]) -> Reading:
    same = [r for _, _, r in ranked if r.text == reading.text]
    return min(same, key=lambda r: CODE_PAGES.index(r.page))


def _certain(possible: list[tuple[float, float, Reading]]) -> bool:
    (weight, odd, best), *others = possible
    if any(other < odd for _, other, _ in others):
        return False  # rules and detector contradict each other
    words = beyond_ascii(best.text)
    ahead = _AHEAD + _AHEAD_OF_ONE_WORD / max(1, len(words))
    if best.page.frequent and len(set().union(*words)) < MANY:
        ahead += _AHEAD_OF_FEW_CHARACTERS
    if others and weight - others[0][0] < ahead:
        return False
    # Capitals of one Cyrillic page are small letters of another: only the rules can tell.
    return not any(
        other == odd and {best.page.codec, r.page.codec} <= CYRILLIC_PAGES for _, other, r in others
    )


def _confidences(lines: bytes) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for guess in chardet.detect_all(lines.translate(None, _ALIKE), ignore_threshold=True):
        try:
            codec = codecs.lookup(guess["encoding"] or "").name.replace("-", "_")
        except LookupError:
            continue
        codec = _SUBSETS.get(codec, codec)
        found[codec] = max(found.get(codec, 0), guess["confidence"])
    return found
