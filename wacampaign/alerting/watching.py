"""Looks whether all is well, in turn with all workers and receivers, and tells what is not."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from wacampaign.alerting.database_away import AWAY_SECONDS, DatabaseAwayAlert
from wacampaign.alerting.delivery import AlertDelivery, Tried
from wacampaign.core.alerts.alert import Alert
from wacampaign.core.alerts.causes import Cause, causes_of
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.ports import DatabaseAway, EventLog
from wacampaign.core.engine.turns import give_up, within
from wacampaign.settings import Settings
from wacampaign.store.alerts import LEASE_SECONDS_OF_ALERT, Alerts
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store

#: Seconds between two questions for the turn: all watchers together look every ten seconds.
ASK_SECONDS: Final = 5.0
#: Seconds that one look may take.
LOOK_SECONDS: Final = 40.0
#: Seconds for which a campaign that is over is taken to stand as it did: little changes, and there
#: may be twenty.
OVER_SECONDS: Final = 60.0
#: Seconds that all addresses together may take for an alert: less than its lease.
TELL_SECONDS: Final = LEASE_SECONDS_OF_ALERT - 15.0
#: Times that an alert is tried, in half an hour, until it is given up.
ATTEMPTS_MAX: Final = 6
#: Seconds for which a worker that is done stays to tell what it has brought to its end.
LAST_SECONDS: Final = 15.0
#: Seconds without another try when the backend's notifications gave no answer.
_NO_BELL_SECONDS: Final = 60.0
#: Tellings that are remembered: one that could not be confirmed is not told twice by this process.
_REMEMBERED: Final = 200


class Watching:
    """One process's part in it; runs beside its work, on a store of its own."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        log: EventLog,
        who: str,
        *,
        away_seconds: float = AWAY_SECONDS,
    ) -> None:
        """`who` looks: `worker 1b2c3d4e`."""
        self._alerts = Alerts(store)
        self._campaigns = Campaigns(store)
        self._log = log
        self._delivery = AlertDelivery(settings.alert_urls)
        self._addressed = bool(settings.alert_urls)
        self._who = f"{who}@{self._delivery.host}"
        self._away = DatabaseAwayAlert(self._delivery, self._who, away_seconds)
        self._turn: UUID | None = None
        self._over_ids: Sequence[str] = []
        self._over_campaigns: Sequence[Campaign] = []
        self._over_at = float("-inf")
        self._telling: dict[str, asyncio.Task[None]] = {}
        #: Telling → the addresses that took it.
        self._taken: OrderedDict[str, set[str]] = OrderedDict()
        self._failed = self._bell_refused = False
        self._next_bell = float("-inf")

    async def run(self) -> None:
        """Looks until cancelled; whatever goes wrong is logged once, and the next look comes."""
        try:
            while True:
                away = False
                try:
                    await within(LOOK_SECONDS, self.look())
                    self._failed = False
                except Exception as error:
                    away = isinstance(error, DatabaseAway | TimeoutError)
                    if not self._failed:
                        self._log("watch_failed", level="warning", error=error)
                    self._failed = True
                await self._note_away(away)
                await asyncio.sleep(ASK_SECONDS * random.uniform(0.8, 1.2))
        finally:
            await give_up(*self._telling.values())
            await self._delivery.close()

    async def look(self, again: UUID | None = None) -> bool:
        """Looks, if it is this process's turn, and begins to tell; whether it was.

        `again`: the turn that it had last, which it may still have. Raises `Problem`.
        """
        asked = again or uuid4()
        turn = await self._alerts.turn(asked, self._who, addressed=self._addressed)
        if turn is None:
            return False
        self._turn = asked
        stats = await self._campaigns.stats(None)
        known = {campaign.id for campaign in stats.campaigns}
        over = await self._over([one for one in turn.recent if one not in known])
        stats = replace(stats, campaigns=[*stats.campaigns, *over])
        await self._begin(asked, causes_of(stats, turn))
        return True

    async def _over(self, ids: Sequence[str]) -> Sequence[Campaign]:
        """Campaigns that are over, as they stood within the last minute."""
        now = boot_seconds()
        if ids != self._over_ids or now - self._over_at > OVER_SECONDS:
            self._over_campaigns = (await self._campaigns.stats(ids)).campaigns if ids else []
            self._over_ids, self._over_at = ids, now
        return self._over_campaigns

    async def last_look(self) -> None:
        """What has just been brought to its end is told before this process ends."""
        try:
            await within(LAST_SECONDS, self._last_look())
        except Exception as error:
            self._log("watch_failed", level="warning", error=error)

    async def _last_look(self) -> None:
        # Where it is another's turn, that one tells.
        if await self.look(self._turn):
            await self.told()

    async def told(self) -> None:
        """Returns when what this process is telling now is told, or was not taken."""
        if self._telling:
            await asyncio.wait(self._telling.values())

    async def _begin(self, turn: UUID, causes: Sequence[Cause]) -> None:
        """Notes the causes; tells what is due in tasks of their own, as addresses may be slow."""
        for alert in await self._alerts.take(turn, causes):
            if alert.id not in self._telling:
                task = asyncio.create_task(self._tell(alert), name=f"tell {alert.key}")
                self._telling[alert.id] = task
                task.add_done_callback(partial(self._forget, alert.id))
        # Afterwards, as what the backend's table is like keeps no alert back.
        if boot_seconds() >= self._next_bell:
            await self._ring(turn)

    async def _ring(self, turn: UUID) -> None:
        refused: object
        try:
            refused, written = await self._alerts.ring(turn)
        except Exception as error:
            refused, written = error, 0
            self._next_bell = boot_seconds() + _NO_BELL_SECONDS
        if refused is not None and not self._bell_refused:
            self._log("bell_refused", level="warning", error=refused)
        if refused is not None or written:
            self._bell_refused = refused is not None

    def _forget(self, telling: str, _: asyncio.Task[None]) -> None:
        del self._telling[telling]

    async def _tell(self, alert: Alert) -> None:
        has_it = self._taken.setdefault(alert.id, set())
        has_it.update(alert.taken_by)
        while len(self._taken) > _REMEMBERED:
            self._taken.popitem(last=False)
        tries: list[Tried] = []
        problem: str | None = None
        try:
            tries = await within(TELL_SECONDS, self._delivery.tell(alert, has_it))
        except TimeoutError:
            problem = f"not within {TELL_SECONDS:g} s"
        has_it.update(tried.mark for tried in tries if tried.taken)
        refused = [f"{tried.shown} {tried.problem}" for tried in tries if not tried.taken]
        problem = "; ".join(refused) or problem
        done = problem is None or alert.attempt >= ATTEMPTS_MAX
        if not self._addressed:
            self._log("alert_bell_only", alert=alert.kind, what=alert.due, title=alert.title)
        elif problem is None:
            self._log("alert_told", alert=alert.kind, what=alert.due, title=alert.title)
        else:
            event = "alert_given_up" if done else "alert_not_taken"
            self._log(event, level="warning", alert=alert.kind, title=alert.title, error=problem)
        try:
            await self._alerts.told(alert, sorted(has_it), done=done, problem=problem)
        except Exception as error:
            # Handed out again when its lease is over, to whoever looks then.
            self._log("alert_not_confirmed", level="warning", title=alert.title, error=error)

    async def _note_away(self, away: bool) -> None:
        try:
            await within(TELL_SECONDS, self._away.note(away))
        except Exception as error:
            self._log("alert_not_taken", level="warning", title="database away", error=error)
