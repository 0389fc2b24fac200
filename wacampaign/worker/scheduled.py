"""The start of scheduled campaigns: their preflight first, then they run or say why not."""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from wacampaign.core.campaign.findings import LATE_SECONDS
from wacampaign.core.engine.ports import EventLog
from wacampaign.core.template.unmeant import Unmeant
from wacampaign.settings import Settings
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store

#: Seconds between two looks: a minute's schedule is kept well enough, for four small reads a
#: minute and worker, beside the send path.
LOOK_SECONDS: Final = 15.0


class ScheduledStarts:
    """Looks for campaigns whose time has come; runs until cancelled.

    Their time stands where the backend's scheduler does not look. Those that it sees too (status
    `scheduled`) are started once, by whoever is first.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        log: EventLog,
        actor: str,
        campaign_ids: Sequence[str] | None = None,
    ) -> None:
        self._store = store
        self._campaigns = Campaigns(store)
        self._settings = settings
        self._log = log
        self._actor = actor
        self._campaign_ids = campaign_ids

    async def run(self) -> None:
        """Looks at once, and then every `LOOK_SECONDS`."""
        while True:
            try:
                await self.look()
            except Exception as error:
                # Whatever it was: sending goes on, and the next look comes.
                self._log("schedule_failed", level="warning", error=error)
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.8, 1.2))

    async def look(self) -> None:
        """Starts what is due, one after the other, also after one that failed."""
        for campaign_id, name in await self._campaigns.due_campaigns(self._campaign_ids):
            try:
                await self._start(campaign_id, name)
            except Exception as error:
                self._log(
                    "schedule_failed",
                    level="warning",
                    campaign=campaign_id,
                    name=name,
                    error=error,
                )

    async def _start(self, campaign_id: str, name: str) -> None:
        # Imported here: most workers never start a campaign, and it takes a tenth of a second.
        from wacampaign.operations.preflight import run_preflight

        # Values that look odd were shown to whoever set the time, and are no surprise now.
        preflight = await run_preflight(
            self._store, self._settings, campaign_id, allowed=tuple(Unmeant)
        )
        failure = preflight.first_failure
        answer = await self._campaigns.start_scheduled(campaign_id, self._actor, failure)
        if answer is None:
            return  # another worker, the backend or a person was quicker
        if failure is None:
            # An earlier schema tells no lateness.
            late, held = answer.get("late_seconds") or 0.0, answer["status"] == "paused"
            self._log(
                "scheduled_start",
                level="warning" if held or late >= LATE_SECONDS else "info",
                campaign=campaign_id,
                name=name,
                preflight=preflight.summary,
                late_seconds=late,
                held="since its time was set, until it is resumed" if held else None,
            )
        else:
            self._log(
                "scheduled_start_failed",
                level="error",
                campaign=campaign_id,
                name=name,
                error=failure,
            )
