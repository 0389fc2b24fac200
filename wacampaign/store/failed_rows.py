"""The rows of a campaign that failed: counted, read, made ready again."""

from typing import Any

from wacampaign.store.store import Capability

#: Failed rows a page: the most that the database hands out at once.
FAILED_PAGE = 1000
#: Failed rows made ready by one call: some hundred milliseconds, REST allows 8 s.
RETRY_STEP = 5000


class FailedRows(Capability):
    """Failed rows by their code."""

    async def by_code(self, campaign_id: str) -> list[dict[str, Any]]:
        """Failed rows by code: count, how many had been accepted, one text; most first."""
        return await self._store.call_list("failures", campaign_id=campaign_id)

    async def page(
        self, campaign_id: str, code: int, *, after: str | None = None, limit: int = FAILED_PAGE
    ) -> list[dict[str, Any]]:
        """A page of the failed rows of one code (0: without a code), in the order of their ids."""
        return await self._store.call_list(
            "failed_rows", campaign_id=campaign_id, code=code, after=after, limit=limit
        )

    async def retry(
        self,
        campaign_id: str,
        code: int,
        actor: str,
        *,
        after: str | None = None,
        limit: int = RETRY_STEP,
    ) -> dict[str, Any]:
        """Makes at most `limit` failed rows of one code ready; `last` goes into the next call.

        Rows that were ever accepted are left alone. A completed campaign runs again if any row
        was made ready. Raises `Refused` when it was cancelled.
        """
        return await self._store.call(
            "retry_failed",
            campaign_id=campaign_id,
            code=code,
            after=after,
            limit=limit,
            actor=actor,
        )
