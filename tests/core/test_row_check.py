"""One row's values, checked as the recipient will read them."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.odd_values import MARKUP, PLACEHOLDERS
from wacampaign.core.cells import cell
from wacampaign.core.template import row_check
from wacampaign.core.template.message import CompiledTemplate
from wacampaign.core.template.row_check import RowCheck
from wacampaign.core.template.shape import shape_of
from wacampaign.core.template.unmeant import QUICK_PATTERN, Unmeant, unmeant
from wacampaign.core.template.url_ending import WholeAddress, encoded, ending_of, is_encoded
from wacampaign.core.template.values import faults_of_value

FULL: list[dict[str, Any]] = [
    {"type": "HEADER", "format": "TEXT", "text": "Sale for {{1}} until Sunday"},
    {"type": "BODY", "text": "Hello {{1}}, {{2}} and once more {{1}}"},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "QUICK_REPLY", "text": "No"},
            {"type": "URL", "text": "Buy", "url": "https://example.com/t/{{1}}"},
            {"type": "COPY_CODE", "text": "Copy"},
        ],
    },
]
GOOD = ["Winter", "Asha", "Leeds", "A3", "SAVE20"]


def check(values: list[str], components: Any = FULL, *allowed: Unmeant) -> str | None:
    shape = shape_of(components)
    made = RowCheck(components, shape, allowed)
    places = shape.count + len(list(shape.optional()))
    values = [*values, *[""] * (places - len(values))]  # what a row may leave out
    try:
        fault = made.fault(made.turned(values))
    except ValueError as why:
        return str(why)
    return fault.text if fault else None


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [
        (0, "Winter", None),
        (0, "x" * 38, None),
        (0, "x" * 39, "header has 61 characters with its value, at most 60 are possible"),
        (1, "", "body {{1}} is empty"),
        (1, "#N/A", "body {{1}}: “#N/A” is a spreadsheet's error"),
        (1, "Tom &amp; Co", "body {{1}}: “Tom &amp; Co” holds an HTML character reference"),
        (1, "x" * 480, None),
        (1, "x" * 500, "body has 1,028 characters with its values, at most 1,024 are possible"),
        (2, "a\nb", "body {{2}} has a line break"),
        (2, "a\x07b", "body {{2}} has a control character"),
        (2, "\u200d", "body {{2}} holds nothing that can be seen"),
        (2, "JosÃ©", "body {{2}}: “JosÃ©” holds letters that were decoded wrongly"),
        (2, "आशा – Zoë", None),
        (3, "?utm=a b&x=ü", None),
        (3, "https://example.com/t/A3", None),
        (3, "x" * 1979, 'button 2 "Buy" URL has 2,001 characters with its value, at most 2,000'
                        " are possible"),
        (3, "https://example.org/t/A3", 'button 2 "Buy" URL ending is a whole URL; the template\'s'
                                        " own address, https://example.com/t/, goes before it"),
        (4, "SAVE 20", 'button 3 "Copy" coupon code has other characters than letters and digits'),
        (4, "S" * 21, 'button 3 "Copy" coupon code has 21 characters, at most 20 are possible'),
    ],
)  # fmt: skip
def test_a_value_in_its_place(at: int, value: str, why: str | None) -> None:
    assert check([*GOOD[:at], value, *GOOD[at + 1 :]]) == why


def test_a_medium_is_a_url_or_an_id() -> None:
    film = [{"type": "HEADER", "format": "VIDEO"}, {"type": "BODY", "text": "Hi {{1}}"}]
    assert check(["https://example.com/a.mp4", "Asha"], film) is None
    assert check(["123456789012345", "Asha"], film) is None
    for value in ("a.mp4", "https://", "Asha", "1.2E+14", "https://example.com/a b.mp4"):
        assert str(check([value, "Asha"], film)).startswith(f"header video: “{value}” is")


def test_what_may_be_left_out() -> None:
    document = [{"type": "HEADER", "format": "DOCUMENT"}, {"type": "BODY", "text": "Hi {{1}}"}]
    values = ["https://example.com/a.pdf", "Asha"]
    assert check([*values, ""], document) is None
    assert check([*values, "Invoice.pdf"], document) is None
    assert "241 characters" in str(check([*values, "x" * 241], document))


def test_a_one_time_code_is_short() -> None:
    otp = [
        {"type": "BODY", "text": "{{1}} is your code"},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
    ]
    assert check(["123456"], otp) is None
    assert check(["1" * 16], otp) == "body {{1}} has 16 characters, at most 15 are possible"


def test_named_variables_are_measured_where_they_stand() -> None:
    named = [
        {"type": "HEADER", "format": "TEXT", "text": "Visit of {{day}}"},
        {"type": "BODY", "text": "{{first_name}}: {{day}}"},
    ]
    assert check(["x" * 51, "Asha", "Monday"], named) is None
    assert str(check(["x" * 52, "Asha", "Monday"], named)).startswith("header has 61")


def test_what_is_meant_may_be_allowed() -> None:
    values = [*GOOD[:1], "None", *GOOD[2:]]
    assert check(values, FULL, Unmeant.MARKUP) is not None
    assert check(values, FULL, Unmeant.PLACEHOLDER) is None
    values = [*GOOD[:1], "R&amp;D", *GOOD[2:]]
    assert check(values, FULL, Unmeant.PLACEHOLDER) is not None
    assert check(values, FULL, Unmeant.MARKUP) is None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ODD = st.text(
    "#N/A&amp;{}<br>%$[]*|\\n'=-+eE019 Er:50\u00c3\u00a9\u00e2\u20ac\u0420\u045fnulL_@",
    max_size=10,
)


@given(st.one_of(TEXT, ODD, st.sampled_from([*PLACEHOLDERS, *MARKUP])))
def test_the_databases_first_look_passes_nothing_either(value: str) -> None:
    value = cell(value)
    if value and unmeant(value) is not None:
        assert re.search(QUICK_PATTERN, value)


@pytest.mark.parametrize("value", [*PLACEHOLDERS, *MARKUP])
def test_the_quick_look_sees_every_known_value(value: str) -> None:
    body = [{"type": "BODY", "text": "{{1}} {{2}}"}]
    assert check(["Asha", value], body) is not None
    assert check([value, "Zoë आशा"], body) is not None


@given(st.lists(st.one_of(TEXT, ODD), min_size=2, max_size=2))
def test_the_quick_look_passes_nothing_that_the_slow_one_finds(values: list[str]) -> None:
    body = [{"type": "BODY", "text": "{{1}} {{2}}"}]
    values = [value.strip() for value in values]
    expected = any(unmeant(value) is not None or list(faults_of_value(value)) for value in values)
    assert (check(values, body) is not None) is expected


@pytest.mark.parametrize(
    ("value", "ending"),
    [
        ("A3", "A3"),
        ("?utm=a b", "?utm=a%20b"),
        ("?utm=a%20b", "?utm=a%20b"),
        ("50%", "50%25"),
        ("Zoë/🎉", "Zo%C3%AB/%F0%9F%8E%89"),
        ("example.com/t/A3", "A3"),
        ("HTTPS://Example.com/t/A3?x=1 2", "A3?x=1%202"),
        ("a.b/c", "a.b/c"),
        ("example.com", None),
        ("example.com/other/A3", None),
        ("https://example.com/t/", None),
        ("www.example.org/x", None),
        ("http://example.org", None),
    ],
)
def test_endings_of_urls(value: str, ending: str | None) -> None:
    if ending is None:
        with pytest.raises(WholeAddress):
            ending_of(value, "https://example.com/t/")
    else:
        assert ending_of(value, "https://example.com/t/") == ending


def test_a_parameter_of_an_address_may_be_one() -> None:
    shop = "https://shop.example/a b"
    assert ending_of(shop, "https://r.example/?to=") == "https://shop.example/a%20b"


def test_endings_of_rows_that_others_wrote_are_encoded_when_they_are_sent() -> None:
    template = CompiledTemplate("t", "en", FULL)
    values = [*GOOD[:3], "?utm=a b&x=%C3%BC", GOOD[4]]
    payload = {f"var{n}": value for n, value in enumerate(values, start=1)}
    assert '"text":"?utm=a%20b&x=%C3%BC"' in template.body("447700900123", payload).decode()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_encoding_an_ending_is_safe_to_repeat(text: str) -> None:
    once = encoded(text)
    assert is_encoded(once)
    assert once.isascii()
    assert encoded(once) == once
    assert unquote_to_bytes(once) == unquote_to_bytes(text)


@given(st.lists(st.text("abN/1?%e.,! (\nAE-5", max_size=8), min_size=2, max_size=2))
def test_the_look_at_plain_rows_sees_what_the_others_see(values: list[str]) -> None:
    components = [{"type": "BODY", "text": "{{1}} {{2}}"}]
    check = RowCheck(components, shape_of(components))
    values = [cell(value) for value in values]
    quick = check.fault(values)
    with patch.object(row_check, "_PLAIN", re.compile("(?!)")):
        assert check.fault(values) == quick
