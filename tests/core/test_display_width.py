"""Paragraphs are broken by the columns that a terminal gives to their letters."""

from __future__ import annotations

import textwrap

from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.display_width import broken, width

WORDS = st.lists(st.text("abc→漢", min_size=1, max_size=12), max_size=20)


@given(WORDS, st.integers(1, 40), st.sampled_from(["", "  ", "→ "]), st.sampled_from(["", "    "]))
def test_no_line_is_too_wide_and_no_word_is_lost(
    words: list[str], columns: int, first: str, rest: str
) -> None:
    lines = broken(" ".join(words), columns, first, rest)
    for i, line in enumerate(lines):
        begin = rest if i else first
        assert line.startswith(begin)
        alone = " " not in line[len(begin) :]
        assert width(line) <= columns or alone
    assert [
        word for i, line in enumerate(lines) for word in line[len(rest if i else first) :].split()
    ] == words


@given(st.text("ab  \n", max_size=80), st.integers(1, 20))
def test_plain_letters_are_broken_as_the_library_does(text: str, columns: int) -> None:
    own = textwrap.wrap(
        text.strip(), columns, initial_indent="- ", subsequent_indent="  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    if columns > 2:  # the library counts an indent that leaves no room differently
        assert broken(text.strip(), columns, "- ", "  ") == own


def test_wide_letters_take_two_columns() -> None:
    assert broken("漢字 漢字 漢字", 9) == ["漢字 漢字", "漢字"]
