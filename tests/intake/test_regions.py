"""Countries as people name them."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.regions import country, region_named


@pytest.mark.parametrize(
    ("text", "region"),
    [
        *(("IN", "IN"), ("in", "IN"), (" India ", "IN"), ("+91", "IN"), ("91", "IN")),
        *(("0091", "IN"), ("UK", "GB"), ("uk", "GB"), ("United Kingdom", "GB"), ("+44", "GB")),
        *(("1", "US"), ("usa", "US"), ("+7", "RU"), ("Kosovo", "XK"), ("971", "AE")),
        *(("hong kong", "HK"), ("brasil", "BR"), ("turkey", "TR"), ("ivory coast", "CI")),
    ],
)
def test_a_country_as_people_name_it(text: str, region: str) -> None:
    assert region_named(text) == region


@pytest.mark.parametrize("text", ["", "XX", "999", "+0", "Atlantis", "phone", "800", "+"])
def test_what_names_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no country"):
        region_named(text)


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))
def test_every_country_by_its_code_and_by_its_name(region: str) -> None:
    assert region_named(region.lower()) == region
    assert region_named(country(region)) == region
