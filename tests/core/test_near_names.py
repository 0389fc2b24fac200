"""Which campaigns a mistyped name may mean."""

from __future__ import annotations

import pytest

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.near_names import near

KNOWN = [
    CampaignName("5a5c39a6-0000-4000-8000-000000000001", "Bajaj_market_2", "running"),
    CampaignName("7700000a-0000-4000-8000-000000000002", "Bajaj_market_1", "completed"),
    CampaignName("8800000a-0000-4000-8000-000000000003", "spring offer", "paused"),
    CampaignName("99000000-0000-4000-8000-000000000004", "spring offer", "failed"),
    CampaignName("aa000000-0000-4000-8000-000000000005", "Größe 東京", "paused"),
]


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("bajaj_MARKET_2", ["5a5c39a6", "7700000a"]),
        ("Bajaj_maket_2", ["5a5c39a6", "7700000a"]),
        ("spring", ["8800000a"]),
        ("Grosse 東京", ["aa000000"]),
        ("5a5c39a7", ["5a5c39a6"]),
        ("5a5c3a69", ["5a5c39a6"]),
        ("zz", []),
        ("", []),
        ("deadbeef", []),
    ],
)
def test_near(typed: str, names: list[str]) -> None:
    assert [one.short_id for one in near(typed, KNOWN)] == names


def test_at_most_three_each_once() -> None:
    many = [CampaignName(f"{n:08}-0000", f"offer {n}", "paused") for n in range(9)]
    assert len({one.id for one in near("offer", many)}) == len(near("offer", many)) == 3
