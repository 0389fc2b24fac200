"""Reading multipart/form-data, whole and binary-safe."""

import re
from dataclasses import dataclass

_PARAMETER = re.compile(r'([A-Za-z*]+)="((?:[^"\\]|\\.)*)"|([A-Za-z*]+)=([^;\s]+)')


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form; `filename` and `content_type` are None when they were not sent."""

    content: bytes
    filename: str | None
    content_type: str | None


def read_form(content_type: str, body: bytes) -> dict[str, Part]:
    """The parts of a form by name. ValueError when it is not multipart/form-data."""
    kind, _, parameters = content_type.partition(";")
    boundary = _parameters(parameters).get("boundary")
    if kind.strip().lower() != "multipart/form-data" or not boundary:
        raise ValueError("not multipart/form-data")
    parts: dict[str, Part] = {}
    for piece in (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1"))[1:]:
        if piece.startswith(b"--"):
            return parts
        head, blank, content = piece.partition(b"\r\n\r\n")
        if not blank:
            raise ValueError("a part has no end of its headers")
        headers: dict[str, str] = {}
        for line in head.decode("utf-8", "replace").strip().split("\r\n"):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        disposition = _parameters(headers.get("content-disposition", ""))
        if "name" not in disposition:
            raise ValueError("a part has no name")
        parts[disposition["name"]] = Part(
            content, disposition.get("filename"), headers.get("content-type")
        )
    raise ValueError("the closing boundary is missing")


def _parameters(text: str) -> dict[str, str]:
    return {
        (quoted or bare).lower(): quoted_value if quoted else bare_value
        for quoted, quoted_value, bare, bare_value in _PARAMETER.findall(text)
    }
