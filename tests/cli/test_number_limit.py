"""`number set --messaging-limit`, `--portfolio`, and what `number list` says of limit and rate."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Wacampaign
from wacampaign.cli.number_limit import people_of
from wacampaign.problems import Usage
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_TOKEN, DEMO_WABA_ID
from wacampaign.sandbox.process import SandboxProcess

SET = ("number", "set", DEMO_PHONE_NUMBER_ID)
LIMIT = "whatsapp_business_manager_messaging_limit"


@pytest.fixture
def number(
    sandbox: SandboxProcess, environment: dict[str, str], wacampaign: Wacampaign
) -> SandboxProcess:
    environment["WHATSAPP_API_URL"] = sandbox.url
    environment["META_ACCESS_TOKEN"] = DEMO_TOKEN
    sandbox.control.put_number(DEMO_PHONE_NUMBER_ID, **{LIMIT: "TIER_2K"})
    done = wacampaign(
        *("number", "add", DEMO_PHONE_NUMBER_ID, "--waba", DEMO_WABA_ID, "--rate", "250", "--yes")
    )
    assert done.exit_code == 0, done.output
    assert "messaging limit of its portfolio: TIER_2K" in done.stdout
    return sandbox


def listed(wacampaign: Wacampaign) -> dict[str, Any]:
    done = wacampaign("number", "list", "--json")
    (only,) = json.loads(done.stdout)["numbers"]
    found: dict[str, Any] = only
    return found


@pytest.mark.parametrize(
    ("text", "people"),
    [
        *(("2000", 2000), ("2,000", 2000), ("2K", 2000), (" 10k ", 10_000), ("1", 1)),
        *(("none", 0), ("None", 0), ("META", -1)),
    ],
)
def test_what_is_typed(text: str, people: int) -> None:
    assert people_of(text, "200000000000001") == people


@pytest.mark.parametrize("text", ["", "0", "-1", "2.5", "many", "K", "²", "99999999999"])
def test_what_is_no_limit(text: str) -> None:
    with pytest.raises(Usage) as wrong:
        people_of(text, "200000000000001")
    assert wrong.value.suggestion == (
        "wacampaign number set 200000000000001 --messaging-limit 2000"
    )


def test_set_beats_meta_and_is_taken_back(number: SandboxProcess, wacampaign: Wacampaign) -> None:
    limit = listed(wacampaign)["messaging_limit"]
    assert (limit["people"], limit["source"], limit["tier"]) == (2000, "meta", "TIER_2K")

    plan = wacampaign(*SET, "--messaging-limit", "10000", "--dry-run")
    assert "1 messaging limit: 2,000 (TIER_2K) → 10,000 (set)" in plan.stdout
    assert "NOTE: Meta says TIER_2K: what goes beyond 2,000 it may refuse" in plan.stdout
    assert listed(wacampaign)["messaging_limit"] == limit
    assert wacampaign(*SET, "--messaging-limit", "500").exit_code == 6  # nobody said yes

    done = wacampaign(*SET, "--messaging-limit", "500", "--yes")
    assert done.exit_code == 0, done.output
    assert "messaging limit 500 (set)" in done.stdout
    again = wacampaign(*SET, "--messaging-limit", "500", "--yes")
    assert "nothing was changed: messaging limit 500 (set)" in again.stdout

    # Meta raised it meanwhile.
    number.control.put_number(DEMO_PHONE_NUMBER_ID, **{LIMIT: "TIER_10K"})
    done = wacampaign(*SET, "--messaging-limit", "meta", "--yes", "--json")
    told = json.loads(done.stdout)
    assert told["changed"]
    assert (told["messaging_limit"]["people"], told["messaging_limit"]["source"]) == (
        *(10_000, "meta"),
    )
    assert wacampaign(*SET, "--messaging-limit", "none", "--yes").exit_code == 0
    assert listed(wacampaign)["messaging_limit"]["people"] is None


def test_a_portfolio_has_a_name(number: SandboxProcess, wacampaign: Wacampaign) -> None:
    del number
    done = wacampaign(*SET, "--portfolio", "Night shift", "--yes")
    assert done.exit_code == 0, done.output
    assert listed(wacampaign)["messaging_limit"]["portfolio"] == "Night shift"
    assert "nothing was changed" in wacampaign(*SET, "--portfolio", "Night shift").stdout
    assert wacampaign(*SET, "--portfolio", "", "--yes").exit_code == 0
    assert listed(wacampaign)["messaging_limit"]["named"] is None


def test_a_rate_above_the_throughput_is_told(
    number: SandboxProcess, wacampaign: Wacampaign
) -> None:
    del number
    done = wacampaign("number", "list")
    said = "rate 250/s is above the number's throughput 80/s: 80/s is used"
    assert f"{DEMO_PHONE_NUMBER_ID}: {said}" in done.stderr
    assert "80 of 250" in done.stdout
    assert listed(wacampaign)["rate_per_second"] == 80


def test_what_is_not_asked_for_together(number: SandboxProcess, wacampaign: Wacampaign) -> None:
    del number
    assert wacampaign(*SET).exit_code == 2
    both = wacampaign(*SET, "--messaging-limit", "5", "--marketing-endpoint", "on")
    assert both.exit_code == 2
