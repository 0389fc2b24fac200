"""Judges one header media, given as a link, an id or a file, against a template's header."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from wacampaign.core.cells import cell
from wacampaign.core.header_media import rules
from wacampaign.core.header_media.answers import (
    arrived,
    is_login_page,
    look_at_answer,
    look_at_type,
)
from wacampaign.core.header_media.codes import finding
from wacampaign.core.header_media.content import Judged, judge_file
from wacampaign.core.header_media.ids import look_at_id
from wacampaign.core.header_media.links import is_link, look_at_link, split_link
from wacampaign.core.header_media.ports import ContainerReader, MediaIds, Stranger, UploadedAt
from wacampaign.core.header_media.report import MediaFinding, MediaReport, Where

#: Bytes of an HTML page in which a field for a password is looked for.
_PAGE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class HeaderNeeds:
    """What a template's header asks for."""

    #: `image`, `video` or `document`.
    kind: str
    #: The approved sample, from `example.header_handle`.
    sample_url: str | None = None
    #: The number that will send: media ids belong to one.
    phone_number_id: str | None = None


def needs_of(
    components: Sequence[Mapping[str, Any]], phone_number_id: str | None = None
) -> HeaderNeeds | None:
    """The needs of a template's components as Meta returns them; None: no media header."""
    for part in components:
        kind = str(part.get("format", "")).lower()
        if str(part.get("type", "")).upper() != "HEADER" or kind not in rules.LIMITS:
            continue
        example = part.get("example")
        given = example.get("header_handle") if isinstance(example, Mapping) else None
        first = given[0] if isinstance(given, list) and given else given
        sample = first if isinstance(first, str) and is_link(first) else None
        return HeaderNeeds(kind, sample, phone_number_id)
    return None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MediaValidator:
    """Judges media. Never raises for what is wrong with one: that is a finding.

    A text is a link if it begins with http:// or https:// and an id otherwise, as in a message;
    no text from campaign data ever opens a local file.
    """

    def __init__(
        self,
        stranger: Stranger,
        reader: ContainerReader,
        ids: MediaIds | None = None,
        *,
        uploaded_at: UploadedAt | None = None,
        now: Callable[[], datetime] = _utc_now,
        slow_s: float = rules.SLOW_S,
        deadlines_s: Mapping[str, float] = rules.DEADLINES_S,
    ) -> None:
        """`slow_s` and `deadlines_s` (by kind) are seconds of a whole fetch."""
        self._stranger = stranger
        self._reader = reader
        self._ids = ids
        self._uploaded_at = uploaded_at
        self._now = now
        self._slow_s = slow_s
        self._deadlines_s = deadlines_s

    async def validate(self, media: str, needs: HeaderNeeds) -> MediaReport:
        """Judges a link or an id."""
        return (await self._text(media, needs, keep=False))[0]

    async def validate_file(self, path: Path, needs: HeaderNeeds) -> MediaReport:
        """Judges a file on this machine."""
        return (await self._file(path, needs, keep=False))[0]

    async def obtain(
        self, media: str | Path, needs: HeaderNeeds
    ) -> tuple[MediaReport, bytes | None]:
        """Judges a link, an id or a file (as Path), and gives the whole content.

        None: it is an id, or the content is empty, too large for its kind or not all there. Ask
        the report whether it is usable.
        """
        if isinstance(media, Path):
            return await self._file(media, needs, keep=True)
        return await self._text(media, needs, keep=True)

    async def _text(
        self, media: str, needs: HeaderNeeds, *, keep: bool
    ) -> tuple[MediaReport, bytes | None]:
        text = cell(media)
        if not is_link(text):
            found, size, mime_type = await look_at_id(
                text, needs.phone_number_id, needs.kind, self._ids, self._uploaded_at, self._now()
            )
            return MediaReport(media, Where.ID, found, mime_type=mime_type, size=size), None
        parts = split_link(text)
        if parts is None:
            return MediaReport(media, Where.URL, (finding("bad_url", text[:200]),)), None
        found_link = [*look_at_link(parts, needs.sample_url, self._now())]
        if any(one.code == "url_userinfo" for one in found_link):
            return MediaReport(media, Where.URL, tuple(found_link), host=parts.hostname), None
        return await self._fetch(media, text, parts.hostname, needs, found_link, keep=keep)

    async def _fetch(
        self,
        media: str,
        url: str,
        host: str | None,
        needs: HeaderNeeds,
        found: list[MediaFinding],
        *,
        keep: bool,
    ) -> tuple[MediaReport, bytes | None]:
        kind = needs.kind
        limit = rules.LIMITS[kind]
        content: bytes | None = None
        judged: Judged | None = None
        with tempfile.TemporaryDirectory(prefix="wacampaign-media-") as folder:
            path = Path(folder) / "content"
            with path.open("wb") as sink:
                fetched = await self._stranger.fetch(url, sink, limit, self._deadlines_s[kind])
            found += look_at_answer(fetched, self._slow_s)
            if arrived(fetched) and (fetched.received or fetched.complete):
                judged = await judge_file(
                    path,
                    kind,
                    fetched.file_name or fetched.path,
                    self._reader,
                    declared_size=fetched.declared_length,
                    whole=fetched.complete,
                )
                asked = any(one.code == "login_required" for one in found)
                if judged.mime_type == "text/html" and not asked:
                    with path.open("rb") as page:
                        if is_login_page(page.read(_PAGE)):
                            found.append(finding("login_required", "a page with a password field"))
                found += look_at_type(fetched, judged.mime_type)
                found += judged.findings
                if keep and judged.sha256 is not None:
                    content = await asyncio.to_thread(path.read_bytes)
        declared = rules.plain_type(fetched.content_type) or None
        return (
            MediaReport(
                media,
                Where.URL,
                tuple(found),
                host=host,
                http_status=fetched.status,
                mime_type=(judged.mime_type if judged else None) or declared,
                size=judged.size if judged else fetched.declared_length,
                sha256=judged.sha256 if judged else None,
            ),
            content,
        )

    async def _file(
        self, path: Path, needs: HeaderNeeds, *, keep: bool
    ) -> tuple[MediaReport, bytes | None]:
        content: bytes | None = None
        try:
            judged = await judge_file(path, needs.kind, path.name, self._reader)
            if keep and judged.sha256 is not None:
                content = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            shown = error.strerror or str(error)
            return MediaReport(str(path), Where.FILE, (finding("no_file", shown),)), None
        return (
            MediaReport(
                str(path),
                Where.FILE,
                judged.findings,
                mime_type=judged.mime_type,
                size=judged.size,
                sha256=judged.sha256,
            ),
            content,
        )
