"""Media on Meta's side: one upload a number and content, remembered and used again."""

import hashlib
from dataclasses import dataclass, field

from wacampaign.core.media.ports import MediaObject
from wacampaign.core.numbers import KnownNumber
from wacampaign.meta.client import CloudApi
from wacampaign.problems import AccessRefused, Busy, Problem, Unreachable
from wacampaign.store.store import Store
from wacampaign.store.uploads import Uploads


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
    media_id = await Uploads(store).media_id(number.id, content.sha256)
    known = media_id is not None and await medium_of(api, number, media_id) is not None
    return media_id if known else None


async def medium_of(api: CloudApi, number: KnownNumber, media_id: str) -> MediaObject | None:
    """The medium as Meta has it on this number; None: Meta has it no more, or never had.

    Raises what keeps Meta from answering.
    """
    try:
        return await api.media(media_id, number.phone_number_id)
    except (AccessRefused, Busy, Unreachable):
        raise
    except Problem:
        return None


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
    await Uploads(store).remember(
        number.id,
        media_id,
        sha256=content.sha256,
        file_name=content.file_name,
        mime_type=content.mime_type,
        size=len(content.data),
    )
    return media_id
