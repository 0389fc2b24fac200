"""The messaging limits and throughputs of the numbers, as Meta says them while a worker runs."""

import asyncio
import random
from typing import Final

from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.ports import EventLog
from wacampaign.operations.messaging_limits import LimitReading, read_limits
from wacampaign.settings import Settings
from wacampaign.store.budgets import Budgets
from wacampaign.store.store import Store

#: Seconds between two looks for numbers of which nothing is known: a new one is asked about before
#: it has sent much. Between two questions about the same one there are `GOOD_FOR_MINUTES`.
LOOK_SECONDS: Final = 5.0
#: Minutes for which what Meta said is good: of 200 calls an hour that Meta allows an account
#: (whatsapp-cloud-api, 2.4) a number takes eight.
GOOD_FOR_MINUTES: Final = 15
#: Seconds for which a count of the people written to is good: half of what a claim takes it for, so
#: that none has to count.
COUNT_SECONDS: Final = 30


class NumberLimits:
    """Keeps known what Meta takes from the numbers, and how much is used; runs until cancelled."""

    def __init__(self, store: Store, settings: Settings, log: EventLog) -> None:
        self._store = store
        self._settings = settings
        self._log = log
        #: Number → when this worker asked about it last, in boot seconds.
        self._asked: dict[str, float] = {}

    async def run(self) -> None:
        """Looks at once, and then every `LOOK_SECONDS`."""
        while True:
            try:
                await Budgets(self._store).count(COUNT_SECONDS)
                await self.look()
            except Exception as error:
                # Whatever it was: sending goes on with the limits that are known.
                self._log("limits_failed", level="warning", error=error)
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.8, 1.2))

    async def look(self) -> None:
        """Asks Meta about the numbers whose turn it is."""
        now = boot_seconds()
        due = [
            number_id
            for number_id in await Budgets(self._store).due(GOOD_FOR_MINUTES)
            # One that Meta says nothing about is due for ever.
            if now - self._asked.get(number_id, -float("inf")) >= GOOD_FOR_MINUTES * 60
        ]
        if not due:
            return
        self._asked.update(dict.fromkeys(due, now))
        for reading in await read_limits(self._store, self._settings, due):
            self._say(reading)

    def _say(self, reading: LimitReading) -> None:
        name = reading.number.label
        if reading.told is None:
            self._log("limit_unknown", number=name, reason=reading.problem)
        elif reading.changed:
            self._log(
                "limit_told",
                number=name,
                tier=reading.told.messaging_limit or None,
                throughput=reading.told.throughput or None,
            )
