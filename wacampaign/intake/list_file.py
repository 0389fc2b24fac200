"""The file of a contact list, opened; and what is no contact list, named with what to do."""

import codecs
from pathlib import Path
from typing import BinaryIO, Final

from wacampaign.problems import Refused, Usage


class UnfitFile(Refused):
    """The file is no usable contact list. Nothing was created."""

    code = "unfit_file"
    default_suggestion = "save it as CSV (UTF-8) and run it again"


_AS_SHEET: Final = "open it in a spreadsheet, save it as .xlsx or as CSV (UTF-8) and give that file"
_EXPORT: Final = "export the contacts as CSV (UTF-8) and give that file"
_UNPACK: Final = "unpack it and give the list that is in it"
_NO_TABLE: Final = (
    "get the list as a spreadsheet or as CSV from where it comes from; copied out of this, rows "
    "and columns are lost"
)

#: First bytes (letters in any case) → what it is, what to do. Sources: the formats'
#: specifications, and the list of file(1), https://www.iana.org/assignments/media-types/.
_OTHER_KINDS: Final = (
    (b"%PDF", "a PDF", _NO_TABLE),
    (b"\x1f\x8b", "gzip-compressed", _UNPACK),
    (b"BZh", "bzip2-compressed", _UNPACK),
    (b"\xfd7zXZ", "xz-compressed", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", _UNPACK),
    (b"7z\xbc\xaf", "a 7-Zip archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"SQLite format 3", "an SQLite database", _EXPORT),
    (b"PAR1", "a Parquet file", _EXPORT),
    (b"ORC\x00", "an ORC file", _EXPORT),
    (b"Obj\x01", "an Avro file", _EXPORT),
    (b"ARROW1", "an Arrow file", _EXPORT),
    (b"\x00\x01\x00\x00Standard ", "an Access database", _EXPORT),
    (b"\x89PNG", "a picture (PNG)", _NO_TABLE),
    (b"\xff\xd8\xff", "a picture (JPEG)", _NO_TABLE),
    (b"GIF8", "a picture (GIF)", _NO_TABLE),
    (b"II*\x00", "a picture (TIFF)", _NO_TABLE),
    (b"MM\x00*", "a picture (TIFF)", _NO_TABLE),
    (b"RIFF", "a picture, a sound or a video", _NO_TABLE),
    (b"BEGIN:VCARD", "an address book (vCard)", _EXPORT),
    (b"BEGIN:VCALENDAR", "a calendar", _EXPORT),
    (b"<!DOCTYPE html", "a web page (HTML)", _AS_SHEET),
    (b"<html", "a web page (HTML)", _AS_SHEET),
    (b"<head", "a web page (HTML)", _AS_SHEET),
    (b"<body", "a web page (HTML)", _AS_SHEET),
    (b"<table", "a web page (HTML)", _AS_SHEET),
    (b"<?xml", "an XML document", _AS_SHEET),
    (b"<", "an HTML or XML document", _AS_SHEET),
    (b"{\\rtf", "an RTF document", _NO_TABLE),
    (b"ID;P", "a SYLK spreadsheet", _AS_SHEET),
    (b"-----BEGIN", "a key, a certificate or an encrypted message", "give the list itself"),
)  # fmt: skip


#: Compound files hold their parts' names in UTF-16: what an old workbook, an encrypted new one and
#: other documents of Office are told by ([MS-CFB], [MS-OFFCRYPTO]).
_COMPOUND: Final = b"\xd0\xcf\x11\xe0"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_OLD_WORKBOOKS: Final = ("Workbook".encode("utf-16-le"), "Book".encode("utf-16-le"))


def open_list(path: Path) -> BinaryIO:
    """Open `path`, a regular file, for reading bytes; raises `Usage` when that cannot be."""
    try:
        if path.is_dir():
            raise Usage(f"{path} is a folder, not a contact list", "give the path of the file")
        if path.exists() and not path.is_file():
            raise Usage(
                f"{path} is a pipe or a device; contacts are read twice, which needs a file",
                "write it to a file first, or pipe it into --csv -",
            )
        return path.open("rb")
    except FileNotFoundError:
        raise Usage(f"there is no file {path}", "check the path given to --csv") from None
    except OSError as error:
        raise Usage(
            f"{path} cannot be read: {error.strerror or error}", "check the file's permissions"
        ) from None


def refuse_other_kinds(path: Path, head: bytes) -> None:
    """Raise `UnfitFile` when `head`, the first bytes, are those of a file that holds no list."""
    if head.startswith(_COMPOUND):
        raise _compound(path, head)
    start = head[:128].removeprefix(codecs.BOM_UTF8).lstrip()
    for magic, kind, advice in _OTHER_KINDS:
        if start[: len(magic)].lower() == magic.lower():
            raise UnfitFile(f"{path.name} is {kind}, not a contact list", advice)
    if head[4:8] == b"ftyp":
        raise UnfitFile(f"{path.name} is a video or a picture, not a contact list", _NO_TABLE)


def _compound(path: Path, head: bytes) -> UnfitFile:
    if _ENCRYPTED in head:
        return UnfitFile(
            f"{path.name} is an Excel workbook with a password",
            "open it in a spreadsheet, take off the password, save it and give that file",
        )
    kind = "an old document of Office"
    if any(name in head for name in _OLD_WORKBOOKS):
        kind = "an old Excel workbook (.xls)"
    return UnfitFile(
        f"{path.name} is {kind}", "open it in a spreadsheet, save it as .xlsx and give that file"
    )
