"""`make bench`, or `python -m bench`: the worker against bare HTTP, and against its queue's size.

Everything runs on this machine: the sandbox over TLS with 150 ms an answer, PostgreSQL from the
wheel, @supabase/lite, and each measured variant in a fresh process. Four numbers at 1,000
messages a second each, 400 requests in flight: at 150 ms that is 2,667 a second at best. Figures
are medians of `--rounds`; variants take turns, so that a busy minute hits all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg

from bench import contacts, table
from bench.amounts import FULL, QUICK, Amounts
from bench.commands import Run, measure_commands, show_commands
from bench.idle import Idle, measure_idle
from bench.meter import Figures
from bench.pace import Pace, measure_pace
from bench.queue_cost import Cost as QueueFigures
from bench.queue_cost import Crowd, QueueCost, show_queue_cost
from bench.surroundings import (
    Certificate,
    Lite,
    Postgres,
    database_environment,
    describe_machine,
    environment,
    lite,
    lite_missing,
    make_certificate,
    postgres,
    rest_environment,
    sandbox,
)
from bench.variants import RAMP_MESSAGES, ROW_CONNECTIONS, Spec
from wacampaign.store.rest import RestTransport

_BARE, _AIOHTTP, _WORKER = "bare loop of POSTs", "bare loop of aiohttp's", "worker over psycopg"
VARIANTS = (
    "bare",
    "aiohttp",
    "postgres",
    "supabase",
    "rows",
    "sizes",
    "database",
    "pace",
    "idle",
    "commands",
)


class Bench:
    """One server and one certificate; makes what each measurement needs, and measures."""

    def __init__(self, server: Postgres, certificate: Certificate, amounts: Amounts, folder: Path):
        self.server = server
        self.certificate = certificate
        self.amounts = amounts
        self.folder = folder
        self.pid = server.pid

    def _measure(self, kind: str, messages: int, more: dict[str, str], **spec: object) -> Figures:
        """Starts the variant against a new sandbox and reads its figures."""
        home = Path(tempfile.mkdtemp(dir=self.folder))
        with sandbox(self.certificate, self.amounts.latency_ms, tls=self.amounts.tls) as api:
            servers = {"postgres": self.pid, "sandbox": api.pid} | dict(spec.pop("servers", {}))  # type: ignore[call-overload]
            made = Spec(
                kind,
                messages,
                in_flight=self.amounts.in_flight,
                api_url=api.url,
                authority=str(self.certificate.authority),
                servers=servers,
                **spec,  # type: ignore[arg-type]
            )
            done = subprocess.run(
                [sys.executable, "-m", "bench.variants"],
                input=made.as_json(),
                env=environment(self.certificate, home, api.url) | more,
                stdout=subprocess.PIPE,
                text=True,
            )
            if done.returncode:
                log = home / "worker.log"
                if log.exists():
                    sys.stderr.write(log.read_text()[-3000:])
                raise SystemExit(f"the variant {kind} failed, see above")
            figures = Figures(**json.loads(done.stdout))
            totals = api.control.totals()
            assert totals["accepted"] == figures.messages, totals
        return figures

    @contextmanager
    def _filled(
        self, rows: int, *, ours: bool = True, start: bool = True
    ) -> Iterator[tuple[str, list[str]]]:
        database = self.server.new_database()
        campaigns = contacts.fill(database, rows)
        if not ours:
            with psycopg.connect(database, autocommit=True) as connection:
                for what in ("insert", "update", "delete", "truncate"):
                    connection.execute(
                        f"drop trigger wacampaign_count_{what} on public.send_queue".encode()
                    )
        if start:
            contacts.change_status(database, campaigns, "start")
        try:
            yield database, campaigns
        finally:
            self.server.drop(database)

    def bare(self) -> Figures:
        """The loop of POSTs."""
        return self._measure("bare", self.amounts.messages, {})

    def bare_aiohttp(self) -> Figures:
        """The loop of POSTs as one would write it with aiohttp's own session."""
        return self._measure("bare_aiohttp", self.amounts.messages, {})

    def over_postgres(self) -> Figures:
        """The worker over psycopg, until the queue is empty."""
        with self._filled(self.amounts.messages) as (database, _):
            figures = self._measure("worker", self.amounts.messages, database_environment(database))
            contacts.check_sent(database, figures.messages)
        return figures

    def over_rest(self) -> Figures:
        """The worker over supabase-py and @supabase/lite, until the queue is empty."""
        with (
            self._filled(self.amounts.rest_messages) as (database, _),
            lite(database) as rest,
        ):
            figures = self._measure(
                "worker",
                self.amounts.rest_messages,
                rest_environment(rest.url),
                servers={"rest": rest.pid},
            )
            contacts.check_sent(database, figures.messages)
        return figures

    def row_by_row(self) -> Figures:
        """The backend's way, on its own tables (our counting triggers are taken off)."""
        with self._filled(self.amounts.row_messages, ours=False) as (database, _):
            return self._measure("row_by_row", self.amounts.row_messages, {}, database=database)

    def sizes(self, report: Report) -> None:
        """The worker on queues of several sizes; `sends_a_size` messages each, then it stops."""
        rounds = self.amounts.rounds
        for rows in self.amounts.sizes:
            if rows >= 3 * rounds * self.amounts.sends_a_size:
                self._size(rows, rounds, report)
            else:
                for _ in range(rounds):
                    self._size(rows, 1, report)

    def _size(self, rows: int, turns: int, report: Report) -> None:
        """Large queues serve several rounds, and keep the dead rows of the rounds before."""
        report.say(f"filling a queue of {rows:,} rows")
        with self._filled(rows) as (database, campaigns):
            sent = 0
            for turn in range(turns):
                if turn:
                    contacts.change_status(database, campaigns, "start")
                figures = self._measure(
                    "worker",
                    rows,
                    database_environment(database),
                    stop_after=min(self.amounts.sends_a_size, rows),
                )
                sent += figures.messages
                contacts.check_sent(database, sent)
                report.took(f"worker, {rows:,} rows", figures)
                if turn + 1 < turns:
                    contacts.change_status(database, campaigns, "pause")

    def queue_cost(self, report: Report) -> None:
        """What the database's functions cost, without a worker."""
        for rows in (min(self.amounts.sizes), self.amounts.crowd_rows):
            report.say(f"the queue's functions, {rows:,} rows")
            with self._measured() as queue:
                queue.fill(rows)
                # Some rows are left: no lane runs dry.
                report.queue.append(queue.messages(min(20_000, rows // 2)))
        for campaigns, orphans in ((1, 0), (1, 50_000), (500, 0), (500, 50_000)):
            orphans = min(orphans, self.amounts.crowd_rows // 4)
            report.say(f"claims, {campaigns} campaigns, {orphans:,} orphans")
            with self._measured() as queue:
                queue.fill(self.amounts.crowd_rows, campaigns)
                queue.orphan(orphans)
                report.crowds.append(
                    Crowd(self.amounts.crowd_rows, campaigns, orphans, queue.claims(20))
                )

    @contextmanager
    def _measured(self) -> Iterator[QueueCost]:
        database = self.server.new_database()
        queue = QueueCost(database)
        try:
            yield queue
        finally:
            queue.connection.close()
            self.server.drop(database)

    def idle(self, server: Lite | None, database: str) -> Idle:
        """`wacampaign run-worker` with nothing to do, then a start."""
        home = Path(tempfile.mkdtemp(dir=self.folder))
        more = rest_environment(server.url) if server else database_environment(database)
        with sandbox(self.certificate, self.amounts.latency_ms, tls=self.amounts.tls) as api:
            return measure_idle(
                database,
                environment(self.certificate, home, api.url) | more,
                home,
                api.control,
                seconds=self.amounts.idle_seconds,
                starts=self.amounts.starts,
            )

    def pace(self, workers: int) -> Pace:
        """Several workers on one number while every core burns."""
        rows = self.amounts.pace_rows
        home = Path(tempfile.mkdtemp(dir=self.folder))
        with (
            self._filled(4 * rows, start=False) as (database, campaigns),
            sandbox(self.certificate, self.amounts.latency_ms, tls=self.amounts.tls) as api,
        ):
            return measure_pace(
                database,
                campaigns,
                workers,
                rows,
                os.cpu_count() or 1,
                environment(self.certificate, home, api.url) | database_environment(database),
                home,
                api.control,
            )

    def idle_both(self, *, with_rest: bool) -> dict[str, Idle]:
        """Idle over psycopg and over REST."""
        found = {"psycopg": self.idle(None, self.server.new_database())}
        if with_rest:
            database = self.server.new_database()
            with lite(database) as rest:
                found["REST"] = self.idle(rest, database)
        return found


class Report:
    """Collects rounds, tells on stderr how far it is, prints the tables on stdout."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[Figures]] = {}
        self.commands: list[Run] = []
        self.paces: list[Pace] = []
        self.queue: list[QueueFigures] = []
        self.crowds: list[Crowd] = []

    def say(self, what: str) -> None:
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        print(f"{time.strftime('%H:%M:%S')} load {load:.1f}  {what}", file=sys.stderr, flush=True)

    def took(self, name: str, figures: Figures) -> None:
        self.rounds.setdefault(name, []).append(figures)
        self.say(
            f"{name}: {figures.rate_after:,.0f}/s, {figures.cpu_us_after:,.0f} µs, PostgreSQL "
            f"{figures.servers_us_after.get('postgres', 0):,.0f} µs, {figures.peak_mb:.0f} MB; "
            f"others took {figures.others:.1f} cores"
        )

    def median(self, name: str) -> Figures | None:
        return table.median(self.rounds[name]) if name in self.rounds else None


def run(bench: Bench, chosen: list[str], report: Report) -> dict[str, Idle]:
    """All measurements that were chosen."""
    with_rest = not lite_missing()
    if not with_rest:
        report.say("without REST: @supabase/lite is not installed (make bench installs it)")
    kinds = {
        "bare": (_BARE, bench.bare),
        "aiohttp": (_AIOHTTP, bench.bare_aiohttp),
        "postgres": (_WORKER, bench.over_postgres),
        "supabase": ("worker over supabase-py", bench.over_rest),
        "rows": ("row by row over psycopg", bench.row_by_row),
    }
    for _ in range(bench.amounts.rounds):
        for key, (name, measure) in kinds.items():
            if key in chosen and (with_rest or key != "supabase"):
                report.took(name, measure())
    if "sizes" in chosen:
        bench.sizes(report)
    if "database" in chosen:
        bench.queue_cost(report)
    if "pace" in chosen:
        for workers in (1, 2, 3):
            report.say(f"{workers} workers, every core burning")
            report.paces.append(bench.pace(workers))
    if "commands" in chosen:
        report.say("commands")
        report.commands = measure_commands(bench.server, max(bench.amounts.sizes))
    if "idle" in chosen:
        report.say("idle workers")
        return bench.idle_both(with_rest=with_rest)
    return {}


def show(amounts: Amounts, machine: str, report: Report, idle: dict[str, Idle]) -> None:
    """The tables."""
    print(f"Machine: {machine}. Everything on it, sandbox and databases included.")
    best = amounts.in_flight / amounts.latency_ms * 1000
    print(
        f"{amounts.in_flight} in flight, answers after {amounts.latency_ms:.0f} ms "
        f"{'over TLS' if amounts.tls else 'without TLS'}, so at best {best:,.0f}/s. "
        f"Medians of {amounts.rounds}.\n"
        "Each campaign begins with its ramp (1 message, then 4, then the full rate, each after "
        "the answers of the last were written), and 400 connections are opened.\n“Whole run” "
        f"includes them, start-up and the last writes; “after the ramp” begins at answer "
        f"{RAMP_MESSAGES:,} and ends with the last answer.\n"
    )
    print(table.HEADER)
    for name in report.rounds:
        found = report.median(name)
        assert found is not None
        print(table.row(name, found))
    print(
        f"\nRow by row: a read, a write before and a write after each message, {ROW_CONNECTIONS} "
        "connections, without our counting triggers, no row for the inbox."
    )
    for name, one in idle.items():
        starts = ", ".join(f"{1000 * s:,.0f}" for s in one.first_post)
        print(
            f"Idle worker over {name}: {one.share:.2f} % of a core, {one.memory_mb:.0f} MB; "
            f"start → first POST: {starts} ms"
        )
    show_queue_cost(report.queue, report.crowds)
    if report.paces:
        print("\n| workers | fullest second | average | |\n|---|---|---|---|")
        for pace in report.paces:
            print(pace.line)
    if report.commands:
        show_commands(report.commands, max(amounts.sizes))
    bare, worker = report.rounds.get(_BARE), report.rounds.get(_WORKER)
    by_rows = {
        int(name.split()[1].replace(",", "")): table.median(rounds)
        for name, rounds in report.rounds.items()
        if name.endswith(" rows")
    }
    if not (bare and worker and by_rows):
        return
    rest = report.median("worker over supabase-py")
    print("\n| target | wanted | found | |\n|---|---|---|---|")
    for target in table.targets(bare, worker, rest, by_rows, idle, RestTransport.idle_poll_seconds):
        print(target.line())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench")
    parser.add_argument("--quick", action="store_true", help="small samples, one round: a minute")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--plain", action="store_true", help="an API without TLS")
    parser.add_argument("--only", action="append", choices=VARIANTS)
    given = parser.parse_args()
    amounts = QUICK if given.quick else FULL
    if given.rounds:
        amounts = replace(amounts, rounds=given.rounds)
    if given.plain:
        amounts = replace(amounts, tls=False)
    report = Report()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wacampaign-bench-")))
        server = stack.enter_context(postgres())
        bench = Bench(server, make_certificate(folder), amounts, folder)
        machine = describe_machine(server)
        idle = run(bench, given.only or list(VARIANTS), report)
    show(amounts, machine, report, idle)


if __name__ == "__main__":
    main()
