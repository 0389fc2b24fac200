"""A phone in every form that programs write, and texts that hold two of them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wacampaign.core.bad_phone import BadPhone, TwoNumbers
from wacampaign.core.phone_forms import looks_like_phone
from wacampaign.core.phones import normalize_phone

#: Numbers for fiction or without an owner: country code and the rest.
PHONES = (
    ("44", "7700900123"),
    ("1", "2025550123"),
    ("91", "9000000001"),
    ("49", "15150000123"),
    ("55", "11900000001"),
    ("54", "91100000001"),
    ("52", "15500000001"),
    ("52", "5500000001"),
    ("971", "500000001"),
    ("65", "90000001"),
)

#: `{c}` the country code, `{n}` the rest; `{s}` the rest in groups of four.
FORMS = (
    "+{c}{n}",
    "+{c} {s}",
    "(+{c}) {s}",
    "( +{c} ) {n}",
    "+({c}) {n}",
    "++{c}{n}",
    "+ {c} {s}",
    "00{c}{n}",
    "00 {c} {s}",
    "(00{c}) {n}",
    "+00{c}{n}",
    "{c}{n}",
    "{c}-{n}",
    "{c}{n}.0",
    "{c}{n},00",
    '="+{c}{n}"',
    '"{c}{n}"',
    "'+{c}{n}",
    "<+{c}{n}>",
    "tel:+{c}{n}",
    "tel:+{c}-{n};phone-context=+{c}",
    "tel:{n};phone-context=+{c}",
    "callto:+{c}{n}",
    "sms:+{c}{n}",
    "whatsapp:+{c}{n}",
    "WhatsApp: {c}{n}",
    "p:+{c}{n}",
    "{c}{n}@c.us",
    "{c}{n}@s.whatsapp.net",
    "{c}{n}:12@s.whatsapp.net",
    "wa.me/{c}{n}",
    "https://wa.me/{c}{n}?text=Order%2012345678",
    "https://wa.me/+{c}{n}",
    "https://api.whatsapp.com/send?phone={c}{n}&text=1",
    "https://api.whatsapp.com/send/?text=1&phone=%2B{c}{n}",
    "https://web.whatsapp.com/send?phone=+{c} {n}",
    "whatsapp://send?phone={c}{n}",
    "+{c} {s} (mobile)",
    "+{c}{n} Mobile",
    "Mobile: +{c} {s}",
    "Mob. +{c}{n}",
    "Móvil: +{c}{n} - casa",
    "📱 +{c} {s}",
    "☎️+{c}{n}",
    "=+{c}{n}",
    "+{c}.{n}",
    "TEL:+{c}{n}",
    "TEL;TYPE=CELL:+{c} {n}",
    'TEL;VALUE=uri;TYPE="voice,cell":tel:+{c}{n}',
    "item1.TEL;type=CELL;waid={c}{n}:+{c} {s}",
    "\u202a+{c}\u00a0{n}\u202c",
    "\u2068+{c}\u202f{n}\u2069",
    "+{c}\u2011{n}",
)


def groups(text: str) -> str:
    """Groups of four from the left, the last of three or more."""
    parts = [text[i : i + 4] for i in range(0, len(text), 4)]
    if len(parts[-1]) < 3:
        parts[-2:] = [parts[-2] + parts[-1]]
    return " ".join(parts)


@given(
    st.sampled_from(PHONES),
    st.sampled_from(FORMS),
    st.sampled_from([0, 0x0660, 0x06F0, 0x0966, 0xFF10]),
)
def test_any_form_reads_back_to_the_same_digits(
    phone: tuple[str, str], form: str, zero: int
) -> None:
    code, rest = phone
    written = form.format(c=code, n=rest, s=groups(rest))
    if zero and "%" not in form:
        written = "".join(chr(zero + int(c)) if c in "0123456789" else c for c in written)
    assert normalize_phone(written) == code + rest
    assert looks_like_phone(written)


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("447,700,900,123", "447700900123"),
        ("447.700.900.123", "447700900123"),
        ("447'700'900'123", "447700900123"),
        ("4,47,70,09,00,123", "447700900123"),
        ("447,700,900,123.00", "447700900123"),
        ("4.47700900123E+11", "447700900123"),
        ("4.477009001230E+11", "447700900123"),
        # A slash behind codes only is one number's.
        ("+49 30/123456", "4930123456"),
        ("+49/171/3920012", "491713920012"),
        ("49171/3920012", "491713920012"),
        ("0049 (0)171/3920012", "491713920012"),
        # Argentina at home (15), and with both marks; Brazil with a carrier.
        ("+54 11 15 0000-0001", "5491100000001"),
        ("+54 9 11 15 0000-0001", "5491100000001"),
        ("+55 (0xx11) 90000-0001", "5511900000001"),
        ("+1.202.555.0123", "12025550123"),
        ("+62 812-3456-7890", "6281234567890"),
        ("+49 1512 345 6789", "4915123456789"),
        # Pairs are how these countries write one number.
        ("+33 (0)6 12 34 56 78", "33612345678"),
        ("+46-70-123-45-67", "46701234567"),
        ("+358-40-123-45-67", "358401234567"),
    ],
)
def test_one_number_in_a_form_of_its_own(written: str, digits: str) -> None:
    assert normalize_phone(written) == digits


@pytest.mark.parametrize("written", ["0171/3920012", "0171 / 392 00 12", "(0171) 3920012"])
def test_german_area_slashes(written: str) -> None:
    assert normalize_phone(written, "DE") == "491713920012"


NUMBERS = st.one_of(
    st.sampled_from(["+447700900123", "447700900124", "+1 202 555 0123", "0171 3920012"]),
    st.from_regex(r"[1-9][0-9]{6,11}", fullmatch=True),
)
#: What people, address books and spreadsheets put between two.
BETWEEN = st.sampled_from(
    [
        *(" ::: ", "/", " / ", ", ", ",", "; ", ";", " or ", " und ", " oder ", " & ", "&", " | "),
        *("\n", "\r\n", "\t", "\\", " y ", " या ", "\u2028", " - or - "),
    ]
)
REGIONS = st.sampled_from([None, "IN", "DE", "US", "GB", "BR"])


@given(NUMBERS, BETWEEN, NUMBERS, REGIONS)
def test_two_numbers_never_become_one(one: str, between: str, two: str, region: str | None) -> None:
    with pytest.raises(BadPhone) as caught:
        normalize_phone(f"{one}{between}{two}", region)
    assert "two numbers" in caught.value.reason
    assert looks_like_phone(f"{one}{between}{two}")


@given(
    st.from_regex(r"[1-9][0-9]{6,7}", fullmatch=True),
    st.sampled_from([" ", "-", ".", "  ", "\u00a0"]),
    st.from_regex(r"[1-9][0-9]{6,7}", fullmatch=True),
    REGIONS,
)
def test_nor_with_nothing_but_a_gap(one: str, gap: str, two: str, region: str | None) -> None:
    with pytest.raises(TwoNumbers):
        normalize_phone(f"{one}{gap}{two}", region)


@given(
    st.sampled_from(["+49 171 3920012", "+43 664 1234567", "0049 171 3920012", "+49 30 1234567"]),
    st.sampled_from(["/", " / ", "-", " - ", " oder ", ","]),
    st.from_regex(r"[0-9]{1,2}", fullmatch=True),
)
def test_the_second_ending_of_a_number_is_no_part_of_it(one: str, mark: str, end: str) -> None:
    with pytest.raises(TwoNumbers):
        normalize_phone(one + mark + end)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("+44 7700 900123 ext. 12", "extension"),
        ("447700900123x12", "extension"),
        ("tel:+447700900123;ext=12", "extension"),
        ("+447700900123,,12", "extension"),
        ("+447700900123 (124)", "two numbers?"),
        ("+44 7700 900123 or 124", "two numbers?"),
        ("+49 171 3920012-013", "stand apart"),
        ("+43 664 1234567.89", "stand apart"),
        ("+49 30/0171 3920012", "two numbers?"),
        ("Fax: +44 20 7946 0000", "fax"),
        ("+44 7700 900123 (do not call)", "letters"),
        ("120363000000000000@g.us", "group"),
        ("123456789012345@lid", "hidden id"),
        ("asha@example.com", "address with @"),
        ("https://wa.me/message/ABCDEF", "link without a phone"),
        ("https://chat.whatsapp.com/Abc123", "link without a phone"),
        ("4.4770090E+11", "rounded"),
    ],
)
def test_what_is_no_number_of_one_person_says_so(written: str, reason: str) -> None:
    with pytest.raises(BadPhone) as caught:
        normalize_phone(written)
    assert reason in caught.value.reason
    assert "900123" not in caught.value.reason


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-23", "23.11.2026", "12,345,678", "12.345.678,50", "Phone 1", "phone", "Mobile"),
        *("https://example.com/a.jpg?id=12345678901", "447700900123;Asha", "asha@example.com"),
    ],
)
def test_other_columns_do_not_look_like_phones(text: str) -> None:
    assert not looks_like_phone(text)


@given(st.text(max_size=60))
def test_any_text_is_judged(text: str) -> None:
    assume(text)
    looks_like_phone(text)
