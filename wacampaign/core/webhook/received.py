"""A request of Meta's as the receiver keeps it, until the database has it."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Final

#: How a body is kept in the database: `text` where all of it is ASCII.
TEXT: Final = "text"
BASE64: Final = "base64"


@dataclass(frozen=True, slots=True)
class ReceivedBody:
    """One request whose signature was right."""

    #: A UUID, made when it came: a repeated attempt to store it is the same row.
    id: str
    #: By this machine's clock, with a time zone.
    received_at: datetime
    #: As it came, byte for byte.
    body: bytes
    #: The header `X-Hub-Signature-256`, as it came.
    signature: str
    content_type: str


def encoded(body: bytes) -> tuple[str, str]:
    """Encoding and text of a body, fit for every database: no NUL, nothing beyond ASCII."""
    if body.isascii() and b"\0" not in body:
        return TEXT, body.decode("ascii")
    return BASE64, base64.b64encode(body).decode("ascii")


def decoded(encoding: str, text: str) -> bytes:
    """What `encoded` was given. Raises `ValueError` for what it never made."""
    if encoding != BASE64:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"no base64: {error}") from None
