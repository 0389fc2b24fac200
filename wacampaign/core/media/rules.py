"""Meta's rules for header media of any kind. Source: supported media types (2026-09)."""

from collections.abc import Mapping
from typing import Final

from wacampaign.core.template.header_kinds import DOC, DOCX, MEGABYTE, PPT, PPTX, XLS, XLSX

#: Seconds from which a fetch counts as slow. Meta's own limit is not documented; this is our
#: guess, which is why the finding is a warning only.
SLOW_S: Final = 5.0

#: What a name's extension says. Others (`.php`, `.bin`) say nothing.
EXTENSIONS: Final[Mapping[str, str]] = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".heic": "image/heic",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".svg": "image/svg+xml",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".3gp": "video/3gpp",
    ".3gpp": "video/3gpp",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/webm",
    ".avi": "video/x-msvideo",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".csv": "text/plain",
    ".doc": DOC,
    ".docx": DOCX,
    ".xls": XLS,
    ".xlsx": XLSX,
    ".ppt": PPT,
    ".pptx": PPTX,
    ".zip": "application/zip",
    ".html": "text/html",
    ".htm": "text/html",
}

#: Other names of the same types, as servers write them.
_ALIASES: Final[Mapping[str, str]] = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "video/x-m4v": "video/mp4",
    "application/mp4": "video/mp4",
    "video/3gp": "video/3gpp",
    "audio/3gpp": "video/3gpp",
    "application/x-pdf": "application/pdf",
    "text/csv": "text/plain",
    "video/x-matroska": "video/webm",
}

#: Types that say nothing.
GENERIC: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})

#: The host of approved samples.
SAMPLE_HOST: Final = "scontent.whatsapp.net"

#: H.264 profiles that Android's WhatsApp plays.
PROFILES: Final = frozenset({"Baseline", "Constrained Baseline", "Main"})

#: Days that an uploaded media lives (Meta), and days from which on it should be uploaded again:
#: a campaign may pause over a weekend.
ID_LIFE_DAYS: Final = 30
ID_REFRESH_DAYS: Final = 28

#: Hours. A campaign of some size runs over night and over a weekend.
EXPIRES_SOON_H: Final = 72


def plain_type(declared: str) -> str:
    """A declared MIME type under its usual name, without parameters."""
    name = declared.partition(";")[0].strip().lower()
    return _ALIASES.get(name, name)


def shown_size(size: int) -> str:
    """`112 KB`, `16.2 MB`."""
    if size < 1024:
        return f"{size} bytes"
    if size < MEGABYTE:
        return f"{size / 1024:.0f} KB"
    return f"{size / MEGABYTE:.1f} MB"
