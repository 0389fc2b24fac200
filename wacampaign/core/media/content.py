"""Judges a file that lies on disk: size, kind, structure."""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wacampaign.core.media import rules
from wacampaign.core.media.boxes import boxes_of
from wacampaign.core.media.codes import finding
from wacampaign.core.media.images import jpeg_of, png_of
from wacampaign.core.media.ports import Container, ContainerReader
from wacampaign.core.media.report import MediaFinding, Severity
from wacampaign.core.media.sniffing import type_of
from wacampaign.core.template.header_kinds import HEADER_KINDS, kind_taking


@dataclass(frozen=True, slots=True)
class Judged:
    """A file, looked at."""

    findings: tuple[MediaFinding, ...]
    size: int
    mime_type: str | None
    #: None: the file is not whole.
    sha256: str | None


async def judge_file(
    path: Path,
    kind: str,
    name: str,
    reader: ContainerReader,
    *,
    declared_size: int | None = None,
    whole: bool = True,
) -> Judged:
    """Judges the content of `path` as a header of `kind`.

    `name` is what the file is called to the world. `declared_size` is its size where only a part
    of it lies in `path`. Without `whole` the structure is left alone. Raises OSError.
    """
    # On a thread: reading a document of 100 MB must not hold up everything else.
    read = await asyncio.to_thread(_read, path, kind, name, declared_size or 0, whole)
    if read.sha256 is None:
        return read
    findings, size, mime_type = [*read.findings], read.size, read.mime_type or ""
    damaged = any(f.code in ("truncated", "moov_missing") for f in findings)
    inspect = {"video/mp4": _video, "video/3gpp": _video, "application/pdf": _pdf}.get(mime_type)
    if inspect is not None and not damaged:
        container = await reader.read(path, mime_type)
        if container.damage is not None:
            code = "not_inspected" if container.decoder_failed else "unreadable"
            findings.append(finding(code, container.damage))
        else:
            findings += inspect(container)
    inside = [f.evidence for f in findings if f.code.endswith("_sound")]
    findings = [f for f in findings if not f.code.endswith("_sound")]
    fails = any(f.severity is Severity.FAIL for f in findings)
    if not fails and mime_type in HEADER_KINDS[kind].accepted:
        code = {"image": "image_sound", "video": "video_sound", "gif": "video_sound"}.get(
            kind, "document_sound"
        )
        facts = [HEADER_KINDS[kind].accepted[mime_type], rules.shown_size(size), *inside]
        findings.append(finding(code, ", ".join(facts)))
    return Judged(tuple(findings), size, mime_type, read.sha256)


def _read(path: Path, kind: str, name: str, declared_size: int, whole: bool) -> Judged:
    """What the bytes say without a decoder."""
    # Devices and pipes may never end.
    if not path.is_file():
        raise FileNotFoundError(2, "no file")
    with path.open("rb") as file:
        size = file.seek(0, 2)
        shown = max(size, declared_size)
        if not shown:
            return Judged((finding("empty", "0 bytes"),), 0, None, None)
        mime_type = type_of(file, name)
        findings = [*_outside(kind, mime_type, shown, name)]
        if not whole or size > HEADER_KINDS[kind].limit:
            return Judged(tuple(findings), shown, mime_type, None)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if mime_type in ("image/jpeg", "image/png"):
            findings += _image(file, size, mime_type)
        elif mime_type in ("video/mp4", "video/3gpp"):
            findings += _boxes(file, size)
        return Judged(tuple(findings), size, mime_type, sha256)


def _outside(kind: str, mime_type: str, size: int, name: str) -> Iterator[MediaFinding]:
    limit = HEADER_KINDS[kind].limit
    amount = f"{rules.shown_size(size)}, the limit for {kind} is {rules.shown_size(limit)}"
    yield finding("too_large" if size > limit else "size_fits", amount)
    if mime_type not in HEADER_KINDS[kind].accepted:
        other = kind_taking(mime_type)
        taken = ", ".join(sorted(HEADER_KINDS[kind].accepted.values()))
        if other is not None:
            yield finding("wrong_kind", f"{mime_type} is a {other}, the header takes a {kind}")
        else:
            yield finding("not_accepted", f"{mime_type}; {kind} headers take {taken}")
    suffix = Path(name).suffix.lower()
    by_name = rules.EXTENSIONS.get(suffix)
    if by_name is not None and by_name != mime_type:
        yield finding("extension_mismatch", f"{suffix} on a file of type {mime_type}")


def _image(file: BinaryIO, size: int, mime_type: str) -> Iterator[MediaFinding]:
    image = jpeg_of(file, size) if mime_type == "image/jpeg" else png_of(file, size)
    if not (image.width and image.height):
        yield finding("unreadable", "no dimensions")
        return
    shown = f"{image.width}×{image.height}, {image.bits}-bit {image.colours}"
    if not image.whole:
        yield finding("truncated", f"{shown}, without its end")
    if image.bits != 8 or image.colours not in ("RGB", "RGBA"):
        yield finding("image_colours", shown)
    yield finding("image_sound", shown)


def _boxes(file: BinaryIO, size: int) -> Iterator[MediaFinding]:
    names, missing = boxes_of(file, size)
    order = " ".join(names[:8])
    if missing:
        yield finding("truncated", f"{missing} bytes are missing; boxes: {order}")
    if "moov" not in names:
        yield finding("moov_missing", f"boxes: {order}")
    elif "mdat" in names and names.index("mdat") < names.index("moov"):
        yield finding("moov_last", f"boxes: {order}")


def _video(container: Container) -> Iterator[MediaFinding]:
    pictures = [track for track in container.tracks if track.kind == "video"]
    sounds = [track for track in container.tracks if track.kind == "audio"]
    if not pictures:
        yield finding("no_video", f"{len(sounds)} audio streams")
        return
    picture = pictures[0]
    facts = [f"{picture.codec} {picture.profile}".strip(), f"{picture.width}×{picture.height}"]
    if picture.codec != "h264":
        yield finding("video_codec", picture.codec)
    else:
        facts[0] = f"H.264 {picture.profile}".strip()
        if picture.profile not in rules.PROFILES:
            yield finding("video_profile", f"profile {picture.profile or 'unknown'}")
    if picture.pixel_format not in ("yuv420p", "yuvj420p"):
        yield finding("pixel_format", picture.pixel_format or "unknown")
    if container.b_frames:
        yield finding("b_frames", "frames are stored in another order than shown")
    if len(sounds) > 1:
        yield finding("audio_streams", f"{len(sounds)} audio streams")
    for sound in sounds:
        if sound.codec != "aac":
            yield finding("audio_codec", sound.codec)
    facts.append("AAC" if sounds else "no sound")
    if container.duration_s is not None:
        facts.append(f"{container.duration_s:.1f} s")
    yield finding("video_sound", ", ".join(facts))


def _pdf(container: Container) -> Iterator[MediaFinding]:
    if container.encryption == "password":
        yield finding("pdf_password", "encrypted")
    elif container.encryption is not None:
        yield finding("pdf_encrypted", "encrypted")
