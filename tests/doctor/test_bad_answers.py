"""Answers of a database or of Meta that are out of order: told as a check, and no other breaks."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.doctor.rig import Installation
from tests.unsteady import Mode, UnsteadyWay, unsteady_http, unsteady_postgres
from wacampaign.cli.app import app
from wacampaign.core.preflight.model import Check
from wacampaign.operations.doctor import database
from wacampaign.sandbox.demo import DEMO_TOKEN

Doctor = Callable[..., Result]
#: Seconds within which it has to be done, whatever is away.
LIMIT_SECONDS = 15


@pytest.fixture
def doctor(installation: Installation) -> Doctor:
    assert installation
    return lambda *args: CliRunner().invoke(app, ["doctor", *args], env={"COLUMNS": "80"})


def checks(done: Result) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in json.loads(done.stdout)["checks"]}


@contextmanager
def somebody_else(status: int, body: str) -> Iterator[str]:
    """Whoever answers at Meta's address, always the same."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_meta_repeats_of_a_token_and_a_phone_is_masked(
    installation: Installation, doctor: Doctor
) -> None:
    text = f"Malformed access token {DEMO_TOKEN} or EAAsecretofthetests for +447700900123"
    error = {"error": {"message": text, "type": "OAuthException", "code": 190}}
    with somebody_else(400, json.dumps(error)) as url:
        installation.write_env(WHATSAPP_API_URL=url)
        said = doctor().output + doctor("--json").output
    assert "Malformed" in said
    assert "+44***0123" in said
    for secret in (DEMO_TOKEN, "secretofthetests", "447700900123"):
        assert secret not in said, secret


@pytest.mark.parametrize(
    "body",
    [
        "<html>please sign in</html>",
        "null",
        "[" * 100_000,
        json.dumps({"id": "5", "data": {"is_valid": True, "expires_at": 10**400, "app_id": "5"}}),
        '{"id": "5", "data": {"is_valid": true, "expires_at": 1e999, "scopes": 7}}',
    ],
    ids=["page", "null", "deep", "a time of 400 digits", "a time without end"],
)
def test_who_is_not_meta_breaks_nothing_else(
    installation: Installation, doctor: Doctor, body: str
) -> None:
    with somebody_else(200, body) as url:
        installation.write_env(WHATSAPP_API_URL=url)
        done = doctor("--json")
    assert done.exit_code == 3, done.output
    found = checks(done)
    assert found["schema"]["status"] == "ok"
    assert "unexpected" not in done.output


def test_of_what_was_not_asked_nothing_is_said_to_be_fine(
    installation: Installation, doctor: Doctor
) -> None:
    installation.write_env(META_ACCESS_TOKEN=None)
    found = checks(doctor("--json"))
    assert found["cloud_api"]["status"] == found["app_secret"]["status"] == "skipped"


@pytest.fixture
def way(installation: Installation) -> Iterator[UnsteadyWay]:
    """A way to the database of the installation, which goes over it from now on."""
    with ExitStack() as stack:
        if installation.store == "postgres":
            url, made = stack.enter_context(unsteady_postgres(installation.database))
            installation.write_env(DATABASE_URL=url)
        else:
            rest = installation.settings["SUPABASE_URL"]
            url, made = stack.enter_context(unsteady_http(rest))
            installation.write_env(SUPABASE_URL=url)
        yield made


def test_a_database_that_stops_answering_is_told_as_that(
    doctor: Doctor,
    way: UnsteadyWay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    diagnosis = database.Diagnosis
    version, schema, traffic = diagnosis.version, diagnosis.schema, diagnosis.traffic
    answered = asyncio.Event()

    async def then_frozen(self: database.Diagnosis) -> str:
        answer = await version(self)
        way.set(Mode.BLACK_HOLE)
        answered.set()
        return answer

    async def schema_after(self: database.Diagnosis) -> Any:
        await answered.wait()
        return await schema(self)

    async def traffic_after(self: database.Diagnosis, stale_days: int) -> Any:
        await answered.wait()
        return await traffic(self, stale_days)

    monkeypatch.setattr(diagnosis, "version", then_frozen)
    monkeypatch.setattr(diagnosis, "schema", schema_after)
    monkeypatch.setattr(diagnosis, "traffic", traffic_after)
    began = time.monotonic()
    done = doctor("--json")
    assert time.monotonic() - began < LIMIT_SECONDS
    assert done.exit_code == 3, done.output
    found = checks(done)
    assert found["database_reachable"]["status"] == "fail"
    assert "not all that was asked" in found["database_reachable"]["text"]
    assert "wacampaign doctor" not in found["database_reachable"]["fix"]
    for name in ("schema", "guard", "workers", "statuses"):
        assert found[name]["status"] == "skipped", found[name]


def test_a_login_without_rights_is_told_as_that(installation: Installation) -> None:
    if installation.store == "supabase":
        pytest.skip("REST has keys, and no logins")
    installation.run_sql("create role knows_nobody login")
    try:
        installation.write_env(
            DATABASE_URL=installation.database.replace("postgres@", "knows_nobody@")
        )
        wrong = installation.wrong()
    finally:
        installation.run_sql("drop role knows_nobody")
    assert [(one.id, one.verdict) for one in wrong] == [("database_reachable", Check.FAIL)]
    assert "permission denied" in wrong[0].text


def test_an_older_schema_is_no_silent_database(installation: Installation) -> None:
    installation.run_sql(
        "create or replace function wacampaign_traffic(p_stale_days int) returns jsonb"
        " language sql as $$ select '{}'::jsonb $$"
    )
    found = {one.id: one for one in installation.examine()}
    assert found["schema"].verdict is Check.FAIL
    assert found["database_reachable"].verdict is Check.OK
    assert found["workers"].verdict is Check.SKIPPED
    assert "of another version" in found["workers"].text
