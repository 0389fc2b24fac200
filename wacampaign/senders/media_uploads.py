"""Media on Meta's side: one upload a number and content, remembered and used again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from wacampaign.meta.client import CloudApi
from wacampaign.problems import AccessRefused, Busy, Problem, Unreachable
from wacampaign.senders.numbers import KnownNumber
from wacampaign.store.store import Store


@dataclass(frozen=True, slots=True)
class Content:
    """A file that was fetched and found good."""

    data: bytes = field(repr=False)
    mime_type: str
    file_name: str

    @property
    def sha256(self) -> str:
        """Hex digest: two files are the same upload when it agrees."""
        return hashlib.sha256(self.data).hexdigest()


async def remembered(
    store: Store, api: CloudApi, number: KnownNumber, content: Content
) -> str | None:
    """The media id of an upload of this content that is younger than 28 days and still there."""
    answer = await store.call("remembered_upload", number_id=number.id, sha256=content.sha256)
    media_id: str | None = answer["media_id"]
    if media_id is None:
        return None
    try:
        found = await api.media(media_id, number.phone_number_id)
    except (AccessRefused, Busy, Unreachable):
        raise
    except Problem:  # Meta has it no more
        return None
    return media_id if found is not None else None


async def uploaded_at(store: Store, number: KnownNumber, media_id: str) -> datetime | None:
    """When wacampaign uploaded this medium on this number; None: it did not."""
    answer = await store.call("uploaded_at", number_id=number.id, media_id=media_id)
    return None if answer["at"] is None else datetime.fromisoformat(answer["at"])


async def upload(store: Store, api: CloudApi, number: KnownNumber, content: Content) -> str:
    """Uploads the content on this number and remembers the media id."""
    if number.phone_number_id is None:
        raise Problem(
            f"{number.label} has no phone number id, so nothing can be uploaded on it",
            "wacampaign number list",
        )
    media_id = await api.upload_media(
        number.phone_number_id, content.data, content.mime_type, content.file_name
    )
    await store.call(
        "remember_upload",
        number_id=number.id,
        media_id=media_id,
        sha256=content.sha256,
        file_name=content.file_name,
        file_type=content.mime_type.partition("/")[0].replace("application", "document"),
        mime_type=content.mime_type,
        file_size=len(content.data),
    )
    return media_id
