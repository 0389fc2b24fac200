"""Commands that change something tell plan and result as one object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.main import get_command

from tests.cli.conftest import Seeded, Wacampaign
from wacampaign.cli.app import app

#: Commands without `--json`, and why.
WITHOUT: dict[str, str] = {
    "run-worker": "runs until it is stopped; its log is for programs (--log-format)",
    "webhook": "runs until it is stopped",
    "demo": "a play for a person",
    "db sql": "prints SQL",
    "pm2": "prints a file",
    "optouts export": "writes a file",
}
KEYS = {"schema_version", "changed", "dry_run", "plan", "next"}


def commands(command: Any, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Path of each command and its options."""
    inner = getattr(command, "commands", None)
    for name in inner or ():
        yield from commands(inner[name], f"{path} {name}".strip())
    if inner is None or (command.invoke_without_command and path):
        yield path, {option for param in command.params for option in param.opts}


ALL = dict(commands(get_command(app)))


def test_every_command_speaks_json_or_says_why_not() -> None:
    assert {path for path, options in ALL.items() if "--json" not in options} == set(WITHOUT)


def test_a_changing_command_speaks_json() -> None:
    changing = {path for path, options in ALL.items() if {"--yes", "--dry-run"} & options}
    assert {"pause", "create", "fix-media", "optouts import", "db migrate"} <= changing
    assert {path for path in changing if "--json" not in ALL[path]} == set()


def told(wacampaign: Wacampaign, *words: str, code: int = 0) -> dict[str, Any]:
    done = wacampaign(*words, "--json")
    assert done.exit_code == code, done.stderr
    (line,) = done.stdout.splitlines()
    answer: dict[str, Any] = json.loads(line)
    assert answer.keys() >= KEYS
    return answer


@pytest.mark.usefixtures("seeded")
def test_pausing_says_from_what_to_what(wacampaign: Wacampaign, seeded: Seeded) -> None:
    planned = told(wacampaign, "pause", "market_1", "--dry-run")
    assert (planned["changed"], planned["dry_run"]) == (False, True)
    (step,) = planned["plan"]["steps"]
    assert step == {"n": 1, "what": "campaign", "was": "running", "becomes": "paused"}
    assert "20 rows wait until it is resumed" in " ".join(planned["plan"]["notes"])
    assert planned["campaign"]["status"] == "running"
    made = told(wacampaign, "pause", "market_1", "--yes")
    assert (made["changed"], made["dry_run"], made["was"]) == (True, False, "running")
    named = {"id": seeded.campaign_id, "name": "market_1", "status": "paused"}
    assert made["campaign"] == named
    assert made["rows"]["ready"] == 20
    assert made["next"].startswith("wacampaign resume")
    again = told(wacampaign, "pause", "market_1", "--yes")
    assert (again["changed"], again["plan"]) == (False, None)
    assert told(wacampaign, "cancel", "market_1", "--yes")["campaign"]["status"] == "failed"


def test_without_yes_the_error_is_an_object(wacampaign: Wacampaign, seeded: Seeded) -> None:
    done = wacampaign("pause", seeded.campaign_id, "--json")
    assert (done.exit_code, done.stdout) == (6, "")
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert (error["code"], error["changed"]) == ("confirmation_required", False)


def test_failed_rows_are_counted(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    none = told(wacampaign, "retry-failed", "market_1", "--code", "131026", "--yes")
    assert (none["changed"], none["rows"]) == (False, 0)
    sql.execute(
        "update send_queue set status = 'failed', error_code = 131026, error_message = 'no'"
        " where id in (select id from send_queue limit 6)"
    )
    made = told(wacampaign, "retry-failed", "market_1", "--code", "131026", "--yes")
    assert (made["changed"], made["rows"], made["code"]) == (True, 6, 131026)
    assert made["plan"]["steps"][0]["n"] == 6
    assert len(made["plan"]["samples"]) == 5
    assert seeded.campaign_id in made["campaign"]["id"]


@pytest.mark.usefixtures("seeded")
def test_what_is_stuck(wacampaign: Wacampaign) -> None:
    stuck = told(wacampaign, "restart-stuck", "--dry-run")
    (one,) = stuck["stuck"]
    assert one["campaign"]["name"] == "market_1"
    assert one["kinds"] == ["no_live_worker"]
    assert not stuck["changed"]


def test_opt_outs(wacampaign: Wacampaign, tmp_path: Path) -> None:
    phone = "+447700900123"
    planned = told(wacampaign, "optouts", "add", phone, "--dry-run")
    assert (planned["changed"], planned["numbers"]) == (False, 0)
    assert phone[1:] not in json.dumps(planned)
    made = told(wacampaign, "optouts", "add", phone, "--yes")
    assert (made["changed"], made["numbers"], made["already"]) == (True, 1, 0)
    assert told(wacampaign, "optouts", "add", phone, "--yes")["already"] == 1
    (tmp_path / "list.csv").write_text(f"phone\n{phone}\n+447700900124\nnobody\n")
    listed = told(wacampaign, "optouts", "import", "--csv", "list.csv", "--yes")
    assert (listed["numbers"], listed["already"], listed["unreadable"]) == (1, 1, 1)
    assert told(wacampaign, "optouts", "remove", phone, "--yes")["numbers"] == 1


def test_the_schema(wacampaign: Wacampaign, sql: psycopg.Connection[Any]) -> None:
    assert not told(wacampaign, "db", "migrate", "--yes")["changed"]
    sql.execute("drop table wacampaign_pace")
    planned = told(wacampaign, "db", "migrate", "--dry-run")
    assert planned["differences"] >= 1
    assert "table" in {step["what"] for step in planned["plan"]["steps"]}
    made = told(wacampaign, "db", "migrate", "--yes")
    assert (made["changed"], made["differences"]) == (True, 0)


@pytest.mark.parametrize(
    "words",
    [
        *("start market_1 --skip-preflight", "resume market_1", "daily-window market_1 off"),
        *("fix-media market_1 --url http://127.0.0.1:9/a.png", "prune"),
    ],
)
@pytest.mark.usefixtures("seeded")
def test_the_others_are_wired(wacampaign: Wacampaign, words: str) -> None:
    done = wacampaign(*words.split(), "--dry-run", "--json")
    if done.exit_code == 0:
        answer = json.loads(done.stdout)
        assert answer.keys() >= KEYS
        assert not answer["changed"]
    else:
        assert done.stdout == ""
        assert json.loads(done.stderr.splitlines()[-1])["error"]["changed"] is False
