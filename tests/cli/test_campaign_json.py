"""The campaign object: the same keys in the same order as ever, and nothing that is made up."""

from __future__ import annotations

from typing import Any

from tests.cli.test_monitor import CAMPAIGN, WORKER, answer
from wacampaign.cli.screens.campaign_json import stats_json
from wacampaign.cli.screens.monitor_lines import change_lines
from wacampaign.core.campaign.state import read_stats

#: In the order in which the database gives them.
NUMBER: dict[str, Any] = {
    "rate": 80.0, "is_active": True, "display_name": "Demo", "quality_rating": "GREEN",
    "configured_rate": 80, "throughput": None, "phone_number_id": "200000000000001",
}  # fmt: skip
HOLD: dict[str, Any] = {
    "code": 131053, "scope": "template", "until": None, "reason": "media", "template": "demo",
}  # fmt: skip
WRITE: dict[str, Any] = {
    "who": "cron", "kind": "kept_back", "rows": 1, "times": 1, "tried": "sent",
    "last_at": "2026-11-23T14:30:00+00:00", "first_at": "2026-11-23T14:30:00+00:00",
}  # fmt: skip
KNOWN_WORKER = {
    name: WORKER[name]
    for name in ("id", "pid", "host", "alive", "version", "in_flight", "started_at")
} | {"beat_age_seconds": 1.0}


def test_keys_and_their_order() -> None:
    given = CAMPAIGN | {"number": NUMBER, "holds": [HOLD], "others": [WRITE]}
    shown = stats_json(read_stats({**answer(given), "workers": [KNOWN_WORKER]}))
    assert list(shown) == ["at", "campaigns", "workers"]
    (worker,) = shown["workers"]
    assert list(worker.items())[:-1] == list(KNOWN_WORKER.items())
    assert list(worker)[-1] == "facts"
    (campaign,) = shown["campaigns"]
    assert list(campaign) == [
        "id", "name", "status", "pause_reason", "total_contacts", "counts",
        "oldest_ready_seconds", "rate_per_second", "eta_seconds", "errors",
        "delivery", "templates", "number", "holds", "never_enqueued", "deleted", "guarded",
        "others", "next_retry_at", "retry_far_away", "start_time", "end_time",
        "scheduled_start_time", "live_workers", "budget", "pace", "trends", "ramp", "run_began_at",
        "run_seconds", "heard_seconds", "events", "spare_numbers", "limit", "cut_off", "window",
        "late_seconds",
        "eta_range_seconds", "attention", "findings",
    ]  # fmt: skip
    assert list(campaign["number"].items())[: len(NUMBER)] == list(NUMBER.items())
    assert list(campaign["number"])[len(NUMBER) :] == ["id", "tier", "sharing"]
    assert [list(hold.items()) for hold in campaign["holds"]] == [list(HOLD.items())]
    assert [list(write.items()) for write in campaign["others"]] == [list(WRITE.items())]
    assert list(campaign["errors"][0]) == ["code", "title", "count"]
    assert list(campaign["delivery"]) == [
        "known", "delivered", "read", "undelivered", "held", "silent", "replied", "errors",
        "lag", "contradicted", "waiting", "passed_on", "late",
    ]  # fmt: skip
    assert list(campaign["findings"][0]) == ["severity", "text", "command", "error_code"]


def test_another_figure_or_day_makes_no_new_finding() -> None:
    first = read_stats(answer(CAMPAIGN | {"others": [WRITE]}))
    more = WRITE | {"rows": 2, "times": 2, "last_at": "2026-11-20T14:30:00+00:00"}
    assert list(change_lines(first, read_stats(answer(CAMPAIGN | {"others": [more]})))) == []
    (line,) = change_lines(first, read_stats(answer(CAMPAIGN | {"others": [WRITE | {"who": "x"}]})))
    assert "event=finding" in line
    assert "kept as they are, not sent: x" in line
