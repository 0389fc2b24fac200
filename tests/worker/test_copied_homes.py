"""WACAMPAIGN_HOME copied, put back, or damaged between a death and the next start."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.campaigns import phone
from tests.servers import wait_until
from tests.worker.rig import Rig

Connection = psycopg.Connection[Any]
ROWS = 900


def journals(home: Path) -> list[Path]:
    return sorted((home / "journals").glob("*.journal"))


def copy_of(home: Path, name: str) -> Path:
    """As a backup, or as the home of a second worker."""
    copy = home / name
    shutil.copytree(home / "journals", copy / "journals")
    return copy


def silent_for_a_minute(sql: Connection) -> None:
    """As if the 30 s without a beat had passed for every worker."""
    sql.execute("update wacampaign_workers set last_beat_at = now() - interval '1 minute'")


def nobody_twice(rig: Rig, campaign: str) -> None:
    control = rig.sandbox.control
    assert control.repeated() == []
    assert control.repeated("callback_data") == []
    assert rig.audit(campaign)["duplicates"] == 0


def some_are_never_answered(rig: Rig) -> None:
    """Ten messages of the first sixty: whenever the worker is killed, these are on the wire."""
    for n in range(50, 60):
        rig.sandbox.control.add_fault("hang", accept=True, recipient=phone(n))


def killed_while_sending(rig: Rig, after: int) -> None:
    """A worker that is killed with much on the wire, some of it answered and not settled."""
    worker = rig.start_worker()
    rig.wait_accepted(after, 60)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert journals(rig.home)


def test_a_home_that_is_copied_while_its_worker_lives(rig: Rig) -> None:
    """39 recipients got it twice: the second worker gave the first up, as nobody held the copy."""
    rig.sandbox.control.settings(latency_ms=200)
    number = rig.number("874163789109558", rate=150)
    campaign = rig.campaign(number, ROWS)
    first = rig.start_worker()
    rig.wait_accepted(100, 60)
    copy = copy_of(rig.home, "second")
    second = rig.start_worker(WACAMPAIGN_HOME=str(copy))
    rig.wait_started(second)
    assert rig.stats(campaign)["counts"]["in_doubt"] == 0
    rig.wait_accepted(500, 60)
    rig.wait_sent_or_in_doubt(campaign, ROWS, 90)
    for worker in (first, second):
        assert rig.stop(worker) == [0]
    for worker in (first, second):
        log = rig.log_of(worker)
        assert "event=claim_lost" not in log
        assert "given_up" not in log
    counts = rig.stats(campaign)["counts"]
    assert (counts["sent"], counts["in_doubt"]) == (ROWS, 0)
    nobody_twice(rig, campaign)


def test_the_copy_of_a_dead_workers_journal_proves_acceptances_only(
    rig: Rig, sql: Connection
) -> None:
    """The original is asked after the copy, and its silence still counts."""
    number = rig.number("874163789109558", rate=300)
    campaign = rig.campaign(number, ROWS)
    some_are_never_answered(rig)
    killed_while_sending(rig, 200)
    copy = copy_of(rig.home, "second")
    silent_for_a_minute(sql)
    copied = set(journals(copy))
    second = rig.start_worker(WACAMPAIGN_HOME=str(copy))
    wait_until(lambda: copied.isdisjoint(journals(copy)), 60, "the copy was read")
    rig.wait_started(second)
    assert "proves_only=acceptances" in rig.log_of(second)
    assert "unsent=0" in rig.log_of(second)
    assert rig.stop(second) == [0]
    held = rig.stats(campaign)["counts"]["in_doubt"]
    assert held > 0
    assert journals(rig.home)
    assert rig.finished(rig.start_worker("--until-idle")) == 0
    assert journals(rig.home) == []
    assert rig.stats(campaign)["counts"]["in_doubt"] <= held
    nobody_twice(rig, campaign)


@pytest.mark.parametrize("way", ["new files", "written over"])
def test_a_home_put_back_from_a_backup_after_its_workers_death(
    rig: Rig, sql: Connection, way: str
) -> None:
    """116 recipients got it twice: the backup lacks the beginnings that came after it."""
    rig.sandbox.control.settings(latency_ms=200)
    number = rig.number("874163789109558", rate=300)
    campaign = rig.campaign(number, ROWS)
    some_are_never_answered(rig)
    worker = rig.start_worker()
    rig.wait_accepted(60, 60)
    backup = copy_of(rig.home, "backup")
    rig.wait_accepted(500, 60)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    if way == "new files":
        shutil.rmtree(rig.home / "journals")
        shutil.copytree(backup / "journals", rig.home / "journals")
    else:
        for path in journals(backup):
            shutil.copyfile(path, rig.home / "journals" / path.name)
    silent_for_a_minute(sql)
    last = rig.start_worker()
    rig.wait_sent_or_in_doubt(campaign, ROWS, 90)
    assert rig.stop(last) == [0]
    counts = rig.stats(campaign)["counts"]
    assert counts["in_doubt"] > 0
    assert counts["sent"] + counts["in_doubt"] == ROWS
    assert rig.audit(campaign)["in_doubt"] == counts["in_doubt"]
    nobody_twice(rig, campaign)


def flip_a_bit(data: bytes) -> bytes:
    middle = data.rindex(b"\nB ", 0, len(data) * 2 // 3) + 10
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def cut_the_tail(data: bytes) -> bytes:
    """At the end of a line, where nothing looks torn."""
    return data[: data.rindex(b"\nB ", 0, len(data) * 2 // 3) + 1]


def garbage_lines(data: bytes) -> bytes:
    middle = data.rindex(b"\nB ", 0, len(data) * 2 // 3) + 1
    return data[:middle] + b"\0" * 200 + b"\ngarbage\n" * 5 + data[middle + 600 :]


def no_head(data: bytes) -> bytes:
    return b"?" + data[1:]


@pytest.mark.parametrize("damage", [flip_a_bit, cut_the_tail, garbage_lines, no_head])
def test_a_journal_that_is_damaged_before_it_is_read(
    rig: Rig, sql: Connection, damage: Any
) -> None:
    """21 to 139 recipients got it twice, and the audit said that none did."""
    rig.sandbox.control.settings(latency_ms=200)
    number = rig.number("874163789109558", rate=300)
    campaign = rig.campaign(number, ROWS)
    some_are_never_answered(rig)
    killed_while_sending(rig, 300)
    for path in journals(rig.home):
        path.write_bytes(damage(path.read_bytes()))
    if damage is no_head:
        # Whose process it was is not to be read any more: the database has to notice the death.
        silent_for_a_minute(sql)
    last = rig.start_worker()
    rig.wait_sent_or_in_doubt(campaign, ROWS, 90)
    assert rig.stop(last) == [0]
    only = "acceptances" if damage is no_head else "answers"
    assert f"proves_only={only}" in rig.log_of(last)
    counts = rig.stats(campaign)["counts"]
    assert counts["in_doubt"] > 0
    audit = rig.audit(campaign)
    assert (audit["in_doubt"], audit["lost"]) == (counts["in_doubt"], 0)
    nobody_twice(rig, campaign)


def test_three_immediate_restarts_need_no_beat_to_pass(rig: Rig) -> None:
    """The original of a process that is gone from this machine is read at once."""
    number = rig.number("874163789109558", rate=300)
    campaign = rig.campaign(number, ROWS)
    for n in range(3):
        killed_while_sending(rig, 100 * (n + 1))
    assert rig.finished(rig.start_worker("--until-idle")) == 0
    log = rig.log_of(rig.workers[-1])
    assert "event=journal_read" in log
    assert "proves_only" not in log
    counts = rig.stats(campaign)["counts"]
    assert counts["sent"] + counts["in_doubt"] == ROWS
    nobody_twice(rig, campaign)
