"""A rehearsal: real PostgreSQL, the sandbox in its own process, workers in theirs."""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import psutil

from tests.campaigns import BODY_TEMPLATE, add_campaign, add_number
from tests.forked import Forked
from tests.servers import print_ends, wait_until
from wacampaign.sandbox.process import SandboxProcess
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.store import Store

WABA = "2000000001"
TOKEN = "test-token"
Answer = TypeVar("Answer")
Worker = subprocess.Popen[bytes] | Forked


#: Numbers of the system calls epoll_wait and epoll_pwait, by machine.
WAITS: Final = {"x86_64": {"232", "281"}, "aarch64": {"22"}}


def waits_for_events(pid: int) -> bool:
    """Whether a stopped process stood in its loop's wait; True where nobody can tell."""
    known = WAITS.get(platform.machine())
    try:
        call = Path(f"/proc/{pid}/syscall").read_text().split()[0]
    except OSError:
        return True
    return known is None or call in known


class Rig:
    """One database and one sandbox, and the workers started on them."""

    def __init__(self, database: str, sandbox: SandboxProcess, home: Path) -> None:
        self.database = database
        self.sandbox = sandbox
        self.home = home
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("WACAMPAIGN", "SUPABASE"))},
            "DATABASE_URL": database,
            "WACAMPAIGN_STORE": "postgres",
            "WACAMPAIGN_HOME": str(home),
            "WHATSAPP_API_URL": sandbox.url,
            "PYTHONUNBUFFERED": "1",
            # For programs of the tests; the worker's folder is another.
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        self.workers: list[Worker] = []
        self.logs: list[Path] = []
        self._runner = asyncio.Runner()
        self._store = Store(PostgresTransport(database))

    def ask(self, question: Callable[[Store], Awaitable[Answer]]) -> Answer:
        """Runs one coroutine with the store of the person who watches."""

        async def play() -> Answer:
            return await question(self._store)

        return self._runner.run(play())

    def number(
        self, phone_number_id: str, *, rate: int = 1000, templates: tuple[str, ...] = ("hello",)
    ) -> str:
        """A number in the sandbox and in the database, with one-variable templates."""
        control = self.sandbox.control
        control.put_number(phone_number_id, waba_id=WABA, token=TOKEN, mps=None)
        control.put_templates(
            WABA,
            *(
                {
                    "name": name,
                    "language": "en",
                    "status": "APPROVED",
                    "category": "MARKETING",
                    "components": BODY_TEMPLATE,
                }
                for name in templates
            ),
        )
        return self.ask(
            lambda store: add_number(
                store,
                rate=rate,
                phone_number_id=phone_number_id,
                waba_id=WABA,
                token=TOKEN,
                templates=templates,
            )
        )

    def campaign(self, number_id: str, rows: int, **more: Any) -> str:
        return self.ask(lambda store: add_campaign(store, number_id, rows, **more))

    def stats(self, campaign_id: str) -> dict[str, Any]:
        answer = self.ask(lambda store: store.call("stats", campaign_ids=[campaign_id]))
        found: dict[str, Any] = answer["campaigns"][0]
        return found

    def audit(self, campaign_id: str) -> dict[str, Any]:
        return self.ask(lambda store: Campaigns(store).audit(campaign_id))

    def start_worker(
        self,
        *arguments: str,
        module: str | None = None,
        preexec_limit: int | None = None,
        program: tuple[str, ...] | None = None,
        **environment: str,
    ) -> Worker:
        """`wacampaign run-worker` as a process of its own; its log is kept.

        `module`: another program of the tests instead, which makes its own worker.
        `program`: what Python runs, with the same arguments; without it the worker is forked.
        `preexec_limit`: bytes beyond which no file of the process may grow.
        """

        def limit() -> None:
            assert preexec_limit is not None
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (preexec_limit, preexec_limit))

        log = self.home / f"worker-{len(self.workers)}.log"
        self.logs.append(log)
        with log.open("wb") as out:
            worker: Worker
            if program is preexec_limit is None:
                words = ["run-worker", *arguments] if module is None else arguments
                worker = Forked(
                    words,
                    module=module or "wacampaign",
                    env=self.environment | environment,
                    cwd=self.home,
                    out=out,
                )
            else:
                started = program or ("-m", "wacampaign")
                worker = subprocess.Popen(
                    [sys.executable, *started, "run-worker", *arguments],
                    env=self.environment | environment,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    cwd=self.home,
                    preexec_fn=None if preexec_limit is None else limit,
                )
        self.workers.append(worker)
        return worker

    def log_of(self, worker: Worker) -> str:
        return self.logs[self.workers.index(worker)].read_text()

    def wait_started(self, worker: Worker) -> None:
        """Waits until the worker has registered (and so has its signal handlers)."""
        wait_until(lambda: "event=started" in self.log_of(worker), 20, "the worker has started")

    def finished(self, worker: Worker, seconds: float = 60) -> int:
        """Waits for the worker's end and returns its exit code."""
        try:
            return worker.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker still runs:\n{self.log_of(worker)[-3000:]}") from None

    def stop(self, *workers: Worker) -> list[int]:
        """A person stops workers, not before they have signal handlers; their exit codes."""
        for worker in workers:
            self.wait_started(worker)
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        return [self.finished(worker) for worker in workers]

    def stand_still(self, worker: Worker) -> None:
        """Stops a worker while it waits for something, and not at its last step before the wire.

        There it would send one message when it wakes (test_last_look.py), and now and then a stop
        meets just that.
        """

        def stopped_while_it_waits() -> bool:
            worker.send_signal(signal.SIGSTOP)
            process = psutil.Process(worker.pid)
            wait_until(lambda: process.status() == psutil.STATUS_STOPPED, what="it is stopped")
            if waits_for_events(worker.pid):
                return True
            worker.send_signal(signal.SIGCONT)
            return False

        wait_until(stopped_while_it_waits, what="it is stopped while it waits")

    def wait_sent_or_in_doubt(self, campaign_id: str, rows: int, seconds: float) -> None:
        """Waits until nothing of the campaign is left to do."""

        def done() -> bool:
            counts = self.stats(campaign_id)["counts"]
            return bool(counts["sent"] + counts["in_doubt"] == rows)

        wait_until(done, seconds, "all is sent or in doubt")

    def accepted(self) -> int:
        return int(self.sandbox.control.totals()["accepted"])

    def wait_accepted(self, n: int, seconds: float = 30) -> None:
        wait_until(lambda: self.accepted() >= n, seconds, f"{n} messages accepted")

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
                worker.wait()
        print_ends(self.logs)
        self._runner.run(self._store.close())
        self._runner.close()
