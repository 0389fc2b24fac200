"""Reading heads of files: no bytes raise, loop, or cost more than a bounded number of reads."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.media import films
from wacampaign.core.media.boxes import boxes_of
from wacampaign.core.media.images import jpeg_of, png_of
from wacampaign.core.media.rules import DOCX
from wacampaign.core.media.sniffing import first_names, type_of

#: Reads of one file in all, by everything that looks at it.
READS = 250_000


class Counted(io.BytesIO):
    """Counts how often it is read, and how much of it."""

    reads = 0
    amount = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "all of it"
        got = super().read(size)
        self.reads += 1
        self.amount += len(got)
        return got


def look(content: bytes) -> Counted:
    """Everything that reads heads, on one file."""
    file = Counted(content)
    for name in ("film.mp4", "table.xls", ""):
        type_of(file, name)
    first_names(file)
    size = len(content)
    boxes_of(file, size)
    jpeg_of(file, size)
    png_of(file, size)
    return file


class Files(list[bytes]):
    """Real files, which no failure shows byte by byte."""

    def __repr__(self) -> str:
        return f"{len(self)} files"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Files:
    at: Path = tmp_path_factory.mktemp("real")
    return Files(
        one.read_bytes()
        for one in (
            films.film(at / "film.mp4", frames=5),
            films.image(at / "picture.jpg", "mjpeg", "mjpeg"),
            films.image(at / "picture.png", "png", "image2"),
            films.image(at / "picture.webp", "libwebp", "webp"),
            films.office(at / "letter.docx", "word"),
            films.pdf(at / "page.pdf"),
        )
    )


STARTS = st.sampled_from(
    [
        *(b"", b"\0\0\0\x18ftypmp42", b"\0\0\0\x01moov", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"),
        *(b"RIFF\0\0\0\0WEBP", b"PK\x03\x04", b"PK\x05\x06", b"%PDF-", b"\xd0\xcf\x11\xe0"),
    ]
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(STARTS, st.binary(max_size=400), STARTS, st.binary(max_size=40))
def test_any_bytes(start: bytes, middle: bytes, mark: bytes, end: bytes) -> None:
    look(start + middle + mark + end)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_bits_flipped_in_real_files(real: Files, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(real)))
    # Half of the flips in the first bytes, where the structure is.
    places = st.one_of(st.integers(0, 99), st.integers(0, 50_000))
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        content[place % len(content)] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(content)))
    look(bytes(content[:cut]) if data.draw(st.booleans()) else bytes(content))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8" + b"\xff" * 3_000_000,
        b"\xff\xd8" + b"\xff\xd0" * 1_500_000,
        b"\xff\xd8" + b"\xff\xe0\0\x02" * 700_000,
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x02" + bytes(3_000_000),
        b"\0\0\0\x10ftypmp42\0\0\0\0" + b"\0\0\0\x08free" * 400_000,
        b"PK\x03\x04" * 700_000,
        b"PK\x03\x04" + b"PK\x01\x02".ljust(46, b"\0") * 60_000
        + b"PK\x05\x06" + bytes(8) + (46 * 60_000).to_bytes(4, "little") + bytes(6),
        b"PK\x03\x04" + b"PK\x05\x06" + b"\xff" * 18,
        b"\0\0\0\x01ftyp" + b"\xff" * 16,
    ],
)  # fmt: skip
def test_what_it_costs(content: bytes) -> None:
    file = look(content)
    assert file.reads < READS
    assert file.amount < 4_000_000


def test_an_archive_of_very_many_names_costs_little() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "")
        for n in range(20_000):
            archive.writestr(f"word/{n:0100}", "")
    names = first_names(file)
    assert names[0] == "word/document.xml"
    assert len(names) < 3000
    assert type_of(file) == DOCX


def test_an_archive_with_a_comment_or_cut_off() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "x" * 5000)
        archive.writestr("word/document.xml", "y" * 5000)
        archive.comment = b"PK" * 30_000
    assert first_names(file) == ["[Content_Types].xml", "word/document.xml"]
    assert type_of(io.BytesIO(file.getvalue()[:300])) == DOCX
