"""`daily-window`, `start --at` and `pause --until`: what is planned, and what becomes of it."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Seeded, Wacampaign
from tests.cli.test_life_cycle import set_status, status_of
from tests.terminal import Terminal

pytestmark = pytest.mark.usefixtures("seeded")

SQL = psycopg.Connection[Any]


def in_india(hours: float) -> str:
    """What India's clocks show so many hours from now."""
    return f"{datetime.now(UTC) + timedelta(hours=5.5 + hours):%H:%M}"


def of_india(sql: SQL) -> None:
    sql.execute(
        "update send_queue set phone = '91000' || lpad((row_number)::text, 7, '0') from"
        " (select id, row_number() over () from send_queue) as n where n.id = send_queue.id"
    )


def window(sql: SQL) -> Any:
    return sql.execute("select opens::text, closes::text, zone from wacampaign_windows").fetchone()


@pytest.mark.usefixtures("live_worker")
def test_hours_are_planned_set_shown_and_taken_away(wacampaign: Wacampaign, sql: SQL) -> None:
    of_india(sql)
    opens, closes = in_india(1), in_india(2)
    asked = ("daily-window", "market_1", f"{opens}-{closes}", "--zone", "asia/kolkata")
    done = wacampaign(*asked, "--dry-run")
    assert done.exit_code == 0
    assert f"1 campaign: at any time → {opens}-{closes} in the recipients' zones" in done.stdout
    assert "20 rows by Asia/Kolkata: from " in done.stdout
    assert "/s its last row goes in 1 h 00 min" in done.stdout or "59 min" in done.stdout
    assert window(sql) is None
    assert wacampaign(*asked).exit_code == 6
    done = wacampaign(*asked, "--yes")
    assert (done.exit_code, window(sql)) == (0, (f"{opens}:00", f"{closes}:00", "Asia/Kolkata"))
    assert "already: nothing was changed" in wacampaign(*asked, "--yes").stdout

    done = wacampaign("daily-window", "market_1")
    assert f"sends {opens}-{closes} in the recipients' zones" in done.stdout
    done = wacampaign("queue-stats", "market_1", "--json")
    (campaign,) = json.loads(done.stdout)["campaigns"]
    assert (campaign["window"]["opens"], campaign["window"]["closes"]) == (opens, closes)

    done = wacampaign("daily-window", "market_1", "off", "--yes", "--json")
    assert (json.loads(done.stdout)["changed"], window(sql)) == (True, None)


def test_hours_keep_to_a_terminals_width(
    environment: dict[str, str], tmp_path: Path, sql: SQL
) -> None:
    of_india(sql)
    command = f"{sys.executable} -m wacampaign daily-window market_1"
    screen = Terminal(
        f"{command} 09:00-20:00 --yes; {command}; {command} 09:00-20:00",
        tmp_path,
        {**os.environ, "TERM": "xterm", **environment, "COLUMNS": "80"},
    )
    printed = screen.until_its_end()
    screen.close()
    assert "plan: " in printed and "already: nothing was changed" in " ".join(printed.split())
    assert [line for line in printed.splitlines() if len(line) > 80] == []


def test_other_hours_keep_whose_clock_counts(
    wacampaign: Wacampaign, seeded: Seeded, sql: SQL
) -> None:
    """A server's clock is mostly UTC: who moves the end by an hour meant no other zone."""
    asked = ("daily-window", "market_1", "09:00-20:00", "--zone", "Asia/Kolkata", "--yes")
    assert wacampaign(*asked).exit_code == 0
    assert wacampaign("daily-window", "market_1", "10:00-18:00", "--yes").exit_code == 0
    assert window(sql) == ("10:00:00", "18:00:00", "Asia/Kolkata")
    done = wacampaign("daily-window", "market_1", "10:00-18:00", "--yes")
    assert "already: nothing was changed" in done.stdout
    set_status(sql, seeded.campaign_id, "paused")
    for time in ((), ("--at", "2099-05-01 09:00")):
        hours = ("--daily-window", f"1{len(time)}:00-18:00", "--yes")
        done = wacampaign("start", "market_1", "--skip-preflight", *time, *hours)
        assert done.exit_code == 0, done.stderr
        assert window(sql) == (f"1{len(time)}:00:00", "18:00:00", "Asia/Kolkata")
        set_status(sql, seeded.campaign_id, "paused")
    # Another zone is typed, and told.
    asked = ("daily-window", "market_1", "12:00-18:00", "--zone", "Africa/Nairobi", "--yes")
    done = wacampaign(*asked)
    assert "phones of no known zone: by Africa/Nairobi, no more by Asia/Kolkata" in done.stdout
    assert window(sql) == ("12:00:00", "18:00:00", "Africa/Nairobi")


def test_a_start_sets_the_hours_first(wacampaign: Wacampaign, seeded: Seeded, sql: SQL) -> None:
    set_status(sql, seeded.campaign_id, "paused")
    of_india(sql)
    asked = ("start", "market_1", "--skip-preflight", "--daily-window", "9:00-20:00")
    done = wacampaign(*asked, "--dry-run")
    assert "it sends 09:00-20:00 in the recipients' zones" in done.stdout
    assert window(sql) is None
    done = wacampaign(*asked, "--yes")
    assert done.exit_code == 0, done.stderr
    assert (window(sql), status_of(sql, seeded.campaign_id)) == (
        ("09:00:00", "20:00:00", "UTC"),
        "running",
    )
    # It runs: its hours have a command of their own.
    done = wacampaign("start", "market_1", "--skip-preflight", "--daily-window", "8-9", "--yes")
    assert (done.exit_code, "such as 09:00-20:00" in done.stderr) == (2, True)
    asked = ("start", "market_1", "--skip-preflight", "--daily-window", "08:00-09:00", "--yes")
    done = wacampaign(*asked)
    assert f"wacampaign daily-window {seeded.campaign_id[:8]} 08:00-09:00" in done.stderr


@pytest.mark.parametrize(
    ("time", "says"),
    [
        ("2099-03-08 02:30 America/New_York", "never comes in America/New_York, as clocks are set"),
        ("2099-11-01 01:30 America/New_York", "comes twice in America/New_York"),
        ("2001-01-01 09:00 Asia/Kolkata", "is over: it means 2001-01-01 09:00 in Asia/Kolkata"),
        ("2099-01-01 09:00 Kolkata", "cannot be read: Kolkata is no time zone: Asia/Kolkata?"),
        ("2099-01-01 09:00+01:00 Asia/Kolkata", "has an offset and a zone"),
        ("tomorrow", "is no time"),
    ],
)
def test_a_time_that_is_none_is_refused(wacampaign: Wacampaign, time: str, says: str) -> None:
    for command, option in (("start", "--at"), ("pause", "--until")):
        done = wacampaign(command, "market_1", option, time, "--yes")
        assert done.exit_code == 2
        assert says in done.stderr
        assert f"wacampaign {command} market_1 {option}" in done.stderr


def test_a_wrong_zone_or_pair_of_times_is_told_with_what_can_be_typed(
    wacampaign: Wacampaign,
) -> None:
    done = wacampaign("pause", "market_1", "--until", "2099-01-01 09:00", "--zone", "Kolkata")
    assert done.exit_code == 2
    assert done.stderr == (
        "error: --zone: Kolkata is no time zone: Asia/Kolkata?\n→ such as: --zone Asia/Kolkata\n"
    )
    done = wacampaign("daily-window", "my market", "9 to 5")
    assert done.stderr.endswith("→ such as: wacampaign daily-window 'my market' 09:00-20:00\n")
    done = wacampaign("events", "my market", "--since", "yore")
    assert "→ wacampaign events 'my market' --since " in done.stderr


def test_a_start_by_the_clocks_of_a_zone(wacampaign: Wacampaign, seeded: Seeded, sql: SQL) -> None:
    set_status(sql, seeded.campaign_id, "paused")
    for time in (("2099-05-01 09:00 Asia/Kolkata",), ("2099-05-01 9:00", "--zone", "Asia/Kolkata")):
        done = wacampaign("start", "market_1", "--skip-preflight", "--at", *time, "--dry-run")
        assert "2099-05-01 09:00 in Asia/Kolkata (2099-05-01T03:30Z, here " in done.stdout
        assert "), in 2" in done.stdout
        assert "else it starts once one does, however late" in done.stdout


@pytest.mark.usefixtures("live_worker")
def test_a_pause_that_ends_by_itself(wacampaign: Wacampaign, seeded: Seeded, sql: SQL) -> None:
    sql.execute("update campaigns set start_time = now()")
    asked = ("pause", "market_1", "--until", "2099-05-01 09:00 Asia/Kolkata")
    done = wacampaign(*asked, "--dry-run")
    assert "it goes on by itself at 2099-05-01 09:00 in Asia/Kolkata" in done.stdout
    assert "else it goes on once one does, however late" in done.stdout
    assert status_of(sql, seeded.campaign_id) == "running"
    assert wacampaign(*asked, "--yes").exit_code == 0
    assert status_of(sql, seeded.campaign_id) == "paused"
    assert "already: nothing was changed" in wacampaign(*asked, "--yes").stdout
    told = json.loads(wacampaign(*asked, "--yes", "--json").stdout)
    assert (told["changed"], told["campaign"]["status"]) == (False, "paused")
    shown = wacampaign("queue-stats", "market_1").stdout
    assert "paused until 2099-05-01 03:30 UTC by " in shown
    assert "goes on by itself" in shown
    # Resumed before: nothing is to come any more.
    assert wacampaign("resume", "market_1", "--yes").exit_code == 0
    assert sql.execute("select count(*) from wacampaign_schedule").fetchone() == (0,)


def test_a_campaign_never_started_is_not_paused_for_a_while(
    wacampaign: Wacampaign, seeded: Seeded, sql: SQL
) -> None:
    set_status(sql, seeded.campaign_id, "paused")
    sql.execute("update campaigns set start_time = null")
    done = wacampaign("pause", "market_1", "--until", "2099-05-01 09:00", "--yes")
    assert (done.exit_code, "--at TIME" in done.stderr) == (6, True)
