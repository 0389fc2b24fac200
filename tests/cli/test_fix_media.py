"""`fix-media`: planned, validated, uploaded, repaired, undone; the Cloud API is the sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from importlib import resources
from typing import Any

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number, as_found, run_on
from tests.cli.conftest import Seeded, Wacampaign
from tests.database.backends import EARLY
from tests.servers import SECRET_KEY, PostgresServer, lite_server, migrate, wait_until
from tests.store.test_failures import fail
from tests.store.test_repairs import snapshot
from wacampaign.sandbox.process import SandboxProcess
from wacampaign.store.repairs import REPAIR_STEP
from wacampaign.store.store import Store

Connection = psycopg.Connection[Any]

WABA, TOKEN = "100000000000777", "fix-media-token"
FIRST, SECOND = "200000000000771", "200000000000772"
OLD = "https://media.example.org/uploads/old.mp4"
VIDEO = (resources.files("wacampaign") / "sandbox" / "demo_video.mp4").read_bytes()


def template(url: str) -> dict[str, Any]:
    return {
        "name": "hello",
        "language": "en",
        "status": "APPROVED",
        "category": "MARKETING",
        "components": [
            {"type": "HEADER", "format": "VIDEO", "example": {"header_handle": [url]}},
            {"type": "BODY", "text": "Hello {{1}}"},
        ],
    }


@pytest.fixture
def sandbox(sandbox: SandboxProcess, environment: dict[str, str]) -> SandboxProcess:
    control = sandbox.control
    control.put_waba(WABA, TOKEN)
    for number in (FIRST, SECOND):
        control.put_number(number, waba_id=WABA)
    control.put_templates(WABA, template(put_video(sandbox)))
    environment["WHATSAPP_API_URL"] = sandbox.url
    return sandbox


def put_video(process: SandboxProcess) -> str:
    """On a pretended host; its address as the campaign knows it."""
    process.control.put_hosted("media.example.org", "/sample.mp4", VIDEO, "video/mp4")
    return "https://media.example.org/sample.mp4"


@pytest.fixture
def market(seeded: Seeded, sandbox: SandboxProcess, sql: Connection) -> str:
    """20 rows with a video header: 12 failed with 135000, 1 accepted and failed, 7 ready."""
    assert sandbox.url
    sql.execute(
        "update whatsapp_numbers set phone_number_id = %s, waba_id = %s, access_token = %s",
        (FIRST, WABA, TOKEN),
    )
    sql.execute(
        "update templates set components = %s, language = 'en'",
        (json.dumps(template(OLD)["components"]),),
    )
    sql.execute(
        "update send_queue set payload = payload"
        " || jsonb_build_object('var2', payload -> 'var1', 'var1', %s::text)",
        (OLD,),
    )
    fail(sql, seeded.campaign_id, 12, code=135000, text="Generic user error")
    fail(sql, seeded.campaign_id, 1, code=131053, wamid="wamid.")
    return seeded.campaign_id


def media_of(sql: Connection) -> dict[str, int]:
    return dict(
        sql.execute(
            "select payload ->> 'var1', count(*)::int from send_queue group by 1"
        ).fetchall()
    )


@pytest.mark.usefixtures("market")
def test_upload_once_and_undo(wacampaign: Wacampaign, sql: Connection) -> None:
    before = snapshot(sql)
    done = wacampaign("fix-media", "market_1", "--upload", "--dry-run")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "12 rows: failed → ready with the id of the upload" in done.stdout
    assert "7 rows: ready → ready with the id of the upload" in done.stdout
    assert "1 failed after they were accepted: never sent again" in done.stdout
    assert done.stdout.count("***") == 5
    assert snapshot(sql) == before
    assert wacampaign("fix-media", "market_1", "--upload").exit_code == 6

    done = wacampaign("fix-media", "market_1", "--upload", "--yes")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "repaired: 19 rows of market_1" in done.stdout
    media = media_of(sql)
    assert media.pop(OLD) == 1
    ((media_id, n),) = media.items()
    assert (media_id.isdigit(), n) == (True, 19)
    done = wacampaign("fix-media", "market_1", "--upload", "--yes")
    assert done.exit_code == 0
    assert "nothing was changed" in done.stdout
    assert sql.execute("select count(*) from media_library").fetchone() == (1,)

    found = sql.execute("select id::text from wacampaign_repairs").fetchone()
    assert found is not None
    done = wacampaign("fix-media", "market_1", "--undo", found[0][:6], "--yes")
    assert done.exit_code == 0, done.stderr
    assert "undone: 19 rows" in done.stdout
    assert snapshot(sql) == before
    done = wacampaign("fix-media", "market_1", "--undo", found[0][:6], "--yes")
    assert "nothing was changed" in done.stdout


def test_a_media_id_of_one_code_is_validated(
    wacampaign: Wacampaign, market: str, sandbox: SandboxProcess, sql: Connection
) -> None:
    before = snapshot(sql)
    done = wacampaign("fix-media", market, "--media-id", "999", "--yes")
    assert done.exit_code == 3, done.stdout + done.stderr
    assert snapshot(sql) == before
    media_id = sandbox.control.put_media(FIRST, VIDEO, "video/mp4")
    done = wacampaign("fix-media", market, "--media-id", media_id, "--code", "135000", "--yes")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert media_of(sql) == {media_id: 12, OLD: 8}
    assert "8 rows without code 135000 keep what they have" in done.stdout


def test_the_recipients_own_media_are_refused(
    wacampaign: Wacampaign, market: str, sandbox: SandboxProcess, sql: Connection
) -> None:
    sql.execute(
        "update send_queue set payload = payload || jsonb_build_object('var1', %s || id)", (OLD,)
    )
    media_id = sandbox.control.put_media(FIRST, VIDEO, "video/mp4")
    done = wacampaign("fix-media", market, "--media-id", media_id, "--yes")
    assert done.exit_code == 6
    assert "--all-rows" in done.stderr
    done = wacampaign("fix-media", market, "--media-id", media_id, "--yes", "--all-rows")
    assert done.exit_code == 0, done.stderr
    assert media_of(sql)[media_id] == 19


def test_completed_runs_again_only_with_restart(
    wacampaign: Wacampaign, market: str, sandbox: SandboxProcess, sql: Connection
) -> None:
    as_found(sql, "update campaigns set status = 'completed', end_time = now()")
    media_id = sandbox.control.put_media(FIRST, VIDEO, "video/mp4")

    def status() -> Any:
        return sql.execute("select status from campaigns").fetchone()

    done = wacampaign("fix-media", market, "--media-id", media_id, "--yes")
    assert done.stdout.splitlines()[-1].endswith("--restart")
    assert status() == ("completed",)
    done = wacampaign("fix-media", market, "--media-id", media_id, "--yes", "--restart")
    assert done.exit_code == 0, done.stderr
    assert "runs again" in done.stdout
    assert status() == ("running",)


def test_killed_in_the_middle_and_run_again(
    wacampaign: Wacampaign,
    market: str,
    sandbox: SandboxProcess,
    sql: Connection,
    database: str,
    environment: dict[str, str],
) -> None:
    sql.execute(
        "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone, payload)"
        " select campaign_id, whatsapp_number_id, template_name, phone, payload"
        " from send_queue, generate_series(1, 900) where status = 'failed'"
        " and whatsapp_message_id is null"
    )
    media_id = sandbox.control.put_media(FIRST, VIDEO, "video/mp4")
    command = ["fix-media", market, "--media-id", media_id, "--yes"]
    with psycopg.connect(database) as other:
        # The second step waits for this row, so the first is done and the last is not.
        other.execute(
            "select 1 from send_queue where id = (select max(id::text)::uuid"
            " from send_queue where status = 'ready') for update"
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "wacampaign", *command],
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: media_of(sql).get(media_id), what="a step of the repair")
        finally:
            process.kill()
            process.wait()
            # Else the server would end the step that waits, when it may.
            mine = "from pg_stat_activity where datname = current_database() and application_name"
            sql.execute(f"select pg_terminate_backend(pid) {mine} = 'wacampaign'".encode())
            gone = f"select not exists (select 1 {mine} = 'wacampaign')".encode()
            wait_until(lambda: sql.execute(gone).fetchone() == (True,), what="its sessions end")
    some = media_of(sql)[media_id]
    assert REPAIR_STEP - 1 <= some <= REPAIR_STEP  # the accepted one may have been among them
    done = wacampaign(*command)
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "repaired: 10,819 rows" in done.stdout
    assert f"({some:,} of them before it was interrupted)" in done.stdout
    assert media_of(sql) == {media_id: 10_819, OLD: 1}
    assert sql.execute("select count(*) from wacampaign_repairs").fetchone() == (1,)


def test_moved_to_another_number(wacampaign: Wacampaign, market: str, sql: Connection) -> None:
    sql.execute(
        "insert into whatsapp_numbers (number, phone_number_id, waba_id, access_token)"
        " values ('447700900772', %s, %s, %s)",
        (SECOND, WABA, TOKEN),
    )
    done = wacampaign("fix-media", market, "--upload", "--number", SECOND, "--yes")
    assert done.exit_code == 0, done.stdout + done.stderr
    moved = sql.execute(
        "select count(*) from send_queue q join whatsapp_numbers n on n.id = q.whatsapp_number_id"
        " where n.phone_number_id = %s and q.status = 'ready'",
        (SECOND,),
    ).fetchone()
    assert moved == (19,)


@pytest.mark.usefixtures("market")
def test_usage(wacampaign: Wacampaign) -> None:
    assert wacampaign("fix-media", "market_1").exit_code == 2
    assert wacampaign("fix-media", "market_1", "--url", "u", "--media-id", "1").exit_code == 2
    assert wacampaign("fix-media", "nobody", "--upload").exit_code == 5
    assert wacampaign("fix-media", "market_1", "--undo", "abcdef").exit_code == 6


@pytest.fixture
def early_database(postgres: PostgresServer) -> str:
    """The early backend's tables, migrated."""
    url = postgres.new_database("template0")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(EARLY.encode())
    migrate(url)
    return url


@pytest.mark.parametrize("transport", ["postgres", "supabase"])
def test_on_the_early_backends_tables(
    wacampaign: Wacampaign,
    sandbox: SandboxProcess,
    early_database: str,
    environment: dict[str, str],
    transport: str,
) -> None:
    assert sandbox.url
    with ExitStack() as stack:
        if transport == "supabase":
            del environment["DATABASE_URL"]
            environment["SUPABASE_URL"] = stack.enter_context(lite_server(early_database))
            environment["SUPABASE_SERVICE_KEY"] = SECRET_KEY
        else:
            environment["DATABASE_URL"] = early_database
        sql = stack.enter_context(psycopg.connect(early_database, autocommit=True))
        rows = add_campaign_of_the_early_backend(sql, early_database)
        before = snapshot(sql)
        done = wacampaign("fix-media", "early", "--upload", "--code", "135000", "--yes")
        assert done.exit_code == 0, done.stdout + done.stderr
        assert f"repaired: {rows:,} rows of early" in done.stdout
        assert set(media_of(sql)) - {OLD} == {
            row[0] for row in sql.execute("select media_id from media_library")
        }
        found = sql.execute("select id::text from wacampaign_repairs").fetchone()
        assert found is not None
        done = wacampaign("fix-media", "early", "--undo", found[0][:6], "--yes")
        assert done.exit_code == 0, done.stdout + done.stderr
        assert snapshot(sql) == before


def add_campaign_of_the_early_backend(sql: Connection, url: str) -> int:
    """Ten rows as the old backend leaves them; how many failed with 135000."""
    run_on(url, _number_and_campaign)
    sql.execute(
        "update templates set components = %s, language = 'en'",
        (json.dumps(template(OLD)["components"]),),
    )
    sql.execute(
        "update send_queue set payload = jsonb_build_object('var1', %s::text, 'var2', phone)",
        (OLD,),
    )
    sql.execute(
        "update send_queue set status = 'failed', retry_count = 3, updated_at = now(),"
        " error_message = '(#135000) Generic user error' where id in"
        " (select id from send_queue order by id limit 7)"
    )
    return 7


async def _number_and_campaign(store: Store) -> None:
    number = await add_number(store, phone_number_id=FIRST, waba_id=WABA, token=TOKEN)
    await add_campaign(store, number, 10, name="early")
