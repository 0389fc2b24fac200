"""What a journal must never be made to say: that a message which may have left did not leave."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.campaigns import accepted, add_campaign, add_number, counts, past_ramp, run_on, worker
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.ports import ClaimedRow, Settlement
from wacampaign.core.engine.settling import Settling
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.journal import dead_journals as reading
from wacampaign.journal import writing as journal_module
from wacampaign.journal.dead_journals import dead_journals
from wacampaign.journal.writing import WorkerJournal, journal_folder
from wacampaign.operations.known_outcomes import recover_journals
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

LATE = Verdict(Outcome.IN_DOUBT, text="no answer, may have been sent")


def log(event: str, *, level: str = "info", **fields: object) -> None:
    print(event, level, fields)


def rows_of_nobody(n: int) -> list[ClaimedRow]:
    claim = str(uuid4())
    return [ClaimedRow(str(uuid4()), claim, "", "", "hello", "", {}, 0.0) for _ in range(n)]


async def begun_claim(store: Store, rows: int) -> tuple[str, UUID, list[ClaimedRow]]:
    """A campaign past its ramp, and a worker that holds `rows` rows of a claim that began."""
    number = await add_number(store)
    campaign = await add_campaign(store, number, rows + 5)
    holder = await worker(store)
    await past_ramp(store, holder, campaign)
    claim = await WorkQueue(store).claim(holder, uuid4(), rows)
    assert len(claim.rows) == rows
    assert await WorkQueue(store).begin(holder, claim.rows[0].claim_id) == frozenset()
    return campaign, holder, claim.rows


def test_a_journal_goes_on_past_its_second_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "FILE_BYTES", 300)
    journal = WorkerJournal(tmp_path, uuid4())
    for _ in range(50):
        rows = rows_of_nobody(2)
        journal.begun(rows)
        for row in rows:
            journal.answered(row, Verdict(Outcome.SENT, wamid="wamid.x"))
        journal.settled(rows)
        assert len(list(journal_folder(tmp_path).glob("*.journal"))) <= 2
    journal.close(settled=True)
    assert list(journal_folder(tmp_path).iterdir()) == []


def test_an_answer_cut_by_a_full_disk_does_not_swallow_the_next_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = WorkerJournal(tmp_path, uuid4())
    first, second = rows_of_nobody(2)
    journal.begun([first])
    real_write = os.pwrite

    def full(fd: int, data: bytes, offset: int) -> int:
        if len(data) > 40:
            return real_write(fd, data[:40], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", full)
        journal.answered(first, Verdict(Outcome.SENT, wamid="wamid.first"))
    journal.begun([second])
    journal.close(settled=False)
    (dead,) = dead_journals(tmp_path)
    dead.read()
    assert dead.begun == {(first.id, first.claim_id), (second.id, second.claim_id)}


def test_after_a_loss_of_power_a_missing_beginning_proves_nothing(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tail of a file that was never flushed is gone after the machine was."""

    async def scenario(store: Store) -> None:
        campaign, lost, rows = await begun_claim(store, 10)
        journal = WorkerJournal(tmp_path, lost)
        journal.begun(rows[:4])
        journal.answered(rows[0], accepted(rows)[0].verdict)
        flushed = next(journal_folder(tmp_path).glob("*.journal")).read_bytes()
        journal.begun(rows[4:])  # these are on the wire when the lights go out
        journal.close(settled=False)
        next(journal_folder(tmp_path).glob("*.journal")).write_bytes(flushed)
        await Workers(store).reap([str(lost)])
        with monkeypatch.context() as machine:
            machine.setattr(reading, "boot_id", lambda: "the boot after that")
            await recover_journals(tmp_path, store, await worker(store), log)
        left = await counts(store, campaign)
        assert (left["sent"], left["in_doubt"], left["ready"]) == (6, 9, 0)

    run_on(database, scenario)


def test_without_a_loss_of_power_a_missing_beginning_proves_that_nothing_left(
    database: str, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        campaign, lost, rows = await begun_claim(store, 10)
        journal = WorkerJournal(tmp_path, lost)
        journal.begun(rows[:4])
        journal.answered(rows[0], accepted(rows)[0].verdict)
        journal.close(settled=False)
        await recover_journals(tmp_path, store, await worker(store), log)
        left = await counts(store, campaign)
        assert (left["sent"], left["in_doubt"], left["ready"]) == (6, 3, 6)

    run_on(database, scenario)


def test_a_worker_on_another_machine_that_shares_the_folder_is_left_alone(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on a network folder may be known to one machine only."""

    async def scenario(store: Store) -> None:
        campaign, there, rows = await begun_claim(store, 10)
        journal = WorkerJournal(tmp_path, there)
        journal.begun(rows[:4])
        with monkeypatch.context() as machine:
            machine.setattr(fcntl, "flock", lambda *_: None)
            machine.setattr(reading, "boot_id", lambda: "another machine")
            assert await recover_journals(tmp_path, store, await worker(store), log) == 0
        assert (await counts(store, campaign))["processing"] == 10
        assert len(list(journal_folder(tmp_path).glob("*.journal"))) == 1
        journal.close(settled=True)

    run_on(database, scenario)


def test_no_worker_takes_itself_for_dead(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network folder locks belong to the process: its own never stands in its way."""

    async def scenario(store: Store) -> None:
        campaign, me, rows = await begun_claim(store, 10)
        journal = WorkerJournal(tmp_path, me)
        journal.begun(rows[:4])
        with monkeypatch.context() as machine:
            machine.setattr(fcntl, "flock", lambda *_: None)
            assert await recover_journals(tmp_path, store, me, log) == 0
        assert (await counts(store, campaign))["processing"] == 10
        journal.close(settled=True)

    run_on(database, scenario)


def test_a_reader_killed_while_it_removes_a_journal(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of a journal of several files must not pass for the whole of it."""

    async def scenario(store: Store) -> None:
        campaign, lost, rows = await begun_claim(store, 10)
        monkeypatch.setattr(journal_module, "FILE_BYTES", 100)
        journal = WorkerJournal(tmp_path, lost)
        for row in rows:
            journal.begun([row])
        journal.close(settled=False)
        files = sorted(journal_folder(tmp_path).glob("*.journal"))
        assert len(files) > 2
        real_unlink = Path.unlink
        removed: list[Path] = []

        def unlink(self: Path, missing_ok: bool = False) -> None:
            if removed:
                raise KeyboardInterrupt
            removed.append(self)
            real_unlink(self, missing_ok)

        with monkeypatch.context() as kill:
            kill.setattr(Path, "unlink", unlink)
            with pytest.raises(KeyboardInterrupt):
                await recover_journals(tmp_path, store, await worker(store), log)
        assert await recover_journals(tmp_path, store, await worker(store), log) == 1
        left = await counts(store, campaign)
        assert (left["in_doubt"], left["ready"]) == (10, 0)

    run_on(database, scenario)


def test_an_unanswered_row_of_a_claim_that_was_given_up_stays_in_doubt(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker stood still, went on, had no answer, wrote that, and died much later.

    By then the journal's file with the beginning was long gone, as the row counted as settled.
    """

    async def scenario(store: Store) -> None:
        campaign, slow, rows = await begun_claim(store, 10)
        monkeypatch.setattr(journal_module, "FILE_BYTES", 300)
        journal = WorkerJournal(tmp_path, slow)
        journal.begun(rows)
        await Workers(store).reap([str(slow)])
        settling = Settling(
            WorkQueue(store), slow, InFlight(10), journal, log, lambda _answer: None
        )
        for row in rows:
            settling.put(Settlement(row, LATE))
        settling.close()
        await settling.run()
        later = rows_of_nobody(1)
        journal.begun(later)  # a new file; the old one is done with
        assert len(list(journal_folder(tmp_path).glob("*.journal"))) == 1
        journal.close(settled=False)
        await recover_journals(tmp_path, store, await worker(store), log)
        left = await counts(store, campaign)
        assert (left["in_doubt"], left["ready"]) == (10, 0)

    run_on(database, scenario)


def test_a_refusal_that_comes_after_the_claim_was_given_up_ends_the_doubt(
    database: str, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        campaign, slow, rows = await begun_claim(store, 4)
        journal = WorkerJournal(tmp_path, slow)
        journal.begun(rows)
        await Workers(store).reap([str(slow)])
        settling = Settling(
            WorkQueue(store), slow, InFlight(10), journal, log, lambda _answer: None
        )
        throttled = Verdict(Outcome.WAIT, code=130429, text="too fast", wait_ms=1000)
        settling.put(Settlement(rows[0], throttled))
        settling.put(Settlement(rows[1], Verdict(Outcome.RETRY, code=131000, max_retries=3)))
        settling.put(Settlement(rows[2], LATE))
        settling.put(accepted(rows)[3])
        settling.close()
        await settling.run()
        journal.close(settled=True)
        left = await counts(store, campaign)
        assert (left["ready"], left["in_doubt"], left["sent"]) == (2, 1, 6)

    run_on(database, scenario)


def test_one_journal_that_cannot_be_used_keeps_no_worker_from_its_work(
    database: str, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        campaign, lost, rows = await begun_claim(store, 2)
        (journal_folder(tmp_path) / "0-notes.journal").write_text("of no worker")
        journal = WorkerJournal(tmp_path, lost)
        journal.begun(rows)
        journal.answered(
            ClaimedRow("no uuid", "neither", "", "", "", "", {}, 0.0),
            Verdict(Outcome.SENT, wamid="wamid.of.nothing"),
        )
        journal.answered(rows[0], accepted(rows)[0].verdict)
        journal.close(settled=False)
        assert await recover_journals(tmp_path, store, await worker(store), log) == 1
        left = await counts(store, campaign)
        assert (left["sent"], left["in_doubt"]) == (6, 1)

    run_on(database, scenario)
