"""What a host's answer says, beside the content that came with it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wacampaign.core.media.codes import finding
from wacampaign.core.media.ports import Fetched
from wacampaign.core.media.report import MediaFinding
from wacampaign.core.media.rules import GENERIC, SLOW_S, plain_type

_LOGIN: Final = re.compile(r"log-?in\b|sign-?in\b|/auth\b|\bsso\b", re.IGNORECASE)
_PASSWORD: Final = re.compile(rb"""<input\b[^>]{0,300}\btype\s*=\s*["']?password""", re.IGNORECASE)


def arrived(fetched: Fetched) -> bool:
    """Whether the sink holds content of the file."""
    return (
        fetched.status in (200, 206)
        and fetched.trouble in (None, "length_mismatch", "timed_out")
        and fetched.content_encoding in ("", "identity")
    )


def is_login_page(page: Path) -> bool:
    """Whether an HTML page asks for a password, as far as its first 64 KiB show."""
    with page.open("rb") as file:
        return _PASSWORD.search(file.read(64 * 1024)) is not None


def look_at_answer(fetched: Fetched, slow_s: float = SLOW_S) -> Iterator[MediaFinding]:
    """Findings on the way to the file and on the answer's status.

    `slow_s` are the seconds from which a fetch counts as slow.
    """
    if fetched.hops:
        yield finding("redirected", " → ".join(f"{hop.status} {hop.to}" for hop in fetched.hops))
    if fetched.trouble is not None:
        yield finding(fetched.trouble, fetched.evidence)
        return
    status = fetched.status
    took = f"HTTP {status} after {fetched.seconds:.1f} s"
    if status in (401, 407):
        yield finding("login_required", took)
        return
    if status not in (200, 206):
        yield finding("http_status", took)
        return
    if plain_type(fetched.content_type) == "text/html" and any(
        _LOGIN.search(hop.to) for hop in fetched.hops
    ):
        yield finding("login_required", f"redirected to {fetched.hops[-1].to}")
        return
    if fetched.content_encoding not in ("", "identity"):
        yield finding("content_encoded", f"Content-Encoding: {fetched.content_encoding}")
    yield finding("reachable", took)
    if fetched.seconds >= slow_s:
        yield finding("slow", took)


def look_at_type(fetched: Fetched, mime_type: str | None) -> Iterator[MediaFinding]:
    """Findings on the declared type; `mime_type` is that of the content."""
    if mime_type is None:
        return
    declared = plain_type(fetched.content_type)
    if declared in GENERIC:
        yield finding("type_undeclared", f"{declared or 'none'}, the content is {mime_type}")
    elif declared != mime_type:
        yield finding("type_mismatch", f"declared {declared}, the content is {mime_type}")
    else:
        yield finding("type_agrees", declared)
