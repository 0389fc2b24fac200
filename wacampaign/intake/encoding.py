"""Which encoding a list's bytes are in: what is certain by rule, else by its letters."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from wacampaign.core.cells import cell
from wacampaign.intake.encoding_names import find_codec, label_of
from wacampaign.intake.list_file import UnfitFile, open_list, refuse_other_kinds

#: Bytes read at once. Also the longest line that is surely accepted: a chunk without any line end
#: is no contact list, and would have to be held in memory whole.
CHUNK: Final = 1 << 20
#: Bytes of lines with letters beyond ASCII that are looked at; later lines only for new letters.
_EVIDENCE: Final = 1 << 17
#: Characters of a value that is shown.
_SHOWN: Final = 30

_ESCAPED_BYTE: Final = re.compile("[\udc80-\udcff]")  # how surrogateescape shows a bad byte
_FIELD: Final = re.compile(r"[^,;\t|\"\r\n]+")
_DIGITS: Final = re.compile(r"\d.*\d.*\d.*\d.*\d.*\d")
#: Bytes that no text has, and one of how many makes a file a binary one.
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x19\x1c-\x1f]")
_CONTROL_SHARE: Final = 50
_SAVE_AGAIN: Final = "save the file as CSV (UTF-8) again, from the program it comes from"

#: The longer ones first: UTF-32's mark begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the bytes of a list are read."""

    #: Python's codec.
    codec: str
    #: Line of the first value that another encoding would read otherwise; 0: all is ASCII.
    line: int = 0
    #: That value, as it is read.
    value: str = ""

    @property
    def in_words(self) -> str | None:
        """One line of a plan, so that the eye can catch a wrong one; None when all is ASCII."""
        if not self.line:
            return None
        return f"encoding: {label_of(self.codec)}; line {self.line:,} reads “{self.value}”"


class _Line(NamedTuple):
    number: int
    content: bytes


def detect_encoding(path: Path, given: str | None = None) -> Encoding:
    """The encoding of the list at `path`; `given`: what the operator says it is.

    Reads the whole file once (a cheap pass: a byte that breaks UTF-8 may be the last one), so
    that reading with the answer meets no undecodable byte. Raises `UnfitFile` for an empty file,
    another kind of file, broken bytes (naming the line of the first), and when several encodings
    are possible, showing what each would read; `Usage` as `open_list`, and for an unknown name.
    """
    codec = find_codec(given) if given is not None else None
    with open_list(path) as file:
        head = file.read(CHUNK)
        if not head.strip():
            raise UnfitFile(f"{path.name} is empty")
        refuse_other_kinds(path, head)
        marked = _by_mark(head) or _by_zeros(path, head)
        if codec is None:
            codec = marked or _by_letters(file, path)
        elif marked or not codec.startswith("utf"):
            _refuse_contradiction(file, path, codec, marked)
        if codec == "utf-8" and head.startswith(codecs.BOM_UTF8):
            codec = "utf-8-sig"
        _check(file, path, codec)
        return _with_sample(file, path, codec)


def _by_mark(head: bytes) -> str | None:
    return next((codec for mark, codec in _MARKS if head.startswith(mark)), None)


def _by_zeros(path: Path, head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: digits and delimiters have zero bytes beside them."""
    if head.count(0) <= len(head) // 10:
        return None
    sample = head[: len(head) // 4 * 4]
    zeros = [sample[at::4].count(0) / max(1, len(sample) // 4) for at in range(4)]
    # Few characters are beyond the first 65,536: in UTF-32 one byte of four is always zero.
    for always, codec in (((2, 3), "utf-32-le"), ((0, 1), "utf-32-be")):
        if all(zeros[at] > 0.9 for at in always):
            return codec
    # A third: the digits and signs of a list in a script of its own.
    for some, others, codec in (((1, 3), (0, 2), "utf-16-le"), ((0, 2), (1, 3), "utf-16-be")):
        if all(zeros[at] > 0.3 for at in some) and all(zeros[at] < 0.1 for at in others):
            return codec
    raise _binary(path)


def _binary(path: Path) -> UnfitFile:
    return UnfitFile(f"{path.name} is a binary file, not a contact list")


def _by_letters(file: BinaryIO, path: Path) -> str:
    whole, broken, first_broken = _utf8_census(file, path)
    if broken == 0:
        return "utf-8"
    file.seek(0)
    head = file.read(CHUNK)
    marked = head.startswith(codecs.BOM_UTF8)
    # Text with good UTF-8 letters as well is UTF-8 with damage; read in a code page every one of
    # those letters would reach the customers as two wrong ones.
    if marked or whole >= broken:
        raise _broken_byte(file, path, first_broken, "utf-8")
    if len(_CONTROL.findall(head)) > len(head) // _CONTROL_SHARE:
        raise _binary(path)
    # Imported here: its models take 20 MB and some time, and most lists are UTF-8.
    from wacampaign.intake.code_page_choice import Reading, choose_code_page

    lines = _evidence(file, path)
    readings = choose_code_page(b"\n".join(line.content for line in lines))
    if len(readings) == 1:
        return readings[0].page.codec

    def value(reading: Reading, line: _Line, at: int) -> str:
        fields = _FIELD.findall(line.content.decode(reading.page.codec))
        return cell(fields[at])[:_SHOWN] if at < len(fields) else ""

    line, at = _first_difference(lines, readings[0].page.codec, readings[1].page.codec)
    shown = [f"“{value(r, line, at)}” in {r.page.label}" for r in readings]
    raise UnfitFile(
        f"the encoding of {path.name} is not certain: line {line.number:,} reads "
        f"{', '.join(shown[:-1])} or {shown[-1]}",
        f"run the same command with --encoding {readings[0].page.codec}, or with the one that "
        f"reads right: {', '.join(r.page.codec for r in readings[1:])}",
    )


def _first_difference(lines: list[_Line], one: str, other: str) -> tuple[_Line, int]:
    for line in lines:
        fields = [_FIELD.findall(line.content.decode(codec)) for codec in (one, other)]
        for at, (a, b) in enumerate(zip_longest(*fields, fillvalue="")):
            if a != b and not _DIGITS.search(a) and not _DIGITS.search(b):
                return line, at
    return lines[0], 0


def _refuse_contradiction(file: BinaryIO, path: Path, codec: str, marked: str | None) -> None:
    """Refuse a given encoding that the bytes say to be wrong, though each could be read in it."""
    if marked is None:
        file.seek(0)
        whole, broken, _ = _utf8_census(file, path)
        marked = "utf-8" if whole and not broken else None
    if marked and marked != codec and not codec.startswith(marked):
        raise UnfitFile(
            f"{path.name} is {label_of(marked)}, not {label_of(codec)}: in that it would read "
            "other letters",
            "leave --encoding out",
        )


def _chunks(file: BinaryIO, path: Path) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(CHUNK):
        if len(chunk) == CHUNK and b"\n" not in chunk and b"\r" not in chunk:
            raise UnfitFile(f"{path.name} has a line of more than {CHUNK:,} bytes: no contact list")
        yield chunk


def _evidence(file: BinaryIO, path: Path) -> list[_Line]:
    """Lines with bytes beyond ASCII: the first ones, then each that has a new byte in it."""
    kept: list[_Line] = []
    size = 0
    seen: set[int] = set()
    for number, content in enumerate(_byte_lines(file, path), start=1):
        if content.isascii():
            continue
        if size < _EVIDENCE or not seen.issuperset(content):
            kept.append(_Line(number, content))
            size += len(content)
            seen.update(content)
    return kept


def _byte_lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    rest = b""
    for chunk in _chunks(file, path):
        parts = (rest + chunk).splitlines(keepends=True)
        rest = parts.pop()  # it may go on, or be half of a line end
        yield from map(bytes.strip, parts)
    if rest:
        yield rest.strip()


def _with_sample(file: BinaryIO, path: Path, codec: str) -> Encoding:
    """The encoding with the first value beyond ASCII, of a contact rather than of the header."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder(codec)()
    found = Encoding(codec)
    number, rest = 0, ""
    for chunk in _chunks(file, path):
        lines = (rest + decoder.decode(chunk)).splitlines(keepends=True) or [""]
        rest = lines.pop()
        if len(rest) > CHUNK:
            break
        for line in lines:
            number += 1
            if line.isascii() or not (value := _telling_value(line)):
                continue
            if number > 1:
                return Encoding(codec, number, value)
            found = Encoding(codec, number, value)
    if value := _telling_value(rest):
        return Encoding(codec, number + 1, value)
    return found


def _telling_value(line: str) -> str:
    """The first field beyond ASCII that holds no long number; "" when there is none."""
    for field in map(cell, _FIELD.findall(line)):
        if not field.isascii() and not _DIGITS.search(field):
            return field[:_SHOWN]
    return ""


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
    except UnicodeError as error:
        offset = read
        if isinstance(error, UnicodeDecodeError):
            offset += error.start - len(error.object)
        raise _broken_byte(file, path, max(0, offset), codec) from None


def _broken_byte(file: BinaryIO, path: Path, offset: int, codec: str) -> UnfitFile:
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
    return UnfitFile(
        f"line {(feeds or returns) + 1:,} of {path.name}: byte 0x{byte.hex()} "
        f"(byte {offset + 1:,} of the file) is not {label_of(codec)}",
        f"{_SAVE_AGAIN}; if it is in another encoding, give it with --encoding",
    )
