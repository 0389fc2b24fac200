"""A list without country codes is told from a list of complete numbers without plus."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata

from wacampaign.core.bad_phone import BadPhone
from wacampaign.core.phone_census import NationalList, PhoneCensus
from wacampaign.core.phones import phone_reader

#: The countries with the most users of WhatsApp, and those whose national numbers look like other
#: countries' complete ones: Brazil's like +1 and +51, Indonesia's like +81 and +852, Colombia's
#: like +30 to +32, the USA's like +61 to +65, Germany's like +1.
COUNTRIES = (
    *("IN", "BR", "US", "ID", "MX", "GB", "DE", "PK", "NG", "TR", "ZA", "ES", "IT", "FR", "EG"),
    *("CO", "AR", "MY", "SA", "AE", "PE", "CL", "KE", "BD", "PH", "RU", "CA", "AU", "SG", "HK"),
)
LISTS = 4
ROWS = 60


def mobile_numbers(region: str, draw: random.Random) -> Iterator[str]:
    """National mobile numbers that the country's plan has, as many as are asked for."""
    mobile = PhoneMetadata.metadata_for_region(region).mobile
    pattern = re.compile(mobile.national_number_pattern)
    example = mobile.example_number
    while True:
        known = draw.choice((0, 1, 2))
        rest = "".join(draw.choices("0123456789", k=len(example) - known))
        if pattern.fullmatch(example[:known] + rest):
            yield example[:known] + rest


def judged(phones: list[str]) -> NationalList | None:
    census = PhoneCensus()
    read = phone_reader(None, census)
    for phone in phones:
        try:
            read(phone)
        except BadPhone:
            continue
    return census.national()


def lists(region: str, before: str) -> list[list[str]]:
    draw = random.Random(region)
    numbers = mobile_numbers(region, draw)
    return [[before + next(numbers) for _ in range(ROWS)] for _ in range(LISTS)]


@pytest.mark.parametrize("region", COUNTRIES)
def test_complete_numbers_without_plus_are_taken(region: str) -> None:
    code = str(phonenumbers.country_code_for_region(region))
    assert [judged(each) for each in lists(region, code)] == [None] * LISTS


@pytest.mark.parametrize("region", COUNTRIES)
@pytest.mark.parametrize("trunk", [False, True])
def test_national_numbers_are_not(region: str, trunk: bool) -> None:
    prefix = PhoneMetadata.metadata_for_region(region).national_prefix
    if trunk and (not prefix or prefix == "1"):  # 1 is trunk and country code in one
        pytest.skip("nothing is dialled in front")
    found = [judged(each) for each in lists(region, prefix if trunk else "")]
    assert all(found)
    for national in found:
        assert national is not None
        assert national.without_code == ROWS
        assert national.regions


@pytest.mark.parametrize(
    ("phones", "first"),
    [
        (["9876543210", "9812345670", "7012345678"], "IN"),
        (["07700900123", "07700900124"], "GB"),
        (["01512 3456789", "0176 12345678"], "DE"),
        (["7700 900123", "7700 900124"], "GB"),
        (["2025550123", "(415) 555-0123", "212-555-0124"], "US"),
        (["11 98765-4321", "21 98765-4321", "31987654321"], "BR"),
        (["89123456789", "8 (912) 345-67-88", "8 495 123-45-67"], "RU"),
        # One of them without its area code: a whole number in Iran. The others have eleven
        # digits, as numbers of North America with their 1.
        (["(11) 98765-4321", "(21) 99876-5432", "98765-1234"], "BR"),
        # Three lengths; what has eleven digits begins like a number of Japan.
        (["81234567890", "8123456789", "812345678901", "81365837799", "8978646078"], "ID"),
    ],
)
def test_the_likeliest_country_is_named(phones: list[str], first: str) -> None:
    national = judged(phones)
    assert national is not None
    assert first in national.regions
    assert f"{len(phones)} of {len(phones)} phones have no “+”" in national.reason
    assert f"--default-region {national.regions[0]}" in national.suggestion


def test_mobile_numbers_that_are_whole_fixed_lines_elsewhere_are_national() -> None:
    """Montserrat's 664 and seven digits begin like Thailand's, and are in use there."""
    assert judged(["6643910283", "664 391 1234", "(664) 391-0284"]) is not None


@pytest.mark.parametrize(
    "phones",
    [
        ["+9876543210", "+9812345670"],
        # Ten digits, and Singapore's all the same.
        ["6581234567", "6591234567"],
        # Mexico's, as WhatsApp writes them and as they are dialled.
        ["5215512345678", "5215512345679", "525512345670"],
        ["5215500000001", "5215500000002", "525500000003"],
        # Fiction has no valid numbers: these have a country's length, and its code in every row.
        ["447700900123", "447700900124"],
        # Neither all national nor all complete: each row says so for itself.
        ["9000000001", "919000000002"],
        ["9876543210", "+919876543211", "+919876543212"],
        ["no number", "at all"],
        [],
    ],
)
def test_a_list_that_is_judged_row_by_row(phones: list[str]) -> None:
    assert judged(phones) is None


@pytest.mark.parametrize(
    ("phones", "region"),
    [
        # Ten digits are India's first, unless other phones say where the list is from.
        (["7700900101", "7700900102", "7700900103", "+44 7700 900107"], "GB"),
        (["9876543210", "9812345670", "(+971) 50 123 4567"], "IN"),
        # Some are complete, as people are given them.
        (["447700900101", "07700 900102", "07700 900104", "7700900107", "07700 900108"], "GB"),
    ],
)
def test_the_phones_with_a_code_tell_the_country(phones: list[str], region: str) -> None:
    national = judged(phones)
    assert national is not None
    assert national.regions[0] == region


def test_one_national_number_does_not_make_a_list_national() -> None:
    assert judged([*(f"4477009001{i:02}" for i in range(6)), "07700900555"]) is None


def test_the_sample_is_spread_over_the_whole_list() -> None:
    """National numbers at the end of a long list are seen, and memory stays small."""
    census = PhoneCensus()
    for i in range(500):
        census.add(f"9198765{i:05}")
    for i in range(20_000):
        census.add(f"98765{i:05}")
    assert census.without_code == 20_500
    national = census.national()
    assert national is not None
    assert national.regions[0] == "IN"
