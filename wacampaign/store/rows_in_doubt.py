"""Single rows in doubt: what is known of them, and what a person knows."""

from typing import Any

from wacampaign.store.store import Capability


class RowsInDoubt(Capability):
    """Rows of which nobody knows whether their message was accepted."""

    async def known(self, campaign_id: str, limit: int) -> list[dict[str, Any]]:
        """The oldest ones of a campaign, at most `limit` (100), with what is known of each."""
        return await self._store.call_list("doubts_known", campaign_id=campaign_id, limit=limit)

    async def confirm(self, row_id: str, claim_id: str | None, actor: str) -> bool:
        """The row counts as sent, as a person says; False: it is no longer in doubt."""
        answer = await self._store.call(
            "confirm_doubt", row_id=row_id, claim_id=claim_id, actor=actor
        )
        return bool(answer["changed"])
