"""Workers killed at random moments, answers of API and database lost: nobody gets two messages."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from pathlib import Path

import pytest

from tests.backend_cron import backend_cron
from tests.lossy import lossy_postgres
from tests.servers import wait_until
from tests.worker.rig import Rig
from wacampaign.core.words import short_id
from wacampaign.store.work_queue import WorkQueue

ROWS = 5_000
KILLS = 20


def on_the_wire(home: Path, worker: subprocess.Popen[bytes]) -> int:
    """Rows that the (stopped) worker had begun and not heard of, by its own journal."""
    begun: set[tuple[str, str]] = set()
    answered: set[tuple[str, str]] = set()
    started = f"pid={worker.pid}"
    for path in (home / "journals").glob("*.journal"):
        worker_id = path.name.split(".")[0]
        owner = any(
            started in line and short_id(worker_id) in line
            for log in home.glob("worker-*.log")
            for line in log.read_text().splitlines()
        )
        if not owner:
            continue
        for line in path.read_text().splitlines():
            if line.startswith("B "):
                _, row_id, claim_id = line.split(" ")
                begun.add((row_id, claim_id))
            elif line.startswith("A "):
                row_id, claim_id, *_ = json.loads(line[2:])
                answered.add((row_id, claim_id))
    return len(begun - answered)


@pytest.mark.timeout(240)
def test_twenty_kills_and_lost_answers(rig: Rig) -> None:
    dice = random.Random(20_251_110)
    number = rig.number("874163789109558", rate=1000)
    # One answer of the API in fifty is lost after the message was accepted, and one in twelve
    # of the (far fewer) answers of the database, after it did what was asked.
    rig.sandbox.control.add_fault("drop_answer", every=50)
    # One in twenty is answered by a gateway in Meta's place, after it passed the message on.
    rig.sandbox.control.add_fault("gateway", every=20, status=502, wording="graph")
    with (
        backend_cron(rig.database) as cron,
        lossy_postgres(rig.database, one_in=12, seed=7) as (lossy_url, way),
    ):
        environment = {"DATABASE_URL": lossy_url}
        campaign = rig.campaign(number, ROWS)
        workers = [rig.start_worker(**environment) for _ in range(2)]
        in_flight = 0
        for threshold in sorted(dice.sample(range(50, 3 * ROWS // 5), KILLS)):
            rig.wait_accepted(threshold, 60)
            victim = dice.randrange(2)
            # Stopped for the moment that it takes to read what is on its wire, then killed.
            workers[victim].send_signal(signal.SIGSTOP)
            in_flight += on_the_wire(rig.home, workers[victim])
            workers[victim].send_signal(signal.SIGKILL)
            workers[victim].wait()
            workers[victim] = rig.start_worker(**environment)

        def only_doubt_left() -> bool:
            # The journals of the dead turn some doubts into rows to send: first they are read.
            journals = (rig.home / "journals").glob("*.journal")
            if len({path.name.split(".")[0] for path in journals}) > 2:
                return False
            counts = rig.stats(campaign)["counts"]
            return counts["sent"] + counts["failed"] + counts["in_doubt"] == ROWS

        wait_until(only_doubt_left, 90, "everything but rows in doubt is sent")
        for worker in workers:
            rig.wait_started(worker)
            worker.send_signal(signal.SIGTERM)
        assert [rig.finished(worker) for worker in workers] == [0, 0]

        control = rig.sandbox.control
        totals = control.totals()
        assert totals["repeated_recipients"] == 0
        assert control.repeated("callback_data") == []
        lost_answers = totals["answers_dropped"]
        assert lost_answers > 50
        assert way.lost >= 5
    # The backend's statements found rows of ours each time, were not failed, and not followed.
    assert cron.runs >= 10
    assert cron.rows > 0

    counts = rig.stats(campaign)["counts"]
    assert counts["failed"] == 0
    assert 0 < counts["in_doubt"] <= in_flight + lost_answers
    assert counts["sent"] + counts["in_doubt"] == ROWS, counts
    assert counts["sent"] <= totals["accepted"] <= ROWS
    audit = rig.audit(campaign)
    assert (audit["ok"], audit["rows"], audit["lost"], audit["duplicates"]) == (True, ROWS, 0, 0)
    verdict = rig.ask(lambda store: WorkQueue(store).complete(campaign, "test"))
    assert not verdict.completed
    assert verdict.counts.in_doubt == counts["in_doubt"]
    assert verdict.counts.total - verdict.counts.sent == counts["in_doubt"]
    assert verdict.never_enqueued == 0
