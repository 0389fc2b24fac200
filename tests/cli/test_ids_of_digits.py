"""A campaign whose id begins with digits alone: what is shown of it can be typed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

import wacampaign
from tests.campaigns import RUNNING, campaign_at
from tests.cli.conftest import Seeded, Wacampaign
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.masking import mask_secrets
from wacampaign.core.words import short_id

SQL = psycopg.Connection[Any]
#: As the backend may draw it; every 43rd id begins so.
DIGITS = "12345678-9abc-4def-8123-456789abcdef"


@pytest.fixture
def of_digits(seeded: Seeded, sql: SQL) -> str:
    """A second campaign, with the first one's name."""
    sql.execute(
        "insert into campaigns (id, name, whatsapp_number_id, template_names, total_contacts,"
        " status) select %s, name, whatsapp_number_id, template_names, 0, 'completed'"
        " from campaigns where id = %s",
        (DIGITS, seeded.campaign_id),
    )
    return DIGITS


def test_its_short_form_is_masked_nowhere(sql: SQL) -> None:
    assert (short_id(DIGITS), short_id("1234567a-9")) == ("1234567", "1234567a")
    assert mask_secrets(f"wacampaign queue-stats {short_id(DIGITS)}").endswith(short_id(DIGITS))
    for one in (DIGITS, DIGITS.replace("8-", "a-")):
        assert sql.execute("select wacampaign_short_id(%s)", (one,)).fetchone() == (short_id(one),)


def test_what_is_suggested_can_be_typed(
    wacampaign: Wacampaign, seeded: Seeded, of_digits: str, sql: SQL
) -> None:
    row = sql.execute("select name from campaigns where id = %s", (of_digits,)).fetchone()
    assert row is not None
    refused = wacampaign("queue-stats", row[0])
    assert refused.exit_code == 2
    suggested = re.findall(r"for example (\S+)", refused.stderr)
    assert suggested in ([short_id(of_digits)], [short_id(seeded.campaign_id)])
    over = wacampaign("pause", of_digits, "--yes")
    assert over.exit_code == 6
    assert f"({short_id(of_digits)})" in over.stderr
    step = over.stderr.splitlines()[-1].partition("wacampaign ")[2]
    assert step == f"queue-stats {short_id(of_digits)}"
    assert wacampaign(*step.split()).exit_code == 0


def test_what_was_typed_is_shown_back(wacampaign: Wacampaign) -> None:
    """A date as a name, or an id's beginning; what is longer may be a phone number."""
    done = wacampaign("pause", "20261127", "--yes")
    assert (done.exit_code, "there is no campaign '20261127'" in done.stderr) == (5, True)
    done = wacampaign("daily-window", "12345678", "9-20")
    assert done.exit_code == 2
    assert "wacampaign daily-window 12345678 " in done.stderr
    done = wacampaign("inbox", "447700900123")
    assert (done.exit_code, "7700900123" in done.stderr) == (5, False)
    done = wacampaign("queue-stats", "99988877", "--json")
    assert "there is no campaign '99988877'" in json.loads(done.stderr)["error"]["message"]


@pytest.mark.parametrize("campaign_id", [DIGITS, DIGITS.replace("8-", "a-")])
def test_what_a_holds_reason_says_to_type_is_suggested(campaign_id: str) -> None:
    step = f"wacampaign preflight {short_id(campaign_id)}"
    held = {
        "scope": "changed", "template": "hello", "code": None, "until": None,
        "reason": f"the template hello (en) changed: it is PAUSED; {step} says what to do",
    }  # fmt: skip
    campaign = campaign_at(
        id=campaign_id,
        counts={**RUNNING["counts"], "ready": 3},
        number={"display_name": None, "phone_number_id": "1000000001"},
        holds=[held],
    )
    assert step in [one.command for one in findings_of(campaign) if step in one.text]


def test_ids_are_shortened_in_one_place() -> None:
    """Another cut may leave eight digits, which texts mask like a phone number."""
    package = Path(wacampaign.__file__).parent
    cut = [
        f"{path.name}:{number}"
        for path in package.rglob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"id\w*[)\]]?\)?\[:8\]", line) and path.name != "words.py"
    ]
    assert cut == []
