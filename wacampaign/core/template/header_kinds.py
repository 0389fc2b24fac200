"""The kinds of header media: their names, and what Meta takes for each.

Source: Meta's reference of template components (December 2025) and supported media types (2026-09).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MEGABYTE: Final = 1024 * 1024

_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
DOCX: Final = _OFFICE + "wordprocessingml.document"
XLSX: Final = _OFFICE + "spreadsheetml.sheet"
PPTX: Final = _OFFICE + "presentationml.presentation"
DOC: Final = "application/msword"
XLS: Final = "application/vnd.ms-excel"
PPT: Final = "application/vnd.ms-powerpoint"


@dataclass(frozen=True, slots=True)
class HeaderKind:
    """What holds for one kind of medium."""

    #: Bytes that a medium may have.
    limit: int
    #: Seconds for a whole fetch. Meta's own patience is not documented; these are our guess.
    deadline_s: float
    #: MIME types that Meta takes, and their names for people.
    accepted: Mapping[str, str]


#: By the type of a message's parameter; a template's `format` is the same name in capitals.
HEADER_KINDS: Final[Mapping[str, HeaderKind]] = {
    "image": HeaderKind(5 * MEGABYTE, 20.0, {"image/jpeg": "JPEG", "image/png": "PNG"}),
    "video": HeaderKind(16 * MEGABYTE, 20.0, {"video/mp4": "MP4", "video/3gpp": "3GPP"}),
    # It may be six times as large as a video.
    "document": HeaderKind(
        100 * MEGABYTE,
        60.0,
        {
            "text/plain": "text",
            "application/pdf": "PDF",
            DOC: "Word",
            DOCX: "Word",
            XLS: "Excel",
            XLSX: "Excel",
            PPT: "PowerPoint",
            PPTX: "PowerPoint",
        },
    ),
    # A film without sound that plays by itself; only the marketing endpoint takes it.
    "gif": HeaderKind(int(3.5 * MEGABYTE), 20.0, {"video/mp4": "MP4"}),
}
#: Kinds that Meta takes at the marketing endpoint alone (whatsapp-cloud-api, 3.1 and 3.5).
MARKETING_ONLY: Final = frozenset({"gif"})


def kind_taking(mime_type: str) -> str | None:
    """The kind of header that takes such a file; None: none does."""
    return next((name for name, kind in HEADER_KINDS.items() if mime_type in kind.accepted), None)
