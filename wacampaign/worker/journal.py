"""The local journal: what this process began to send, and what Meta answered.

One file a worker in WACAMPAIGN_HOME/journals, locked while the process lives, appended with plain
writes: a kill of the process loses nothing that was written. A loss of power may lose the end of a
file, and a folder on a network may belong to a worker elsewhere. So each file names the boot of the
machine it was written in: the lack of a line proves something in that same boot only.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from wacampaign.core.outcome import Outcome, Verdict
from wacampaign.core.ports import ClaimedRow, Evidence

#: Bytes after which a new file is begun; the old one goes when all of its rows are settled.
FILE_BYTES: Final = 8_000_000

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: A name of this boot of this machine, on Linux. Elsewhere a missing line never proves anything.
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

_log = logging.getLogger(__name__)


def boot_id() -> str | None:
    """This boot of this machine; None if the machine does not tell."""
    try:
        return _BOOT_ID.read_text().strip() or None
    except OSError:
        return None


@dataclass(slots=True)
class _File:
    path: Path
    fd: int
    size: int = 0
    #: Rows begun in this file that the database has not settled yet.
    open_rows: set[str] = field(default_factory=set)


class WorkerJournal:
    """Written by one worker. Raises `OSError` when a beginning cannot be written: then stop."""

    def __init__(self, home: Path, worker_id: UUID) -> None:
        self._folder = journal_folder(home)
        self._worker_id = worker_id
        self._files: list[_File] = []
        self._opened = 0
        self._broken = False
        #: A write failed, perhaps in the middle of a line: the next one begins a new line.
        self._torn = False
        self._open_file()

    def _open_file(self) -> None:
        # Counted here, not on the disk: files that were settled are gone, newer ones are not.
        path = self._folder / f"{self._worker_id}.{self._opened}.journal"
        # It gets its name when it is locked: nobody must take it for a dead worker's.
        unnamed = path.with_suffix(".new")
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        fd = os.open(unnamed, flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            data = f"M {boot_id() or '-'}\n".encode()
            _write_all(fd, data)
            unnamed.rename(path)
        except OSError:
            os.close(fd)
            unnamed.unlink(missing_ok=True)
            raise
        self._opened += 1
        self._files.append(_File(path, fd, len(data)))

    def begun(self, rows: Sequence[ClaimedRow]) -> None:
        """These rows are about to go out."""
        current = self._files[-1]
        if current.size > FILE_BYTES:
            self._open_file()
            current = self._files[-1]
            self._drop_settled()
        self._append(current, "".join(f"B {row.id} {row.claim_id}\n" for row in rows))
        current.open_rows.update(row.id for row in rows)

    def answered(self, row: ClaimedRow, verdict: Verdict) -> None:
        """Meta's answer. Not written if the disk refuses: the database gets it in a moment."""
        fact = [row.id, row.claim_id, verdict.outcome, verdict.wamid, verdict.code, verdict.text]
        current = self._files[-1]
        try:
            self._append(current, f"A {json.dumps(fact, separators=(',', ':'))}\n")
        except OSError as error:
            if not self._broken:
                _log.warning("the journal cannot be written: %s", error)
            self._broken = True

    def _append(self, file: _File, lines: str) -> None:
        data = (f"\n{lines}" if self._torn else lines).encode()
        self._torn = True
        _write_all(file.fd, data)
        self._torn = False
        file.size += len(data)

    def settled(self, rows: Sequence[ClaimedRow]) -> None:
        """The database has these outcomes."""
        ids = {row.id for row in rows}
        for file in self._files:
            file.open_rows -= ids
        self._drop_settled()

    def _drop_settled(self) -> None:
        for file in self._files[:-1]:
            if not file.open_rows:
                file.path.unlink(missing_ok=True)
                os.close(file.fd)
                self._files.remove(file)

    def close(self, *, settled: bool) -> None:
        """Ends the journal; the files go when everything was settled."""
        for file in self._files:
            if settled:
                file.path.unlink(missing_ok=True)
            os.close(file.fd)
        self._files = []


@dataclass(slots=True)
class DeadJournal:
    """What a worker that is gone had written, by row and claim id."""

    worker_id: str
    paths: list[Path]
    #: Written in this boot of this machine: what is not in it was never begun.
    complete: bool = False
    begun: set[tuple[str, str]] = field(default_factory=set)
    answers: dict[tuple[str, str], Evidence] = field(default_factory=dict)


def journal_folder(home: Path) -> Path:
    """Where journals are; made if it is not there."""
    folder = home / "journals"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def dead_journals(home: Path, me: UUID | None = None) -> Iterator[DeadJournal]:
    """Journals whose worker is gone (nobody holds their lock). Locked while the caller looks.

    `me` is the worker that looks: some file systems let a process lock its own files twice.
    """
    by_worker: dict[str, list[Path]] = {}
    for path in sorted(journal_folder(home).glob("*.journal")):
        by_worker.setdefault(path.name.split(".")[0], []).append(path)
    by_worker.pop(str(me), None)
    boot = boot_id()
    for worker_id, paths in by_worker.items():
        fds: list[int] = []
        try:
            for path in paths:
                # For writing: without it a network folder refuses the lock.
                fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                fds.append(fd)
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            dead = DeadJournal(worker_id, paths)
            boots = {_read(path, dead) for path in paths}
        except (BlockingIOError, FileNotFoundError):
            continue
        except OSError as error:
            _log.warning("the journals of worker %s cannot be read: %s", worker_id, error)
            continue
        else:
            dead.complete = boot is not None and boots == {boot}
            yield dead
        finally:
            for fd in fds:
                os.close(fd)


def _read(path: Path, dead: DeadJournal) -> str | None:
    """Adds the file's facts. Returns the boot in which it was written."""
    boot = None
    for line in path.read_bytes().split(b"\n"):
        # The last line may be cut by the kill: a cut `B` line is of a row that never left, since
        # it is written whole before the request is made.
        try:
            if line.startswith(b"B "):
                _, row_id, claim_id = line.decode().split(" ")
                dead.begun.add((_uuid(row_id), _uuid(claim_id)))
            elif line.startswith(b"A "):
                row_id, claim_id, outcome, wamid, code, text = json.loads(line[2:])
                fact = Evidence(_uuid(row_id), _uuid(claim_id), outcome, wamid, code, text)
                dead.answers[row_id, claim_id] = fact
            elif line.startswith(b"M "):
                boot = line.decode()[2:]
        except ValueError:
            continue
    return boot


def _uuid(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise ValueError(text)
    return text


def evidence_of(dead: DeadJournal, doubts: Sequence[tuple[str, str]]) -> list[Evidence]:
    """What the journal proves of rows that the database has in doubt, or may not know yet.

    An answer that is no acceptance (a throttle, a retry) proves that the row was not sent; so does
    the lack of a beginning in a complete journal. Of all other doubts it says that they were begun:
    once this journal is gone, no other may be asked.
    """
    facts = [
        fact
        if fact.outcome in (Outcome.SENT, Outcome.FAILED)
        else Evidence(fact.row_id, fact.claim_id, "unsent")
        for fact in dead.answers.values()
        if fact.outcome != Outcome.IN_DOUBT
    ]
    proved = {(fact.row_id, fact.claim_id) for fact in facts}
    for row_id, claim_id in doubts:
        if (row_id, claim_id) not in proved:
            unsent = dead.complete and (row_id, claim_id) not in dead.begun
            facts.append(Evidence(row_id, claim_id, "unsent" if unsent else "begun"))
    return facts


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
