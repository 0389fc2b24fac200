"""What a file is, by its first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

from wacampaign.core.header_media.archives import first_names
from wacampaign.core.header_media.rules import DOC, DOCX, EXTENSIONS, PPT, PPTX, XLS, XLSX

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
