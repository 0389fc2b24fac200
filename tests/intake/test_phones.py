"""Phones as people and spreadsheets write them."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.bad_phone import BadPhone, TwoNumbers
from wacampaign.core.numbering_plans import LENGTHS, PLANS, calling_code
from wacampaign.core.phone_forms import looks_like_phone
from wacampaign.core.phone_set import PhoneSet
from wacampaign.core.phones import normalize_phone, phone_reader

UK = "447700900123"
INDIAN = "919000000001"


@pytest.mark.parametrize(
    "written",
    [
        UK,
        "+447700900123",
        "00447700900123",
        "+44 7700 900123",
        "+44 (0)7700 900-123",
        "4407700900123",
        "44.7700.900123",
        "44\u00a07700\u2009900123",
        "44–7700–900123",
        "\u202a+44 7700 900123\u202c",
        "'447700900123",
        "’+447700900123",
        '="447700900123"',
        "447700900123.0",
        "447700900123.00",
        "4.47700900123E+11",
        "4,47700900123e+11",
        "tel:+44-7700-900123",
        "whatsapp:+447700900123",
        "p:+447700900123",
        "Mobile No: +44 7700 900123",
        "４４７７００９００１２３",
        "＋٤٤٧٧٠٠٩٠٠١٢٣",
        "  447700900123\r\n",
    ],
)
def test_one_number_however_it_is_written(written: str) -> None:
    assert normalize_phone(written) == UK


@pytest.mark.parametrize(
    "written", ["९१९००००००००१", "9.19000000001E+11", "+91 90000 00001", INDIAN]
)
def test_unassigned_indian_numbers_are_good(written: str) -> None:
    assert normalize_phone(written) == INDIAN


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "no phone number"),
        ("+", "no phone number"),
        ("n/a", "letters"),
        ("4477009OO123", "letters"),
        ("447700900123;", "not written as"),
        ("9.19E+11", "rounded by a spreadsheet"),
        ("9.1900000000E+11", "rounded by a spreadsheet"),
        ("07700900123", "country code is missing"),
        ("+0447700900123", "country code is missing"),
        ("9000000001", "10 digits, a number with country code 90 has 12"),
        ("9123456789", "10 digits, a number with country code 91 has 12: is the country code miss"),
        ("9190000000011", "13 digits, a number with country code 91 has 12"),
        ("447700900123 447700900124", "two numbers?"),
        ("999123456789", "no country code that exists"),
        ("+800 1234 5678", "no country's"),
        ("1234567", "digits"),
    ],
)
def test_a_refusal_says_why_and_not_which(written: str, reason: str) -> None:
    with pytest.raises(BadPhone) as caught:
        normalize_phone(written)
    assert reason in caught.value.reason
    assert not any(part in caught.value.reason for part in ("900123", "9000000001", "9123456789"))


@pytest.mark.parametrize(
    ("written", "region", "expected"),
    [
        ("9000000001", "IN", INDIAN),
        ("09000000001", "IN", INDIAN),
        ("90000-00001", "IN", INDIAN),
        (INDIAN, "IN", INDIAN),
        # Begins like India's own code, Singapore's, and is a whole number there.
        ("9123456789", "IN", "919123456789"),
        ("6512345678", "IN", "916512345678"),
        ("+6512345678", "IN", "6512345678"),
        ("6512345678", None, "6512345678"),
        (UK, "IN", UK),
        ("07700 900123", "GB", UK),
        ("7700900123", "GB", UK),
        # Eleven digits are a German mobile length, but no German number begins with 1202.
        ("12025550123", "DE", "12025550123"),
        # An 8 is dialled first: with it Moscow's numbers look like Vietnam's, Lithuania's like
        # China's.
        ("8 (912) 345-67-89", "RU", "79123456789"),
        ("89123456789", "RU", "79123456789"),
        ("8 495 123-45-67", "RU", "74951234567"),
        ("79123456789", "RU", "79123456789"),
        ("8 701 123 45 67", "KZ", "77011234567"),
        ("8 (029) 123-45-67", "BY", "375291234567"),
        ("8 612 34567", "LT", "37061234567"),
        ("8 050 123 45 67", "UA", "380501234567"),
        # Plans that are gone live on in lists.
        ("044 55 1234 5678", "MX", "525512345678"),
        ("01 55 1234 5678", "MX", "525512345678"),
        ("09 8765 4321", "CL", "56987654321"),
        ("0512 345 678", "PL", "48512345678"),
        ("06 12345678", "IT", "390612345678"),
        ("07 01 02 03 04", "CI", "2250701020304"),
        # Without its trunk 0, and with Argentina's 15 behind the area code.
        ("11 15 2345-6789", "AR", "5491123456789"),
        ("711 1234567", "DE", "497111234567"),
    ],
)
def test_national_numbers_need_a_region(written: str, region: str | None, expected: str) -> None:
    assert normalize_phone(written, region) == expected


@pytest.mark.parametrize(
    ("written", "region"),
    [
        # With its area code one of São Paulo's; as it stands a whole number in Iran.
        ("98765-4321", "BR"),
        ("3912-3456", "BR"),
        ("15 2345-6789", "AR"),
        ("4312-3456", "AR"),
        ("555-2671", "US"),
    ],
)
def test_local_numbers_lack_their_area_code(written: str, region: str) -> None:
    with pytest.raises(BadPhone, match="the area code is missing"):
        normalize_phone(written, region)


def test_an_unknown_region_is_an_error() -> None:
    with pytest.raises(ValueError, match="XX"):
        phone_reader("XX")


def test_calling_code() -> None:
    assert [calling_code(p) for p in (UK, INDIAN, "12025550123", "35312345", "0123")] == [
        "44",
        "91",
        "1",
        "353",
        None,
    ]


def test_an_attempt_at_a_phone_is_told_from_a_header() -> None:
    assert all(map(looks_like_phone, (UK, "9.19E+11", "9000000001", "+44 7700 900123")))
    assert not any(
        map(looks_like_phone, ("phone", "Phone 1", "", "mobile_no", "p:", "2025-11-10x"))
    )


@given(st.integers(10**7, 10**15 - 1).map(str))
def test_plain_digits_agree_with_the_library(digits: str) -> None:
    """The shortcut for plain digits never gives another answer than the library's own parse."""
    read = phone_reader()
    try:
        got = read(digits)
    except BadPhone:
        return
    parsed = phonenumbers.parse("+" + digits, None)
    assert got == f"{parsed.country_code}{phonenumbers.national_significant_number(parsed)}"
    # Mexico's 521 is WhatsApp's own; the library takes the 1 off only before some numbers.
    assert phonenumbers.is_possible_number(parsed) or (digits[:3] == "521" and len(digits) == 13)


CODES = sorted(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


@given(st.sampled_from(CODES), st.from_regex(r"[0-9]{5,13}", fullmatch=True))
def test_the_look_up_agrees_with_the_plan(code: str, rest: str) -> None:
    digits = code + rest
    plan = PLANS[digits[:3]]
    assert plan is not None
    if len(digits) in LENGTHS[digits[:5]]:
        assert plan.fits(digits)


@given(
    st.sampled_from([UK, INDIAN, "12025550123", "5511900000001"]),
    st.sampled_from(["", "+", "00", "'", "'+", "tel:+", " "]),
    st.lists(st.sampled_from(["", "", " ", "-", "\u00a0", ".", "(", ")", "\u200e"]), min_size=13),
    st.sampled_from([0, 0x0660, 0x0966, 0xFF10]),
)
def test_decoration_changes_nothing(phone: str, front: str, between: list[str], zero: int) -> None:
    digits = [chr(zero + int(d)) if zero else d for d in phone]
    written = front + digits[0]
    written += "".join(a + b for a, b in zip(between, digits[1:], strict=False))
    try:
        assert normalize_phone(written) == phone
    except TwoNumbers:  # such as 44770090012-3, which a person may mean as two
        assert set(between) - {""}


@given(st.text(), st.sampled_from([None, "IN", "DE", "US"]))
def test_any_text_gives_digits_or_a_reason(text: str, region: str | None) -> None:
    try:
        phone = normalize_phone(text, region)
    except BadPhone as bad:
        assert bad.reason
        return
    assert phone.isascii()
    assert phone.isdigit()
    assert 8 <= len(phone) <= 15
    assert normalize_phone(phone) == phone
    assert normalize_phone("+" + phone, region) == phone


@given(st.lists(st.integers(1, 10**15 - 1) | st.integers(919000000001, 919000000050)))
def test_phone_set_is_a_set_that_remembers_lines(numbers: list[int]) -> None:
    phones, first = PhoneSet(), dict[int, int]()
    for line, number in enumerate(numbers, start=1):
        assert phones.add(str(number), line) == first.get(number, 0)
        first.setdefault(number, line)


def test_phone_set_grows_and_stays_exact_and_small() -> None:
    phones = PhoneSet()
    count = 100_000
    for i in range(count):
        assert phones.add(str(919000000000 + 7 * i), i + 1) == 0
    assert all(phones.add(str(919000000000 + 7 * i), 1) == i + 1 for i in range(0, count, 97))
    assert phones.add("919000000001", 1) == 0
    assert phones.size_bytes <= 40 * count
