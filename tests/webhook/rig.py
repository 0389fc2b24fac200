"""A receiver in a process of its own on a real database, and somebody who plays Meta."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, TypeVar

import psycopg

from tests.forked import Forked
from tests.servers import free_port, print_ends, wait_until
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.store import Store
from wacampaign.webhook.signature import HEADER, sign

SECRET = "app-secret-of-the-tests"
VERIFY_TOKEN = "verify-token-of-the-tests"
NUMBER, WABA = "100000000000001", "2000000001"
Answer = TypeVar("Answer")
Process = subprocess.Popen[bytes] | Forked


class Answered(NamedTuple):
    status: int
    body: bytes


def status_body(*wamids: str, status: str = "delivered", number: str = NUMBER) -> bytes:
    """A body with one status a wamid, as Meta writes it."""
    statuses = [
        {
            "id": wamid,
            "status": status,
            "timestamp": "1764000000",
            "recipient_id": "447700900123",
            "pricing": {"billable": True, "pricing_model": "PMP", "category": "marketing"},
        }
        for wamid in wamids
    ]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550000001", "phone_number_id": number},
        "statuses": statuses,
    }
    return envelope("messages", value)


def envelope(field: str, value: dict[str, Any]) -> bytes:
    change = {"field": field, "value": value}
    whole = {
        "object": "whatsapp_business_account",
        "entry": [{"id": WABA, "changes": [change]}],
    }
    return json.dumps(whole, separators=(",", ":")).encode()


def request(
    url: str, body: bytes | None = None, *, seconds: float = 30, **headers: str
) -> Answered:
    """One request; an HTTP status is an answer, whatever it says."""
    asked = urllib.request.Request(url, data=body)
    for name, value in headers.items():
        asked.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(asked, timeout=seconds) as answer:
            return Answered(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        return Answered(error.code, error.read())


class ReceiverRig:
    """Receivers that were started on one database and one home."""

    def __init__(self, database: str, home: Path) -> None:
        self.database = database
        self.home = home
        home.mkdir(exist_ok=True)
        self.port = free_port()
        self.processes: list[Process] = []
        self.logs: list[Path] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/webhooks"

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("WACAMPAIGN", "SUPABASE", "META"))
        }
        return (
            kept
            | {
                "DATABASE_URL": self.database,
                "WACAMPAIGN_STORE": "postgres",
                "WACAMPAIGN_HOME": str(self.home),
                "META_APP_SECRET": SECRET,
                "META_WEBHOOK_VERIFY_TOKEN": VERIFY_TOKEN,
                "PYTHONUNBUFFERED": "1",
                "PYTHONPATH": str(Path(__file__).parents[2]),
            }
            | more
        )

    def start(
        self, *arguments: str, file_bytes: int | None = None, wait: bool = True, **environment: str
    ) -> Process:
        """`file_bytes`: no file of the process may grow beyond that (RLIMIT_FSIZE)."""
        log = self.home.parent / f"receiver-{self.port}-{len(self.processes)}.log"
        self.logs.append(log)
        words = ["webhook", "--port", str(self.port), *arguments]
        env = self.environment(**environment)
        with log.open("wb") as out:
            process: Process
            if file_bytes is None:
                process = Forked(words, env=env, cwd=self.home.parent, out=out)
            else:

                def limit() -> None:
                    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

                process = subprocess.Popen(
                    [sys.executable, "-m", "wacampaign", *words],
                    env=env,
                    cwd=self.home.parent,
                    # What it says goes through a pipe: the limit is for its own files.
                    stdout=subprocess.DEVNULL,
                    stderr=out,
                    preexec_fn=limit,
                )
        self.processes.append(process)
        if wait:
            wait_until(
                lambda: process.poll() is not None or self._listens(), 30, "the receiver listens"
            )
            assert process.poll() is None, self.log_of(process)
        return process

    def _listens(self) -> bool:
        with contextlib.suppress(OSError):
            return request(f"http://127.0.0.1:{self.port}/", seconds=5).status == 404
        return False

    def log_of(self, process: Process) -> str:
        return self.logs[self.processes.index(process)].read_text()

    def post(self, body: bytes, *, secret: str = SECRET, **headers: str) -> int:
        headers = {HEADER.replace("-", "_"): sign(secret, body)} | headers
        return request(self.url, body, Content_Type="application/json", **headers).status

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(request(self.url[: -len("api/webhooks")] + "healthz")[1])
        return found

    def stop(self, process: Process, number: int = signal.SIGTERM) -> int:
        process.send_signal(number)
        return process.wait(30)

    def ask(self, question: Callable[[Store], Awaitable[Answer]]) -> Answer:
        async def play() -> Answer:
            store = Store(PostgresTransport(self.database))
            try:
                return await question(store)
            finally:
                await store.close()

        return asyncio.run(play())

    def sql(self, statement: str, *given: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), given or None)
            return cursor.fetchall() if cursor.description else []

    def stored(self) -> list[bytes]:
        """The bodies in the database, in the order in which they came."""
        rows = self.sql("select encoding, body from wacampaign_webhooks order by received_at, id")
        from wacampaign.core.webhook.received import decoded

        return [decoded(encoding, body) for encoding, body in rows]

    def wait_stored(self, count: int, seconds: float = 30) -> list[bytes]:
        """The bodies, when so many are there: on a busy machine some go through the file."""
        wait_until(lambda: len(self.stored()) >= count, seconds, f"{count} bodies are stored")
        return self.stored()

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
        print_ends(self.logs)


class Backend:
    """Who bodies are passed on to: keeps what it took, answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, str | None, str | None]] = []
        #: Status of the next answers; the last one stays. None: the connection is dropped.
        self.answers: list[int | None] = [200]
        self.limit_bytes: int | None = None
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answers = backend.answers
                status = answers.pop(0) if len(answers) > 1 else answers[0]
                if backend.limit_bytes is not None and len(body) > backend.limit_bytes:
                    status = 413
                if status is None:
                    self.close_connection = True
                    return
                if status == 200:
                    backend.got.append((body, self.headers[HEADER], self.headers["Content-Type"]))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/webhooks"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def bodies(self) -> list[bytes]:
        return [body for body, _, _ in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def backend() -> Iterator[Backend]:
    one = Backend()
    try:
        yield one
    finally:
        one.close()


def distinct(bodies: Sequence[bytes]) -> list[bytes]:
    """Each once, in the order of its first coming."""
    return list(dict.fromkeys(bodies))
