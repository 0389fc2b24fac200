"""Bodies in files of one process, in their order, until somebody has taken them over.

A folder holds the logs of many processes. Each has a lock file, held as long as the process lives,
and numbered files of records. What is taken over is told by a position, which may lie behind after
a loss of power: then some bodies come twice, and each is known by its id. The log of a process that
is gone is read by the next one.
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from wacampaign.core.webhook.received import ReceivedBody
from wacampaign.webhook.records import BodyRecord, Damage, read_records, record_of

#: Bytes after which a new file is begun.
FILE_BYTES: Final = 8_000_000

_NAME: Final = re.compile(r"([0-9a-f-]{36})\.(\d{1,8})\.bodies")
_POSITION: Final = re.compile(rb"(\d{1,8}) (\d{1,12}) *\n")


class LogReader:
    """Reads a log from its position on. All methods block; `OSError` is the caller's."""

    def __init__(self, folder: Path, owner: str) -> None:
        self.folder = folder
        self.owner = owner
        self._number, self._offset = self._read_position()
        #: Where the records of the last `read` end: file and offset.
        self._ends: list[tuple[int, int]] = []
        #: Bytes that could not be read as records, and files in which they were.
        self.damaged_bytes = 0
        self.damaged: set[Path] = set()

    def _path(self, number: int) -> Path:
        return self.folder / f"{self.owner}.{number}.bodies"

    @property
    def _position_path(self) -> Path:
        return self.folder / f"{self.owner}.position"

    @property
    def lock_path(self) -> Path:
        """Held by the process that writes the log, or by the one that reads what it left."""
        return self.folder / f"{self.owner}.lock"

    def numbers(self) -> list[int]:
        """The files that are there, in their order."""
        found = (_NAME.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(one[2]) for one in found if one is not None and one[1] == self.owner)

    def _read_position(self) -> tuple[int, int]:
        try:
            parts = _POSITION.fullmatch(self._position_path.read_bytes())
        except OSError:
            parts = None
        return (0, 0) if parts is None else (int(parts[1]), int(parts[2]))

    def _bytes_of(self, number: int) -> bytes:
        return self._path(number).read_bytes()

    def read(self, count_max: int, bytes_max: int) -> list[ReceivedBody]:
        """The next bodies, one at least if there is any; the position stays."""
        bodies: list[ReceivedBody] = []
        self._ends = []
        size = 0
        for number, record in self._records():
            if bodies and (len(bodies) >= count_max or size + len(record.body.body) > bytes_max):
                break
            bodies.append(record.body)
            self._ends.append((number, record.end))
            size += len(record.body.body)
        return bodies

    def count(self) -> tuple[int, int]:
        """How many bodies are still to be read, and their bytes."""
        sizes = [len(record.body.body) for _, record in self._records()]
        return len(sizes), sum(sizes)

    def _records(self) -> Iterator[tuple[int, BodyRecord]]:
        for number in self.numbers():
            if number < self._number:
                continue
            data = self._bytes_of(number)
            for found in read_records(data, self._offset if number == self._number else 0):
                if isinstance(found, Damage):
                    self._note_damage(number, found)
                else:
                    yield number, found

    def _note_damage(self, number: int, damage: Damage) -> None:
        path = self._path(number)
        if path not in self.damaged:
            self.damaged_bytes += damage.end - damage.start
            self.damaged.add(path)

    def done(self, count: int) -> None:
        """The first `count` bodies of the last `read` were taken over."""
        if count == 0:
            return
        before = self._number
        self._number, self._offset = self._ends[count - 1]
        del self._ends[:count]
        self._write_position()
        if self._number != before:
            for number in self.numbers():
                if number < self._number:
                    self._drop(number)

    def _drop(self, number: int) -> None:
        """All of that file was taken over. One with damage is kept under another name."""
        path = self._path(number)
        if path in self.damaged:
            path.rename(path.with_suffix(".damaged"))
        else:
            path.unlink(missing_ok=True)

    def _write_position(self) -> None:
        # In one write of always the same length; a stale one only has bodies come twice. A disk
        # that is full of them has no room for it, and gets room only when they go.
        line = b"%d %d" % (self._number, self._offset)
        with contextlib.suppress(OSError):
            fd = os.open(self._position_path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(fd, line.ljust(24) + b"\n", 0)
            finally:
                os.close(fd)


class DeadLog(LogReader):
    """The log of a process that is gone; locked, so that one process reads it."""

    def __init__(self, folder: Path, owner: str, lock: int) -> None:
        super().__init__(folder, owner)
        self._lock = lock

    def remove(self) -> None:
        """All of it was taken over."""
        for number in self.numbers():
            self._drop(number)
        self._position_path.unlink(missing_ok=True)
        self.lock_path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Lets another process read it."""
        os.close(self._lock)


class BodyLog(LogReader):
    """The log of this process. Raises `OSError` where the disk refuses.

    `durable`: what `append` has written survives a loss of power.
    """

    def __init__(self, folder: Path, owner: str, *, durable: bool) -> None:
        super().__init__(folder, owner)
        self._durable = durable
        self._lock: int | None = None
        self._fd: int | None = None
        self._written = 0
        self._next_number = 0
        #: Bodies that wait, and their bytes.
        self.waiting = 0
        self.waiting_bytes = 0
        self._sizes: list[int] = []

    def _take_lock(self) -> None:
        # It gets its name when it is locked: before, it would look like a dead process's.
        unnamed = self.lock_path.with_suffix(".new")
        fd = os.open(unnamed, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(self.lock_path)
        except OSError:
            os.close(fd)
            raise
        self._lock = fd

    def _open_file(self) -> int:
        if self._lock is None:
            self._take_lock()
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        path = self._path(self._next_number)
        fd = os.open(path, flags, 0o600)
        try:
            if self._durable:
                _sync_folder(self.folder)
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        self._fd, self._written = fd, 0
        self._next_number += 1
        return fd

    def append(self, bodies: Sequence[ReceivedBody]) -> None:
        """Writes all of these or, raising `OSError`, none."""
        if self._fd is not None and (self._written > FILE_BYTES or not os.fstat(self._fd).st_nlink):
            # It is full, or somebody has removed it: nobody could read what goes there.
            self._close_file()
        fd = self._open_file() if self._fd is None else self._fd
        data = b"".join(map(record_of, bodies))
        try:
            _write_all(fd, data, self._written)
        except OSError:
            # Some of it stands there: as if it had never been written.
            with contextlib.suppress(OSError):
                os.ftruncate(fd, self._written)
            raise
        if self._durable:
            try:
                os.fdatasync(fd)
            except OSError:
                # After this nobody knows what of the file is on the disk, and a second attempt
                # would say that all is well: what came before was synced, the rest is not ours.
                with contextlib.suppress(OSError):
                    os.ftruncate(fd, self._written)
                self._close_file()
                raise
        self._written += len(data)
        sizes = [len(one.body) for one in bodies]
        self._sizes += sizes
        self.waiting += len(sizes)
        self.waiting_bytes += sum(sizes)

    def _bytes_of(self, number: int) -> bytes:
        data = super()._bytes_of(number)
        # Behind it may stand a part of what was refused.
        now = self._fd is not None and number == self._next_number - 1
        return data[: self._written] if now else data

    def read(self, count_max: int, bytes_max: int) -> list[ReceivedBody]:
        """As of every log. Where nothing is left to be read, nothing waits, whatever was counted:
        somebody may have removed a file, and in one with a fault may stand more than was answered.
        """
        bodies = super().read(count_max, bytes_max)
        if not bodies:
            self._count_done(len(self._sizes))
        return bodies

    def _count_done(self, count: int) -> None:
        self.waiting -= len(self._sizes[:count])
        self.waiting_bytes -= sum(self._sizes[:count])
        del self._sizes[:count]

    def done(self, count: int) -> None:
        """As of every log; and when nothing is left, the files go."""
        self._count_done(count)
        super().done(count)
        if self.waiting == 0 and self._fd is not None:
            self._close_file()
            for number in self.numbers():
                self._drop(number)

    def _close_file(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None

    def close(self) -> None:
        """Ends the log; what waits is for the next process."""
        self._close_file()
        if self.waiting == 0:
            self._position_path.unlink(missing_ok=True)
            if self._lock is not None:
                self.lock_path.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def dead_logs(folder: Path, me: str) -> list[DeadLog]:
    """Logs of processes that are gone, the one that was written to first before the others."""
    if not folder.is_dir():
        return []
    owners = {path.name[:36] for path in folder.iterdir() if path.suffix in (".lock", ".bodies")}
    found = [log for owner in owners - {me} if (log := _locked(folder, owner)) is not None]
    return sorted(found, key=_first_written)


def _locked(folder: Path, owner: str) -> DeadLog | None:
    fd = os.open(folder / f"{owner}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return DeadLog(folder, owner, fd)


def _first_written(log: DeadLog) -> float:
    files = [log.folder / f"{log.owner}.{number}.bodies" for number in log.numbers()]
    return min((path.stat().st_mtime for path in files), default=0.0)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        n = os.pwrite(fd, view, offset)
        view, offset = view[n:], offset + n
