"""Reads the journals of workers that are gone, and says what they prove.

Too much trust here has messages sent twice: a copied folder, a restored backup or a file cut off in
the middle may lack beginnings that were written. So what a journal says always counts. What it does
not say counts only if it is the original file, whole, and of this boot of the machine. Whether a
worker lives is asked of the database, unless its process can be seen to be gone.
"""

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

from wacampaign.core.engine.ports import KnownOutcome
from wacampaign.core.outcomes import Outcome
from wacampaign.journal.layout import (
    HEAD_BYTES,
    FileContent,
    Head,
    JournalMark,
    Place,
    place_of,
    read_content,
    read_head,
)
from wacampaign.journal.process_identity import boot_id, is_running, this_process
from wacampaign.journal.writing import is_open_here, journal_folder

#: Milliseconds between the time in a file's last line and the file system's own time of its last
#: change. They are microseconds apart; a busy machine may stop a process in between. A file that
#: was restored, cut or changed later has a later time, though its inode may be the same.
CHANGE_MS: Final = 1_000

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME: Final = re.compile(r"([0-9a-f-]{36})\.([0-9]{1,8})\.journal")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file as it was found: by its name, by the file system, by its first line."""

    path: Path
    number: int
    place: Place
    head: Head | None

    def is_original(self, worker_id: str, folder: Place) -> bool:
        """Whether that worker wrote this very file, in this very folder."""
        head = self.head
        return (
            head is not None
            and (head.worker, head.number) == (worker_id, self.number)
            and (head.file, head.folder) == (self.place, folder)
        )

    def is_still_there(self) -> bool:
        """False: gone, or another file was put in its place."""
        try:
            return place_of(self.path.stat()) == self.place
        except FileNotFoundError:
            return False


@dataclass(slots=True)
class DeadJournal:
    """What a worker that is gone had written, by row and claim id: empty until it is read."""

    worker_id: str
    #: By number.
    files: list[FoundFile]
    #: These are the files that the worker wrote, where it wrote them: no copy, no backup.
    original: bool = False
    #: Its process ran on this machine, and runs no more. Else only the database can tell.
    gone: bool = False
    #: Original, all there, undamaged, of this boot: what is not in it was never begun.
    complete: bool = False
    begun: set[tuple[str, str]] = field(default_factory=set)
    answers: dict[tuple[str, str], KnownOutcome] = field(default_factory=dict)

    @property
    def proves_only(self) -> str | None:
        """How far it may be trusted, in the words of the log; None: in all that it says."""
        if not self.original:
            return "acceptances"
        return None if self.complete else "answers"

    def read(self) -> None:
        """Reads the files. Raises `OSError`."""
        boot = boot_id()
        marks: list[JournalMark | None] = []
        for file in self.files:
            data, status = file.path.read_bytes(), file.path.stat()
            content = read_content(data, self.worker_id)
            marks.append(_mark_of_its_worker(content, status, file, boot))
            for line in content.lines:
                _add_fact(line, self)
        self.complete = self.original and _all_there(self.files, marks)

    def remove(self) -> None:
        """Removes the files; call it when the database has what they prove."""
        for file in self.files:
            if file.is_still_there():
                file.path.unlink(missing_ok=True)


def dead_journals(home: Path, me: UUID | None = None) -> Iterator[DeadJournal]:
    """Journals whose worker may be gone: their lock is free. Locked while the caller looks.

    Unless `gone` is set, the worker may live on another machine or with another copy: ask the
    database before you read it. `me` is the worker that looks: some file systems let a process lock
    its own files twice. Files whose names are no journal's are left alone.
    """
    folder = journal_folder(home)
    by_worker: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.glob("*.journal"):
        if name := _NAME.fullmatch(path.name):
            by_worker.setdefault(name[1], []).append((int(name[2]), path))
    by_worker.pop(str(me), None)
    for worker_id, numbered in sorted(by_worker.items()):
        fds: list[int] = []
        files: list[FoundFile] = []
        try:
            for number, path in sorted(numbered):
                # For writing: without it a network folder refuses the lock.
                fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                fds.append(fd)
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                head = read_head(os.pread(fd, HEAD_BYTES, 0))
                files.append(FoundFile(path, number, place_of(os.fstat(fd)), head))
            runs = [_runs(worker_id, file.head) for file in files]
            if True in runs:
                # Its lock is free all the same: a file system without locks, or a copy.
                continue
            here = place_of(folder.stat())
            original = all(file.is_original(worker_id, here) for file in files)
            gone = original and all(running is False for running in runs)
        except (BlockingIOError, FileNotFoundError):
            continue
        except OSError as error:
            _log.warning("the journals of worker %s cannot be read: %s", worker_id, error)
            continue
        else:
            yield DeadJournal(worker_id, files, original, gone)
        finally:
            for fd in fds:
                os.close(fd)


def _runs(worker_id: str, head: Head | None) -> bool | None:
    """Whether the process that wrote this runs, and the worker in it; None: not to be known."""
    boot = boot_id()
    if head is None or boot is None or head.boot != boot:
        return None
    if head.process == this_process():
        return is_open_here(worker_id)
    return is_running(head.process)


def _mark_of_its_worker(
    content: FileContent, status: os.stat_result, file: FoundFile, boot: str | None
) -> JournalMark | None:
    """Set if the file is whole, of this boot, and was changed by nobody after its last line."""
    mark, head = content.mark, content.head
    if mark is None or head is None or head != file.head or boot is None or head.boot != boot:
        return None
    changed = status.st_ctime_ns // 1_000_000
    ours = place_of(status) == file.place and abs(changed - mark.time) <= CHANGE_MS
    return mark if ours else None


def _all_there(files: Sequence[FoundFile], marks: Sequence[JournalMark | None]) -> bool:
    """Each is whole, and none is missing but those that the newest says were removed on purpose."""
    newest = marks[-1]
    if newest is None or None in marks or newest.continued:
        return False
    numbers = {file.number for file in files}
    return numbers.issuperset(range(newest.oldest, files[-1].number + 1))


def _add_fact(line: bytes, dead: DeadJournal) -> None:
    try:
        if line.startswith(b"B "):
            _, row_id, claim_id = line.decode().split(" ")
            dead.begun.add((_uuid(row_id), _uuid(claim_id)))
        elif line.startswith(b"A "):
            row_id, claim_id, outcome, wamid, code, text = json.loads(line[2:])
            fact = KnownOutcome(_uuid(row_id), _uuid(claim_id), outcome, wamid, code, text)
            dead.answers[row_id, claim_id] = fact
    except (ValueError, TypeError):
        return  # of an old file: cut by the kill, or damaged


def _uuid(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise ValueError(text)
    return text


def known_outcomes(dead: DeadJournal, doubts: Sequence[tuple[str, str]]) -> list[KnownOutcome]:
    """What the journal proves of rows that the database has in doubt, or may not know yet.

    Of a copy, or a file without checksums, acceptances alone count: each has its message id. In an
    original, an answer that is no acceptance (a throttle, a retry) proves that the row was not
    sent; so does a missing beginning in a complete journal. All other rows in doubt count as begun:
    this file is removed next, and then nothing more can be learnt of them.
    """
    if not dead.original:
        return [fact for fact in dead.answers.values() if _accepted(fact)]
    facts = [
        fact
        if fact.outcome in (Outcome.SENT, Outcome.FAILED)
        else KnownOutcome(fact.row_id, fact.claim_id, "unsent")
        for fact in dead.answers.values()
        if fact.outcome != Outcome.IN_DOUBT
    ]
    proved = {(fact.row_id, fact.claim_id) for fact in facts}
    for row_id, claim_id in doubts:
        if (row_id, claim_id) not in proved:
            unsent = dead.complete and (row_id, claim_id) not in dead.begun
            facts.append(KnownOutcome(row_id, claim_id, "unsent" if unsent else "begun"))
    return facts


def _accepted(fact: KnownOutcome) -> bool:
    return fact.outcome == Outcome.SENT and isinstance(fact.wamid, str) and bool(fact.wamid)
