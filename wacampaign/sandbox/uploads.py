"""Meta's Resumable Upload API: sessions, offsets, and the handles that template samples need.

Source: whatsapp-cloud-api, 4.6 (Meta, "Resumable Upload API").
"""

import itertools
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from wacampaign.core.template.creation_fields import SAMPLE_TYPES
from wacampaign.sandbox.answers import Refusal, no_such_object, parameter_required
from wacampaign.sandbox.http1 import Request

#: Bytes: the largest of the kinds, a document (Meta, "Supported media types").
_MOST = 100 * 1024 * 1024
#: How the path of a session begins.
SESSION = "upload:"
_FILE_NAME = re.compile(r"[^\x00-\x1f/\\]{1,255}")


@dataclass(slots=True)
class Session:
    """One file on its way."""

    file_name: str
    file_type: str
    #: What the address of the session carries after `?sig=`: part of its id.
    signature: str
    #: Bytes of the whole file.
    file_length: int
    received: bytearray = field(default_factory=bytearray, repr=False)


@dataclass(frozen=True, slots=True)
class Sample:
    """A file that arrived whole, behind a handle."""

    content: bytes
    mime_type: str


class Uploads:
    """The upload sessions of the app, and what arrived."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        #: Files by the handle that names them in `example.header_handle`.
        self.samples: dict[str, Sample] = {}
        self._ids = itertools.count(1)

    def begin(self, request: Request) -> dict[str, Any] | Refusal:
        """POST /{app_id}/uploads: a session for the file described."""
        given = dict(parse_qsl(request.query))
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            given |= dict(parse_qsl(request.body.decode("utf-8", "replace")))
        for name in ("file_length", "file_type"):
            if not given.get(name):
                return parameter_required(name)
        length, kind = given["file_length"], given["file_type"]
        if not length.isdecimal() or not 0 < int(length) <= _MOST:
            return Refusal(100, message=f"(#100) Param file_length must be 1 to {_MOST} bytes")
        if kind not in SAMPLE_TYPES:
            return Refusal(
                100,
                message=f"(#100) Param file_type must be one of {', '.join(sorted(SAMPLE_TYPES))}",
            )
        name = given.get("file_name", "file")
        if not _FILE_NAME.fullmatch(name):
            return Refusal(100, message="(#100) Param file_name is not a file's name")
        number = next(self._ids)
        session_id, signature = f"{SESSION}MTphdHRhY2htZW50{number:08d}", f"AR{number:08x}"
        self._sessions[session_id] = Session(name, kind, signature, int(length))
        return {"id": f"{session_id}?sig={signature}"}

    def answer(self, request: Request, session_id: str) -> dict[str, Any] | Refusal:
        """POST /upload:… takes bytes from `file_offset` on; GET says how many there are."""
        session = self._sessions.get(session_id)
        given = dict(parse_qsl(request.query)).get("sig")
        if session is None or given != session.signature:
            return no_such_object(session_id, request.method)
        if request.method == "GET":
            return {"id": f"{session_id}?{request.query}", "file_offset": len(session.received)}
        scheme = request.headers.get("authorization", "").partition(" ")[0]
        if scheme.lower() != "oauth":
            return Refusal(100, message="(#100) Uploads need the header Authorization: OAuth …")
        offset = request.headers.get("file_offset", "")
        if not offset.isdecimal() or int(offset) != len(session.received):
            return Refusal(
                100, message=f"(#100) file_offset must be {len(session.received)}, not {offset!r}"
            )
        session.received += request.body
        if len(session.received) < session.file_length:
            return {"id": session_id, "file_offset": len(session.received)}
        if len(session.received) > session.file_length:
            return Refusal(100, message="(#100) More bytes came than file_length says")
        handle = f"4::{session_id.removeprefix(SESSION)}:ARb"
        self.samples[handle] = Sample(bytes(session.received), session.file_type)
        del self._sessions[session_id]
        return {"h": handle}
