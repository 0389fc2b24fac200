"""The outermost boxes of an MP4 or 3GPP file (ISO 14496-12): order, and whether all is there."""

from typing import BinaryIO, Final

#: Boxes that are looked at. A fragmented film of an hour has some thousand.
_MAX_BOXES: Final = 10_000


def boxes_of(file: BinaryIO, size: int) -> tuple[list[str], int]:
    """Names in the order of the file, such as `ftyp moov mdat`, and the bytes that the last lacks.

    Walks the boxes of a file of `size` bytes; ends at the first that makes no sense.
    """
    names: list[str] = []
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
        names.append(name)
        at += length
        missing = max(0, at - size)
    return names, missing
