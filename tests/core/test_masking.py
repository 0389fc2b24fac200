"""No whole phone number and no secret gets through."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.masking import mask_phone, mask_secrets, mask_tokens

RUN = re.compile(r"(?<!\d)\d{8,15}(?!\d)")


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("442079460123", "+44***0123"),
        ("+44 20 7946 0123", "+44***0123"),
        ("15550100001", "+1***0001"),
        ("911234500001", "+91***0001"),
        ("35312345678", "+353***5678"),
        ("09876543210", "***3210"),
        ("12345678", "+1***78"),
        ("1234567", "***"),
        ("", "***"),
    ],
)
def test_a_phone_keeps_its_country_and_last_digits(phone: str, shown: str) -> None:
    assert mask_phone(phone) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to 442079460123: no", "to +44***0123: no"),
        ("to +44 (20) 7946-0123.", "to +44***0123."),
        ("call 12345 67890 now", "call +1***90 now"),
        ("token EAAJZCxyz012abc is bad", "token EAA*** is bad"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("Authorization: OAuth abc.def", "Authorization: OAuth ***"),
        ("Invalid OAuth access token - Cannot", "Invalid OAuth access token - Cannot"),
        ("?access_token=abcdef&x=1", "?access_token=***&x=1"),
        ("postgres://me:pw@db.test/x", "postgres://me:***@db.test/x"),
        ("key sb_secret_abc123", "key sb_***"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoi.sig", "eyJ***"),
        ("app 12345678901234|abcdefghijklmn", "app 123***"),
        ("Authorization: OAuth abc.def", "Authorization: OAuth ***"),
        ("Invalid OAuth access token - x", "Invalid OAuth access token - x"),
    ],
)
def test_secrets_are_masked_in_text(text: str, shown: str) -> None:
    assert mask_secrets(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "campaign 12345678-1234-4234-8234-123456789012",
        "2026-11-23T14:32:07Z sent",
        "since 2026-11-23 14:32",
        "2,059 of 2,059 rows, code 131026, (1) does not match (3)",
        "id 12345678901234567",
    ],
)
def test_what_is_no_phone_stays(text: str) -> None:
    assert mask_secrets(text) == text


def test_phones_can_be_kept() -> None:
    assert mask_tokens("EAAJZCxyz012abc for 442079460123") == "EAA*** for 442079460123"


@given(st.text(alphabet="0123456789+ -.()EAabc:=/@|*\u0663", max_size=80))
def test_masking_leaves_no_run_and_is_stable(text: str) -> None:
    masked = mask_secrets(text)
    for run in RUN.findall(masked):
        # Only inside the ids and times that are kept.
        assert "-" in text, run
    assert RUN.search(mask_secrets(text.replace("-", ""))) is None


@given(st.from_regex(r"[1-9][0-9]{9,14}", fullmatch=True), st.text(max_size=20))
def test_a_phone_is_masked_wherever_it_stands(phone: str, around: str) -> None:
    around = "".join(c for c in around if not c.isdecimal() and c not in "-|")
    assert phone not in mask_secrets(f"{around} {phone} {around}")


def test_an_id_that_is_known_to_be_one_stays() -> None:
    text = "template hello, number 874163789109558, to +447700900123"
    assert mask_secrets(text, ids=("874163789109558",)) == (
        "template hello, number 874163789109558, to +44***0123"
    )
    assert "874163789109558" not in mask_secrets(text)
    for before in ("number id", "templates sync --number", "number add 1 --waba", "number set"):
        text = f"{before} 874163789109558"
        assert mask_secrets(text) == text
    # Only the whole run, not a part of a longer one.
    assert "12345678" not in mask_secrets("+9112345678", ids=("12345678",))
