"""A time that has passed is told by the database's clock: this machine's may be wrong."""

from typing import Any

import pytest

from tests.campaigns import RUNNING
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.state import Campaign, read_stats

DUE = "2020-05-01T04:00:00+00:00"


def at(now: str, due: str | None = DUE) -> Campaign:
    given: dict[str, Any] = {**RUNNING, "status": "paused", "scheduled_start_time": due}
    (campaign,) = read_stats({"at": now, "campaigns": [given], "workers": []}).campaigns
    return campaign


@pytest.mark.parametrize(
    ("now", "late"),
    [
        ("2020-05-01T03:59:59+00:00", None),
        ("2020-05-01T04:00:45+00:00", 45.0),
        ("2020-05-01T05:00:00.5+00:00", 3600.5),
    ],
)
def test_how_late_it_is(now: str, late: float | None) -> None:
    assert at(now).late_seconds == late
    assert at(now, due=None).late_seconds is None


def test_it_is_late_a_minute_after_its_time() -> None:
    (soon,) = findings_of(at("2020-05-01T04:00:45+00:00"))
    assert "its time came" not in soon.text
    (late,) = findings_of(at("2020-05-01T05:00:00+00:00"))
    assert late.text.startswith("its time came at ")
    assert ", 1 h 00 min ago: it begins as soon as a worker runs" in late.text
