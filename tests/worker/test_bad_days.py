"""Stops, outages and hanging requests, against the real worker process."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path
from typing import Any

import psycopg

from tests.lossy import lossy_postgres
from tests.servers import wait_until
from tests.worker.rig import Rig
from wacampaign.store.campaigns import Campaigns

Connection = psycopg.Connection[Any]


def journals(home: Path) -> list[Path]:
    return list((home / "journals").glob("*.journal"))


def test_a_signal_finishes_settles_releases(rig: Rig) -> None:
    rig.sandbox.control.settings(latency_ms=300)
    number = rig.number("874163789109558", rate=200)
    campaign = rig.campaign(number, 2_000)
    for name in (signal.SIGINT, signal.SIGTERM):
        before = rig.accepted()
        worker = rig.start_worker()
        rig.wait_accepted(before + 100)
        worker.send_signal(name)
        assert rig.finished(worker) == 0
        counts = rig.stats(campaign)["counts"]
        assert counts["processing"] == counts["in_doubt"] == 0
        assert counts["sent"] == rig.accepted()
        assert journals(rig.home) == []
        assert rig.ask(lambda store: Campaigns(store).stats()).workers == []


def test_a_second_signal_ends_at_once_and_says_what_is_in_doubt(rig: Rig) -> None:
    number = rig.number("874163789109558", rate=200)
    campaign = rig.campaign(number, 1_000)
    worker = rig.start_worker()
    rig.wait_accepted(50)
    rig.sandbox.control.add_fault("hang", accept=True)
    wait_until(lambda: rig.sandbox.control.totals()["hung"] >= 20, what="requests hang")
    worker.send_signal(signal.SIGINT)
    wait_until(lambda: "event=stopping" in rig.log_of(worker), what="it heard the first")
    worker.send_signal(signal.SIGINT)
    assert rig.finished(worker, 10) == 130
    log = rig.log_of(worker)
    (told,) = map(int, re.findall(r"(\d+) messages were on the wire and are in doubt", log))
    assert "in doubt: row " in log
    # The next worker reads the journal: what hung is in doubt, the rest is sent.
    rig.sandbox.control.clear_faults()
    # The API knows only of what has come: some may still be on their way.
    assert 20 <= rig.sandbox.control.totals()["hung"] <= told
    second = rig.start_worker("--until-idle")
    assert rig.finished(second) == 0
    counts = rig.stats(campaign)["counts"]
    assert counts["in_doubt"] == told
    assert counts["sent"] == 1_000 - told
    assert rig.sandbox.control.repeated() == []


def test_a_worker_that_stood_still_sends_nothing_twice(rig: Rig, sql: Connection) -> None:
    """SIGSTOP until it counts as dead, another takes over, SIGCONT: the fence holds."""
    number = rig.number("874163789109558", rate=100)
    campaign = rig.campaign(number, 600)
    zombie = rig.start_worker()
    rig.wait_accepted(60)
    zombie.send_signal(signal.SIGSTOP)
    # As if the 30 s without a heartbeat had passed.
    sql.execute("update wacampaign_workers set last_beat_at = now() - interval '1 minute'")
    other = rig.start_worker()
    rig.wait_accepted(200)
    zombie.send_signal(signal.SIGCONT)
    rig.wait_sent_or_in_doubt(campaign, 600, 40)
    for worker in (zombie, other):
        assert rig.stop(worker) == [0]
    assert rig.sandbox.control.repeated() == []
    assert rig.audit(campaign)["ok"]
    # What the zombie had on the wire, it told as evidence when it woke.
    assert rig.stats(campaign)["counts"]["sent"] == rig.accepted()


def test_an_api_that_refuses_connections_uses_up_no_retry(rig: Rig, sql: Connection) -> None:
    number = rig.number("874163789109558", rate=500)
    campaign = rig.campaign(number, 300)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused
        port = taken.getsockname()[1]
        worker = rig.start_worker(WHATSAPP_API_URL=f"http://127.0.0.1:{port}")
        wait_until(lambda: "event=api_unreachable" in rig.log_of(worker), what="it says so")
        assert rig.stop(worker) == [0]
    counts = rig.stats(campaign)["counts"]
    assert counts["failed"] == counts["in_doubt"] == 0
    assert sql.execute("select max(retry_count) from send_queue").fetchone() == (0,)
    sql.execute("update send_queue set next_retry_at = now() where next_retry_at is not null")
    assert rig.finished(rig.start_worker("--until-idle")) == 0
    assert rig.stats(campaign)["status"] == "completed"


def test_a_database_that_goes_away_loses_nothing(rig: Rig) -> None:
    number = rig.number("874163789109558", rate=300)
    campaign = rig.campaign(number, 1_500)
    with lossy_postgres(rig.database, one_in=1_000_000) as (url, way):
        worker = rig.start_worker("--until-idle", DATABASE_URL=url)
        rig.wait_accepted(300)
        way.cut()
        wait_until(lambda: "event=database_away" in rig.log_of(worker), what="it says so")
        way.mend()
        assert rig.finished(worker, 90) == 0
    counts = rig.stats(campaign)["counts"]
    assert counts["sent"] == 1_500
    assert rig.accepted() == 1_500
    assert rig.sandbox.control.repeated() == []


def test_hanging_requests_of_one_number_hold_up_no_other(rig: Rig) -> None:
    hanging = rig.number("875062729021816", rate=200, templates=("stuck",))
    healthy = rig.number("874163789109558", rate=200)
    rig.sandbox.control.add_fault("hang", phone_number_id="875062729021816")
    stuck = rig.campaign(hanging, 2_000, templates=("stuck",), first_phone=1_000_000)
    fine = rig.campaign(healthy, 1_000)
    worker = rig.start_worker()
    wait_until(lambda: rig.stats(fine)["status"] == "completed", 40, "the healthy one completes")
    assert rig.stats(stuck)["counts"]["sent"] == 0
    worker.send_signal(signal.SIGKILL)
    worker.wait()


def test_one_slow_template_holds_up_no_other_of_its_campaign(rig: Rig) -> None:
    number = rig.number("874163789109558", rate=400, templates=("slow", "quick"))
    rig.sandbox.control.add_fault("slow", template="slow", extra_ms=25_000)
    campaign = rig.campaign(number, 1_200, templates=("slow", "quick"))
    worker = rig.start_worker()

    def quick_sent() -> int:
        groups = rig.sandbox.control.counts("recipient", template="quick", limit=1)["groups"]
        return int(groups)

    wait_until(lambda: quick_sent() == 600, 20, "the quick template's rows are sent")
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert rig.stats(campaign)["counts"]["failed"] == 0


def test_two_workers_stay_within_a_numbers_rate(rig: Rig) -> None:
    number = rig.number("874163789109558", rate=50)
    campaign = rig.campaign(number, 300)
    workers = [rig.start_worker("--until-idle") for _ in range(2)]
    assert [rig.finished(worker) for worker in workers] == [0, 0]
    assert rig.stats(campaign)["counts"]["sent"] == 300
    # Slots are spaced over both workers, so 300 messages take six seconds, less one slot. How they
    # bunch on the way is this machine's doing; that the slots do not is asserted in tests/store.
    times = [message["time"] for message in rig.sandbox.control.accepted()]
    assert max(times) - min(times) > 5.5


def test_a_full_disk_stops_sending_and_loses_nothing(rig: Rig) -> None:
    number = rig.number("874163789109558", rate=200)
    campaign = rig.campaign(number, 500)
    # No file may grow past 8 KiB for this process: what a full disk does to the journal.
    worker = rig.start_worker(preexec_limit=8_192)
    assert rig.finished(worker, 30) == 1
    log = rig.log_of(worker)
    assert "journal" in log
    assert "free space on that disk" in log
    counts = rig.stats(campaign)["counts"]
    assert counts["processing"] == 0
    assert counts["sent"] + counts["ready"] + counts["in_doubt"] == 500
    assert counts["sent"] == rig.accepted() - counts["in_doubt"]
    assert rig.finished(rig.start_worker("--until-idle")) == 0
    assert rig.sandbox.control.repeated() == []
