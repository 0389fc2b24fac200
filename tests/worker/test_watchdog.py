"""A worker whose event loop stands still ends itself and says where; no other does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.servers import wait_until
from tests.worker.rig import Rig
from tests.worker.short_worker import QUICK_TO_STALL

STANDING = "tests.worker.standing_worker"
NUMBER = "874163789109558"


@pytest.mark.parametrize("how", ["--in-a-loop", "--in-a-call"])
def test_a_worker_that_stands_still_ends_itself(rig: Rig, how: str) -> None:
    campaign = rig.campaign(rig.number(NUMBER, rate=200), 300)
    worker = rig.start_worker(how, module=STANDING)
    assert rig.finished(worker, 30) == 1
    log = rig.log_of(worker)
    assert "event=stands_still" in log
    # Where it stood, and the thread beside it.
    assert "standing_worker.py" in log
    assert "watchdog.py" in log
    # PM2 starts it again: nothing is lost, nothing sent twice.
    assert rig.finished(rig.start_worker("--until-idle")) == 0
    counts = rig.stats(campaign)["counts"]
    assert counts["sent"] + counts["in_doubt"] == 300
    assert counts["sent"] <= rig.accepted() <= 300
    assert rig.sandbox.control.repeated() == []
    assert rig.audit(campaign)["ok"]


def test_a_reader_that_reads_nothing_does_not_keep_it_alive(rig: Rig) -> None:
    """Its last words may go where the loop already waits for room."""
    rig.campaign(rig.number(NUMBER, rate=200), 100)
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    try:
        while True:
            os.write(writes, b"x" * 1024)
    except BlockingIOError:
        os.set_blocking(writes, True)
    worker = subprocess.Popen(
        [sys.executable, "-m", STANDING],
        env=rig.environment,
        stdout=writes,
        stderr=writes,
        cwd=rig.home,
    )
    rig.workers.append(worker)
    try:
        assert worker.wait(30) == 1
    finally:
        os.close(reads)
        os.close(writes)


def test_a_worker_that_was_suspended_goes_on(rig: Rig, sql: psycopg.Connection[Any]) -> None:
    """SIGSTOP for twice the time that a loop may stand: the watchdog stood still, too."""
    campaign = rig.campaign(rig.number(NUMBER, rate=100), 600)
    worker = rig.start_worker("--quick-to-stall", module="tests.worker.short_worker")
    rig.wait_accepted(50)
    worker.send_signal(signal.SIGSTOP)
    process = psutil.Process(worker.pid)
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED, what="it is stopped")
    stopped_for(2 * QUICK_TO_STALL.stall)
    worker.send_signal(signal.SIGCONT)

    def done() -> bool:
        counts = rig.stats(campaign)["counts"]
        # An answer that came while it stood still may be past its deadline, and twenty of these
        # hold the number for a minute: as if that had passed.
        sql.execute("update wacampaign_holds set held_until = now() where held_until > now()")
        return bool(counts["sent"] + counts["in_doubt"] == 600)

    wait_until(done, 30, "it goes on")
    assert "event=stands_still" not in rig.log_of(worker)
    worker.send_signal(signal.SIGTERM)
    assert rig.finished(worker) == 0
    assert rig.sandbox.control.repeated() == []


def stopped_for(seconds: float) -> None:
    """The duration itself is what is tested."""
    since = Path("/proc/uptime")

    def uptime() -> float:
        return float(since.read_text().split()[0])

    end = uptime() + seconds
    wait_until(lambda: uptime() >= end, 2 * seconds, "the time has passed")
