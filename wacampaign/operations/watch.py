"""How campaigns stand, once or again and again: what `queue-stats` and `monitor` know."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from wacampaign.core.campaign.state import Campaign, Stats
from wacampaign.operations.campaigns import resolve_campaigns
from wacampaign.problems import Busy, Problem, Unreachable
from wacampaign.store.campaigns import Campaigns

if TYPE_CHECKING:
    from wacampaign.store.store import Store

#: An answer that took longer (seconds) is a burden: ask less often.
SLOW_SECONDS: Final = 0.5
#: Seconds between two looks at a database that answers slowly.
SLOW_INTERVAL_SECONDS: Final = 10.0
#: Seconds beyond the next look after which the screen is called stale.
STALE_AFTER_SECONDS: Final = 2.0
#: Rates kept for the chart, one a look.
HISTORY_LENGTH: Final = 240


async def look(store: Store, names: Sequence[str] | None, *, show_numbers: bool = False) -> Stats:
    """The campaigns named, or all that are not over, and the workers, at this moment.

    Raises `NoSuchCampaign`, `Usage` for a name that several have.
    """
    ids = await resolve_campaigns(store, names)
    return await Campaigns(store).stats(ids, show_numbers=show_numbers)


class Feed:
    """Asks the database once a tick and keeps the last answer while it is away."""

    def __init__(
        self,
        store: Store,
        campaign_ids: Sequence[str] | None,
        *,
        interval_seconds: float,
        show_numbers: bool = False,
    ) -> None:
        self._campaigns = Campaigns(store)
        self._ids = campaign_ids
        self._show_numbers = show_numbers
        self._interval = interval_seconds
        self._ended: dict[str, Campaign] = {}
        self._answered_at = time.monotonic()
        self.stats: Stats | None = None
        #: Why the last look failed; None when it did not.
        self.problem: Problem | None = None
        #: Seconds until the next look.
        self.wait_seconds = interval_seconds
        #: Campaign id → accepted a second, oldest first.
        self.rates: dict[str, deque[float]] = {}

    @property
    def over(self) -> bool:
        """Whether all campaigns that are watched have ended (or there are none)."""
        return self.stats is not None and all(campaign.is_over for campaign in self.stats.campaigns)

    @property
    def stale_seconds(self) -> float | None:
        """Age in seconds of what is shown, when it is older than it should be."""
        age = time.monotonic() - self._answered_at
        late = age > self.wait_seconds + STALE_AFTER_SECONDS
        return age if late or self.problem is not None else None

    async def tick(self) -> None:
        """One look. An outage is kept in `problem` once there is something to show.

        Raises `Problem` for what does not heal, and for an outage at the first look.
        """
        asked = time.monotonic()
        try:
            stats = await self._campaigns.stats(self._ids, show_numbers=self._show_numbers)
            stats = await self._with_ended(stats)
        except (Unreachable, Busy) as away:
            if self.stats is None:
                raise
            self.problem = away
            return
        self.problem = None
        self._answered_at = time.monotonic()
        slow = self._answered_at - asked > SLOW_SECONDS
        self.wait_seconds = max(self._interval, SLOW_INTERVAL_SECONDS) if slow else self._interval
        self.stats = stats
        for campaign in stats.campaigns:
            rates = self.rates.setdefault(campaign.id, deque(maxlen=HISTORY_LENGTH))
            rates.append(campaign.rate_per_second)

    async def _with_ended(self, stats: Stats) -> Stats:
        """Adds campaigns that were watched and have ended: the database leaves them out."""
        if self._ids is not None:
            return stats
        here = {campaign.id for campaign in stats.campaigns}
        gone = [id_ for id_ in self.rates if id_ not in here and id_ not in self._ended]
        if gone:
            last = await self._campaigns.stats(gone, show_numbers=self._show_numbers)
            self._ended |= {campaign.id: campaign for campaign in last.campaigns}
        ended = [campaign for id_, campaign in self._ended.items() if id_ not in here]
        return Stats(stats.at, [*stats.campaigns, *ended], stats.workers)
