"""How soon the receiver answers at a given rate of updates: `python -m bench.webhook_rate`.

The receiver has one processor; the load generator and PostgreSQL have the others. Requests leave at
fixed times, whether earlier ones were answered or not, and their latency counts from those times.
Three ways: bodies of one update, bodies of 1 to 1,000, and both while the database is away, so that
everything goes into the file.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import psutil
import psycopg
import uvloop

from bench.surroundings import Postgres, postgres
from tests.servers import free_port, wait_until

SECRET = "bench-secret"
#: Connections that Meta is given: each has one request at a time.
CONNECTIONS = 400
_CPUS = sorted(os.sched_getaffinity(0))


class Sent(NamedTuple):
    """One request: when it is due (seconds from the start), its bytes, the updates in it."""

    due: float
    data: bytes
    updates: int


def _body(updates: int, dice: random.Random) -> bytes:
    statuses = [
        {
            "id": f"wamid.HBgMOTE5OTk5OTk5OTk5FQIAERgS{dice.getrandbits(80):020X}AA==",
            "status": "delivered",
            "timestamp": "1764000000",
            "recipient_id": f"999{dice.randrange(10**12):012}",
            "biz_opaque_callback_data": "3d824b99-a638-4363-b720-22e476e51b6f:1:2",
            "conversation": {"id": f"{dice.getrandbits(128):032x}"},
            "pricing": {"billable": True, "pricing_model": "PMP", "category": "marketing"},
        }
        for _ in range(updates)
    ]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550000001", "phone_number_id": "100000000000001"},
        "statuses": statuses,
    }
    change = {"field": "messages", "value": value}
    whole = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "2000000001", "changes": [change]}],
    }
    return json.dumps(whole, separators=(",", ":")).encode()


def _request(body: bytes) -> bytes:
    signature = hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()
    head = (
        "POST /api/webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def load(rate: float, seconds: float, most: int) -> list[Sent]:
    """Requests of 1 to `most` updates (each size of a power of ten as often), in their order."""
    dice = random.Random(9)
    sent: list[Sent] = []
    total = 0
    while total < rate * seconds:
        updates = 1 if most == 1 else round(10 ** dice.uniform(0, 3))
        sent.append(Sent(total / rate, _request(_body(updates, dice)), updates))
        total += updates
    return sent


class _Connection(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self, free: asyncio.Queue[_Connection]) -> None:
        self._free = free
        self._answered: asyncio.Future[int] | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._free.put_nowait(self)

    def post(self, data: bytes) -> asyncio.Future[int]:
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._data += data
        if b"\r\n\r\n" in self._data and self._answered is not None:
            status, self._data = int(self._data[9:12]), b""
            self._answered.set_result(status)


class Played(NamedTuple):
    """Milliseconds to the answers, sorted: from when each was due, and from when it was sent."""

    since_due: list[float]
    since_sent: list[float]
    #: Answers by status.
    answers: dict[int, int]


async def _play(port: int, sent: list[Sent]) -> Played:
    loop = asyncio.get_running_loop()
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Connection(free), "127.0.0.1", port)
    latencies: list[float] = []
    answer_times: list[float] = []
    answers: dict[int, int] = {}
    tasks: set[asyncio.Task[None]] = set()
    began = loop.time()

    async def post(one: Sent) -> None:
        connection = await free.get()
        sent_at = loop.time()
        status = await connection.post(one.data)
        latencies.append(1000 * (loop.time() - began - one.due))
        answer_times.append(1000 * (loop.time() - sent_at))
        answers[status] = answers.get(status, 0) + 1
        free.put_nowait(connection)

    for one in sent:
        if (early := began + one.due - loop.time()) > 0:
            await asyncio.sleep(early)
        task = loop.create_task(post(one))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return Played(sorted(latencies), sorted(answer_times), answers)


def _receiver(database: str, home: Path, port: int) -> psutil.Process:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WACAMPAIGN", "META", "SUPA"))}
    environment = kept | {
        "WACAMPAIGN_HOME": str(home),
        "WACAMPAIGN_STORE": "postgres",
        "DATABASE_URL": database,
        "META_APP_SECRET": SECRET,
    }
    with (home / "receiver.log").open("ab") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "wacampaign", "webhook", "--port", str(port)],
            env=environment,
            cwd=home,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    process = psutil.Process(started.pid)
    if len(_CPUS) > 1:
        process.cpu_affinity([_CPUS[0]])
    wait_until(lambda: "event=started" in (home / "receiver.log").read_text(), 30, "it listens")
    return process


def measure(name: str, server: Postgres, sent: list[Sent], *, away: bool) -> Iterator[str]:
    """One way, as lines for people."""
    database = server.new_database()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        process = _receiver(database, Path(folder), port)
        try:
            if away:
                _let_connect(server, database, False)
            before = process.cpu_times()
            began = time.perf_counter()
            played = uvloop.run(_play(port, sent))
            seconds = time.perf_counter() - began
            after = process.cpu_times()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as health:
                said = json.loads(health.read())
            memory = process.memory_info().rss / 2**20
            if away:
                _let_connect(server, database, True)
            began = time.perf_counter()
            _wait_for_all(database, len(sent))
            caught_up = time.perf_counter() - began
        finally:
            process.terminate()
            process.wait(30)
    updates = sum(one.updates for one in sent)
    busy = after.user + after.system - before.user - before.system
    yield (
        f"{name:28} {updates / seconds:6,.0f} updates/s in {len(sent) / seconds:6,.0f} requests/s  "
        f"answers {played.answers}  from when it was due {_shown(played.since_due)}, sent"
        f" {_shown(played.since_sent)}  busy {100 * busy / seconds:3.0f} % of its core  memory"
        f" {memory:.0f} MB"
    )
    if away:
        yield (
            f"{'':28} {said['spool']['bodies']:,} bodies in the file; all in the database"
            f" {caught_up:.1f} s after it was back"
        )
    server.drop(database)


def _shown(times: list[float]) -> str:
    at = [times[min(len(times) - 1, len(times) * p // 100)] for p in (50, 95, 99)]
    return " / ".join(f"{one:,.0f}" for one in (*at, times[-1])) + " ms (p50, p95, p99, longest)"


def _let_connect(server: Postgres, database: str, may: bool) -> None:
    name = urlsplit(database).path.strip("/")
    with psycopg.connect(server.server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"alter database {name} allow_connections {str(may).lower()}".encode())
        if not may:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
            )


def _wait_for_all(database: str, count: int) -> None:
    with psycopg.connect(database, autocommit=True) as connection:

        def there() -> bool:
            found = connection.execute("select count(*) from wacampaign_webhooks").fetchone()
            return found is not None and found[0] >= count

        wait_until(there, 120, "all bodies are in the database")


def main() -> None:
    """Measure each way at the rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=float, default=3000.0, help="updates a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    if len(_CPUS) > 1:
        os.sched_setaffinity(0, set(_CPUS[1:]))
    with postgres() as server:
        for away in (False, True):
            for most in (1, 1000):
                sent = load(given.updates, given.seconds, most)
                where = "database away" if away else "into the database"
                bodies = "1 update" if most == 1 else "1 to 1,000"
                for line in measure(f"{where}, {bodies}", server, sent, away=away):
                    print(line, flush=True)


if __name__ == "__main__":
    main()
