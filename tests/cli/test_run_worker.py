"""`run-worker`: settings, logs and exit codes; sending itself is tested with the worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from tests.campaigns import add_campaign, run_on
from tests.cli.conftest import Seeded
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store


def start(environment: dict[str, str], *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "wacampaign", "run-worker", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, Sequence[str], str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out.splitlines(), err


def test_until_idle_ends_when_nothing_runs(environment: dict[str, str]) -> None:
    code, lines, err = finish(start(environment, "--until-idle", "--log-format", "json"))
    assert (code, err) == (0, "")
    events = [json.loads(line) for line in lines]
    assert events[0]["event"] == "started"
    assert events[-1]["event"] == "stopped"
    assert all(event["schema_version"] == 1 for event in events)


def test_a_signal_ends_it_in_order(environment: dict[str, str]) -> None:
    process = start(environment)
    assert process.stdout is not None
    assert "event=started" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    code, lines, err = finish(process)
    assert (code, err) == (0, "")
    assert "event=stopped" in lines[-1]


def test_the_least_level(environment: dict[str, str]) -> None:
    code, lines, _ = finish(start(environment, "--until-idle", "--log-level", "error"))
    assert (code, lines) == (0, [])


def test_only_the_campaigns_named(
    environment: dict[str, str], seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("insert into campaigns (name, status) values ('other', 'paused')")
    code, _, err = finish(start(environment, "other", "--until-idle"))
    assert (code, err) == (0, "")
    untouched = sql.execute(
        "select count(*) from send_queue where campaign_id = %s and status = 'ready'",
        (seeded.campaign_id,),
    ).fetchone()
    assert untouched == (20,)


def test_until_idle_says_what_waits_and_why(
    environment: dict[str, str], seeded: Seeded, database: str, sql: psycopg.Connection[Any]
) -> None:
    async def more(store: Store) -> tuple[str, str]:
        later = await add_campaign(
            store, seeded.number_id, 3, name="later", start=False, first_phone=100
        )
        await Campaigns(store).schedule(later, "2099-05-01T03:30:00Z", "me")
        over = await add_campaign(store, seeded.number_id, 2, name="over", first_phone=200)
        await Campaigns(store).set_status(over, "cancel", "me")
        await Campaigns(store).set_status(seeded.campaign_id, "pause", "me")
        return later, over

    later, _ = run_on(database, more)
    run = ("--until-idle", "--log-format", "json")
    utc = environment | {"TZ": "UTC"}
    code, lines, err = finish(start(utc, *run))
    assert (code, err) == (0, "")
    events = [json.loads(line) for line in lines]
    told = ("name", "state", "rows", "text", "suggest")
    assert [tuple(one[key] for key in told) for one in events if one["event"] == "waits"] == [
        ("market_1", "paused", 20, "paused by me", f"wacampaign resume {seeded.campaign_id[:8]}"),
        (
            *("later", "paused", 3),
            # This worker, which ends, is none that could begin it.
            "starts by itself at 2099-05-01 03:30 UTC, if a worker runs then: none is alive",
            "wacampaign run-worker",
        ),
    ]
    assert events[-1]["reason"] == "no running campaign has work left"

    # Of those that were named.
    events = [json.loads(line) for line in finish(start(utc, later, *run))[1]]
    assert [one["name"] for one in events if one["event"] == "waits"] == ["later"]

    sql.execute("update send_queue set status = 'failed'")
    events = [json.loads(line) for line in finish(start(utc, *run))[1]]
    assert [one["event"] for one in events if one["event"] == "waits"] == []
    assert events[-1]["reason"] == "nothing left to do"


def test_what_is_wrong_is_told_before_anything_is_sent(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert finish(start(environment, "nobody"))[0] == 5
    away = environment | {"DATABASE_URL": f"postgresql://postgres@/x?host={tmp_path}"}
    assert finish(start(away, "--until-idle"))[0] == 69
    wrong = environment | {"WACAMPAIGN_STORE": "mongodb"}
    code, lines, err = finish(start(wrong))
    assert (code, lines) == (78, [])
    assert "must be postgres, supabase or embedded" in err
