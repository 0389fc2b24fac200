"""A day in ten minutes: `python -m bench.day [--messages 33000] [--outages 4]`.

As many messages, campaigns and restarts as in a day of an operation that sends a million a month,
and a quarter of its heartbeats (`bench/day_processes.py`). One worker and one receiver run from the
first message to the last and are measured; a second worker is ended again and again, by SIGINT and
by SIGKILL in turns; the database is stopped and started once, or with `--outages 4` so often, first
within the first quarter, so that what each costs is seen; statuses come through the receiver;
`prune` runs beside it, with campaigns that are over made old. Autovacuum looks every second instead
of every minute: in five minutes it would look five times, and a day has 1,440.

Holds: nothing lost, nothing sent twice; the memory of the worker and of the receiver is at the end
what it was after the first quarter, within 5 %; tables are no larger than docs/how-to/
keep-the-database-small.md says. Ends with 3 where one of these does not.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg

from bench.tables import sizes, total
from tests.servers import PostgresServer, free_port, postgres_server, wait_until
from tests.webhook.rig import SECRET, request
from tests.worker.rig import Rig
from tests.worker.test_outages import stopped
from wacampaign.sandbox.process import SandboxProcess

#: Growth of a process's memory from the end of the first quarter to the end that is none.
FLAT: Final = 0.05
#: Bytes that our tables have for a message, as the documentation says.
BYTES_A_MESSAGE: Final = 3_400
#: Messages a second of each of the two numbers.
RATE: Final = 60
#: Seconds between two ends of the second worker, and between two runs of `prune`.
WORKER_SECONDS: Final = 20.0
PRUNE_SECONDS: Final = 45.0
#: Seconds that the database is away, and between two looks.
AWAY_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.5
#: Seconds for all of it: three times what it takes.
LONGEST_SECONDS: Final = 2_400.0
_PROCESSES: Final = Path(__file__).with_name("day_processes.py")
#: Sent, refused, or in doubt: what a killed worker had on the wire and the API never took.
_DOUBT: Final = """
    select count(*) from send_queue where status = 'processing' and in_doubt_since is not null
"""
_DONE: Final = f"""
    select (select coalesce(sum(n), 0) from wacampaign_counts where status in ('sent', 'failed'))
        + ({_DOUBT})
"""
#: What is over was over two months ago.
_OLD: Final = """
    with over as (
        update campaigns set created_at = now() - interval '60 days',
            end_time = now() - interval '60 days'
        where status = 'completed' returning id
    )
    update wacampaign_runs set first_sent_at = now() - interval '60 days',
        last_settled_at = now() - interval '60 days', last_heard_at = now() - interval '60 days'
    where campaign_id in (select id from over) and last_heard_at < now() - interval '20 seconds'
"""


class Day:
    """One day, and what was seen of it."""

    def __init__(
        self, server: PostgresServer, sandbox: SandboxProcess, home: Path, given: Any
    ) -> None:
        self.server, self.sandbox, self.given = server, sandbox, given
        self.rig = Rig(server.new_database(), sandbox, home)
        self.rig.environment["META_APP_SECRET"] = SECRET
        self.rig.environment["META_WEBHOOK_VERIFY_TOKEN"] = "verify-token"
        self.rig.environment["DATABASE_URL"] = self.rig.database
        self.memory: dict[str, list[tuple[int, int]]] = {"worker": [], "receiver": []}
        self.ends = {"SIGINT": 0, "SIGKILL": 0}
        self.prunes = 0

        with psycopg.connect(server.url("postgres"), autocommit=True) as sql:
            sql.execute("alter system set autovacuum_naptime = '1s'")
            sql.execute("select pg_reload_conf()")

    def scalar(self, question: str) -> int:
        """One number from the database."""
        with psycopg.connect(self.rig.database, autocommit=True) as connection:
            found = connection.execute(question.encode()).fetchone()
        assert found is not None
        return int(found[0])

    def start(self, name: str, home: Path, *arguments: str) -> subprocess.Popen[bytes]:
        """A worker or the receiver."""
        home.mkdir(exist_ok=True)
        with (self.rig.home / f"{name}.log").open("ab") as out:
            return subprocess.Popen(
                [sys.executable, str(_PROCESSES), *arguments],
                env=self.rig.environment | {"WACAMPAIGN_HOME": str(home)},
                cwd=home,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def run(self) -> float:
        """Plays it; seconds that it took."""
        home = self.rig.home
        numbers = [self.rig.number(f"10000000000000{n}", rate=RATE) for n in (1, 2)]
        port = free_port()
        receiver = self.start("receiver", home / "receiving", "receiver", str(port))
        worker = self.start("worker", home / "working", "worker")
        processes = {"worker": psutil.Process(worker.pid), "receiver": psutil.Process(receiver.pid)}
        url = f"http://127.0.0.1:{port}/api/webhooks"
        wait_until(lambda: _listens(url), 60, "the receiver listens")
        self.sandbox.control.webhook(url, SECRET, interval_ms=20)
        began = time.monotonic()
        try:
            self._play(numbers, processes)
            wait_until(self._all_heard, 300, "all statuses are taken")
            # Until the last campaign counts as over, and a while for what is still settling.
            for _ in range(60):
                self._look(processes, self.given.messages)
                time.sleep(LOOK_SECONDS)
            self._prune().wait(300)
        finally:
            for process in (worker, receiver):
                process.send_signal(signal.SIGTERM)
                process.wait(60)
        return time.monotonic() - began

    def _play(self, numbers: list[str], processes: dict[str, psutil.Process]) -> None:
        share = self.given.messages // self.given.campaigns
        campaigns: list[str] = []
        second: subprocess.Popen[bytes] | None = None
        pruning: subprocess.Popen[bytes] | None = None
        outages = 0
        next_end = next_prune = time.monotonic()
        until = time.monotonic() + LONGEST_SECONDS
        while (done := self.scalar(_DONE)) < share * self.given.campaigns:
            assert time.monotonic() < until, f"{done} were done in {LONGEST_SECONDS} s"
            self._look(processes, done)
            # Two at a time, the next one when the first of them is nearly over.
            while len(campaigns) < min(self.given.campaigns, 2 + (done + share // 10) // share):
                n = len(campaigns)
                campaigns.append(
                    self.rig.campaign(numbers[n % 2], share, name=f"c{n}", first_phone=n * share)
                )
            if time.monotonic() >= next_end:
                next_end = time.monotonic() + WORKER_SECONDS
                if second is not None:
                    name = min(self.ends, key=lambda one: self.ends[one])
                    self.ends[name] += 1
                    second.send_signal(getattr(signal, name))
                    second.wait(60)
                second = self.start("second", self.rig.home / "working too", "worker")
            if time.monotonic() >= next_prune and (pruning is None or pruning.poll() is not None):
                next_prune = time.monotonic() + PRUNE_SECONDS
                pruning = self._prune()
            if done > (outages + 1) * share * self.given.campaigns // (self.given.outages + 1):
                outages += 1
                with stopped(self.server):
                    time.sleep(AWAY_SECONDS)
            self.sandbox.control.writes("thank you", from_=f"999{done:012d}")
            time.sleep(LOOK_SECONDS)
        for process, signal_ in ((second, signal.SIGINT), (pruning, None)):
            if process is not None:
                if signal_ is not None:
                    process.send_signal(signal_)
                process.wait(120)

    def _prune(self) -> subprocess.Popen[bytes]:
        self.prunes += 1
        with psycopg.connect(self.rig.database, autocommit=True) as connection:
            connection.execute(_OLD.encode())
        with (self.rig.home / "prune.log").open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "wacampaign", "prune", "--yes"],
                env=self.rig.environment,
                cwd=self.rig.home,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def _look(self, processes: dict[str, psutil.Process], done: int) -> None:
        for name, process in processes.items():
            self.memory[name].append((done, process.memory_info().rss))

    def _all_heard(self) -> bool:
        waiting = self.sandbox.control.totals()["webhook"]["waiting"]
        return waiting == 0 and not self.scalar(
            "select count(*) from wacampaign_webhooks where taken_at is null"
        )

    def quarters(self, name: str) -> list[float]:
        """Bytes at the end of each quarter, by what was done."""
        at = []
        for n in range(1, 5):
            done = n * self.given.messages // 4
            near = self.given.messages // 20
            at.append(
                statistics.median(
                    rss for then, rss in self.memory[name] if done - near <= then <= done + near
                )
            )
        return at


def _listens(url: str) -> bool:
    try:
        return request(url, seconds=5).status > 0
    except OSError:
        return False


def show(day: Day, seconds: float, tell: Callable[[str], None]) -> bool:
    """The figures; whether all of it holds."""
    holds = True

    def line(what: str, value: str, ok: bool) -> None:
        nonlocal holds
        holds = holds and ok
        tell(f"| {what} | {value} | {'ok' if ok else 'MISSED'} |")

    messages = day.given.messages
    tell(f"{messages:,} messages in {seconds:.0f} s; the second worker ended {day.ends}; "
         f"prune ran {day.prunes} times")  # fmt: skip
    tell("| what | measured | |\n|---|---|---|")
    for name in day.memory:
        quarters = day.quarters(name)
        growth = quarters[-1] / quarters[0] - 1
        value = f"{', '.join(f'{rss / 1e6:.1f}' for rss in quarters)} MB: {growth:+.1%}"
        line(f"memory of the {name} after each quarter", value, growth <= FLAT)
    tally: dict[str, int] = {"lost": 0, "twice": 0}
    with psycopg.connect(day.rig.database, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        found = sizes(connection)
        ids = [str(row[0]) for row in connection.execute("select id from campaigns")]
        short = connection.execute(
            "select count(*) from wacampaign_deliveries where callback is null"
        ).fetchone()
    for campaign in ids:
        audit = day.rig.audit(campaign)
        tally["lost"] += audit["lost"]
        tally["twice"] += audit["twice_by_row"] + audit["ids_shared"]
    accepted, doubt = day.rig.accepted(), day.scalar(_DOUBT)
    for what, n in tally.items():
        line(what, f"{n:,}", n == 0)
    line("accepted by the API, in doubt", f"{accepted:,}, {doubt:,}", accepted + doubt == messages)
    each = total(found, ours=True) / messages
    line("our tables", f"{each:,.0f} bytes a message", each <= BYTES_A_MESSAGE)
    for name, (ours, table, indexes) in sorted(found.items(), key=lambda one: -sum(one[1][1:])):
        if ours and table + indexes > 20 * messages:
            parts = f"{table / messages:,.0f} and {indexes / messages:,.0f} of indexes"
            tell(f"| {name} | {parts} | |")
    tell(f"shortened: {short[0] if short else 0:,}")
    return holds


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=33_000)
    parser.add_argument("--campaigns", type=int, default=10)
    parser.add_argument("--outages", type=int, default=1)
    given = parser.parse_args()
    given.messages -= given.messages % given.campaigns
    with (
        postgres_server() as server,
        SandboxProcess(latency_ms=150) as sandbox,
        tempfile.TemporaryDirectory() as home,
    ):
        day = Day(server, sandbox, Path(home), given)
        seconds = day.run()
        return 0 if show(day, seconds, lambda text: print(text, flush=True)) else 3


if __name__ == "__main__":
    sys.exit(main())
