"""Judges one header media, given as a link, an id or a file, against a template's header."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wacampaign.core.cells import cell
from wacampaign.core.media import rules
from wacampaign.core.media.answers import (
    arrived,
    is_login_page,
    look_at_answer,
    look_at_type,
)
from wacampaign.core.media.codes import finding
from wacampaign.core.media.content import Judged, judge_file
from wacampaign.core.media.ids import look_at_id
from wacampaign.core.media.links import look_at_link, split_link
from wacampaign.core.media.ports import ContainerReader, MediaIds, Stranger, UploadedAt
from wacampaign.core.media.report import MediaFinding, MediaReport, Where
from wacampaign.core.template.header_kinds import HEADER_KINDS
from wacampaign.core.template.values import header_samples, is_link


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
    """The needs of a template's components as Meta returns them: those of its header, else of its
    cards, which are of one kind. None: it has no media header."""
    for part in components:
        kind = str(part.get("format", "")).lower()
        if str(part.get("type", "")).upper() != "HEADER" or kind not in HEADER_KINDS:
            continue
        sample = cell(next(header_samples((part,)), ""))
        return HeaderNeeds(kind, sample if is_link(sample) else None, phone_number_id)
    for part in components:
        for card in part.get("cards") or ():
            needs = needs_of(card.get("components") or (), phone_number_id)
            if needs is not None:
                return needs
    return None


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
        slow_s: float = rules.SLOW_S,
        deadlines_s: Mapping[str, float] | None = None,
    ) -> None:
        """`slow_s` and `deadlines_s` (by kind, for tests) are seconds of a whole fetch."""
        self._stranger = stranger
        self._reader = reader
        self._ids = ids
        self._uploaded_at = uploaded_at
        self._slow_s = slow_s
        self._deadlines_s = deadlines_s or {
            name: kind.deadline_s for name, kind in HEADER_KINDS.items()
        }

    async def validate(self, media: str | Path, needs: HeaderNeeds) -> MediaReport:
        """Judges a link, an id or a file on this machine (as Path)."""
        return (await self._judge(media, needs, keep=False))[0]

    async def obtain(
        self, media: str | Path, needs: HeaderNeeds
    ) -> tuple[MediaReport, bytes | None]:
        """Judges a link, an id or a file (as Path), and gives the whole content.

        None: it is an id, or the content is empty, too large for its kind or not all there. Ask
        the report whether it is usable.
        """
        return await self._judge(media, needs, keep=True)

    async def _judge(
        self, media: str | Path, needs: HeaderNeeds, *, keep: bool
    ) -> tuple[MediaReport, bytes | None]:
        if isinstance(media, Path):
            return await self._file(media, needs, keep=keep)
        text, now = cell(media), datetime.now(UTC)
        if not is_link(text):
            of_id, size, mime_type = await look_at_id(
                text, needs.phone_number_id, needs.kind, self._ids, self._uploaded_at, now
            )
            return MediaReport(media, Where.ID, of_id, mime_type=mime_type, size=size), None
        parts = split_link(text)
        if parts is None:
            return MediaReport(media, Where.URL, (finding("bad_url", text[:200]),)), None
        findings = [*look_at_link(parts, needs.sample_url, now)]
        if any(f.code == "url_userinfo" for f in findings):
            return MediaReport(media, Where.URL, tuple(findings), host=parts.hostname), None
        return await self._fetch(media, text, parts.hostname, needs, findings, keep=keep)

    async def _fetch(
        self,
        media: str,
        url: str,
        host: str | None,
        needs: HeaderNeeds,
        findings: list[MediaFinding],
        *,
        keep: bool,
    ) -> tuple[MediaReport, bytes | None]:
        kind = needs.kind
        limit = HEADER_KINDS[kind].limit
        content: bytes | None = None
        judged: Judged | None = None
        with tempfile.TemporaryDirectory(prefix="wacampaign-media-") as folder:
            path = Path(folder) / "content"
            with path.open("wb") as sink:
                fetched = await self._stranger.fetch(url, sink, limit, self._deadlines_s[kind])
            findings += look_at_answer(fetched, self._slow_s)
            if arrived(fetched) and (fetched.received or fetched.complete):
                judged = await judge_file(
                    path,
                    kind,
                    fetched.file_name or fetched.path,
                    self._reader,
                    declared_size=fetched.declared_length,
                    whole=fetched.complete,
                )
                asked = any(f.code == "login_required" for f in findings)
                if judged.mime_type == "text/html" and not asked and is_login_page(path):
                    findings.append(finding("login_required", "a page with a password field"))
                findings += look_at_type(fetched, judged.mime_type)
                findings += judged.findings
                if keep and judged.sha256 is not None:
                    content = await asyncio.to_thread(path.read_bytes)
        declared = rules.plain_type(fetched.content_type) or None
        return (
            MediaReport(
                media,
                Where.URL,
                tuple(findings),
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
