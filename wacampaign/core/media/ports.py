"""The world as the validator sees it: a stranger's fetch, Meta's ids, a decoder."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Hop:
    """A redirect that was followed. Addresses are without query, user and password."""

    status: int
    to: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a stranger got for a URL."""

    #: Redirects, in order.
    hops: tuple[Hop, ...] = ()
    #: Of the last answer; None: none came.
    status: int | None = None
    #: Of the last answer, lower case, without parameters; "" when missing.
    content_type: str = ""
    content_encoding: str = ""
    #: File name that the server suggests; "" when it does not.
    file_name: str = ""
    #: Bytes that the server says the whole file has.
    declared_length: int | None = None
    #: Bytes written to the sink.
    received: int = 0
    #: Whether the sink holds the whole file.
    complete: bool = False
    #: Until the last answer's end.
    seconds: float = 0.0
    #: Why it ended early: a code of `wacampaign.core.media.codes`, and what was seen.
    trouble: str | None = None
    evidence: str = ""
    #: Path of the last address, decoded: what its extension says.
    path: str = ""


class Stranger(Protocol):
    """Fetches a URL without cookies, token or proxy, from public addresses only."""

    async def fetch(self, url: str, sink: BinaryIO, limit: int, deadline_s: float) -> Fetched:
        """Writes at most `limit` + 1 bytes of the file to `sink`; never raises for the world.

        `limit` is in bytes. `deadline_s` are seconds for everything: names, redirects, content.
        """


@dataclass(frozen=True, slots=True)
class MediaObject:
    """Meta's object behind a media id."""

    id: str
    mime_type: str
    #: Bytes.
    file_size: int | None


class LookupFailed(Exception):  # noqa: N818 - becomes a finding
    """Whether the id exists could not be found out; the text says why, without the token."""


class MediaIds(Protocol):
    """Looks up media ids."""

    async def media(self, media_id: str, phone_number_id: str | None = None) -> MediaObject | None:
        """None: unknown, or not of that number. Raises `LookupFailed` for anything else."""


#: When a media id was uploaded; None: nobody remembers.
UploadedAt = Callable[[str], Awaitable[datetime | None]]


@dataclass(frozen=True, slots=True)
class Track:
    """One stream of a container, in FFmpeg's names."""

    #: `video`, `audio`, …
    kind: str
    #: `h264`, `hevc`, `aac`, `mp3`, …
    codec: str
    #: `Main`, `High`, …; "" when it has none.
    profile: str = ""
    #: `yuv420p`, …
    pixel_format: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Container:
    """What a decoder says of a file."""

    tracks: tuple[Track, ...] = ()
    #: Seconds; None: the file does not say.
    duration_s: float | None = None
    #: Whether frames are shown in another order than they are stored.
    b_frames: bool = False
    #: None: not encrypted; else `password`, `opens` (without one) or `unknown`.
    encryption: str | None = None
    #: Why the decoder gave up; then the rest is empty.
    damage: str | None = None
    #: Whether the decoder itself failed (too slow, crashed), which says little of the file.
    decoder_failed: bool = False


class ContainerReader(Protocol):
    """Opens a file with a decoder that its content cannot harm."""

    async def read(self, path: Path, mime_type: str) -> Container:
        """Facts of an MP4, 3GPP or PDF file; never raises for what is in it."""
