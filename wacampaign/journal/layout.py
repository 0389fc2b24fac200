"""How a journal file is laid out, and how a damaged one is told from a whole one.

    M {"format": 2, "worker": …, "boot": …, "file": [device, inode], …} CRC
    B row claim                                     records: lines, then their seal
    B row claim
    C CRC
    A [row, claim, outcome, wamid, code, text]
    C CRC
    S length CRC oldest continued time CRC          the mark, always last

A kill leaves no closing line, so each write brings one: it puts a record in the place of the mark
and a new mark behind it. The mark holds length and checksum of all records. Whatever is cut off
takes the mark with it; whatever is changed does not fit it. The seals tell which records are intact
all the same. Times are milliseconds since 1970 by this machine's clock.
"""

import json
import os
import re
import zlib
from dataclasses import dataclass, field
from typing import Final

from wacampaign.journal.process_identity import ProcessIdentity

FORMAT: Final = 2
#: More than the longest first line has.
HEAD_BYTES: Final = 4_096

_MARK: Final = re.compile(rb"S (\d{1,9}) ([0-9a-f]{8}) (\d{1,8}) ([01]) (\d{1,15}) ([0-9a-f]{8})")
_SEAL: Final = re.compile(rb"C ([0-9a-f]{8})")
#: The first line of files without checksums, as they were written before format 2.
_OLD_HEAD: Final = re.compile(rb"M (-|[0-9a-f-]{36})")


@dataclass(frozen=True, slots=True)
class Place:
    """Device and inode: a copy has another."""

    device: int
    inode: int


def place_of(status: os.stat_result) -> Place:
    """Where a file or folder is, by its status."""
    return Place(status.st_dev, status.st_ino)


@dataclass(frozen=True, slots=True)
class Head:
    """Who wrote a file, where, and which of its files it is (counted from 0)."""

    worker: str
    number: int
    boot: str | None
    process: ProcessIdentity
    file: Place
    folder: Place

    def encoded(self) -> bytes:
        """The first line."""
        fields = {
            "format": FORMAT,
            "worker": self.worker,
            "number": self.number,
            "boot": self.boot,
            "pid": self.process.pid,
            "start": self.process.start,
            "namespace": self.process.namespace,
            "file": [self.file.device, self.file.inode],
            "folder": [self.folder.device, self.folder.inode],
        }
        line = b"M " + json.dumps(fields, separators=(",", ":")).encode()
        return b"%b %08x\n" % (line, zlib.crc32(line))


@dataclass(frozen=True, slots=True)
class JournalMark:
    """What the records must be, as of `time`."""

    #: Bytes of records, and their checksum.
    length: int
    crc: int
    #: The oldest of the worker's files that is still needed: older ones were removed on purpose.
    oldest: int
    #: A newer file was begun.
    continued: bool
    time: int


def mark_line(length: int, crc: int, oldest: int, continued: bool, time: int) -> bytes:
    """The line of a `JournalMark`, from its fields: written so often that no object is made."""
    line = b"S %d %08x %d %d %d" % (length, crc, oldest, continued, time)
    return b"%b %08x\n" % (line, zlib.crc32(line))


def seed_of(worker: str) -> int:
    """Where the checksums of a worker's records begin: another's lines do not fit in."""
    return zlib.crc32(worker.encode())


def sealed(lines: bytes, seed: int) -> bytes:
    """One record, ready to be written."""
    return b"%bC %08x\n" % (lines, zlib.crc32(lines, seed))


@dataclass(slots=True)
class FileContent:
    """What could be read of one file."""

    head: Head | None = None
    #: Set when everything is there to the last bit.
    mark: JournalMark | None = None
    #: Lines of intact records (of an old file: all lines).
    lines: list[bytes] = field(default_factory=list)


def read_content(data: bytes, worker: str) -> FileContent:
    """Reads any bytes; `worker` is whose file it is by its name."""
    content = FileContent()
    head_end = data.find(b"\n") + 1
    if _OLD_HEAD.fullmatch(data[: max(0, head_end - 1)]):
        content.lines = data[head_end:].split(b"\n")
        return content
    content.head = read_head(data[:head_end])
    records = data[head_end:]
    content.lines = _intact_lines(records, seed_of(worker))
    content.mark = _mark(records)
    return content


def _intact_lines(records: bytes, seed: int) -> list[bytes]:
    lines: list[bytes] = []
    start = position = 0
    while (end := records.find(b"\n", position) + 1) > 0:
        if (seal := _SEAL.fullmatch(records[position : end - 1])) is not None:
            record = records[start:position]
            if int(seal[1], 16) == zlib.crc32(record, seed):
                lines += record.split(b"\n")
            start = end
        position = end
    return lines


def _mark(records: bytes) -> JournalMark | None:
    """The last line, if it is a mark that fits all before it."""
    start = records.rfind(b"\n", 0, -1) + 1
    line = records[start:-1]
    parts = _MARK.fullmatch(line)
    if parts is None or records[-1:] != b"\n" or zlib.crc32(line[:-9]) != int(parts[6], 16):
        return None
    length, oldest, time = int(parts[1]), int(parts[3]), int(parts[5])
    mark = JournalMark(length, int(parts[2], 16), oldest, parts[4] == b"1", time)
    fits = mark.length == start and mark.crc == zlib.crc32(records[:start])
    return mark if fits else None


def read_head(data: bytes) -> Head | None:
    """The first line of these bytes, if it is a head."""
    line = data[: data.find(b"\n") + 1]
    try:
        if zlib.crc32(line[:-10]) != int(line[-9:-1], 16):
            return None
        fields = json.loads(line[2:-10])
        if fields["format"] != FORMAT:
            return None
        return Head(
            fields["worker"],
            fields["number"],
            fields["boot"],
            ProcessIdentity(fields["pid"], fields["start"], fields["namespace"]),
            Place(*fields["file"]),
            Place(*fields["folder"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
