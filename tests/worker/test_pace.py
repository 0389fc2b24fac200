"""The rate is an invariant: no second, however it is laid, sees more than 5 % over the limit.

Counted where the API counts. An API that gets no core for 100 ms finds what came meanwhile in one
heap: it tells when it stood still, and what came then is not held against the second that begins
so. These tests run one by one, and before the others where those want a core, too.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.late import late_postgres
from tests.servers import wait_until
from tests.worker.rig import Rig
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.workers import Workers

Connection = psycopg.Connection[Any]

RATE = 80
#: What the invariant allows in any second: 5 % over.
MOST = 84
#: Seconds after a stall in which the API counts what it found.
HEAP = 0.005


def most_in_a_second(times: list[float], stalls: list[tuple[float, float]]) -> int:
    """The fullest second of all, wherever it begins.

    Of a second that begins at the end of one of the API's `stalls`, without as many messages as
    may have come in that, before.
    """
    times, stalls = sorted(times), sorted(stalls)
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - 1.0:
            first += 1
        beginning = times[first]
        before = [beginning - start for start, end in stalls if start < beginning < end + HEAP]
        most = max(most, last - first + 1 - int(RATE * max(before, default=0.0)))
    return most


def fullest_second(rig: Rig) -> int:
    return most_in_a_second(arrivals(rig), rig.sandbox.control.stalls())


def arrivals(rig: Rig) -> list[float]:
    return [message["time"] for message in rig.sandbox.control.accepted()]


def check(rig: Rig, campaign: str, rows: int) -> None:
    """Everything was sent, nothing twice, and no second was too full."""
    assert rig.stats(campaign)["counts"]["sent"] == rows
    assert rig.accepted() == rows
    assert rig.sandbox.control.repeated() == []
    assert fullest_second(rig) <= MOST


def finish(rig: Rig, campaign: str, rows: int, workers: list[subprocess.Popen[bytes]]) -> None:
    wait_until(lambda: rig.stats(campaign)["status"] == "completed", 60, "all sent")
    assert rig.stop(*workers) == [0] * len(workers)
    check(rig, campaign, rows)


def test_a_transaction_of_the_backend_that_locks_the_counter(rig: Rig, sql: Connection) -> None:
    """Slots that passed while the claim waited were sent at once: 103 in a second."""
    campaign = rig.campaign(rig.number("874163789109558", rate=RATE), 640)
    workers = [rig.start_worker() for _ in range(2)]
    rig.wait_accepted(120)
    with sql.transaction():
        sql.execute("select 1 from wacampaign_counts where campaign_id = %s for update", [campaign])
        # What the backend does meanwhile takes this long; the invariant is about just that.
        time.sleep(2)
    finish(rig, campaign, 640, workers)


def test_a_worker_that_stands_still_for_a_moment(rig: Rig) -> None:
    """It moved its slots into those of the other, to the end of the campaign: 114 to 163."""
    campaign = rig.campaign(rig.number("874163789109558", rate=RATE), 640)
    workers = [rig.start_worker() for _ in range(2)]
    rig.wait_accepted(120)
    workers[0].send_signal(signal.SIGSTOP)
    time.sleep(1.5)
    workers[0].send_signal(signal.SIGCONT)
    finish(rig, campaign, 640, workers)


@pytest.mark.parametrize("seconds", [0.4, 1.5])
def test_a_worker_whose_database_answers_late(rig: Rig, seconds: float) -> None:
    campaign = rig.campaign(rig.number("874163789109558", rate=RATE), 640)
    with late_postgres(rig.database) as (url, way):
        workers = [rig.start_worker(), rig.start_worker(DATABASE_URL=url)]
        rig.wait_accepted(120)
        way.seconds = seconds
        finish(rig, campaign, 640, workers)


def test_a_worker_whose_database_answers_late_from_the_start(rig: Rig) -> None:
    campaign = rig.campaign(rig.number("874163789109558", rate=RATE), 640)
    with late_postgres(rig.database) as (url, way):
        way.seconds = 1.5
        workers = [rig.start_worker(DATABASE_URL=url)]
        rig.wait_started(workers[0])
        workers.append(rig.start_worker())
        finish(rig, campaign, 640, workers)


@contextmanager
def burning_cores() -> Iterator[None]:
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def test_every_core_burns(rig: Rig) -> None:
    campaign = rig.campaign(rig.number("874163789109558", rate=RATE), 640)
    with burning_cores():
        workers = [rig.start_worker() for _ in range(2)]
        finish(rig, campaign, 640, workers)


def test_a_number_whose_requests_all_hang_slows_no_other(rig: Rig) -> None:
    """It stopped all others for 10 to 29 seconds."""
    healthy = rig.number("874163789109558", rate=RATE)
    hanging = rig.number("875062729021816", rate=500, templates=("stuck",))
    rig.sandbox.control.add_fault("hang", phone_number_id="875062729021816")
    fine = rig.campaign(healthy, 640)
    rig.campaign(hanging, 5_000, templates=("stuck",), first_phone=1_000_000)
    worker = rig.start_worker()
    wait_until(lambda: rig.stats(fine)["status"] == "completed", 60, "the healthy one completes")
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    times = sorted(arrivals(rig))
    assert len(times) == 640
    assert fullest_second(rig) <= MOST
    # After the ramp no pause of seconds: not at the start, when the others begin to hang, and not
    # when they are found to hang.
    assert max(b - a for a, b in itertools.pairwise(times[5:])) < 2.0


#: `wacampaign run-worker` with deadlines that a test can wait for.
SHORT_FENCE = """
import wacampaign.core.engine.waiting as waiting
assert waiting.FENCE_SECONDS > 0.5
waiting.FENCE_SECONDS = 0.5
from wacampaign.__main__ import main
main()
"""


def test_a_worker_that_stood_still_sends_nothing_that_was_resolved_meanwhile(
    rig: Rig, sql: Connection
) -> None:
    """SIGSTOP, a person resolves its rows, SIGCONT: 6 were sent 10 to 40 ms after waking."""
    campaign = rig.campaign(rig.number("874163789109558", rate=RATE), 400)
    rig.sandbox.control.settings(latency_ms=150)
    zombie = rig.start_worker(program=("-c", SHORT_FENCE))
    rig.wait_accepted(80)
    rig.stand_still(zombie)
    # What is on its way arrives; then nothing more can.
    time.sleep(1.0)
    before = rig.accepted()
    # As if the 30 s without a heartbeat had passed; then a person decides, without the journal.
    sql.execute("update wacampaign_workers set last_beat_at = now() - interval '1 minute'")
    rig.ask(lambda store: Workers(store).reap([]))
    rig.ask(lambda store: Campaigns(store).set_status(campaign, "pause", "test"))
    held = sql.execute(
        "select count(*) from send_queue where status = 'processing' and in_doubt_since is null"
    ).fetchone()
    assert held == (0,)
    zombie.send_signal(signal.SIGCONT)
    wait_until(lambda: "event=claim_lost" in rig.log_of(zombie), 20, "it found its claim gone")
    zombie.send_signal(signal.SIGTERM)
    assert rig.finished(zombie) == 0
    assert rig.accepted() == before
