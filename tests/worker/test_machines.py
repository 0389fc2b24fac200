"""Three workers on three machines against one PostgreSQL; one is cut off for a minute."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.alerting.listener import alert_listener
from tests.servers import http_address, tcp_address, wait_until
from tests.worker import machines
from tests.worker.machines import Machine, Machines
from tests.worker.rig import Rig
from wacampaign.core.campaign.state import Stats
from wacampaign.store.campaigns import Campaigns

pytestmark = pytest.mark.skipif(machines.why_not() is not None, reason=machines.why_not() or "")
#: Seconds for which one is cut off: longer than a worker may be silent (30) and than any deadline.
CUT_SECONDS = 60
ROWS = 7_500


def start(
    rig: Rig, machine: Machine, database: str, api: str, alerts: str = ""
) -> subprocess.Popen[bytes]:
    log = rig.home / f"{machine.name}.log"
    rig.logs.append(log)
    with log.open("wb") as out:
        worker = subprocess.Popen(
            [*machine.program, sys.executable, "-m", "wacampaign", "run-worker"],
            env=rig.environment
            | {
                "DATABASE_URL": database,
                "WHATSAPP_API_URL": api,
                "WACAMPAIGN_HOME": str(machine.home),
                "WACAMPAIGN_ALERT_URLS": alerts,
            },
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=machine.home,
        )
    rig.workers.append(worker)
    return worker


def stats(rig: Rig, campaign: str) -> Stats:
    return rig.ask(lambda store: Campaigns(store).stats([campaign]))


def alive(rig: Rig, campaign: str) -> set[str]:
    return {worker.host for worker in stats(rig, campaign).workers if worker.alive}


@pytest.mark.timeout(300)
def test_one_of_three_is_cut_off(rig: Rig, tmp_path: Path) -> None:
    # At this rate the campaign lasts longer than the cut.
    campaign = rig.campaign(rig.number("201", rate=80), ROWS)
    with (
        Machines(3, tmp_path) as (first, second, third),
        tcp_address(rig.database, machines.HERE) as database,
        http_address(rig.sandbox.url, machines.HERE) as api,
        alert_listener() as listener,
        http_address(listener.url, machines.HERE) as alerts,
    ):
        workers = [start(rig, one, database, api, alerts) for one in (first, second, third)]
        names = {"app1", "app2", "app3"}
        wait_until(lambda: alive(rig, campaign) == names, 30, "all three work")
        rig.wait_accepted(400)
        second.cut_off()
        until = time.monotonic() + CUT_SECONDS
        wait_until(lambda: alive(rig, campaign) == {"app1", "app3"}, 45, "one is missed")
        told = [worker for worker in stats(rig, campaign).workers if not worker.alive]
        assert [worker.host for worker in told] == ["app2"]
        alert = listener.wait_for("worker_gone", seconds=40)
        assert alert["title"] == f"Worker gone: app2 pid {told[0].pid}"
        assert "2 others go on" in alert["reason"]
        before = rig.accepted()
        wait_until(lambda: rig.accepted() > before + 400, 30, "the others go on")
        wait_until(lambda: time.monotonic() >= until, CUT_SECONDS, "the minute is over")
        second.join()
        wait_until(lambda: alive(rig, campaign) == names, 60, "it is back by itself")
        listener.wait_for("worker_gone", what="end")
        assert [one["what"] for one in listener.of_kind("worker_gone")] == ["new", "end"]
        rig.wait_sent_or_in_doubt(campaign, ROWS, 120)
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        assert [rig.finished(worker) for worker in workers] == [0, 0, 0]
    assert rig.sandbox.control.repeated() == []
    audit = rig.audit(campaign)
    assert audit["ok"]
    assert audit["lost"] == audit["duplicates"] == 0
    counts = rig.stats(campaign)["counts"]
    assert counts["failed"] == 0
    # What the cut worker had on the wire at that moment: accepted or not, nobody can say.
    assert counts["sent"] <= rig.accepted() <= counts["sent"] + counts["in_doubt"]
