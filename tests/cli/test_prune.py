"""`prune`: its plan, its steps, what stops it, and the files that it leaves alone."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import run_on, worker
from tests.cli.conftest import Wacampaign
from tests.store.test_prune import finished, grow_old
from wacampaign.core.pruning import told_bytes
from wacampaign.operations.prune import next_limit
from wacampaign.store.pruning import Pruning

Connection = psycopg.Connection[Any]
DAY = 86_400


def test_the_plan_then_the_change_then_nothing(
    wacampaign: Wacampaign, database: str, sql: Connection
) -> None:
    run_on(database, lambda store: finished(store, sql))
    done = wacampaign("prune")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("nothing is old enough; wacampaign's tables have ")
    grow_old(sql, 401)
    done = wacampaign("prune", "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert "4 messages: older than 400 days → only counted" in done.stdout
    assert "left alone: the backend's tables" in done.stdout
    assert wacampaign("prune").exit_code == 6  # nobody to ask
    counted = sql.execute("select count(*) from wacampaign_deliveries").fetchone()
    assert counted == (4,)
    done = wacampaign("prune", "--yes")
    assert done.exit_code == 0, done.stderr
    assert "4 messages: only counted" in done.stdout
    assert done.stdout.splitlines()[-1] == "→ wacampaign prune --dry-run"
    done = wacampaign("prune", "--yes")
    assert done.stdout.startswith("nothing is old enough")


def test_as_json(wacampaign: Wacampaign, database: str, sql: Connection) -> None:
    run_on(database, lambda store: finished(store, sql))
    grow_old(sql, 50)
    told = json.loads(wacampaign("prune", "--dry-run", "--json").stdout)
    assert told["schema_version"] == 1 and told["dry_run"] is True
    parts = {part["part"]: part for part in told["parts"]}
    assert (parts["statuses"]["rows_due"], parts["statuses"]["rows_done"]) == (4, 0)
    told = json.loads(wacampaign("prune", "--yes", "--json").stdout)
    parts = {part["part"]: part for part in told["parts"]}
    assert (parts["statuses"]["rows_done"], parts["statuses"]["days"]) == (4, 45)
    sizes = {table["name"]: table["ours"] for table in told["tables"]}
    assert sizes["send_queue"] is False and sizes["wacampaign_deliveries"] is True


def test_ages_that_would_lose_statuses_are_refused(wacampaign: Wacampaign) -> None:
    done = wacampaign("prune", "--details", "30")
    assert done.exit_code == 2
    assert "45" in done.stderr


def test_ctrl_c_loses_nothing_and_the_same_command_goes_on(
    wacampaign: Wacampaign, database: str, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_on(database, lambda store: finished(store, sql))
    grow_old(sql, 401)
    step = Pruning.step
    calls: list[str] = []

    async def interrupted(self: Pruning, part: str, *given: Any) -> Any:
        calls.append(part)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return await step(self, part, *given)

    monkeypatch.setattr(Pruning, "step", interrupted)
    done = wacampaign("prune", "--yes")
    assert done.exit_code == 130
    assert "stopped: 4 rows went; the same command goes on" in done.stderr
    assert sql.execute("select count(*) from wacampaign_deliveries").fetchone() == (0,)
    monkeypatch.undo()


def test_old_files_go_and_those_that_may_prove_something_stay(
    wacampaign: Wacampaign, database: str, sql: Connection, tmp_path: Path
) -> None:
    async def two_workers(store: Any) -> list[str]:
        return [str(await worker(store)) for _ in range(2)]

    settled, doubted = run_on(database, two_workers)
    campaign = run_on(database, lambda store: finished(store, sql))
    sql.execute("update wacampaign_workers set stopped_at = now()")
    sql.execute("alter table send_queue disable trigger wacampaign_guard_row")
    sql.execute(
        "update send_queue set status = 'processing', in_doubt_since = now(), worker_id = %s,"
        " in_doubt_cause = 'worker_lost' where id in"
        " (select id from send_queue where campaign_id = %s limit 1)",
        (doubted, campaign),
    )
    journals = tmp_path / "home" / "journals"
    bodies = tmp_path / "home" / "webhooks" / "received"
    journals.mkdir(parents=True)
    bodies.mkdir(parents=True)
    stranger = str(uuid4())
    old = time.time() - 46 * DAY
    for file, then in {
        journals / f"{settled}.0.journal": old,
        journals / f"{doubted}.0.journal": old,
        journals / f"{stranger}.0.journal": old,
        bodies / f"{stranger}.3.damaged": old,
        bodies / f"{stranger}.4.damaged": time.time(),
        bodies / f"{stranger}.4.bodies": old,
    }.items():
        file.write_bytes(b"x")
        os.utime(file, (then, then))
    done = wacampaign("prune", "--yes")
    assert "2 files: removed" in done.stdout, done.stderr
    left = {path.name for path in (tmp_path / "home").rglob("*.*")}
    assert left == {
        f"{doubted}.0.journal",
        f"{stranger}.0.journal",
        f"{stranger}.4.damaged",
        f"{stranger}.4.bodies",
    }


def test_steps_grow_and_shrink_with_the_database() -> None:
    assert next_limit(500, 0.01) == 1000
    assert next_limit(10_000, 0.01) == 10_000
    assert next_limit(1000, 0.4) == 500
    assert next_limit(60, 9.0) == 50


def test_sizes_are_told_as_disks_are_sold() -> None:
    assert [told_bytes(n) for n in (0, 999, 1_000, 310_400_000, 1_440_000_000)] == [
        "0 B",
        "999 B",
        "1 kB",
        "310 MB",
        "1.4 GB",
    ]
