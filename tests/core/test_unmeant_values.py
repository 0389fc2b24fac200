"""What a person would be ashamed to send is found, and real names and texts are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.odd_values import FINE, MARKUP, PLACEHOLDERS
from wacampaign.core.template.unmeant import Unmeant, unmeant


@pytest.mark.parametrize("text", [*PLACEHOLDERS, "*|FNAME|*"])
def test_no_value(text: str) -> None:
    found = unmeant(text)
    assert found is not None
    assert found.kind is Unmeant.PLACEHOLDER


@pytest.mark.parametrize("text", MARKUP)
def test_markup(text: str) -> None:
    found = unmeant(text)
    assert found is not None
    assert found.kind is Unmeant.MARKUP


@pytest.mark.parametrize("text", FINE)
def test_what_people_are_called_and_write(text: str) -> None:
    assert unmeant(text) is None


@pytest.mark.parametrize("text", ["/", "?a=%name%", "A-1", "%E0%A4%86", "?", "a\\nb"])
def test_addresses_and_codes_have_their_own_characters(text: str) -> None:
    assert unmeant(text, prose=False) is None


@given(st.text(st.characters(categories=["Lu", "Ll", "Lo"]), min_size=2, max_size=20))
def test_letters_decoded_as_windows_1252_are_seen(name: str) -> None:
    """Names with letters of two to four bytes, read in the wrong encoding once."""
    wrong = name.encode().decode("cp1252", errors="ignore")
    if all(ord(c) in range(0xE0, 0x100) for c in name):  # é, ü, ñ: the usual ones
        assert unmeant(wrong) is not None


@given(st.sampled_from(["Иван Петров", "Ελένη", "आशा देवी", "שלום", "مرحبا", "Zoë", "Łódź"]))
def test_names_of_scripts_decoded_wrongly_are_seen(name: str) -> None:
    latin = "".join(bytes([b]).decode("cp1252", errors="ignore") or chr(b) for b in name.encode())
    assert unmeant(latin) is not None
    assert unmeant(name) is None
