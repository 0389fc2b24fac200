"""What a gateway answers in PostgREST's place, and what a database says: each by its name."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest

from wacampaign.problems import (
    AccessRefused,
    Misconfigured,
    Problem,
    SchemaMissing,
)
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.rest import RestTransport
from wacampaign.store.states import DatabaseBusy as Busy
from wacampaign.store.states import DatabaseUnreachable as Unreachable
from wacampaign.store.states import problem_from_login
from wacampaign.store.store import Store

PAGE = "<!DOCTYPE html><html><head><title>One &amp; moment</title></head><body>…</body></html>"


class Gateway:
    """A real HTTP server that gives one answer to everything."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b"{}"
        self.headers: dict[str, str] = {"Content-Type": "application/json"}
        self.asked = 0
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                gateway.asked += 1
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(gateway.status)
                for name, value in gateway.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(gateway.body)))
                self.end_headers()
                self.wfile.write(gateway.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answers(self, status: int, body: object, **headers: str) -> None:
        self.status = status
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/html" if text.startswith("<") else "application/json"
        self.body = text.encode()
        self.headers = {"Content-Type": kind, **headers}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


def ask(url: str, *, worked_before: Gateway | None = None) -> Problem:
    """What a call of an object function ends with."""

    async def play() -> Problem:
        store = Store(
            RestTransport(url, "sb_secret_of_the_tests", call_seconds=3), patience_seconds=0.3
        )
        try:
            if worked_before is not None:
                then = (worked_before.status, worked_before.body, worked_before.headers)
                worked_before.answers(200, {"version": "1"})
                await store.call("schema_version")
                worked_before.status, worked_before.body, worked_before.headers = then
                worked_before.asked = 0
            with pytest.raises(Problem) as caught:
                await store.call("schema_version")
            return caught.value
        finally:
            await store.close()

    return asyncio.run(play())


def kong(message: str, **more: str) -> dict[str, str]:
    return {"message": message, **more}


def postgrest(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "details": None, "hint": None}


@pytest.mark.parametrize(
    ("status", "body", "kind", "says", "advises"),
    [
        # Refused keys, by Supabase's gateway (K14) and by PostgREST.
        (401, kong("Invalid API key"), AccessRefused, "Invalid API key", "sb_secret_"),
        (
            401,
            kong("Invalid API key", hint="Double check your API key."),
            AccessRefused,
            "Double check",
            "SUPABASE_SERVICE_KEY",
        ),
        (401, kong("Legacy API keys are disabled"), AccessRefused, "Legacy", "sb_secret_"),
        (401, kong("No API key found in request"), AccessRefused, "No API key", "sb_secret_"),
        (403, PAGE, AccessRefused, "One & moment", "SUPABASE_SERVICE_KEY"),
        (401, postgrest("PGRST301", "JWSError"), AccessRefused, "refused the key", "sb_secret_"),
        (401, postgrest("PGRST302", "Anonymous"), AccessRefused, "refused the key", "sb_secret_"),
        (401, postgrest("PGRST303", "JWT expired"), AccessRefused, "JWT expired", "sb_secret_"),
        (403, postgrest("42501", "permission denied"), AccessRefused, "permission", ""),
        # Another address than the project's.
        (404, kong("no Route matched"), Misconfigured, "no REST address", "SUPABASE_URL"),
        (404, PAGE, Misconfigured, "One & moment", "SUPABASE_URL"),
        (406, postgrest("PGRST106", "schema"), Misconfigured, "schema public", "exposed"),
        (404, postgrest("PGRST202", "no function"), SchemaMissing, "schema", "db migrate"),
        # Passes by itself.
        (401, postgrest("PGRST303", "JWT issued at future"), Busy, "clock", "clock"),
        (405, postgrest("25006", "read-only transaction"), Busy, "read-only", "disk"),
        (500, postgrest("53100", "No space left"), Busy, "disk is full", "free space"),
        (503, postgrest("53200", "out of memory"), Busy, "out of memory", ""),
        (503, postgrest("53300", "too many"), Busy, "no connection free", "pooler"),
        (500, postgrest("XX000", "internal"), Busy, "internal error", ""),
        (500, postgrest("57P01", "terminating"), Busy, "shutting down", ""),
        (503, postgrest("57P03", "starting up"), Busy, "starting up", ""),
        (503, postgrest("PGRST002", "schema cache"), Unreachable, "cannot be reached", ""),
        (504, postgrest("PGRST003", "Timed out acquiring"), Busy, "no connection free", ""),
        (402, kong("exceed_egress_quota"), Unreachable, "restricted", "Billing"),
        (408, PAGE, Unreachable, "gave up waiting", ""),
        (429, PAGE, Busy, "too many requests", ""),
        (500, PAGE, Unreachable, "fault", ""),
        (502, "", Unreachable, "an empty answer", ""),
        (503, PAGE, Unreachable, "One & moment", ""),
        (521, PAGE, Unreachable, "server is down", ""),
        (522, PAGE, Unreachable, "does not answer", ""),
        (530, "error code: 1016", Unreachable, "leads nowhere", "SUPABASE_URL"),
        (540, PAGE, Unreachable, "paused", "restore"),
        (544, kong("Timeout"), Unreachable, "in time", ""),
        # A code of the gateway's own is none of PostgREST's: the status tells.
        (500, postgrest("SUP", "tuple concurrently updated"), Unreachable, "tuple", ""),
        (503, postgrest("BOOT_ERROR", "did not start"), Unreachable, "503 did not start", ""),
        (500, postgrest("ERROR", "upstream"), Unreachable, "upstream", ""),
        (429, postgrest("over_request_rate_limit", "slow down"), Busy, "slow down", ""),
        (401, postgrest("no_authorization", "who?"), AccessRefused, "refused the key", ""),
        # A success that is none.
        (200, PAGE, Unreachable, "a page “One & moment”", "SUPABASE_URL"),
        (200, '{"version": "2026', Unreachable, "in the database's place", "SUPABASE_URL"),
        (200, "", Unreachable, "in the database's place", "SUPABASE_URL"),
        (200, "null", Unreachable, "nothing instead of an object", "SUPABASE_URL"),
        (200, [1, 2], Unreachable, "a list instead of an object", "SUPABASE_URL"),
        (200, "7", Unreachable, "a value instead of an object", "SUPABASE_URL"),
        (204, "", Unreachable, "in the database's place", "SUPABASE_URL"),
    ],
)
def test_an_answer_is_named(
    gateway: Gateway, status: int, body: object, kind: type[Problem], says: str, advises: str
) -> None:
    gateway.answers(status, body)
    problem = ask(gateway.url)
    assert type(problem) is kind, problem.message
    assert says in problem.message
    assert advises in problem.suggestion
    if kind not in (Busy, Unreachable):
        assert gateway.asked == 1, "what does not pass by itself is asked once"


def test_a_login_page_is_not_followed_with_the_key(gateway: Gateway) -> None:
    gateway.answers(302, "", Location="https://login.example.com/?next=/rest/v1")
    problem = ask(gateway.url)
    assert type(problem) is Misconfigured
    assert "login.example.com" in problem.message
    assert gateway.asked == 1


def test_http_where_https_is_wanted_is_said(gateway: Gateway) -> None:
    gateway.answers(308, "", Location=gateway.url.replace("http://", "https://"))
    assert "write https://" in ask(gateway.url).suggestion


def test_an_address_that_worked_before_is_waited_for(gateway: Gateway) -> None:
    """A gateway that has lost its routes for a moment must not end a worker with 78."""
    gateway.answers(404, kong("no Route matched"))
    assert type(ask(gateway.url, worked_before=gateway)) is Unreachable


def test_a_key_that_worked_before_and_is_refused_is_said_at_once(gateway: Gateway) -> None:
    gateway.answers(401, kong("Legacy API keys are disabled"))
    assert type(ask(gateway.url, worked_before=gateway)) is AccessRefused
    assert gateway.asked == 1


# --- SQLSTATEs, from a real server ------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "kind", "code", "says"),
    [
        ("25006", Busy, 75, "read-only"),
        ("40001", Busy, 75, "busy"),
        ("53100", Busy, 75, "disk is full"),
        ("53200", Busy, 75, "out of memory"),
        ("53300", Busy, 75, "no connection free"),
        ("57P01", Busy, 75, "shutting down"),
        ("57P03", Busy, 75, "starting up"),
        ("58030", Busy, 75, "fault of its system"),
        ("XX000", Busy, 75, "internal error"),
        ("08006", Unreachable, 69, "cannot be reached"),
        ("3D000", Misconfigured, 78, "no such database"),
        ("28P01", AccessRefused, 4, "refused access"),
        ("42501", AccessRefused, 4, "refused access"),
        ("42883", SchemaMissing, 78, "schema"),
        ("22012", Problem, 1, "22012"),
    ],
)
def test_a_state_is_named(
    database: str,
    sql: psycopg.Connection[Any],
    state: str,
    kind: type[Problem],
    code: int,
    says: str,
) -> None:
    sql.execute(
        "create or replace function public.wacampaign_schema_version() returns jsonb"
        f" language plpgsql as $$ begin raise sqlstate '{state}' using message = 'so'; end $$"
    )

    async def play() -> Problem:
        transport = PostgresTransport(database)
        try:
            with pytest.raises(Problem) as caught:
                await transport.call("schema_version", {})
            return caught.value
        finally:
            await transport.close()

    problem = asyncio.run(play())
    assert type(problem) is kind
    assert problem.exit_code == code
    assert says in problem.message


def test_a_read_only_database_is_waited_for_and_goes_on(
    database: str, sql: psycopg.Connection[Any]
) -> None:
    async def play() -> None:
        transport = PostgresTransport(database)
        name = sql.info.dbname
        sql.execute(f"alter database {name} set default_transaction_read_only = on")
        beat = {"worker_id": "00000000-0000-0000-0000-000000000001", "in_flight": 0}
        with pytest.raises(Busy, match="read-only") as caught:
            await transport.call("heartbeat", beat)
        assert "disk is nearly full" in caught.value.suggestion
        sql.execute("set default_transaction_read_only = off")
        sql.execute(f"alter database {name} set default_transaction_read_only = off")
        await transport.close()
        assert (await transport.call("heartbeat", beat))["known"] is False
        await transport.close()

    asyncio.run(play())


def test_a_database_that_does_not_exist_is_configuration(database: str) -> None:
    async def play() -> None:
        transport = PostgresTransport(database.replace("/t_", "/no_such_"))
        with pytest.raises(Misconfigured, match="no such database"):
            await transport.call("schema_version", {})

    asyncio.run(play())


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("FATAL: Tenant or user not found", Misconfigured),
        ("FATAL: (ENOTFOUND) tenant/user postgres.x not found", Misconfigured),
        ("FATAL: Max client connections reached", Busy),
        ("FATAL: MaxClientsInSessionMode: max clients reached - in Session mode", Busy),
        ("FATAL: (ECHECKOUTTIMEOUT) unable to check out connection from the pool", Busy),
        ("FATAL: sorry, too many clients already", Busy),
        ("FATAL: remaining connection slots are reserved for roles", Busy),
        ("FATAL: the database system is starting up", Busy),
        ("FATAL: the database system is in recovery mode", Busy),
        ("FATAL: server login has been failing, try again later", Busy),
        ('FATAL: password authentication failed for user "postgres"', AccessRefused),
        ("FATAL: (ECIRCUITBREAKER) too many authentication failures", AccessRefused),
        ('FATAL: no pg_hba.conf entry for host "1.2.3.4"', AccessRefused),
        ('FATAL: role "x" does not exist', AccessRefused),
        ('FATAL: database "x" does not exist', Misconfigured),
        ("FATAL: unsupported startup parameter: options", Misconfigured),
        ("server does not support SSL, but SSL was required", Misconfigured),
        ("SSL error: certificate verify failed", Misconfigured),
        ("connection refused. Is the server running on that host?", Unreachable),
        ("[Errno -2] Name or service not known", Unreachable),
    ],
)
def test_what_is_said_at_the_login_is_named(said: str, kind: type[Problem]) -> None:
    assert type(problem_from_login(said)) is kind
