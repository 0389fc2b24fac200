"""Who gets no marketing any more: taken from webhooks, entered, read."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, Final

from wacampaign.core.webhook.updates import Preference
from wacampaign.store.store import Capability

#: People entered by one call: some hundred milliseconds, REST allows 8 s.
CHANGE_STEP: Final = 2000
#: Opt-outs a page: the most that the database hands out at once.
PAGE: Final = 1000


class OptOuts(Capability):
    """Opt-outs of marketing, each with since when and why."""

    async def take(
        self, preferences: Sequence[Preference], source: str = "receiver"
    ) -> dict[str, int]:
        """Takes what people switched in WhatsApp itself. Counts: taken, new."""
        if not preferences:
            return {"taken": 0, "new": 0}
        return await self._store.call(
            "take_preferences",
            preferences=json.dumps([dataclasses.asdict(one) for one in preferences]),
            source=source,
        )

    async def enter(
        self,
        wish: str,
        phones: Sequence[str],
        evidence: Sequence[str | None],
        *,
        cause: str,
        actor: str,
        since: Sequence[str | None] | None = None,
    ) -> dict[str, int]:
        """Enters at most `CHANGE_STEP` people: `stop` for those not out, `start` for those out.

        `phones`: digits, or business-scoped ids. `since`: ISO 8601, None: now. Counts: changed
        (wishes that were new), out (of those that were asked for and differ: who is out now).
        """
        return await self._store.call(
            "set_optouts",
            wish=wish,
            phones=list(phones),
            ats=[None] * len(phones) if since is None else list(since),
            evidence=list(evidence),
            cause=cause,
            actor=actor,
        )

    async def of(self, phones: Sequence[str]) -> list[dict[str, Any]]:
        """What is known of these people (at most `PAGE`), each with its `asked`; ended ones too."""
        return await self._store.call_list("optouts_of", phones=list(phones))

    async def newest(
        self, *, before: dict[str, Any] | None = None, limit: int = PAGE
    ) -> list[dict[str, Any]]:
        """Opt-outs that stand, newest first; `before` is the last one of the last page."""
        last = before or {}
        return await self._store.call_list(
            "optouts_newest", before=last.get("at"), person=last.get("person"), limit=limit
        )

    async def page(self, *, after: str | None = None, limit: int = PAGE) -> list[dict[str, Any]]:
        """Opt-outs that stand, in the order of `person`."""
        return await self._store.call_list("optouts_page", after=after, limit=limit)

    async def counts(self) -> dict[str, int]:
        """`out`: opt-outs that stand; `resting`: people who rest."""
        return await self._store.call("optout_counts")

    async def left_out(self, campaign_id: str, code: int | None = None) -> dict[str, int]:
        """Rows that are not sent for it: of those to be sent, or of those failed with `code`.

        Counts: `opted_out`, `resting`.
        """
        return await self._store.call("left_out", campaign_id=campaign_id, code=code)
