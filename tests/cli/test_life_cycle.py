"""`start`, `pause`, `resume`, `cancel`, and how campaigns are named."""

from __future__ import annotations

import getpass
import socket
from typing import Any

import psycopg
import pytest

from tests.campaigns import as_found
from tests.cli.conftest import Seeded, Wacampaign
from wacampaign.operations.life_cycle import ACTIONS

pytestmark = pytest.mark.usefixtures("seeded")


def status_of(sql: psycopg.Connection[Any], campaign: str) -> str:
    row = sql.execute("select status from campaigns where id = %s", (campaign,)).fetchone()
    assert row is not None
    return str(row[0])


def set_status(sql: psycopg.Connection[Any], campaign: str, status: str) -> None:
    as_found(sql, "update campaigns set status = %s where id = %s", (status, campaign))


def test_without_a_terminal_it_needs_yes(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    done = wacampaign("pause", "market_1")
    assert done.exit_code == 6
    assert "--yes" in done.stderr
    assert status_of(sql, seeded.campaign_id) == "running"


def test_dry_run_prints_the_plan_and_changes_nothing(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    done = wacampaign("pause", "market_1", "--dry-run")
    assert done.exit_code == 0
    assert "1 campaign: running → paused" in done.stdout
    assert "20 rows wait until it is resumed" in done.stdout
    assert f"afterwards: wacampaign resume {seeded.campaign_id[:8]}" in done.stdout
    assert status_of(sql, seeded.campaign_id) == "running"


@pytest.mark.usefixtures("live_worker")
def test_pause_and_resume_with_their_guarantees(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    sql.execute(
        "update send_queue set status = 'sent' where id in"
        " (select id from send_queue order by id limit 5)"
    )
    done = wacampaign("pause", seeded.campaign_id[:6], "--yes")
    assert done.exit_code == 0
    assert status_of(sql, seeded.campaign_id) == "paused"
    assert "paused: market_1" in done.stdout

    done = wacampaign("resume", seeded.campaign_id, "--yes")
    assert "resume will send 15 rows; 5 already accepted will not be touched" in done.stdout
    assert done.stdout.splitlines()[-1] == f"→ wacampaign monitor {seeded.campaign_id[:8]}"
    assert status_of(sql, seeded.campaign_id) == "running"
    events = sql.execute(
        "select kind, actor from wacampaign_events where kind in ('paused', 'resumed') order by id"
    ).fetchall()
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    assert events == [("paused", who), ("resumed", who)]


def test_resume_without_a_worker_says_so(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    set_status(sql, seeded.campaign_id, "paused")
    done = wacampaign("resume", "market_1", "--yes")
    assert done.stdout.splitlines()[-1].startswith("→ wacampaign run-worker")


def test_a_second_time_changes_nothing_and_says_so(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    wacampaign("pause", "market_1", "--yes")
    before = sql.execute("select count(*) from wacampaign_events").fetchone()
    done = wacampaign("pause", "market_1", "--yes")
    assert done.exit_code == 0
    assert "paused already: nothing was changed" in done.stdout
    assert sql.execute("select count(*) from wacampaign_events").fetchone() == before


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.verb)
@pytest.mark.parametrize("status", ["scheduled", "running", "paused", "completed", "failed"])
def test_what_is_refused_here_is_what_the_database_refuses(
    wacampaign: Wacampaign,
    seeded: Seeded,
    sql: psycopg.Connection[Any],
    action: Any,
    status: str,
) -> None:
    set_status(sql, seeded.campaign_id, status)
    done = wacampaign(action.verb, "market_1", "--yes")
    after = status_of(sql, seeded.campaign_id)
    set_status(sql, seeded.campaign_id, status)
    try:
        sql.execute(
            "select wacampaign_set_status(%s, %s, 'test')", (seeded.campaign_id, action.verb)
        )
    except psycopg.Error as error:
        assert error.sqlstate == "PT409"
        assert done.exit_code == 6
        assert done.stderr.splitlines()[-1].startswith("→ wacampaign queue-stats")
        assert after == status
    else:
        assert done.exit_code == 0
        assert after == status_of(sql, seeded.campaign_id)


def test_no_such_campaign(wacampaign: Wacampaign, seeded: Seeded) -> None:
    done = wacampaign("pause", "market_2", "--yes")
    assert done.exit_code == 5
    done = wacampaign("pause", seeded.campaign_id[:5], "--yes")
    assert done.exit_code == 5
    assert "6 characters" in done.stderr
    # Wildcards of the database are no wildcards here.
    assert wacampaign("pause", "%%%%%%", "--yes").exit_code == 5
    assert wacampaign("pause", "______", "--yes").exit_code == 5


def test_an_ambiguous_name_is_answered_with_the_candidates(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    second = sql.execute(
        "insert into campaigns (name, status) values ('market_1', 'paused') returning id::text"
    ).fetchone()
    assert second is not None
    done = wacampaign("pause", "market_1", "--yes")
    assert done.exit_code == 2
    assert seeded.campaign_id in done.stderr
    assert second[0] in done.stderr
    assert wacampaign("pause", seeded.campaign_id.upper(), "--yes").exit_code == 0


def test_the_plan_says_which_waits_going_on_cuts_short(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    """Meta restricted the account after a person had paused it: nothing else says so."""
    sql.execute(
        "insert into wacampaign_holds (scope, whatsapp_number_id, code, reason, held_until)"
        " values ('account', %s, 368, 'Meta stopped it', '2099-05-01T03:30Z')",
        (seeded.number_id,),
    )
    done = wacampaign("pause", "market_1", "--yes")
    assert "NOTE" not in done.stdout
    done = wacampaign("resume", "market_1", "--dry-run", env={"TZ": "UTC"})
    assert "NOTE: the number waits until 2099-05-01 03:30 UTC: Meta stopped it" in done.stdout
    assert "resume lifts that: its first message goes now" in done.stdout
    sql.execute("update wacampaign_holds set held_until = null")
    assert "NOTE: the number is held: Meta stopped it" in (
        wacampaign("resume", "market_1", "--dry-run").stdout
    )
    # What paused it is told once.
    sql.execute("update campaigns set pause_reason = 'Meta stopped it'")
    assert "NOTE" not in wacampaign("resume", "market_1", "--dry-run").stdout
