"""The validator on files made by real encoders."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from tests.media import films
from wacampaign.core.media.codes import CODES
from wacampaign.core.media.report import MediaReport
from wacampaign.core.media.validator import HeaderNeeds, MediaValidator
from wacampaign.media.container import ProcessReader
from wacampaign.media.fetching import PublicStranger
from wacampaign.meta.endpoint import tls_context

TLS = tls_context(None)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = tmp_path_factory.mktemp("films")
    films.film(at / "good.mp4")
    films.film(at / "high.mp4", profile="high")
    films.film(at / "hevc.mp4", codec="libx265")
    films.film(at / "b_frames.mp4", bf="2")
    films.film(at / "two.mp4", sounds=("aac", "aac"))
    films.film(at / "mp3.mp4", sounds=("libmp3lame",))
    films.film(at / "late.mp4", faststart=False)
    good = (at / "good.mp4").read_bytes()
    (at / "cut.mp4").write_bytes(good[:-2000])
    (at / "big.mp4").write_bytes(
        good + (17 * 1024**2).to_bytes(4, "big") + b"free" + bytes(17 * 1024**2)
    )
    (at / "text.mp4").write_text("this is no film")
    (at / "empty.mp4").touch()
    films.image(at / "web.jpg", "libwebp", "webp")
    films.image(at / "moving.gif", "gif", "gif")
    films.image(at / "good.jpg", "mjpeg", "mjpeg")
    films.image(at / "good.png", "png", "image2")
    (at / "cut.jpg").write_bytes((at / "good.jpg").read_bytes()[:-20])
    films.pdf(at / "good.pdf")
    films.pdf(at / "secret.pdf", "word")
    films.pdf(at / "signed.pdf", "")
    films.film(at / "full_colour.mp4", profile="high422", pixels="yuv422p")
    films.film(at / "ten_bit.mp4", profile="high10", pixels="yuv420p10le")
    films.film(at / "silent.mp4", sounds=())
    films.film(at / "sound_only.mp4", frames=0)
    films.film(at / "phone.3gp", form="3gp")
    films.film(at / "old_phone.3gp", form="3gp", codec="h263", size=(176, 144))
    index = good.index(b"moov") - 4
    length = int.from_bytes(good[index : index + 4], "big")
    (at / "lost.mp4").write_bytes(good[:index] + good[index + length :])
    films.image(at / "deep.png", "png", "image2", "rgb48be")
    films.image(at / "grey.png", "png", "image2", "gray")
    films.image(at / "alpha.png", "png", "image2", "rgba")
    jpeg = (at / "good.jpg").read_bytes()
    frame = jpeg.index(b"\xff\xc0")
    # No encoder here makes these: the number of components, and a thumbnail in front.
    (at / "cmyk.jpg").write_bytes(jpeg[: frame + 9] + b"\x04" + jpeg[frame + 10 :])
    thumbnail = b"\xff\xe1" + (2 + len(jpeg)).to_bytes(2, "big") + jpeg
    (at / "thumbnail.jpg").write_bytes(jpeg[:2] + thumbnail + jpeg[2:])
    (at / "cut_thumbnail.jpg").write_bytes(jpeg[:2] + thumbnail + jpeg[2:-20])
    (at / "cut.png").write_bytes((at / "good.png").read_bytes()[:-8])
    films.office(at / "letter.docx", "word")
    films.office(at / "table.xlsx", "xl")
    films.office(at / "talk.pptx", "ppt")
    films.office(at / "letter.pdf", "word")
    films.office(at / "things.zip", "things")
    (at / "note.txt").write_text("Grüße, tschüss", "utf-8")
    (at / "broken.pdf").write_bytes(b"%PDF-1.7\n" + bytes(900))
    (at / "page.txt").write_text("<!DOCTYPE html><p>Not found")
    return at


def judge(path: Path, kind: str) -> MediaReport:
    validator = MediaValidator(PublicStranger(TLS), ProcessReader())
    return asyncio.run(validator.validate(path, HeaderNeeds(kind)))


@pytest.mark.parametrize(
    ("name", "kind", "code", "usable"),
    [
        ("good.mp4", "video", "video_sound", True),
        ("high.mp4", "video", "video_profile", True),
        ("hevc.mp4", "video", "video_codec", False),
        ("b_frames.mp4", "video", "b_frames", True),
        ("two.mp4", "video", "audio_streams", False),
        ("mp3.mp4", "video", "audio_codec", False),
        ("late.mp4", "video", "moov_last", True),
        ("cut.mp4", "video", "truncated", False),
        ("big.mp4", "video", "too_large", False),
        ("text.mp4", "video", "wrong_kind", False),
        ("text.mp4", "video", "extension_mismatch", False),
        ("empty.mp4", "video", "empty", False),
        ("none.mp4", "video", "no_file", False),
        ("good.jpg", "image", "image_sound", True),
        ("good.png", "image", "image_sound", True),
        ("cut.jpg", "image", "truncated", False),
        ("web.jpg", "image", "not_accepted", False),
        ("web.jpg", "image", "extension_mismatch", False),
        ("moving.gif", "image", "not_accepted", False),
        ("good.mp4", "image", "wrong_kind", False),
        ("good.pdf", "document", "document_sound", True),
        ("secret.pdf", "document", "pdf_password", False),
        ("signed.pdf", "document", "pdf_encrypted", True),
        ("broken.pdf", "document", "unreadable", False),
        ("full_colour.mp4", "video", "pixel_format", True),
        ("ten_bit.mp4", "video", "pixel_format", True),
        ("ten_bit.mp4", "video", "video_profile", True),
        ("silent.mp4", "video", "video_sound", True),
        ("sound_only.mp4", "video", "no_video", False),
        ("lost.mp4", "video", "moov_missing", False),
        ("phone.3gp", "video", "video_sound", True),
        ("old_phone.3gp", "video", "video_codec", False),
        ("deep.png", "image", "image_colours", True),
        ("grey.png", "image", "image_colours", True),
        ("alpha.png", "image", "image_sound", True),
        ("cut.png", "image", "truncated", False),
        ("cmyk.jpg", "image", "image_colours", True),
        ("thumbnail.jpg", "image", "image_sound", True),
        ("cut_thumbnail.jpg", "image", "truncated", False),
        ("letter.docx", "document", "document_sound", True),
        ("table.xlsx", "document", "document_sound", True),
        ("talk.pptx", "document", "document_sound", True),
        ("letter.pdf", "document", "extension_mismatch", False),
        ("things.zip", "document", "not_accepted", False),
        ("note.txt", "document", "document_sound", True),
        ("page.txt", "document", "not_accepted", False),
    ],
)
def test_a_file(folder: Path, name: str, kind: str, code: str, usable: bool) -> None:
    report = judge(folder / name, kind)
    assert code in {one.code for one in report.findings}, report.findings
    assert report.usable is usable, report.findings


def test_what_is_named(folder: Path) -> None:
    for name, said in (
        ("phone.3gp", "3GPP"),
        ("letter.docx", "Word"),
        ("table.xlsx", "Excel"),
        ("talk.pptx", "PowerPoint"),
        ("deep.png", "16-bit RGB"),
        ("cmyk.jpg", "CMYK"),
        ("silent.mp4", "no sound"),
    ):
        kind = {".mp4": "video", ".3gp": "video", ".png": "image", ".jpg": "image"}
        report = judge(folder / name, kind.get(Path(name).suffix, "document"))
        assert said in report.findings[-1].evidence, report.findings


def test_damaged_films_are_judged(folder: Path) -> None:
    """Bits flipped, by the process that decodes."""
    good = (folder / "good.mp4").read_bytes()
    chance = random.Random(5)
    for n in range(8):
        broken = bytearray(good)
        for _ in range(20):
            # The index is in front; half of the flips hit it.
            broken[chance.randrange(len(good) if n % 2 else 2500)] ^= 1 << chance.randrange(8)
        (folder / "broken.mp4").write_bytes(broken)
        report = judge(folder / "broken.mp4", "video")
        assert report.findings
        assert all(one.code in CODES for one in report.findings)


@pytest.mark.parametrize("name", [".", "..", "\0", "x" * 5000])
def test_paths_that_are_no_file(folder: Path, name: str) -> None:
    assert judge(folder / name, "video").findings[0].code == "no_file"


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "film.mp4")
    assert judge(tmp_path / "film.mp4", "video").findings[0].code == "no_file"


def test_a_good_film_has_nothing_but_ok(folder: Path) -> None:
    report = judge(folder / "good.mp4", "video")
    assert report.severity == "ok", report.findings
    assert report.sha256 is not None
