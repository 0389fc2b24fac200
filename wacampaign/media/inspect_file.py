"""`python -m wacampaign.media.inspect_file PATH TYPE`: facts of a file, as JSON."""

import json
import sys
from pathlib import Path
from typing import Any, Final

#: Bytes of address space: a film of 7680×4320 takes 200 MB of it, a hostile file would take all.
_MEMORY: Final = 512 * 1024**2
#: Seconds of processor time; a film of 10 MB and a PDF of 95 MB took 0.1.
_CPU_S: Final = 15
#: Seconds after which it ends although nobody ended it: whoever asked is gone.
_ALONE_S: Final = 60
#: Frames whose order is looked at: B-frames are in each group of pictures, and a group of x264's
#: has 250 frames or fewer unless it is told otherwise.
_FRAMES: Final = 1000
_TOO_MUCH: Final = {"damage": "the decoder wants more memory than it gets", "decoder_failed": True}


def main(path: str, mime_type: str) -> dict[str, Any]:
    """The fields of `Container` that are known."""
    return _pdf(path) if mime_type == "application/pdf" else _film(path)


def _film(path: str) -> dict[str, Any]:
    import av

    try:
        # The format is given: a playlist with addresses in it must not be taken for a film.
        with av.open(path, format="mp4", options={"protocol_whitelist": "file"}) as container:
            tracks = [_track(stream) for stream in container.streams]
            duration = container.duration
            b_frames, packets = False, 0
            if container.streams.video:
                highest: int | None = None
                for packet in container.demux(container.streams.video[0]):
                    if packet.pts is None:
                        continue
                    packets += 1
                    if highest is not None and packet.pts < highest:
                        b_frames = True
                    highest = packet.pts if highest is None else max(highest, packet.pts)
                    if packets >= _FRAMES or b_frames:
                        break
                if not packets:
                    return {"damage": "no frames"}
    except MemoryError:  # FFmpeg's too
        return _TOO_MUCH
    except (av.FFmpegError, ValueError, OSError) as error:
        return {"damage": str(getattr(error, "strerror", None) or error)}
    return {
        "tracks": tracks,
        "duration_s": duration / 1_000_000 if duration else None,
        "b_frames": b_frames,
    }


def _track(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    facts = {"kind": stream.type, "codec": context.name if context is not None else "unknown"}
    if context is None:
        return facts
    # Decoders have names of their own, such as mp3float.
    facts["codec"] = context.codec.canonical_name
    facts["profile"] = context.profile or ""
    if stream.type == "video":
        facts |= {
            "pixel_format": context.pix_fmt or "",
            "width": context.width,
            "height": context.height,
        }
    return facts


def _pdf(path: str) -> dict[str, Any]:
    import pypdf
    from pypdf.errors import DependencyError

    try:
        # Given a path, it would read all of the file into memory.
        with Path(path).open("rb") as file:
            reader = pypdf.PdfReader(file)
            encryption = None
            if reader.is_encrypted:
                try:
                    encryption = "opens" if reader.decrypt("") else "password"
                except (DependencyError, NotImplementedError):
                    encryption = "unknown"
            if encryption not in ("password", "unknown"):
                len(reader.pages)  # a damaged file shows here
    except MemoryError:
        return _TOO_MUCH
    except Exception as error:  # whatever a damaged file makes of the library
        return {"damage": f"{type(error).__name__}: {error}"[:200]}
    return {"encryption": encryption}


def confine() -> None:
    """Takes from this process what it does not need: memory, time, files to write."""
    if sys.platform == "win32":
        return
    import resource
    import signal

    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    if sys.platform == "linux":  # macOS does not enforce it
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.alarm(_ALONE_S)


if __name__ == "__main__":
    confine()
    print(json.dumps(main(*sys.argv[1:3])))
