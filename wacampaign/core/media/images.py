"""Whether a JPEG or PNG is whole, and its colours. Reads headers, decodes nothing."""

from dataclasses import dataclass
from typing import BinaryIO, Final

#: JPEG markers that begin a frame (SOF), all but the tables among them.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Markers without a length.
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
#: Segments and chunks that are looked at before a file counts as damaged.
_MAX_PARTS: Final = 100_000
#: Bytes at the end in which a JPEG's end is looked for: cameras append some.
_TAIL: Final = 64 * 1024

_PNG_COLOURS: Final = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGBA"}
_JPEG_COLOURS: Final = {1: "grey", 3: "RGB", 4: "CMYK"}


@dataclass(frozen=True, slots=True)
class Image:
    """Facts of an image; without a width or height it cannot be read."""

    width: int = 0
    height: int = 0
    bits: int = 0
    colours: str = ""
    #: Whether its end is there.
    whole: bool = False


def jpeg_of(file: BinaryIO, size: int) -> Image:
    """Facts of a JPEG of `size` bytes."""
    at = 2
    for _ in range(_MAX_PARTS):
        file.seek(at)
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF:
            return Image()
        marker = head[1]
        if marker == 0xFF or marker in _BARE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAMES:
            frame = file.read(6)
            if len(frame) < 6:
                return Image()
            # Before the frame a thumbnail may lie, which has an end of its own.
            file.seek(max(at, size - _TAIL))
            return Image(
                width=int.from_bytes(frame[3:5], "big"),
                height=int.from_bytes(frame[1:3], "big"),
                bits=frame[0],
                colours=_JPEG_COLOURS.get(frame[5], f"{frame[5]} components"),
                whole=b"\xff\xd9" in file.read(_TAIL),
            )
        if marker in (0xD9, 0xDA):
            return Image()
        length = int.from_bytes(head[2:4], "big")
        if length < 2:
            return Image()
        at += 2 + length
    return Image()


def png_of(file: BinaryIO, size: int) -> Image:
    """Facts of a PNG of `size` bytes."""
    file.seek(8)
    head = file.read(18)
    if len(head) < 18 or head[4:8] != b"IHDR":
        return Image()
    whole = False
    at = 8
    for _ in range(_MAX_PARTS):
        file.seek(at)
        part = file.read(8)
        if len(part) < 8:
            break
        at += 12 + int.from_bytes(part[:4], "big")
        if at > size:
            break
        if part[4:8] == b"IEND":
            whole = True
            break
    return Image(
        width=int.from_bytes(head[8:12], "big"),
        height=int.from_bytes(head[12:16], "big"),
        bits=head[16],
        colours=_PNG_COLOURS.get(head[17], f"type {head[17]}"),
        whole=whole,
    )
