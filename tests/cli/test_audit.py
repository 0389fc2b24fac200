"""`audit`: the contract's JSON and its verdict."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Seeded, Wacampaign

pytestmark = pytest.mark.usefixtures("seeded")


def test_a_sound_campaign(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("update send_queue set status = 'sent'")
    done = wacampaign("audit", "market_1", "--json")
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    (one,) = answer["campaigns"]
    wanted = {"rows": 20, "accepted": 20, "lost": 0, "duplicates": 0, "in_doubt": 0, "ok": True}
    assert {key: one[key] for key in wanted} == wanted
    assert one["id"] == seeded.campaign_id
    assert "ok: 20 rows, none lost, none sent twice" in wacampaign("audit").stdout


def test_rows_left_by_a_completion_are_lost(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("update campaigns set status = 'completed'")
    done = wacampaign("audit", "market_1")
    assert done.exit_code == 3
    assert "NOT OK: 1 of 1 campaigns have a finding" in done.stdout
    assert "20 rows lost" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("→ wacampaign ")


def test_a_drift_of_the_counts_is_found_and_migrate_heals_it(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("update wacampaign_counts set n = n + 2")
    done = wacampaign("audit", "market_1")
    assert done.exit_code == 3
    assert done.stdout.splitlines()[-1] == "→ wacampaign db migrate"
    assert wacampaign("db", "check").exit_code == 3
    assert wacampaign("db", "migrate", "--yes").exit_code == 0
    assert wacampaign("db", "check").exit_code == 0
    assert wacampaign("audit", "market_1").exit_code == 0
