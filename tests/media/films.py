"""Files by real encoders: FFmpeg's through PyAV, and pypdf."""

from __future__ import annotations

import random
import zipfile
from fractions import Fraction
from pathlib import Path

import av


def film(
    path: Path,
    *,
    codec: str = "libx264",
    profile: str = "main",
    bf: str = "0",
    sounds: tuple[str, ...] = ("aac",),
    faststart: bool = True,
    frames: int = 30,
    form: str = "mp4",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (64, 64),
) -> Path:
    """A short film; without frames it has sound only."""
    options = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(path), "w", format=form, options=options) as container:
        private = {"bf": bf, "profile": profile} if codec == "libx264" else {}
        if frames:
            video = container.add_stream(codec, rate=15, options=private)
            video.width, video.height = size
            video.pix_fmt = pixels
        audio = [container.add_stream(name, rate=44100) for name in sounds]
        points = random.Random(7)
        for n in range(frames):
            frame = av.VideoFrame(*size, pixels)
            for plane in frame.planes:
                plane.update(points.randbytes(plane.buffer_size))
            frame.pts, frame.time_base = n, Fraction(1, 15)
            container.mux(video.encode(frame))
        if frames:
            container.mux(video.encode())
        for stream in audio:
            for n in range(10):
                sound = av.AudioFrame(format="s16", layout="mono", samples=2048)
                sound.planes[0].update(bytes(sound.planes[0].buffer_size))
                sound.sample_rate, sound.pts = 44100, n * 2048
                container.mux(stream.encode(sound))
            container.mux(stream.encode())
    return path


def image(path: Path, codec: str, container: str, pixels: str | None = None) -> Path:
    """One picture of 32×32 points."""
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=1)
        stream.width = stream.height = 32
        usual = {"mjpeg": "yuvj420p", "png": "rgb24", "gif": "rgb8"}
        stream.pix_fmt = pixels or usual.get(codec, "yuv420p")
        frame = av.VideoFrame(32, 32, "rgb24")
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def office(path: Path, folder: str) -> Path:
    """What makes an archive an Office file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>" * 50)
        archive.writestr("_rels/.rels", "<Relationships/>")
        archive.writestr(f"{folder}/document.xml", "<w:document/>")
    return path


def pdf(path: Path, password: str | None = None) -> Path:
    """An empty page. With the password "" anyone can read it, though not change it."""
    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    if password is not None:
        writer.encrypt(password, "owner", algorithm="AES-256")
    writer.write(path)
    return path
