"""Old rows: how many there are, and their removal in steps."""

from typing import Any

from wacampaign.core.pruning import PruneAges, PruneDue
from wacampaign.core.reading import read
from wacampaign.store.store import Capability


class Pruning(Capability):
    """What is old in the database."""

    async def due(self, ages: PruneAges) -> PruneDue:
        """What is older than that, part by part. Changes nothing."""
        answer = await self._store.call(
            "prune_plan",
            details=ages.details,
            results=ages.results,
            history=ages.history,
            webhooks=ages.webhooks,
        )
        return read(PruneDue, answer)

    async def step(
        self, part: str, days: int, limit: int, after: str | None
    ) -> tuple[int, bool, str | None]:
        """One step: rows taken, whether there may be more, and where it goes on (`after`)."""
        answer: dict[str, Any] = await self._store.call(
            "prune_step", part=part, days=days, limit=limit, after=after
        )
        return int(answer["rows"]), bool(answer["left"]), answer.get("after")
