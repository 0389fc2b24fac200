"""What a file is, by its first bytes."""

from pathlib import Path
from typing import BinaryIO, Final

from wacampaign.core.media.rules import EXTENSIONS
from wacampaign.core.template.header_kinds import DOC, DOCX, PPT, PPTX, XLS, XLSX

#: Bytes that are looked at.
HEAD: Final = 4096

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"#!AMR", "audio/amr"),
    (b"\x1f\x8b", "application/gzip"),
    (b"Rar!", "application/vnd.rar"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo", b"WAVE": "audio/wav"}
_OFFICE: Final = (("word/", DOCX), ("xl/", XLSX), ("ppt/", PPTX))

#: Bytes of the directory that are read: a hostile one may fill the whole file, and every entry
#: costs more in memory than on disk. Office files have their folders among the first entries.
_DIRECTORY: Final = 256 * 1024
#: Bytes at the end in which the directory's address is: its record, and the longest comment.
_TAIL: Final = 22 + 0xFFFF
#: Bytes of an entry before its name: in the directory, and in front of the content.
_ENTRY: Final = 46
_LOCAL: Final = 30


def type_of(file: BinaryIO, name: str = "") -> str:
    """The MIME type by content; `application/octet-stream` when nothing fits.

    `name` tells Word, Excel and PowerPoint before 2007 apart, which share their first bytes.
    """
    file.seek(0)
    head = file.read(HEAD)
    if head[4:8] == b"ftyp":
        return _by_brand(head[8:12])
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "application/octet-stream")
    for start, mime_type in _SIGNATURES:
        if head.startswith(start):
            return mime_type
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if head.startswith(b"PK\x03\x04"):
        return _archive(file)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        by_name = EXTENSIONS.get(Path(name).suffix.lower())
        return by_name if by_name in (XLS, PPT) else DOC
    if head[4:8] in (b"moov", b"mdat", b"free", b"wide", b"skip"):
        return "video/quicktime"
    return _text(head)


def _by_brand(brand: bytes) -> str:
    if brand[:2] == b"3g":
        return "video/3gpp"
    if brand == b"qt  ":
        return "video/quicktime"
    if brand in (b"M4A ", b"M4B "):
        return "audio/mp4"
    if brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "image/heic"
    return "image/avif" if brand in (b"avif", b"avis") else "video/mp4"


def _archive(file: BinaryIO) -> str:
    names = first_names(file)
    for folder, mime_type in _OFFICE:
        if any(name.startswith(folder) for name in names):
            return mime_type
    return "application/zip"


def first_names(file: BinaryIO) -> list[str]:
    """The first names in a zip archive; [] when it is none. Unpacks nothing.

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


def _text(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        return "image/svg+xml"
    # The last character may be cut in two by the end of the head.
    for cut in range(4):
        try:
            text = head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            continue
        return "application/octet-stream" if "\x00" in text or not text else "text/plain"
    return "application/octet-stream"
