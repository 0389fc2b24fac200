"""Messaging limits in the database: what Meta says of a number, and what a person sets."""

from typing import Any

from wacampaign.core.budget import Budget, MessagingLimit
from wacampaign.core.numbers import Number, tier_limit
from wacampaign.core.reading import read
from wacampaign.store.store import Capability


class Budgets(Capability):
    """The limits of portfolios, told and set by their numbers."""

    async def of_campaign(self, campaign_id: str) -> Budget | None:
        """What its portfolio has used of its limit now; None: none of its numbers has one."""
        answer = await self._store.call("budget_of", campaign_id=campaign_id)
        return read(Budget, answer) if answer is not None else None

    async def count(self, seconds: int) -> int:
        """Counts anew what budgets in use have used, as counted so many seconds ago; how many."""
        return int((await self._store.call("count_budgets", seconds=seconds))["counted"])

    async def due(self, minutes: int) -> list[str]:
        """Ids of active numbers of which Meta has said nothing yet, or nothing for so many minutes.

        Of the latter only those that campaigns which are not over still send from.
        """
        answer = await self._store.call("limits_due", minutes=minutes)
        return [str(number) for number in answer["numbers"]]

    async def told(
        self, number_id: str, number: Number, owner: tuple[str, str] | None = None
    ) -> bool:
        """Keeps what Meta says of a number; whether the portfolio's limit changed.

        `owner`: id and name of the business that owns its account; None: Meta did not say.
        """
        tier = number.messaging_limit or None
        business_id, business_name = owner or (None, None)
        answer = await self._store.call(
            "limit_told",
            number_id=number_id,
            tier=tier,
            people=tier_limit(tier) if tier else None,
            throughput_mps=number.most_per_second,
            business_id=business_id,
            business_name=business_name,
        )
        return bool(answer["changed"])

    async def set(
        self, number_id: str, actor: str, *, people: int | None, portfolio: str | None
    ) -> tuple[bool, MessagingLimit]:
        """Sets what is not None for a number's portfolio; whether that changed it, and what it is.

        `people`: a day; 0: no limit; below 0: as Meta says. `portfolio`: empty for none. Raises
        `NoSuchCampaign` for a number that is not there.
        """
        answer: dict[str, Any] = await self._store.call(
            "limit_set",
            number_id=number_id,
            people=people,
            portfolio=portfolio,
            actor=actor,
        )
        return bool(answer["changed"]), read(MessagingLimit, answer["is"])
