"""What somebody is told of: which findings, in which words, under which key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.campaigns import RUNNING
from wacampaign.core.alerts.causes import (
    TEXT_COLUMNS,
    TITLE_COLUMNS,
    Cause,
    WatchTurn,
    causes_of,
)
from wacampaign.core.campaign.binding_limit import Limit, LimitKind
from wacampaign.core.campaign.counts import Counts
from wacampaign.core.campaign.state import Stats, read_stats

NOTHING = WatchTurn((), (), ())
ID = "4b7f0c2e-0000-4000-8000-000000000000"
WORKER = {
    "id": "w", "pid": 1, "host": "alpha", "alive": True, "version": "1", "in_flight": 0,
    "started_at": "2026-11-26T20:00:00+00:00", "beat_age_seconds": 1.0,
}  # fmt: skip


def counts(**some: int) -> dict[str, int]:
    return Counts(*[0] * 7).by_name() | some


def stats_of(*campaigns: dict[str, Any], workers: int = 1) -> Stats:
    """These campaigns, and so many workers."""
    number = {"display_name": None, "phone_number_id": "100000000000001"}
    usual = {
        "id": ID, "name": "spring", "start_time": "2026-11-26T20:00:00+00:00", "number": number,
        "run_seconds": 3600.0,
    }  # fmt: skip
    answer = {
        "at": "2026-11-26T21:00:00+00:00",
        "campaigns": [RUNNING | usual | campaign for campaign in campaigns],
        "workers": [WORKER] * workers,
    }
    return read_stats(answer)


def causes(*campaigns: dict[str, Any], workers: int = 1) -> list[Cause]:
    """What is found where these campaigns stand so."""
    return causes_of(stats_of(*campaigns, workers=workers), NOTHING)


def hold(**of: Any) -> dict[str, Any]:
    usual = {"code": None, "scope": "template", "until": None, "template": "t"}
    return usual | {"reason": "its medium"} | of


@pytest.mark.parametrize(
    ("campaign", "key", "kind", "severity"),
    [
        ({"status": "paused", "pause_reason": "paused by ann", "counts": counts(ready=3)},
         f"paused:{ID}", "paused", "warning"),
        ({"counts": counts(ready=3), "oldest_ready_seconds": 600.0},
         f"nothing_sent:{ID}", "stalled", "error"),
        ({"counts": counts(ready=3), "holds": [hold()], "rate_per_second": 5.0},
         f"held:{ID}:template t", "held", "error"),
        ({"counts": counts(ready=3), "rate_per_second": 5.0,
          "holds": [hold(template=None)]},
         "held:100000000000001:the number", "held", "error"),
        ({"counts": counts(in_doubt=3)}, f"in_doubt:{ID}", "in_doubt", "warning"),
        ({"counts": counts(sent=80, failed=20), "errors": [{"code": 131026, "count": 20}]},
         f"failures:{ID}", "failures", "warning"),
        ({"counts": counts(sent=8000, failed=12), "errors": [{"code": 132000, "count": 12}]},
         f"failures:{ID}", "failures", "error"),
        ({"guarded": False, "start_time": None, "status": "paused"}, "guard", "problem", "error"),
        ({"never_enqueued": 7, "counts": counts(ready=3), "rate_per_second": 1.0},
         f"never_enqueued:{ID}", "problem", "error"),
    ],
)  # fmt: skip
def test_each_cause_has_its_key(
    campaign: dict[str, Any], key: str, kind: str, severity: str
) -> None:
    found = {cause.key: cause for cause in causes(campaign)}
    assert key in found, found.keys()
    assert (found[key].kind, found[key].severity) == (kind, severity)
    assert found[key].command and found[key].text and found[key].title
    # A second look, later: the same one.
    assert {cause.key for cause in causes(campaign)} == found.keys()


@pytest.mark.parametrize(
    "campaign",
    [
        {},
        {"counts": counts(ready=3), "rate_per_second": 5.0},
        # A draft waits for whoever made it.
        {"status": "paused", "start_time": None, "counts": counts(ready=3)},
        # It starts by itself, and a worker is there.
        {"status": "paused", "scheduled_start_time": "2026-11-26T21:10:00+00:00",
         "counts": counts(ready=3)},
        # Recipients that cannot be reached, as in every list.
        {"counts": counts(sent=980, failed=20), "errors": [{"code": 131026, "count": 20}]},
        {"counts": counts(sent=5, failed=3), "errors": [{"code": 132000, "count": 3}]},
        {"counts": counts(ready=3), "rate_per_second": 5.0,
         "holds": [hold(until="2026-11-26T21:01:00+00:00")]},
    ],
)  # fmt: skip
def test_what_is_as_it_should_be_is_not_told(campaign: dict[str, Any]) -> None:
    assert causes(campaign) == []


def test_a_number_that_is_held_is_told_once_for_all_its_campaigns() -> None:
    held = {"counts": counts(ready=3), "rate_per_second": 5.0, "holds": [hold(template=None)]}
    (cause,) = causes(held, held | {"id": "b"}, held | {"id": "c"})
    assert cause.campaign_id == ID
    assert cause.text.endswith("(and 2 more campaigns)")


def test_a_campaign_that_begins_within_the_hour_needs_a_worker() -> None:
    soon = {"status": "paused", "scheduled_start_time": "2026-11-26T21:10:00+00:00"}
    (cause,) = causes(soon, workers=0)
    assert cause.key == "no_worker"
    assert causes(soon | {"scheduled_start_time": "2026-11-27T09:00:00+00:00"}, workers=0) == []


def test_a_campaign_of_which_all_is_done_needs_somebody_to_complete_it() -> None:
    done = {"counts": counts(sent=3), "total_contacts": 3}
    (cause,) = causes(done, workers=0)
    assert (cause.key, cause.kind) == (f"not_completed:{ID}", "stalled")
    assert cause.command == f"wacampaign restart-stuck {ID[:8]}"
    assert causes(done) == []


def test_statuses_that_are_missed_are_told_after_the_campaign_too() -> None:
    delivery = {
        "known": True, "delivered": 0, "read": 0, "undelivered": 0, "held": 0, "silent": 500,
        "replied": 0, "errors": [], "contradicted": 0, "waiting": 0, "lag": None,
        "passed_on": 0, "late": 500,
    }  # fmt: skip
    over = {"status": "completed", "counts": counts(sent=500), "delivery": delivery}
    (cause,) = causes(over)
    assert (cause.key, cause.kind) == (f"silent:{ID}", "silent")
    assert "500 of 500 accepted" in cause.text


def test_an_api_that_is_away_is_one_cause_for_all_campaigns() -> None:
    limit = Limit(LimitKind.API_AWAY, "Meta's API, away since 20:58")
    found = [
        replace(campaign, limit=limit)
        for campaign in stats_of({"counts": counts(ready=3)}, {"id": "b"}).campaigns
    ]
    stats = replace(stats_of(), campaigns=found)
    (cause,) = [one for one in causes_of(stats, NOTHING) if one.kind == "api_away"]
    assert cause.key == "api_away"
    assert cause.text.endswith("(and 1 more campaign)")


def test_a_long_name_is_cut() -> None:
    (cause,) = causes(
        {"name": "\n" + "n" * 10_000, "status": "paused", "pause_reason": "w" * 10_000,
         "counts": counts(ready=3)}
    )  # fmt: skip
    assert len(cause.title) == TITLE_COLUMNS and cause.title.endswith("…")
    assert len(cause.text) == TEXT_COLUMNS
