"""Media that were uploaded to Meta: remembered, so that each is uploaded once a number."""

from datetime import datetime

from wacampaign.store.store import Capability


class Uploads(Capability):
    """What was uploaded on a number."""

    async def media_id(self, number_id: str, sha256: str) -> str | None:
        """The media id of this content (hex digest), if the upload is younger than 28 days."""
        answer = await self._store.call("remembered_upload", number_id=number_id, sha256=sha256)
        media_id: str | None = answer["media_id"]
        return media_id

    async def uploaded_at(self, number_id: str, media_id: str) -> datetime | None:
        """When wacampaign uploaded this medium on this number; None: it did not."""
        answer = await self._store.call("uploaded_at", number_id=number_id, media_id=media_id)
        return None if answer["at"] is None else datetime.fromisoformat(answer["at"])

    async def remember(
        self,
        number_id: str,
        media_id: str,
        *,
        sha256: str,
        file_name: str,
        mime_type: str,
        size: int,
    ) -> None:
        """Writes an upload of `size` bytes down."""
        await self._store.call(
            "remember_upload",
            number_id=number_id,
            media_id=media_id,
            sha256=sha256,
            file_name=file_name,
            file_type=mime_type.partition("/")[0].replace("application", "document"),
            mime_type=mime_type,
            file_size=size,
        )
