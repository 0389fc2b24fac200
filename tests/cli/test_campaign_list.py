"""`list` and the names that an error suggests."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Seeded, Wacampaign
from wacampaign.core.display_width import width


def test_there_are_none(wacampaign: Wacampaign) -> None:
    done = wacampaign("list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no campaigns yet" in done.stderr
    assert "wacampaign create --help" in done.stderr
    assert json.loads(wacampaign("list", "--json").stdout)["campaigns"] == []


def test_finished_ones_too_as_lines_for_programs(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("insert into campaigns (name, status) values ('done\tbefore', 'completed')")
    done = wacampaign("status")
    assert done.exit_code == 0
    head, *lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert head[:4] == ["id", "name", "status", "rows"]
    assert [line[1:4] for line in lines] == [
        ["done before", "completed", "0"],
        ["market_1", "running", "20"],
    ]
    assert lines[1][0] == seeded.campaign_id
    chosen = json.loads(wacampaign("list", "--status", "running", "--json").stdout)
    (one,) = chosen["campaigns"]
    assert (one["name"], one["accepted"], one["delivered"]) == ("market_1", 0, None)
    assert wacampaign("list", "--status", "gone").exit_code == 2
    none = wacampaign("list", "--status", "paused")
    assert (none.exit_code, none.stdout) == (0, "")
    assert "no campaign is like that" in none.stderr


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("columns", [40, 60, 80, 140])
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("command", ["list", "audit"])
def test_no_name_widens_the_table(
    environment: dict[str, str],
    sql: psycopg.Connection[Any],
    command: str,
    locale: str,
    columns: int,
) -> None:
    sql.execute("insert into campaigns (name, status)"
                " select 'many ' || g, 'paused' from generate_series(1, 60) g")  # fmt: skip
    for name in ("東京" * 40, "long " * 30, "a\x1b[2Jb\u202e" + "c" * 80, "e\u0301" * 70):
        sql.execute("insert into campaigns (name, status) values (%s, 'paused')", (name,))
    leader, follower = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "wacampaign", command],
        env=os.environ | environment | {"COLUMNS": str(columns), "LINES": "40", "LC_ALL": locale},
        stdout=follower, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while chunk := _read(leader):
        shown += chunk
    assert done.stderr is not None
    if command == "list":
        assert b"50 campaigns shown, there are older ones: --limit 100" in done.stderr.read()
    assert done.wait(30) == 0
    lines = shown.decode().splitlines()
    assert max(map(width, lines)) <= columns
    # That a name was cut is to be seen, and never as a question.
    (long,) = [line for line in lines if "long" in line]
    assert (" long" in long, "..." in long, "…" in long) == (True, locale == "C", locale != "C")
    assert "\x1b" not in shown.decode()


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(
    "command",
    [
        "queue-stats",
        "pause",
        "start",
        "resume",
        "cancel",
        "failures",
        "retry-failed",
        "audit",
        "preflight",
        "restart-stuck",
        "investigate-135000",
        "inbox",
        "monitor",
        "run-worker",
    ],
)
def test_near_names_are_told(wacampaign: Wacampaign, seeded: Seeded, command: str) -> None:
    done = wacampaign(command, "markte_1")
    assert done.exit_code == 5
    shown = seeded.campaign_id[:8]
    shown = seeded.campaign_id if shown.isdecimal() else shown
    near = f"near it: market_1 ({shown}) running"
    assert f"there is no campaign 'markte_1'; {near}" in done.stderr
    assert "wacampaign list" in done.stderr


def test_an_id_of_digits_is_no_phone_number(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    digits = "25509412-1111-4111-8111-111111111111"
    sql.execute(
        "insert into campaigns (id, name, status) values (%s, 'offer', 'paused')", (digits,)
    )
    assert f"near it: offer ({digits[:7]}) paused" in wacampaign("pause", "ofer").stderr


@pytest.mark.usefixtures("seeded")
def test_nothing_is_near(wacampaign: Wacampaign) -> None:
    done = wacampaign("queue-stats", "zzzz", "--json")
    error = json.loads(done.stderr)["error"]
    assert (error["message"], error["suggestion"]) == (
        "there is no campaign 'zzzz'",
        "wacampaign list",
    )
