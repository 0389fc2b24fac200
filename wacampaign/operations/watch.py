"""How campaigns stand, once or again and again: what `queue-stats` and `monitor` know."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wacampaign.core.campaign.state import Campaign, Stats
from wacampaign.operations.campaigns import refuse_blind, resolve_campaigns
from wacampaign.problems import Busy, NoSuchCampaign, Problem, Unreachable
from wacampaign.store.campaigns import Campaigns

if TYPE_CHECKING:
    from wacampaign.store.store import Store

#: An answer that took longer (seconds) is a burden: ask less often.
SLOW_SECONDS: Final = 0.5
#: Seconds between two looks at a database that answers slowly.
SLOW_INTERVAL_SECONDS: Final = 10.0
#: Seconds beyond the next look after which the screen is called stale.
STALE_AFTER_SECONDS: Final = 2.0
#: Looks at one opened campaign for each one at all of them: a campaign that others start is seen
#: within ten seconds.
LOOK_AROUND_EVERY: Final = 5


async def look(store: Store, names: Sequence[str] | None, *, show_numbers: bool = False) -> Stats:
    """The campaigns named, or all that are not over, and the workers, at this moment.

    Raises `NoSuchCampaign`, `Usage` for a name that several have.
    """
    ids = await resolve_campaigns(store, names)
    stats = await Campaigns(store).stats(ids, show_numbers=show_numbers)
    if not stats.campaigns:
        await refuse_blind(store)
    return stats


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
        """`campaign_ids`: None for all that are not over."""
        self._store = store
        self._campaigns = Campaigns(store)
        self._ids = campaign_ids
        self._show_numbers = show_numbers
        self._interval = interval_seconds
        self._looks = 0
        self._known: dict[str, Campaign] = {}
        #: Those that the last answer about all left out: they have ended since.
        self._gone: list[str] = []
        #: Those that somebody deleted while all were watched.
        self.deleted: list[Campaign] = []
        self._answered_at = time.monotonic()
        #: Where all are watched: the one that is asked for with its events.
        self.opened: str | None = None
        self.stats: Stats | None = None
        #: Why the last look failed; None when it did not.
        self.problem: Problem | None = None
        #: Seconds until the next look.
        self.wait_seconds = interval_seconds

    @property
    def watches_all(self) -> bool:
        """Whether no campaign was named."""
        return self._ids is None

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

    def begin_anew(self) -> None:
        """Nobody looked for a while, such as in a stopped process: that is no silent database."""
        self._answered_at = time.monotonic()

    async def tick(self) -> None:
        """One look, which is one call of the database.

        An outage is kept in `problem` once there is something to show. Raises `NoSuchCampaign` for
        one that was named and deleted since, `AccessRefused` when all are hidden, `Problem` for
        what does not heal, and for an outage at the first look.
        """
        asked = time.monotonic()
        ids = self._asked()
        try:
            stats = await self._campaigns.stats(ids, show_numbers=self._show_numbers)
            if not stats.campaigns and (self.stats is None or self.stats.campaigns):
                await refuse_blind(self._store)  # once: a look is one call
        except (Unreachable, Busy) as away:
            if self.stats is None:
                raise
            self.problem = away
            return
        self.problem = None
        self._looks += 1
        self._answered_at = time.monotonic()
        slow = self._answered_at - asked > SLOW_SECONDS
        self.wait_seconds = max(self._interval, SLOW_INTERVAL_SECONDS) if slow else self._interval
        self._keep(stats, ids)

    def _asked(self) -> Sequence[str] | None:
        """Which campaigns this look is about; None: all that are not over."""
        if self._ids is not None:
            return self._ids
        if self._gone:
            return [*self._known]
        if self.opened is not None and self._looks % LOOK_AROUND_EVERY:
            return [self.opened]
        return None

    def _keep(self, stats: Stats, ids: Sequence[str] | None) -> None:
        """Adds what was not asked about, or was left out as it has ended, as it was seen last."""
        fresh = {campaign.id: campaign for campaign in stats.campaigns}
        if ids is None:
            # What ended is asked for at the next look, in the call of that one.
            self._gone = [
                id_ for id_, one in self._known.items() if id_ not in fresh and not one.is_over
            ]
            if (before := self._known.get(self.opened or "")) and before.id in fresh:
                fresh[before.id] = _with_details_of(before, fresh[before.id])
        else:
            self._gone = []
            self._leave_out([id_ for id_ in ids if id_ not in fresh])
        self._known |= fresh
        self.stats = Stats(stats.at, list(self._known.values()), stats.workers)

    def _leave_out(self, deleted: Sequence[str]) -> None:
        """What was asked for by its id and is in no table any more is not shown as if it were."""
        found = [one for id_ in deleted if (one := self._known.pop(id_, None)) is not None]
        if deleted and self._ids is not None:
            what = ", ".join(map(str, found)) or "the campaign"
            raise NoSuchCampaign(f"{what} was deleted while it was watched")
        self.deleted += found
        if self.opened in deleted:
            self.opened = None


def _with_details_of(before: Campaign, now: Campaign) -> Campaign:
    """`now`, with what only a look at one campaign brings, as it was seen `before`."""
    return replace(now, events=before.events, spare_numbers=before.spare_numbers)
