"""`fix-media --template`: unsent rows move to a copy of their template, and back; they are sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.campaigns import accepted, past_ramp, run_on
from tests.campaigns import worker as a_worker
from tests.cli.conftest import Wacampaign
from tests.servers import SECRET_KEY
from tests.store.test_failures import fail
from wacampaign.sandbox.demo import (
    DEMO_MEDIA_ID,
    DEMO_PHONE_NUMBER_ID,
    DEMO_TOKEN,
    DEMO_WABA_ID,
)
from wacampaign.sandbox.process import SandboxProcess
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue

SQL = psycopg.Connection[Any]
ROWS = 12


@pytest.fixture(params=["postgres", "supabase"])
def transport(request: pytest.FixtureRequest, environment: dict[str, str]) -> str:
    """Each command line goes over it."""
    if request.param == "supabase":
        environment["DATABASE_URL"] = ""
        environment["SUPABASE_URL"] = request.getfixturevalue("rest_url")
        environment["SUPABASE_SERVICE_KEY"] = SECRET_KEY
    return str(request.param)


@pytest.fixture
def account(
    sandbox: SandboxProcess, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> SandboxProcess:
    environment["WHATSAPP_API_URL"] = sandbox.url
    environment["META_ACCESS_TOKEN"] = DEMO_TOKEN
    monkeypatch.setattr("wacampaign.operations.template_copy.FIRST_POLL_SECONDS", 0.05)
    sandbox.control.settings(review_ms=0)
    return sandbox


@pytest.fixture
def market(account: SandboxProcess, wacampaign: Wacampaign, tmp_path: Path, sql: SQL) -> str:
    """A running campaign with demo_video; half of its rows failed with 135000."""
    assert account.url
    done = wacampaign("number", "add", DEMO_PHONE_NUMBER_ID, "--waba", DEMO_WABA_ID, "--yes")
    assert done.exit_code == 0, done.output
    people = tmp_path / "people.csv"
    people.write_text(
        "phone,video,name\n"
        + "".join(f"+4477009{n:05d},{DEMO_MEDIA_ID},person {n}\n" for n in range(1, ROWS + 1))
    )
    done = wacampaign(
        *("create", "--csv", str(people), "--number", DEMO_PHONE_NUMBER_ID),
        *("--template", "demo_video", "--name", "market", "--yes"),
    )
    assert done.exit_code == 0, done.output
    (campaign,) = sql.execute("select id::text from campaigns").fetchone() or ("",)
    sql.execute("update campaigns set status = 'running', start_time = now()")
    fail(sql, campaign, ROWS // 2, code=135000, text="Generic user error")
    return str(campaign)


def rows_by(sql: SQL) -> dict[tuple[str, str], int]:
    return {
        (template, status): n
        for template, status, n in sql.execute(
            "select template_name, status, count(*)::int from send_queue group by 1, 2"
        ).fetchall()
    }


def payloads(sql: SQL) -> list[Any]:
    return sql.execute("select id::text, payload::text from send_queue order by id").fetchall()


def listed(sql: SQL) -> list[str]:
    (names,) = sql.execute("select template_names from campaigns").fetchone() or ([],)
    return list(names)


def copy(wacampaign: Wacampaign, *more: str) -> None:
    done = wacampaign("templates", "copy", "demo_video", "demo_video_2", "--wait", "--yes", *more)
    assert done.exit_code == 0, done.output


@pytest.mark.usefixtures("transport")
def test_copied_moved_and_sent(
    market: str,
    account: SandboxProcess,
    wacampaign: Wacampaign,
    sql: SQL,
    environment: dict[str, str],
) -> None:
    copied = wacampaign("templates", "copy", "demo_video", "demo_video_2", "--wait", "--yes")
    short = market[:8]
    assert copied.stdout.endswith(
        f"→ wacampaign fix-media {short} --template demo_video_2 --dry-run\n"
    )
    # Another language of the copy is another template.
    account.control.put_templates(
        DEMO_WABA_ID,
        {
            "name": "demo_video_2",
            "language": "de",
            "components": [{"type": "BODY", "text": "Ein anderer Text"}],
        },
    )
    assert wacampaign("templates", "sync").exit_code == 0
    before = payloads(sql)
    planned = wacampaign("fix-media", short, "--template", "demo_video_2", "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "plan: move to the template demo_video_2 the unsent rows of market" in planned.stdout
    assert "6 rows: failed → ready with the template demo_video_2" in planned.stdout
    assert "6 rows: ready → ready with the template demo_video_2" in planned.stdout
    assert planned.stdout.count("demo_video → demo_video_2") == 5
    assert rows_by(sql) == {("demo_video", "failed"): 6, ("demo_video", "ready"): 6}

    done = wacampaign("fix-media", short, "--template", "demo_video_2", "--yes")
    assert done.exit_code == 0, done.output
    assert "moved: 12 rows of market" in done.stdout
    assert rows_by(sql) == {("demo_video_2", "ready"): 12}
    assert payloads(sql) == before
    assert listed(sql) == ["demo_video", "demo_video_2"]
    assert sql.execute(
        "select language from wacampaign_campaign_templates where template_name = 'demo_video_2'"
    ).fetchall() == [("en_US",)]
    again = wacampaign("fix-media", short, "--template", "demo_video_2", "--yes")
    assert again.exit_code == 0
    assert "nothing was changed: no row of market" in again.stdout

    sent = subprocess.run(
        [sys.executable, "-m", "wacampaign", "run-worker", "--until-idle"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert rows_by(sql) == {("demo_video_2", "sent"): 12}
    assert [one["template"] for one in account.control.accepted()] == ["demo_video_2"] * 12


def test_after_a_night_of_135000(
    market: str,
    account: SandboxProcess,
    wacampaign: Wacampaign,
    sql: SQL,
    environment: dict[str, str],
) -> None:
    """The template is refused, held, copied; the rows move, the campaign goes on and completes."""
    sql.execute("update send_queue set status = 'ready', error_code = null, error_message = null")
    account.control.add_fault("error", code=135000, template="demo_video")

    def send() -> None:
        done = subprocess.run(
            [sys.executable, "-m", "wacampaign", "run-worker", market, "--until-idle"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    send()
    assert sql.execute("select status from campaigns").fetchone() == ("paused",)
    found = wacampaign("investigate-135000", market, "--no-probe", "--json")
    ways = {o["id"]: o["command"] for o in json.loads(found.stdout)["options"]}
    copying, moving = (ways[name].removeprefix("wacampaign ").split() for name in ("B", "B2"))
    assert wacampaign(*copying, "--yes").exit_code == 0
    done = wacampaign(*moving, "--yes")
    assert done.exit_code == 0, done.output
    assert f"→ wacampaign resume {market[:8]}" in done.stdout
    assert wacampaign("resume", market, "--yes").exit_code == 0
    # Rows that had not been tried are not those that failed with the code.
    sent = wacampaign("fix-media", market, "--template", "demo_video_2", "--yes")
    assert sent.exit_code == 0, sent.output
    send()
    assert rows_by(sql) == {("demo_video_2", "sent"): ROWS}
    assert sql.execute("select status from campaigns").fetchone() == ("completed",)
    assert wacampaign("audit", market).exit_code == 0


@pytest.mark.usefixtures("transport")
def test_moved_back_what_was_not_sent_since(
    market: str, wacampaign: Wacampaign, sql: SQL, database: str
) -> None:
    copy(wacampaign)
    before = rows_by(sql)
    done = wacampaign("fix-media", market, "--template", "demo_video_2", "--yes")
    undo = next(line for line in done.stdout.splitlines() if line.startswith("to undo it: "))

    async def some_sent(store: Store) -> None:
        await past_ramp(store, await a_worker(store), market)

    run_on(database, some_sent)
    sql.execute(
        "update send_queue set status = 'failed', error_code = 131026, error_message = 'x'"
        " where id = (select id from send_queue where status = 'ready' order by id limit 1)"
    )
    command = undo.removeprefix("to undo it: wacampaign ").split()
    planned = wacampaign(*command, "--dry-run")
    assert "with the repair's template" in planned.stdout
    assert "5 were sent since: they stay as they are" in planned.stdout
    assert "demo_video_2 → demo_video" in planned.stdout
    done = wacampaign(*command, "--yes")
    assert done.exit_code == 0, done.output
    after = rows_by(sql)
    assert after[("demo_video_2", "sent")] == 5
    assert {key[0] for key in after if key[1] != "sent"} == {"demo_video"}
    assert sum(after.values()) == sum(before.values())
    assert listed(sql) == ["demo_video", "demo_video_2"]


def test_undone_before_anything_was_sent_is_as_before(
    market: str, wacampaign: Wacampaign, sql: SQL
) -> None:
    def whole() -> list[Any]:
        return sql.execute(
            "select id, template_name, payload::text, status, retry_count, error_code,"
            " error_message, next_retry_at from send_queue order by id"
        ).fetchall()

    copy(wacampaign)
    before = whole()
    done = wacampaign("fix-media", market, "--template", "demo_video_2", "--code", "135000", "-y")
    assert rows_by(sql) == {("demo_video", "ready"): 6, ("demo_video_2", "ready"): 6}
    undo = next(line for line in done.stdout.splitlines() if line.startswith("to undo it: "))
    command = undo.removeprefix("to undo it: wacampaign ").split()
    assert wacampaign(*command, "--yes").exit_code == 0
    assert whole() == before
    assert listed(sql) == ["demo_video"]


def test_rows_in_a_workers_hands_are_not_touched(
    market: str, wacampaign: Wacampaign, sql: SQL, database: str
) -> None:
    copy(wacampaign)

    async def claim(store: Store) -> Any:
        worker = await a_worker(store)
        claimed = await WorkQueue(store).claim(worker, worker, 3, campaign_ids=[market])
        await WorkQueue(store).begin(worker, worker)
        assert claimed.rows
        return worker, claimed.rows

    worker, rows = run_on(database, claim)
    done = wacampaign("fix-media", market, "--template", "demo_video_2", "--yes")
    assert done.exit_code == 0, done.output
    assert rows_by(sql)[("demo_video", "processing")] == len(rows)
    run_on(database, lambda store: WorkQueue(store).settle(worker, accepted(rows)))
    assert rows_by(sql)[("demo_video", "sent")] == len(rows)


def test_what_does_not_fit_is_refused_by_name(
    market: str, account: SandboxProcess, wacampaign: Wacampaign, sql: SQL
) -> None:
    def said(*words: str) -> tuple[int, str]:
        done = wacampaign("fix-media", market, *words, "--yes")
        return done.exit_code, done.stderr

    before = rows_by(sql)
    assert said("--template", "nobody")[0] == 6
    code, text = said("--template", "demo_text")
    assert code == 6
    assert "demo_text takes other variables than demo_video" in text
    assert "wacampaign templates copy demo_video NEW --wait" in text
    account.control.review("PENDING")
    wacampaign("templates", "copy", "demo_video", "slow", "--yes")
    code, text = said("--template", "slow")
    assert code == 6
    assert "slow is PENDING by the last sync" in text
    account.control.put_templates(
        DEMO_WABA_ID, {"name": "slow", "language": "en_US", "status": "APPROVED"}
    )
    wacampaign("templates", "sync", "--yes")
    account.control.put_templates(
        DEMO_WABA_ID, {"name": "slow", "language": "en_US", "status": "PAUSED"}
    )
    code, text = said("--template", "slow")
    assert code == 6
    assert "Meta has slow in en_US as PAUSED" in text
    for table in ("templates", "wacampaign_translations"):
        sql.execute(f"update {table} set language = 'de' where name = 'slow'".encode())
    code, text = said("--template", "slow")
    assert code == 6
    assert "slow is known in de, but the rows are planned in en_US" in text
    for words in (("--upload",), ("--number", "1"), ("--all-rows",)):
        assert said("--template", "slow", *words)[0] == 2
    assert said("--upload", "--only", "demo_video")[0] == 2
    assert rows_by(sql) == before


def test_rows_of_several_templates_are_not_thrown_together(
    market: str, wacampaign: Wacampaign, sql: SQL
) -> None:
    copy(wacampaign)
    sql.execute(
        "insert into templates (whatsapp_number_id, name, category, language, status, components,"
        " is_active) select whatsapp_number_id, 'other', category, language, status, components,"
        " true from templates where name = 'demo_video'"
    )
    sql.execute(
        "update send_queue set template_name = 'other' where id in"
        " (select id from send_queue order by id limit 4)"
    )
    done = wacampaign("fix-media", market, "--template", "demo_video_2", "--yes")
    assert done.exit_code == 6
    assert "several templates (demo_video: 8 rows, other: 4 rows)" in done.stderr
    assert "--template demo_video_2 --only demo_video" in done.stderr
    done = wacampaign("fix-media", market, "--template", "demo_video_2", "--only", "ther", "-y")
    assert done.exit_code == 6
    done = wacampaign(
        "fix-media", market, "--template", "demo_video_2", "--only", "demo_video", "--yes"
    )
    assert done.exit_code == 0, done.output
    assert "4 rows of other left out: --only leaves them" in done.stdout
    moved = rows_by(sql)
    assert sum(n for (template, _), n in moved.items() if template == "demo_video_2") == 8
