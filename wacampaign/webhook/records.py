"""How a body stands in a file: a line with lengths and checksum, what is known of it, its bytes.

    WB1 <crc32> <length of the head> <length of the body>
    {"id": …, "at": …, "signature": …, "type": …}<body>

A record that was cut off or changed does not fit its checksum, and the next one is found again by
its first line.
"""

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wacampaign.core.webhook.received import ReceivedBody

_LINE: Final = re.compile(rb"WB1 ([0-9a-f]{8}) (\d{1,6}) (\d{1,9})\n")
_NEXT: Final = re.compile(rb"\nWB1 [0-9a-f]{8} \d{1,6} \d{1,9}\n")
#: More than the longest first line has.
_LINE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class BodyRecord:
    """A body that stands in a file, and where it ends there."""

    body: ReceivedBody
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no record: the end of a write that was cut off, or a fault of the disk."""

    start: int
    end: int


def record_of(one: ReceivedBody) -> bytes:
    """The bytes of one record."""
    head = json.dumps(
        {
            "id": one.id,
            "at": one.received_at.isoformat(),
            "signature": one.signature,
            "type": one.content_type,
        },
        separators=(",", ":"),
    ).encode()
    crc = zlib.crc32(one.body, zlib.crc32(head))
    return b"WB1 %08x %d %d\n%b%b\n" % (crc, len(head), len(one.body), head, one.body)


def read_records(data: bytes, start: int) -> Iterator[BodyRecord | Damage]:
    """The records of a whole file from that position on, which is the start of one."""
    position = start
    while position < len(data):
        record = _record_at(data, position)
        if record is not None:
            yield record
            position = record.end
            continue
        found = _NEXT.search(data, position)
        end = len(data) if found is None else found.start() + 1
        yield Damage(position, end)
        position = end


def _record_at(data: bytes, start: int) -> BodyRecord | None:
    line = _LINE.match(data, start, start + _LINE_BYTES)
    if line is None:
        return None
    head_start = line.end()
    body_start = head_start + int(line[2])
    end = body_start + int(line[3]) + 1
    head, body = data[head_start:body_start], data[body_start : end - 1]
    if data[end - 1 : end] != b"\n" or zlib.crc32(body, zlib.crc32(head)) != int(line[1], 16):
        return None
    try:
        fields = json.loads(head)
        at = datetime.fromisoformat(fields["at"])
        one = ReceivedBody(fields["id"], at, body, fields["signature"], fields["type"])
    except (ValueError, KeyError, TypeError):
        return None
    return BodyRecord(one, end)
