"""A journal that was damaged, cut, copied or put back never says that a message did not leave."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.test_attacks import rows_of_nobody
from wacampaign.core.engine.ports import ClaimedRow
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.journal import dead_journals as reading
from wacampaign.journal import writing as journal_module
from wacampaign.journal.dead_journals import DeadJournal, dead_journals, known_outcomes
from wacampaign.journal.writing import WorkerJournal, journal_folder

Key = tuple[str, str]
Damage = Callable[[Path, random.Random], None]


def key(row: ClaimedRow) -> Key:
    return (row.id, row.claim_id)


class Written:
    """A journal of a worker that was killed, and what really happened."""

    def __init__(self, home: Path, dice: random.Random, batches: int) -> None:
        self.worker_id = UUID(int=dice.getrandbits(128), version=4)
        self.begun: set[Key] = set()
        self.settled: set[Key] = set()
        self.sent: dict[Key, str] = {}
        self.answers: dict[Key, str] = {}
        self.never_left: list[Key] = []
        journal = WorkerJournal(home, self.worker_id)
        for _ in range(batches):
            rows = rows_of_nobody(dice.randrange(1, 5))
            leaving, held_back = rows[: len(rows) // 2 + 1], rows[len(rows) // 2 + 1 :]
            journal.begun(leaving)
            self.begun |= {key(row) for row in leaving}
            self.never_left += [key(row) for row in held_back]
            answered = [row for row in leaving if dice.random() < 0.7]
            for row in answered:
                outcome = dice.choice([*Outcome])
                wamid = f"wamid.{dice.getrandbits(64):x}" if outcome is Outcome.SENT else None
                journal.answered(row, Verdict(outcome, wamid=wamid, text="what Meta said"))
                self.answers[key(row)] = outcome
                if wamid is not None:
                    self.sent[key(row)] = wamid
            if len(answered) == len(leaving) and dice.random() < 0.8:
                journal.settled(leaving)
                self.settled |= {key(row) for row in leaving}
        journal.close(settled=False)

    @property
    def doubts(self) -> list[Key]:
        """What the database may ask about: it has the outcomes of settled rows."""
        return [*self.begun - self.settled, *self.never_left]

    def check(self, dead: DeadJournal) -> None:
        """Nothing that is untrue is said."""
        for fact in known_outcomes(dead, self.doubts):
            row = (fact.row_id, fact.claim_id)
            if fact.outcome == "unsent":
                refused = self.answers.get(row) in (Outcome.WAIT, Outcome.RETRY)
                assert row not in self.begun or refused, row
            elif fact.outcome == "sent":
                assert self.sent[row] == fact.wamid
            elif fact.outcome == "failed":
                assert self.answers[row] == Outcome.FAILED


def files(home: Path) -> list[Path]:
    return sorted(journal_folder(home).glob("*.journal"))


def filled(home: Path) -> list[Path]:
    """Those of which something is left: a first damage may have cut off all of a file."""
    return [path for path in files(home) if path.stat().st_size]


def change(path: Path, new: bytes) -> None:
    """Writes over a file in place: its inode stays, and so does its time, nearly."""
    path.write_bytes(new)


def flip(home: Path, dice: random.Random) -> None:
    path = dice.choice(filled(home))
    data = bytearray(path.read_bytes())
    for _ in range(dice.randrange(1, 4)):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    change(path, bytes(data))


def cut(home: Path, dice: random.Random) -> None:
    path = dice.choice(filled(home))
    data = path.read_bytes()
    start = dice.randrange(len(data))
    end = dice.choice([len(data), min(len(data), start + dice.randrange(1, 300))])
    change(path, data[:start] + data[end:])


def insert_garbage(home: Path, dice: random.Random) -> None:
    path = dice.choice(files(home))
    data = path.read_bytes()
    at = dice.randrange(len(data) + 1)
    garbage = dice.choice(
        [dice.randbytes(dice.randrange(1, 200)), b"\n", b"B x y\n", b"C 00000000 1\n", bytes(4096)]
    )
    change(path, data[:at] + garbage + data[at:])


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def swap_lines(home: Path, dice: random.Random) -> None:
    path = dice.choice(filled(home))
    lines = lines_of(path)
    i, j = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    change(path, b"".join(lines))


def double_a_line(home: Path, dice: random.Random) -> None:
    path = dice.choice(filled(home))
    lines = lines_of(path)
    lines.insert(dice.randrange(len(lines) + 1), dice.choice(lines))
    change(path, b"".join(lines))


def drop_a_line(home: Path, dice: random.Random) -> None:
    path = dice.choice(filled(home))
    lines = lines_of(path)
    del lines[dice.randrange(len(lines))]
    change(path, b"".join(lines))


def drop_a_file(home: Path, dice: random.Random) -> None:
    dice.choice(files(home)).unlink()


def swap_files(home: Path, dice: random.Random) -> None:
    one, other = dice.choice(files(home)), dice.choice(files(home))
    first, second = one.read_bytes(), other.read_bytes()
    change(one, second)
    change(other, first)


def copy_a_file_over_itself(home: Path, dice: random.Random) -> None:
    path = dice.choice(files(home))
    copy = path.with_suffix(".copy")
    shutil.copy2(path, copy)
    copy.rename(path)


def nothing(_home: Path, _dice: random.Random) -> None:
    pass


DAMAGES: Final[list[Damage]] = [
    *(nothing, flip, cut, insert_garbage, swap_lines, double_a_line, drop_a_line),
    *(drop_a_file, swap_files, copy_a_file_over_itself),
]


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(DAMAGES), st.sampled_from(DAMAGES))
def test_no_damage_makes_a_journal_say_what_is_not_true(
    seed: int, damage: Damage, more: Damage
) -> None:
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # Files of one or two records, as a rotation after 8 MB would leave them.
        patch.setattr(journal_module, "FILE_BYTES", dice.choice([100, 600, 8_000_000]))
        home = Path(folder)
        written = Written(home, dice, dice.randrange(1, 12))
        damage(home, dice)
        if filled(home):
            more(home, dice)
        for dead in dead_journals(home):
            dead.read()
            written.check(dead)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_an_undamaged_journal_is_complete_and_tells_all(seed: int) -> None:
    """A kill leaves no closing line; the journal is whole all the same, rotated or not."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_module, "FILE_BYTES", dice.choice([100, 600, 8_000_000]))
        written = Written(Path(folder), dice, dice.randrange(1, 12))
        (dead,) = dead_journals(Path(folder))
        dead.read()
        assert (dead.original, dead.complete, dead.gone) == (True, True, True)
        told = {
            (fact.row_id, fact.claim_id): fact.outcome
            for fact in known_outcomes(dead, written.doubts)
        }
        assert all(told[row] == "unsent" for row in written.never_left)


@pytest.fixture
def killed(tmp_path: Path) -> tuple[Path, list[ClaimedRow]]:
    """Ten rows of one claim: six begun, the first accepted, the second throttled."""
    rows = rows_of_nobody(10)
    journal = WorkerJournal(tmp_path, uuid4())
    journal.begun(rows[:3])
    journal.answered(rows[0], Verdict(Outcome.SENT, wamid="wamid.0"))
    journal.begun(rows[3:6])
    journal.answered(rows[1], Verdict(Outcome.WAIT, code=130429, wait_ms=1_000))
    journal.close(settled=False)
    return tmp_path, rows


def told_of(home: Path, rows: list[ClaimedRow]) -> dict[int, str]:
    (dead,) = dead_journals(home)
    dead.read()
    number = {key(row): n for n, row in enumerate(rows)}
    facts = known_outcomes(dead, [key(row) for row in rows])
    return {number[fact.row_id, fact.claim_id]: fact.outcome for fact in facts}


WHOLE: Final = {0: "sent", 1: "unsent"} | dict.fromkeys(range(2, 6), "begun")
WHOLE_ALL: Final = WHOLE | dict.fromkeys(range(6, 10), "unsent")


def test_a_whole_journal(killed: tuple[Path, list[ClaimedRow]]) -> None:
    assert told_of(*killed) == WHOLE_ALL


def test_a_tail_that_was_cut_off_leaves_its_rows_in_doubt(
    killed: tuple[Path, list[ClaimedRow]],
) -> None:
    home, rows = killed
    (path,) = files(home)
    data = path.read_bytes()
    # At the end of a line: nothing but the mark tells that more was there.
    change(path, data[: data.index(f"B {rows[3].id}".encode())])
    assert told_of(home, rows) == {0: "sent"} | dict.fromkeys(range(1, 10), "begun")


def test_a_bit_flipped_costs_one_answer_and_the_proof_of_silence(
    killed: tuple[Path, list[ClaimedRow]],
) -> None:
    home, rows = killed
    (path,) = files(home)
    data = path.read_bytes()
    change(path, data.replace(b"wamid.0", b"wamid.1"))
    assert told_of(home, rows) == {1: "unsent", 0: "begun"} | dict.fromkeys(range(2, 10), "begun")


def test_a_copy_proves_acceptances_and_nothing_else(
    killed: tuple[Path, list[ClaimedRow]], tmp_path: Path
) -> None:
    home, rows = killed
    copy = tmp_path / "copy"
    shutil.copytree(home / "journals", copy / "journals")
    assert told_of(copy, rows) == {0: "sent"}
    # Moved together with its folder it is the original, on the same file system.
    moved = tmp_path / "moved"
    moved.mkdir()
    (home / "journals").rename(moved / "journals")
    assert told_of(moved, rows) == WHOLE_ALL


def test_a_backup_written_over_the_original_proves_no_silence(
    killed: tuple[Path, list[ClaimedRow]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cp -r backup/. home/` keeps the inodes: only the time of the change tells."""
    home, rows = killed
    (path,) = files(home)
    later = path.stat().st_ctime_ns // 1_000_000 - reading.CHANGE_MS - 1
    with monkeypatch.context() as clock:
        clock.setattr(journal_module, "_now_ms", lambda: later)
        journal = WorkerJournal(home / "old", uuid4())
        journal.begun(rows[:6])
        journal.close(settled=False)
    (dead,) = dead_journals(home / "old")
    dead.read()
    assert dead.original
    assert not dead.complete
    assert {fact.outcome for fact in known_outcomes(dead, [key(row) for row in rows])} == {"begun"}


def test_a_file_without_checksums_proves_acceptances_and_nothing_else(tmp_path: Path) -> None:
    rows = rows_of_nobody(3)
    text = f"M {reading.boot_id()}\n"
    for row in rows[:2]:
        text += f"B {row.id} {row.claim_id}\n"
    text += f'A ["{rows[0].id}","{rows[0].claim_id}","sent","wamid.0",null,null]\n'
    text += f'A ["{rows[1].id}","{rows[1].claim_id}","retry",null,2,"a gateway said so"]\n'
    (journal_folder(tmp_path) / f"{uuid4()}.0.journal").write_text(text)
    assert told_of(tmp_path, rows) == {0: "sent"}


def test_a_missing_newest_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "FILE_BYTES", 10)
    rows = rows_of_nobody(3)
    journal = WorkerJournal(tmp_path, uuid4())
    for row in rows:
        journal.begun([row])
    journal.close(settled=False)
    assert len(files(tmp_path)) == 3
    files(tmp_path)[-1].unlink()
    assert told_of(tmp_path, rows) == {0: "begun", 1: "begun", 2: "begun"}


def test_a_torn_write_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a full disk left of an answer neither hides the next beginning nor spoils the file."""
    rows = rows_of_nobody(3)
    journal = WorkerJournal(tmp_path, uuid4())
    journal.begun(rows[:1])
    real_write = os.pwrite

    def full(fd: int, data: bytes, offset: int) -> int:
        if len(data) > 100:
            return real_write(fd, data[:100], offset)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", full)
        journal.answered(rows[0], Verdict(Outcome.FAILED, code=131026, text="x" * 400))
    journal.begun(rows[1:2])
    journal.close(settled=False)
    assert told_of(tmp_path, rows) == {0: "begun", 1: "begun", 2: "unsent"}
