"""Judges a media id: whether it exists, whose it is, how old."""

from datetime import datetime, timedelta

from wacampaign.core.media import rules
from wacampaign.core.media.codes import finding
from wacampaign.core.media.ports import LookupFailed, MediaIds, MediaObject, UploadedAt
from wacampaign.core.media.report import MediaFinding
from wacampaign.core.template.header_kinds import HEADER_KINDS, kind_taking


async def look_at_id(
    media_id: str,
    phone_number_id: str | None,
    kind: str,
    ids: MediaIds | None,
    uploaded_at: UploadedAt | None,
    now: datetime,
) -> tuple[tuple[MediaFinding, ...], int | None, str | None]:
    """Findings on the id, and the size and type that Meta names."""
    if not media_id:
        return (finding("no_media", "empty"),), None, None
    if "://" in media_id:
        return (finding("wrong_scheme", f"scheme {media_id.partition(':')[0][:20]}"),), None, None
    if not (media_id.isascii() and media_id.isdigit()):
        return (finding("id_malformed", media_id[:60]),), None, None
    findings = [await _age(media_id, uploaded_at, now)]
    if ids is None:
        return (finding("id_unchecked", f"id {media_id}"), *findings), None, None
    try:
        media = await ids.media(media_id, phone_number_id)
        elsewhere = media is None and phone_number_id is not None
        other = await ids.media(media_id) if elsewhere else None
    except LookupFailed as failure:
        return (finding("id_lookup_failed", str(failure)), *findings), None, None
    if media is None:
        if other is None:
            return (finding("id_unknown", f"id {media_id}"), *findings), None, None
        shown = f"id {media_id} is not of number {phone_number_id}"
        return (finding("id_of_other_number", shown), *findings), other.file_size, other.mime_type
    shown = f"id {media_id}, {media.mime_type or 'no type'}"
    findings.insert(0, finding("id_owned" if phone_number_id else "id_found", shown))
    return (*findings, *_content(media, kind)), media.file_size, media.mime_type


async def _age(media_id: str, uploaded_at: UploadedAt | None, now: datetime) -> MediaFinding:
    since = await uploaded_at(media_id) if uploaded_at is not None else None
    if since is None:
        return finding("id_age_unknown", f"id {media_id}")
    age = now - since
    shown = f"uploaded {since:%Y-%m-%d}, {age.days} days ago"
    if age >= timedelta(days=rules.ID_LIFE_DAYS):
        return finding("id_expired", shown)
    soon = age >= timedelta(days=rules.ID_REFRESH_DAYS)
    return finding("id_expires_soon" if soon else "id_age", shown)


def _content(media: MediaObject, kind: str) -> list[MediaFinding]:
    findings: list[MediaFinding] = []
    declared = rules.plain_type(media.mime_type)
    if declared and declared not in HEADER_KINDS[kind].accepted:
        code = "not_accepted" if kind_taking(declared) is None else "wrong_kind"
        findings.append(finding(code, f"{declared}, the header takes a {kind}"))
    if media.file_size is not None:
        limit = HEADER_KINDS[kind].limit
        size = f"{rules.shown_size(media.file_size)}, the limit is {rules.shown_size(limit)}"
        findings.append(finding("too_large" if media.file_size > limit else "size_fits", size))
    return findings
