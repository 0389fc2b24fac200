"""Which limit binds the pace, by what workers saw; and that it is named in words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.campaigns import RUNNING
from wacampaign.core.campaign.error_trends import read_trends
from wacampaign.core.campaign.finding import FindingKind
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.stall import cause_of
from wacampaign.core.campaign.state import Campaign, read_stats

NUMBER = {"id": "n1", "display_name": None, "rate": 80, "configured_rate": 80}
COUNTS = dict.fromkeys(
    ("pending", "ready", "retry_later", "processing", "in_doubt", "sent", "failed"), 0
) | {"ready": 900, "processing": 100}


MOVING = {"recent": [[ago, 80, 80] for ago in range(30)], "bars": [[0, 1200], [1, 1200]]}


def worker(n: int = 1, *, alive: bool = True, **facts: Any) -> dict[str, Any]:
    return {
        "id": f"w{n}", "pid": 4120 + n, "host": f"app{n}", "alive": alive, "version": "0.1.0",
        "in_flight": 3, "started_at": "2026-11-23T14:20:00+00:00", "beat_age_seconds": 1.0,
        "facts": facts or None,
    }  # fmt: skip


def seen(*workers: dict[str, Any], **answer: Any) -> Campaign:
    given = RUNNING | {"number": NUMBER, "counts": COUNTS, "pace": {"recent": [], "bars": []}}
    answer = {"at": "", "campaigns": [given | answer], "workers": list(workers)}
    return read_stats(answer).campaigns[0]


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"binds": {"n1": "rate"}}, "the number's rate 80/s"),
        ({"binds": {"n1": "answers"}, "answers_p50_ms": 1900.0}, "Meta's answers 1.9 s"),
        ({"binds": {"n1": "database"}, "database_p50_ms": 310.0}, "the database 310 ms"),
        (
            {"binds": {"n1": "api_away"}, "api_away_seconds": 42.0},
            "Meta's API, which cannot be reached for 42 s",
        ),
    ],
)
def test_the_limit_that_a_worker_saw(facts: dict[str, Any], text: str) -> None:
    limit = seen(worker(**facts), pace=MOVING, run_seconds=60.0).limit
    assert limit is not None
    assert limit.text == text


@pytest.mark.parametrize(
    "facts", [{}, {"binds": {}}, {"binds": {"n2": "rate"}}, {"binds": {"n1": "of a later version"}}]
)
def test_what_no_worker_says_is_not_guessed(facts: dict[str, Any]) -> None:
    assert seen(worker(**facts)).limit is None


def test_the_dead_say_nothing() -> None:
    assert seen(worker(alive=False, binds={"n1": "rate"})).limit is None


def test_most_workers_decide_and_the_slowest_is_told() -> None:
    slow, slower = ({"binds": {"n1": "answers"}, "answers_p50_ms": ms} for ms in (800.0, 1900.0))
    limit = seen(worker(1, **slow), worker(2, **slower), worker(3, binds={"n1": "rate"})).limit
    assert limit is not None
    assert limit.text == "Meta's answers 1.9 s"


def test_the_ramp_and_the_budget_come_first() -> None:
    busy = worker(binds={"n1": "rate"})
    ramp = {"lanes": 1, "accepted": 1, "waits_since": "2026-11-23T14:20:00+00:00"}
    limit = seen(busy, ramp=ramp).limit
    assert limit is not None
    assert limit.text == "the ramp: its first messages wait for their statuses"
    budget = {
        "limit": 10, "used": 10, "left": 0, "source": "meta", "frees_at": None, "portfolio": "",
        "tier": None, "numbers": 1, "others": 0,
    }  # fmt: skip
    limit = seen(busy, ramp=ramp, budget=budget).limit
    assert limit is not None
    assert limit.kind == "budget"


def test_an_api_that_is_away_is_a_finding_with_a_command() -> None:
    away = {"binds": {"n1": "api_away"}, "api_away_seconds": 42.0}
    (finding,) = findings_of(seen(worker(1, **away)))
    assert finding.kind is FindingKind.API_AWAY
    assert finding.severity == "red"
    assert finding.command.startswith("wacampaign ")
    rate = {"binds": {"n1": "rate"}}
    (finding,) = findings_of(seen(worker(1, **away), worker(2, **rate), worker(3, **rate)))
    assert finding.kind is FindingKind.WORKER_CUT_OFF
    assert "app1 pid 4121" in finding.text
    assert finding.command == "on app1: wacampaign doctor", "here Meta may be reached"


def test_what_has_nothing_to_send_waits_for_no_api_and_no_number() -> None:
    """The doubts of a campaign are settled by what comes back, whoever can reach Meta."""
    doubts = dict.fromkeys(COUNTS, 0) | {"in_doubt": 3, "sent": 97}
    away = worker(1, binds={"n1": "api_away"}, api_away_seconds=42.0)
    for workers in ([away], [away, worker(2, binds={"n1": "rate"})]):
        off = NUMBER | {"is_active": False}
        kinds = {f.kind for f in findings_of(seen(*workers, counts=doubts, number=off))}
        assert kinds == {FindingKind.IN_DOUBT}
        left = doubts | {"processing": 1}
        kinds = {f.kind for f in findings_of(seen(*workers, counts=left, number=off))}
        assert FindingKind.NUMBER_SWITCHED_OFF in kinds
        assert kinds & {FindingKind.API_AWAY, FindingKind.WORKER_CUT_OFF}


def test_a_share_of_failures_is_a_finding() -> None:
    counts = COUNTS | {"sent": 800, "failed": 200}
    errors = [{"code": 131026, "count": 200}]
    (finding,) = findings_of(seen(worker(), counts=counts, errors=errors))
    assert finding.kind is FindingKind.FAILING_MANY
    assert "200 of 1,000 refused (20.0 %): 131026" in finding.text
    assert finding.command == "wacampaign failures c --code 131026"
    few = [{"code": 131026, "count": 20}]
    assert (
        findings_of(seen(worker(), counts=COUNTS | {"sent": 980, "failed": 20}, errors=few)) == []
    )


def test_a_share_of_failures_that_begins_late_is_a_finding() -> None:
    counts = COUNTS | {"sent": 97_000, "failed": 3_000}
    errors = [{"code": 131026, "count": 3_000}]
    bars = {"recent": [], "bars": [[ago, 1_000] for ago in range(60)]}
    late: dict[str, Any] = {"counts": counts, "errors": errors, "pace": bars, "run_seconds": 1500.0}
    minutes = [[131026, ago, 800] for ago in range(5)] + [[131026, ago, 1] for ago in range(5, 15)]
    (finding,) = findings_of(seen(worker(), **late, error_minutes=minutes))
    assert finding.kind is FindingKind.FAILING_MANY
    assert finding.text.startswith("4,000 of 20,000 refused in the last 5 minutes (20.0 %): 131026")
    assert finding.command == "wacampaign failures c --code 131026"
    # As many in all, and none lately: it is over.
    over = [[131026, ago, 600] for ago in range(6, 11)]
    assert findings_of(seen(worker(), **late, error_minutes=over)) == []
    assert findings_of(seen(worker(), **late, error_minutes=[[131026, 0, 900]])) == []


def test_the_rate_explains_no_standstill() -> None:
    """Seen after an outage of the database: limited by 60/s, beside a rate of none."""
    busy = worker(binds={"n1": "rate"})
    assert seen(busy, run_seconds=60.0).limit is None
    assert seen(busy, run_seconds=60.0, pace=MOVING).limit is not None


def test_an_api_that_is_away_stops_it_at_once() -> None:
    """Rows that were done seconds ago have no end to tell of."""
    campaign = seen(
        worker(binds={"n1": "api_away"}, api_away_seconds=4.0), pace=MOVING, run_seconds=60.0
    )
    cause = cause_of(campaign, findings_of(campaign))
    assert cause is not None
    assert cause.kind is FindingKind.API_AWAY


def test_a_trend_by_minutes() -> None:
    trends = read_trends(
        [[131026, 0, 2], [131026, 14, 9], [135000, 0, 1], [135000, 1, 7], [1, 99, 5]]
    )
    assert [trend.code for trend in trends] == [131026, 135000]
    assert trends[0].minutes[0] == 9
    assert not trends[0].rises
    assert trends[1].lately == 7
    assert trends[1].rises
