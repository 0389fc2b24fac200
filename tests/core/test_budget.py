"""A budget in words, where it stops a campaign, and what the screens say of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.campaigns import RUNNING, campaign_at
from wacampaign.cli.screens.campaign_json import campaign_json
from wacampaign.cli.screens.monitor_lines import progress_line
from wacampaign.cli.screens.queue_stats import stats_lines
from wacampaign.core.budget import (
    Budget,
    MessagingLimit,
    days_needed,
    rate_above,
    stop_of,
)
from wacampaign.core.campaign.completion import CompletionVerdict, describe_verdict
from wacampaign.core.campaign.counts import Counts
from wacampaign.core.campaign.finding import FindingKind
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.state import Stats
from wacampaign.core.numbers import KnownNumber, Number
from wacampaign.core.preflight.budget_checks import limit_line
from wacampaign.core.preflight.model import Check

BUDGET = Budget(limit=2000, used=800, left=1200, source="meta", frees_at=None, tier="TIER_2K")
USED_UP = replace(BUDGET, used=2000, left=0, frees_at="2026-11-26T14:10:00Z")
COUNTS = {"sent": 800, "ready": 9_987, "processing": 20}


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def campaign(budget: Budget | None, **answer: Any) -> Any:
    counts = Counts(*[0] * 7).by_name() | COUNTS
    return campaign_at(
        **{
            "budget": budget and asdict(budget),
            "counts": counts,
            "total_contacts": 10_807,
            "rate_per_second": 80.0,
            **answer,
        }
    )


@given(
    limit=st.integers(1, 10_000),
    used=st.integers(0, 20_000),
    taken=st.integers(0, 10_000),
    unsent=st.integers(0, 20_000),
    others=st.integers(0, 5),
    rate=st.floats(0, 1000),
)
def test_where_it_stops(
    limit: int, used: int, taken: int, unsent: int, others: int, rate: float
) -> None:
    left = max(0, limit - used)
    budget = Budget(limit, used, left, "person", None, others=others)
    stop = stop_of(budget, taken, unsent, rate)
    share = budget.share
    assert share * (1 + others) >= left
    if unsent <= share:
        assert stop is None
    else:
        assert stop is not None
        assert stop.recipient == taken + share
        assert (stop.seconds == 0) == (left == 0)


@given(people=st.integers(1, 10**6), limit=st.integers(1, 10**5), left=st.integers(0, 10**5))
def test_days_are_enough_and_none_too_many(people: int, limit: int, left: int) -> None:
    days = days_needed(people, limit, left)
    assert left + (days - 1) * limit >= people
    assert days == 1 or left + (days - 2) * limit < people


def test_the_contract_of_the_campaign_object() -> None:
    shown = json.loads(json.dumps(campaign_json(campaign(BUDGET))))["budget"]
    assert (shown["limit"], shown["used"], shown["left"], shown["source"]) == (
        *(2000, 800, 1200, "meta"),
    )
    assert shown["frees_at"] is None
    assert shown["stops_at_recipient"] == 820 + 1200
    assert shown["stops_at"].endswith("Z")
    assert campaign_json(campaign(None))["budget"] is None
    plenty = campaign_json(campaign(replace(BUDGET, limit=100_000, left=99_200)))["budget"]
    assert (plenty["stops_at_recipient"], plenty["stops_at"]) == (None, None)


def test_a_campaign_that_the_budget_stops_has_no_eta() -> None:
    assert campaign(None).eta_seconds is not None
    assert campaign(BUDGET).eta_seconds is None


def kinds(budget: Budget | None, **answer: Any) -> dict[FindingKind, str]:
    one = campaign(budget, **answer)
    one = replace(one, live_workers=1)
    return {finding.kind: finding.text for finding in findings_of(one)}


def test_findings_say_that_it_stops_and_that_it_stopped() -> None:
    found = kinds(BUDGET)
    assert FindingKind.BUDGET_USED_UP not in found
    assert found[FindingKind.BUDGET_STOPS].startswith("stops at recipient 2,020 at ")
    assert "1,200 more people today; then it goes on by itself" in found[FindingKind.BUDGET_STOPS]
    shared = kinds(replace(BUDGET, others=1))[FindingKind.BUDGET_STOPS]
    assert "stops at recipient 1,420" in shared
    assert "1,200 more people today for 2 running campaigns" in shared
    still = {
        "rate_per_second": 0.0,
        "counts": Counts(*[0] * 7).by_name() | {"sent": 800, "ready": 10_007},
        "start_time": "2026-01-01T00:00:00Z",
        "run_seconds": 90.0,
    }
    found = kinds(USED_UP, **still)
    assert FindingKind.NOTHING_SENT not in found
    text = found[FindingKind.BUDGET_USED_UP]
    assert text.startswith("budget of the portfolio: 2,000 of 2,000 used, next place at ")
    assert "14:10" in text
    assert "10,007 rows left" in text
    assert kinds(None, **still)[FindingKind.NOTHING_SENT] == (
        "10,007 rows ready, but nothing was sent in the last minute (running for 1 min 30 s)"
    )
    # Resumed a moment ago: its first start says nothing.
    assert FindingKind.NOTHING_SENT not in kinds(None, **(still | {"run_seconds": 5.0}))


def test_a_stop_to_come_is_told_by_the_database_s_clock() -> None:
    one = replace(campaign(BUDGET), at="2001-02-03T04:05:06+00:00", live_workers=1)
    assert one.stop is not None
    texts = {finding.kind: finding.text for finding in findings_of(one)}
    assert " at 2001-02-03 " in texts[FindingKind.BUDGET_STOPS]
    assert campaign_json(one)["budget"]["stops_at"].startswith("2001-02-03T04:")


def test_a_rate_above_the_throughput() -> None:
    assert rate_above(80, None) is None
    assert rate_above(80, 80) is None
    said = "rate 250/s is above the number's throughput 80/s: 80/s is used"
    assert rate_above(250, 80) == said
    number = RUNNING["number"] | {"rate": 80.0, "configured_rate": 250, "throughput": 80}
    found = kinds(None, number=number)
    assert found[FindingKind.RATE_CAPPED] == said
    assert FindingKind.SLOWED_DOWN not in found
    slowed = kinds(None, number=number | {"rate": 56.0})
    assert "slowed down to 56/s of 80/s" in slowed[FindingKind.SLOWED_DOWN]


def text_of(budget: Budget | None) -> str:
    # Of today: a time of another day is shown with its date.
    stats = Stats(f"{datetime.now(UTC):%Y-%m-%d}T13:00:00Z", [campaign(budget)], [])
    return "\n".join("".join(text for text, _ in line) for line in stats_lines(stats))


def test_queue_stats_and_lines() -> None:
    shown = text_of(replace(BUDGET, numbers=2))
    assert (
        "budget of the portfolio: 800 of 2,000 used (people in 24 h, TIER_2K, 2 numbers)" in shown
    )
    assert "rate 80/s, stops at recipient 2,020 at 13:00 UTC" in shown
    used_up = text_of(USED_UP)
    assert "rate 80/s, stopped at recipient 820" in used_up
    assert "budget of the portfolio" not in text_of(None)
    line = progress_line("2026-11-26T13:00:00Z", campaign(USED_UP))
    assert "budget_used=2000 budget_limit=2000 budget_frees_at=2026-11-26T14:10:00Z" in line
    assert "budget" not in progress_line("2026-11-26T13:00:00Z", campaign(None))


def test_the_worker_says_why_it_waits() -> None:
    counts = Counts(*[0] * 7)
    verdict = CompletionVerdict(
        False, "running", replace(counts, ready=500), 0, None, None, USED_UP
    )
    assert "500 rows ready (budget of the portfolio: 2,000 of 2,000 used, next" in (
        describe_verdict(verdict)
    )
    assert "budget" not in describe_verdict(replace(verdict, budget=BUDGET))


NUMBER = KnownNumber(
    id="1",
    phone_number_id="200000000000001",
    waba_id="21",
    digits="447700900001",
    display_name="Offers",
    is_active=True,
    rate_configured=80,
    rate_now=80,
)


@pytest.mark.parametrize(
    ("limit", "told", "budget", "people", "verdict", "text"),
    [
        # Never told, never set: Meta's word of this moment counts, and nothing is used.
        (MessagingLimit(), "TIER_2K", None, 2000, Check.OK, "(TIER_2K); this campaign has 2,000"),
        (
            *(MessagingLimit(), "TIER_2K", None, 10_807, Check.WARN),
            "this campaign has 10,807: it stops at recipient 2,000, goes on by itself as the day"
            " rolls, and takes 6 days at least",
        ),
        (
            *(MessagingLimit(people=2000, source="meta", tier="TIER_2K"), "TIER_2K", BUDGET),
            *(1201, Check.WARN, "and 1,200 more now; this campaign has 1,201: it stops at"),
        ),
        (
            *(MessagingLimit(people=2000, source="meta", tier="TIER_2K"), None, USED_UP),
            *(10, Check.WARN, "and 0 more now; this campaign has 10: it begins at"),
        ),
        # Meta raised it since it was read last.
        (
            *(MessagingLimit(people=2000, source="meta", tier="TIER_2K"), "TIER_10K", BUDGET),
            *(9_200, Check.OK, "10,000 people in 24 h (TIER_10K), and 9,200 more now"),
        ),
        (
            *(MessagingLimit(people=500, source="person"), "TIER_10K", replace(BUDGET, used=0)),
            *(501, Check.WARN, "500 people in 24 h (set); this campaign has 501"),
        ),
        (
            *(MessagingLimit(source="person"), "TIER_250", None, 1000, Check.OK),
            "no messaging limit is kept to (set); Meta says TIER_250",
        ),
        (MessagingLimit(), "TIER_MOON", None, 10, Check.SKIPPED, "Offers may send (TIER_MOON)"),
    ],
)
def test_preflight_says_where_it_stops(
    limit: MessagingLimit,
    told: str | None,
    budget: Budget | None,
    people: int,
    verdict: Check,
    text: str,
) -> None:
    answer = None if told is None else Number(messaging_limit=told)
    line = limit_line(replace(NUMBER, limit=limit), answer, budget, people)
    assert line.verdict is verdict
    assert text in line.text
    assert verdict is Check.OK or "wacampaign number set 200000000000001" in line.fix


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (MessagingLimit(), "unknown"),
        (MessagingLimit(people=2000, source="meta", tier="TIER_2K"), "2,000 (TIER_2K)"),
        (MessagingLimit(people=2000, source="person", tier="TIER_250"), "2,000 (set)"),
        (MessagingLimit(source="meta", tier="TIER_UNLIMITED"), "none (TIER_UNLIMITED)"),
        (MessagingLimit(source="person"), "none (set)"),
    ],
)
def test_a_limit_in_words(limit: MessagingLimit, words: str) -> None:
    assert limit.in_words == words
