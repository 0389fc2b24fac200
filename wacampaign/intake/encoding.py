"""What a CSV's bytes are: which encoding, or which other kind of file under a CSV's name."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from wacampaign.problems import Refused, Usage


class UnfitFile(Refused):
    """The file is no usable contact list. Nothing was created."""

    code = "unfit_file"
    default_suggestion = "save it as CSV (UTF-8), first column the phone, and run it again"


#: Bytes read at once. Also the longest line that is surely accepted: a chunk without any line end
#: is no contact list, and would have to be held in memory whole.
CHUNK: Final = 1 << 20

_ESCAPED_BYTE: Final = re.compile("[\udc80-\udcff]")  # how surrogateescape shows a bad byte

_OTHER_KINDS: Final = (
    (b"PK\x03\x04", "an Excel workbook (.xlsx) or a ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"SQLite format 3", "an SQLite database"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<table", "an HTML page"),
    (b"<?xml", "an XML document"),
    (b"{\\rtf", "an RTF document"),
)


def open_list(path: Path) -> BinaryIO:
    """Open `path`, a regular file, for reading bytes; raises `Usage` when that cannot be."""
    try:
        if path.is_dir():
            raise Usage(f"{path} is a folder, not a CSV file", "give the path of the CSV file")
        if path.exists() and not path.is_file():
            raise Usage(
                f"{path} is a pipe or a device; contacts are read twice, which needs a file",
                "write it to a file first",
            )
        return path.open("rb")
    except FileNotFoundError:
        raise Usage(f"there is no file {path}", "check the path given to --csv") from None
    except OSError as error:
        raise Usage(
            f"{path} cannot be read: {error.strerror or error}", "check the file's permissions"
        ) from None


def detect_encoding(path: Path) -> str:
    """The Python codec for the file: utf-8, utf-8-sig, utf-16 or cp1252.

    Reads the whole file once (a cheap pass: a byte that breaks UTF-8 may be the last one), so
    that reading with the answer meets no undecodable byte. Raises `UnfitFile` for an empty file,
    another kind of file, and broken bytes, naming the line of the first; `Usage` as `open_list`.
    """
    with open_list(path) as file:
        head = file.read(CHUNK)
        if not head.strip():
            raise UnfitFile(f"{path.name} is empty")
        _refuse_other_kinds(path, head)
        file.seek(0)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            _check(file, path, "utf-16")
            return "utf-16"
        if head.count(0) > len(head) // 10:
            raise UnfitFile(
                f"{path.name} is a binary file, or UTF-16 without a byte order mark",
                "save it as CSV (UTF-8)",
            )
        whole, broken, first_broken = _utf8_census(file, path)
        marked = head.startswith(codecs.BOM_UTF8)
        if broken == 0:
            return "utf-8-sig" if marked else "utf-8"
        # Text with good UTF-8 letters as well is UTF-8 with damage; read as cp1252 every one of
        # those letters would reach the customers as two wrong ones.
        if marked or whole >= broken:
            raise _broken_byte(file, path, first_broken, "UTF-8")
        file.seek(0)
        _check(file, path, "cp1252")
        return "cp1252"


def _refuse_other_kinds(path: Path, head: bytes) -> None:
    start = head[:64].removeprefix(codecs.BOM_UTF8).lstrip()
    for magic, kind in _OTHER_KINDS:
        if start[: len(magic)].lower() == magic.lower():
            raise UnfitFile(
                f"{path.name} is {kind}, not a CSV file",
                "open it in a spreadsheet, save it as CSV (UTF-8) and give that file",
            )


def _chunks(file: BinaryIO, path: Path) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        if len(chunk) == CHUNK and b"\n" not in chunk and b"\r" not in chunk:
            raise UnfitFile(f"{path.name} has a line of more than {CHUNK:,} bytes: no contact list")
        yield chunk


def _utf8_census(file: BinaryIO, path: Path) -> tuple[int, int, int]:
    """Characters beyond ASCII that are good UTF-8, bytes that are not, offset of the first such."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    whole = broken = done = 0
    first_broken = -1
    for chunk in _chunks(file, path):
        text = decoder.decode(chunk)
        if text.isascii():
            done += len(text)
            continue
        sound = _ESCAPED_BYTE.sub("", text)
        broken += len(text) - len(sound)
        whole += len(sound) - len(sound.encode("ascii", "ignore"))
        if broken and first_broken < 0:
            escaped = _ESCAPED_BYTE.search(text)
            before = text[: escaped.start()] if escaped else text
            first_broken = done + len(before.encode())
        done += len(text.encode("utf-8", "surrogateescape"))
    if decoder.decode(b"", final=True):  # the file ends inside a letter
        broken += 1
        first_broken = done if first_broken < 0 else first_broken
    return whole, broken, first_broken


def _check(file: BinaryIO, path: Path, codec: str) -> None:
    decoder = codecs.getincrementaldecoder(codec)()
    read = 0
    try:
        for chunk in _chunks(file, path):
            read += len(chunk)
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        offset = read - len(error.object) + error.start
        name = "UTF-16" if codec == "utf-16" else "UTF-8 nor Windows-1252"
        raise _broken_byte(file, path, offset, name, codec) from None


def _broken_byte(
    file: BinaryIO, path: Path, offset: int, name: str, codec: str = "utf-8"
) -> UnfitFile:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(codec)("replace")
    feeds = returns = 0
    left = offset
    while left > 0 and (chunk := file.read(min(CHUNK, left))):
        left -= len(chunk)
        text = decoder.decode(chunk)
        feeds += text.count("\n")
        returns += text.count("\r")
    byte = file.read(1)
    verb = "neither" if " nor " in name else "not"
    return UnfitFile(
        f"line {(feeds or returns) + 1:,} of {path.name}: byte 0x{byte.hex()} is {verb} {name}",
        "save the file as CSV (UTF-8) again, from the program it comes from",
    )
