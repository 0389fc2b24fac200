"""An idle worker: its share of a core, and how soon it sends when a campaign is started."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from bench import contacts
from bench.surroundings import NUMBERS
from wacampaign.sandbox.client import SandboxControl

#: Seconds until a worker that found nothing has come down to its longest pause (0.1 s, doubling
#: up to 5 s, on REST).
_QUIET_SECONDS = 12.0


@dataclass(frozen=True)
class Idle:
    """CPU share of a core (per cent); seconds from `start` to the first POST, each time."""

    share: float
    first_post: list[float]
    memory_mb: float


@contextmanager
def _run_worker(environment: dict[str, str], home: Path) -> Iterator[psutil.Process]:
    with (home / "idle.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "wacampaign", "run-worker"],
            env=environment,
            cwd=home,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)


def measure_idle(
    database: str,
    environment: dict[str, str],
    home: Path,
    control: SandboxControl,
    *,
    seconds: float,
    starts: int,
) -> Idle:
    """`wacampaign run-worker` with nothing to do for `seconds`, then `starts` campaigns, one at a
    time, each started after a quiet time, over a connection of its own.
    """
    campaigns = contacts.fill(database, len(NUMBERS) * starts)
    with _run_worker(environment, home) as worker:
        time.sleep(_QUIET_SECONDS)
        before, began = worker.cpu_times(), time.perf_counter()
        time.sleep(seconds)
        after, passed = worker.cpu_times(), time.perf_counter() - began
        memory = worker.memory_info().rss / 1e6
        took = []
        for i in range(starts):
            if i:
                # Not a whole multiple of the poll interval: starts meet it at any point.
                time.sleep(_QUIET_SECONDS + 1.7 * i)
            took.append(_start(database, campaigns[i % len(campaigns)], control))
    busy = after.user + after.system - before.user - before.system
    return Idle(100 * busy / passed, took, memory)


def _start(database: str, campaign: str, control: SandboxControl) -> float:
    seen = control.totals()["accepted"]
    with psycopg.connect(database, autocommit=True) as connection:
        # From the statement on: opening a connection is not the worker's time.
        started = time.time()
        connection.execute(
            "select public.wacampaign_set_status(%s::uuid, 'start', 'bench')", (campaign,)
        )
    deadline = started + 30
    while control.totals()["accepted"] == seen:
        if time.time() > deadline:
            raise AssertionError("nothing was sent within 30 s of the start")
        time.sleep(0.02)
    first = list(control.accepted())[seen]
    # All of it is over before the next start.
    time.sleep(3)
    return float(first["time"]) - started
