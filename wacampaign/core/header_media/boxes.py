"""The outermost boxes of an MP4 or 3GPP file (ISO 14496-12): order, and whether all is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

#: Boxes that are looked at. A fragmented film of an hour has some thousand.
_MAX_BOXES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Boxes:
    """Names in the order of the file, such as `ftyp moov mdat`."""

    names: tuple[str, ...]
    #: Of `ftyp`, such as `mp42`; "" without one.
    brand: str
    #: Bytes that the last box lacks; 0: all is there.
    missing: int = 0

    @property
    def index_missing(self) -> bool:
        return "moov" not in self.names

    @property
    def index_last(self) -> bool:
        """Whether content comes before the index."""
        names = self.names
        return "moov" in names and "mdat" in names and names.index("mdat") < names.index("moov")


def boxes_of(file: BinaryIO, size: int) -> Boxes:
    """Walks the boxes of a file of `size` bytes; ends at the first that makes no sense."""
    names: list[str] = []
    brand = ""
    at = missing = 0
    while at < size and len(names) < _MAX_BOXES:
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            missing = 8 - len(head)
            break
        length, header = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, header = int.from_bytes(head[8:16], "big"), 16
        elif length == 0:  # to the end of the file
            length = size - at
        name = head[4:8].decode("latin-1")
        if length < header or not (name.isascii() and name.isprintable()):
            break
        if name == "ftyp" and not brand:
            brand = head[8:12].decode("latin-1").strip()
        names.append(name)
        at += length
        missing = max(0, at - size)
    return Boxes(tuple(names), brand, missing)
