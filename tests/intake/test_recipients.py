"""One person in two national spellings is one recipient."""

from __future__ import annotations

import pytest

from wacampaign.core.national_spellings import person_of
from wacampaign.core.recipients import Recipients


@pytest.mark.parametrize(
    ("one", "two", "between"),
    [
        ("5511987654321", "551187654321", "Brazil's ninth digit"),
        ("5431998765432", "543198765432", None),
        ("5491123456789", "541123456789", "Argentina's 9"),
        ("54111523456789", "541123456789", "Argentina's 9"),
        ("54351154567890", "543514567890", "Argentina's 9"),
        ("549290115456789", "542901456789", "Argentina's 9"),
        ("5215512345678", "525512345678", "Mexico's 1"),
    ],
)
def test_two_spellings(one: str, two: str, between: str | None) -> None:
    for first, second in ((one, two), (two, one)):
        seen = Recipients()
        assert seen.seen_before(first, 2) == ""
        again = seen.seen_before(second, 5)
        if between is None:
            assert again == ""
        else:
            assert again == (
                f"may be the same person as line 2: written with and without {between}"
            )
        assert seen.seen_before(first, 7) == "the same recipient as line 2"


@pytest.mark.parametrize(
    "digits",
    [
        # A landline of São Paulo; 9 2345-6789 is somebody's mobile number.
        "551123456789",
        "5511923456789",
        "447700900123",
        "525512345678",
        "541123456789",
    ],
)
def test_a_number_of_one_spelling_is_its_own_person(digits: str) -> None:
    assert person_of(digits) == digits


def test_a_person_is_himself() -> None:
    assert person_of(person_of("5511987654321")) == person_of("5511987654321")
