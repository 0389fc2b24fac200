"""The recipients of a campaign with what became of each: read in pages."""

from typing import Any

from wacampaign.store.store import Capability

#: Recipients a page: some 2 MB and 100 ms, where REST allows 8 s.
RESULTS_PAGE = 2000


class Results(Capability):
    """Every row of a campaign, each once."""

    async def page(
        self, campaign_id: str, *, after: str | None = None, limit: int = RESULTS_PAGE
    ) -> list[dict[str, Any]]:
        """The recipients after the row `after`, in the order of their ids, at most 5,000."""
        return await self._store.call_list(
            "results", campaign_id=campaign_id, after=after, limit=limit
        )

    async def variables(self, campaign_id: str) -> set[str]:
        """The names of the variables in all rows."""
        names: set[str] = set()
        after: str | None = None
        while True:
            answer = await self._store.call(
                "result_variables", campaign_id=campaign_id, after=after
            )
            names.update(answer["names"])
            after = answer["last"]
            if after is None:
                return names

    async def undelivered(self, campaign_id: str) -> list[dict[str, Any]]:
        """Messages that were accepted and failed afterwards, by code: count, title and one text of
        Meta's; most first."""
        return await self._store.call_list("undelivered", campaign_id=campaign_id)

    async def undelivered_page(
        self, campaign_id: str, code: int, *, after: str | None = None, limit: int = 1000
    ) -> list[dict[str, Any]]:
        """Those of one code after the message id `after`, in its order, at most 1,000."""
        return await self._store.call_list(
            "undelivered_rows", campaign_id=campaign_id, code=code, after=after, limit=limit
        )
