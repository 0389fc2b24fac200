"""The end of a campaign counted over its hours, and what is said of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.campaigns import RUNNING, campaign_at
from wacampaign.core.campaign.binding_limit import LimitKind
from wacampaign.core.campaign.counts import Counts
from wacampaign.core.campaign.finding import FindingKind
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.daily_window import Window, ZoneRows
from wacampaign.core.phone_zones import zone_sets
from wacampaign.core.window_words import plan_notes, summary

INDIA, KENYA = ("Asia/Kolkata",), ("Africa/Nairobi",)
#: 14:30 in India, 12:00 in Kenya.
NOON = "2026-11-27T09:00:00+00:00"
HOUR = 3600


def window(*groups: ZoneRows, hours: str = "09:00-20:00") -> Window:
    opens, _, closes = hours.partition("-")
    return Window(opens, closes, "UTC", "me", groups)


def rows(zones: tuple[str, ...], n: int) -> ZoneRows:
    return ZoneRows(zones, n, open=True, changes_at=None)


@pytest.mark.parametrize(
    ("groups", "at", "rate", "hours"),
    [
        # Now, at once.
        ([rows(INDIA, 3600)], NOON, 1.0, 1.0),
        # Five and a half hours are left of India's day, six hours' work: half an hour of the next.
        ([rows(INDIA, 6 * 3600)], NOON, 1.0, 5.5 + 13 + 0.5),
        # At night: from 09:00 on, in eleven and a half hours.
        ([rows(INDIA, 3600)], "2026-11-27T16:00:00+00:00", 1.0, 11.5 + 1),
        # India's go first, as its hours end first; Kenya's have two and a half hours more.
        ([rows(KENYA, 2 * 3600), rows(INDIA, 5 * 3600)], NOON, 1.0, 7.0),
        # Together they have what the number gives, not each.
        ([rows(KENYA, 3600), rows(INDIA, 3600)], NOON, 2.0, 1.0),
        # Both are never open before the later opens; the first one's morning is its own.
        ([rows(KENYA, 3600), rows(INDIA, 3600)], "2026-11-27T01:00:00+00:00", 1.0, 6.0),
    ],
)
def test_the_end_is_counted_over_the_hours(
    groups: list[ZoneRows], at: str, rate: float, hours: float
) -> None:
    end = window(*groups).seconds_to_end(at, rate)
    assert end is not None
    assert end == pytest.approx(hours * HOUR, abs=5)


def test_no_end_is_told_that_nobody_lives_to_see() -> None:
    assert window(rows(INDIA, 10**9)).seconds_to_end(NOON, 1.0) is None
    assert window(rows(INDIA, 10)).seconds_to_end(NOON, 0.0) is None
    assert window(rows(("Mars/Olympus",), 10)).seconds_to_end(NOON, 1.0) is None


def waits(**counts: int) -> dict[str, Any]:
    """The database's answer of a campaign of which 40 rows wait for India's morning."""
    names = ("pending", "ready", "retry_later", "processing", "in_doubt", "sent", "failed")
    group = {"zones": list(INDIA), "rows": 40, "open": False, "changes_at": "2099-01-01T03:30:00Z"}
    return {
        "counts": Counts(*(counts.get(name, 0) for name in names)).by_name(),
        "start_time": "2026-11-27T00:00:00+00:00",
        "window": {
            "opens": "09:00", "closes": "20:00", "zone": "UTC", "set_by": "me", "zones": [group],
        },
    }  # fmt: skip


def test_waiting_for_hours_is_a_finding_of_its_own() -> None:
    (finding,) = [
        one
        for one in findings_of(campaign_at(**waits(retry_later=40)))
        if one.kind is not FindingKind.NO_LIVE_WORKER
    ]
    assert (finding.kind, finding.severity) == (FindingKind.WAITS_FOR_HOURS, "yellow")
    assert re.match(
        r"40 rows wait for 09:00-20:00 in the recipients' zones, from 2099", finding.text
    )
    assert finding.command == "wacampaign daily-window c"


def test_rows_whose_zones_no_clock_is_known_of_go_on_by_nobody() -> None:
    answer = waits(retry_later=40)
    answer["window"]["zones"][0] |= {"zones": [], "changes_at": None}
    campaign = campaign_at(**answer)
    (finding,) = [one for one in findings_of(campaign) if one.kind is FindingKind.WAITS_FOR_HOURS]
    assert finding.text == (
        "40 rows wait for 09:00-20:00 in the recipients' zones,"
        " but the database knows none of these zones"
    )
    assert finding.command == "wacampaign daily-window c 09:00-20:00 --zone ZONE"
    assert campaign.window is not None
    assert summary(campaign.window).endswith("40 wait, but the database knows none of these zones")
    assert list(plan_notes(campaign.window, NOON, 1.0))[1] == (
        "  40 rows by no clock that the database knows: never"
    )


def test_rows_that_may_go_now_are_no_wait() -> None:
    campaign = campaign_at(**waits(retry_later=40, ready=1))
    assert FindingKind.WAITS_FOR_HOURS not in [one.kind for one in findings_of(campaign)]
    assert campaign.limit is None or campaign.limit.kind is not LimitKind.HOURS


def test_each_phone_has_its_zones() -> None:
    zones = {prefix: found for found, all_of in zone_sets().items() for prefix in all_of}

    def of(phone: str) -> tuple[str, ...]:
        return next(zones[phone[:n]] for n in range(len(phone), -1, -1) if phone[:n] in zones)

    assert of("919876543210") == ("Asia/Kolkata",)
    assert of("12125550100") == ("America/New_York",)
    assert of("18765550100") == ("America/Jamaica",)
    # Mobiles that may be anywhere in the country, and a landline that may not.
    assert len(of("79160000000")) > 10
    assert len(of("61412345678")) > 5
    assert of("61298765432") == ("Australia/Sydney",)
    assert of("999123") == of("") == ()


def test_when_it_is_done_is_told_by_the_database_s_clock() -> None:
    group = {
        "zones": ["UTC"], "rows": 3600, "open": True, "changes_at": "2001-02-03T20:00:00Z",
    }  # fmt: skip
    answer = waits(ready=3600)
    answer["window"]["zones"] = [group]
    answer["number"] = RUNNING["number"] | {"rate": 1.0}
    one = replace(campaign_at(**answer), at="2001-02-03T19:30:00+00:00")
    # Half of them today, the rest from nine tomorrow.
    assert one.eta_seconds == pytest.approx(13.5 * 3600 + 1800, abs=5)
