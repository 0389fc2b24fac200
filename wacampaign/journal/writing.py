"""The local journal: what this process began to send, and what Meta answered.

Files of one worker in WACAMPAIGN_HOME/journals, locked while the process lives, written with plain
writes: a kill of the process loses nothing that was written. A loss of power may lose the end of a
file; a folder may be copied, restored, damaged, or belong to a worker on another machine. So each
file names where and by whom it was written, and only an original that is whole, read in the boot
in which it was written, proves something by what it does not say (layout.py).
"""

import contextlib
import fcntl
import json
import logging
import os
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from wacampaign.core.engine.ports import ClaimedRow
from wacampaign.core.outcomes import Verdict
from wacampaign.home import folder_in
from wacampaign.journal.layout import Head, mark_line, place_of, sealed, seed_of
from wacampaign.journal.process_identity import boot_id, this_process

#: Bytes after which a new file is begun; the old one goes when all of its rows are settled.
FILE_BYTES: Final = 8_000_000

_as_json: Final = json.JSONEncoder(separators=(",", ":")).encode
#: Workers of this process whose journal is open.
_open_here: Final[set[str]] = set()

_log = logging.getLogger(__name__)


def is_open_here(worker_id: str) -> bool:
    """Whether this process writes that worker's journal."""
    return worker_id in _open_here


@dataclass(slots=True)
class _File:
    path: Path
    fd: int
    number: int
    #: Bytes of the head, which the records follow.
    head: int
    #: Bytes of records, and their checksum.
    size: int = 0
    crc: int = 0
    #: Rows begun in this file that the database has not settled yet.
    open_rows: set[str] = field(default_factory=set)


class WorkerJournal:
    """Written by one worker. Raises `OSError` when a beginning cannot be written: then stop."""

    def __init__(self, home: Path, worker_id: UUID) -> None:
        self._folder = journal_folder(home)
        self._worker_id = str(worker_id)
        self._seed = seed_of(self._worker_id)
        self._files: list[_File] = []
        self._opened = 0
        self._broken = False
        self._open_file()
        _open_here.add(self._worker_id)

    def _open_file(self) -> None:
        # Counted here, not on the disk: files that were settled are gone, newer ones are not.
        path = self._folder / f"{self._worker_id}.{self._opened}.journal"
        # It gets its name when it is locked: before, it would look like a dead worker's.
        unnamed = path.with_suffix(".new")
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
        fd = os.open(unnamed, flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file, folder = place_of(os.fstat(fd)), place_of(self._folder.stat())
            me, number = self._worker_id, self._opened
            head = Head(me, number, boot_id(), this_process(), file, folder).encoded()
            oldest = self._files[0].number if self._files else self._opened
            _write_all(fd, head + mark_line(0, 0, oldest, False, _now_ms()), 0)
            unnamed.rename(path)
            if self._files:
                # From here on the newest file is not the last word: without the next, a part of
                # the journal is missing.
                self._write_mark(self._files[-1], continued=True)
        except OSError:
            os.close(fd)
            unnamed.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise
        self._files.append(_File(path, fd, self._opened, len(head)))
        self._opened += 1

    def begun(self, rows: Sequence[ClaimedRow]) -> None:
        """These rows are about to go out."""
        current = self._files[-1]
        if current.size > FILE_BYTES:
            self._open_file()
            current = self._files[-1]
            self._drop_settled()
        self._append(current, "".join([f"B {row.id} {row.claim_id}\n" for row in rows]))
        current.open_rows.update(row.id for row in rows)

    def answered(self, row: ClaimedRow, verdict: Verdict) -> None:
        """Meta's answer. Not written if the disk refuses: the database gets it in a moment."""
        fact = [row.id, row.claim_id, verdict.outcome, verdict.wamid, verdict.code, verdict.text]
        current = self._files[-1]
        try:
            self._append(current, f"A {_as_json(fact)}\n")
        except OSError as error:
            if not self._broken:
                _log.warning("the journal cannot be written: %s", error)
            self._broken = True

    def _append(self, file: _File, lines: str) -> None:
        record = sealed(lines.encode(), self._seed)
        size, crc = file.size + len(record), zlib.crc32(record, file.crc)
        mark = mark_line(size, crc, self._files[0].number, False, _now_ms())
        try:
            _write_all(file.fd, record + mark, file.head + file.size)
        except OSError:
            # Some of it stands where the mark was: as if it had never been written.
            with contextlib.suppress(OSError):
                os.ftruncate(file.fd, file.head + file.size)
                self._write_mark(file)
            raise
        file.size, file.crc = size, crc

    def _write_mark(
        self, file: _File, *, continued: bool = False, oldest: int | None = None
    ) -> None:
        if oldest is None:
            oldest = self._files[0].number
        mark = mark_line(file.size, file.crc, oldest, continued, _now_ms())
        _write_all(file.fd, mark, file.head + file.size)

    def settled(self, rows: Sequence[ClaimedRow]) -> None:
        """The database has these outcomes."""
        ids = {row.id for row in rows}
        for file in self._files:
            file.open_rows -= ids
        self._drop_settled()

    def _drop_settled(self) -> None:
        """Removes files from the oldest on; the newest says first that they are gone on purpose."""
        while len(self._files) > 1 and not self._files[0].open_rows:
            try:
                self._write_mark(self._files[-1], oldest=self._files[1].number)
            except OSError:
                return  # later; the next beginning says aloud what is wrong with this disk
            gone = self._files.pop(0)
            with contextlib.suppress(OSError):
                gone.path.unlink(missing_ok=True)
            os.close(gone.fd)

    def close(self, *, settled: bool) -> None:
        """Ends the journal; the files go when everything was settled.

        One that stays, as its disk refuses, says nothing that the database does not know better.
        """
        for file in self._files:
            if settled:
                try:
                    file.path.unlink(missing_ok=True)
                except OSError as error:
                    _log.warning("a journal cannot be removed: %s", error)
            os.close(file.fd)
        self._files = []
        _open_here.discard(self._worker_id)


def journal_folder(home: Path) -> Path:
    """Where journals are; made if it is not there. Raises `Misconfigured` where it cannot be."""
    return folder_in(home, "journals")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _write_all(fd: int, data: bytes, offset: int) -> None:
    while data:
        n = os.pwrite(fd, data, offset)
        data, offset = data[n:], offset + n
