"""The first names in a zip archive: what tells Office files apart. Unpacks nothing."""

from __future__ import annotations

from typing import BinaryIO, Final

#: Bytes of the directory that are read: a hostile one may fill the whole file, and every entry
#: costs more in memory than on disk. Office files have their folders among the first entries.
_DIRECTORY: Final = 256 * 1024
#: Bytes at the end in which the directory's address is: its record, and the longest comment.
_TAIL: Final = 22 + 0xFFFF
#: Bytes of an entry before its name: in the directory, and in front of the content.
_ENTRY: Final = 46
_LOCAL: Final = 30


def first_names(file: BinaryIO) -> list[str]:
    """Names of the first entries; [] when it is no archive.

    Where the end is missing, with the directory, the names in front of the contents.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - _TAIL))
    tail = file.read(_TAIL)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or end + 22 > len(tail):
        return _by_contents(file)
    length = int.from_bytes(tail[end + 12 : end + 16], "little")
    begin = size - len(tail) + end - length
    if begin < 0:
        return []
    file.seek(begin)
    directory = file.read(min(length, _DIRECTORY))
    names: list[str] = []
    at = 0
    while directory[at : at + 4] == b"PK\x01\x02" and at + _ENTRY <= len(directory):
        name, extra, comment = (
            int.from_bytes(directory[at + n : at + n + 2], "little") for n in (28, 30, 32)
        )
        names.append(directory[at + _ENTRY : at + _ENTRY + name].decode("latin-1"))
        at += _ENTRY + name + extra + comment
    return names


def _by_contents(file: BinaryIO) -> list[str]:
    file.seek(0)
    head = file.read(_DIRECTORY)
    names: list[str] = []
    at = head.find(b"PK\x03\x04")
    while at >= 0:
        length = int.from_bytes(head[at + 26 : at + 28], "little")
        names.append(head[at + _LOCAL : at + _LOCAL + length].decode("latin-1"))
        at = head.find(b"PK\x03\x04", at + 4)
    return names
