"""The receiver works on what it has stored, and on what the backend stored meanwhile."""

import asyncio
import contextlib
import time
from typing import Final

from wacampaign.core.engine.ports import EventLog
from wacampaign.operations.arrivals import take_arrivals
from wacampaign.settings import Settings
from wacampaign.store.store import Store

#: Seconds between two looks while nothing is stored.
LOOK_SECONDS: Final = 1.0
#: Seconds between two looks while bodies come in: what comes meanwhile is taken by the same calls.
BUSY_SECONDS: Final = 0.2
#: Seconds between two turns at most, however much there is to do.
LONGEST_PAUSE_SECONDS: Final = 3.0
#: Seconds of one turn at most.
TURN_SECONDS: Final = 1.0
#: Seconds after a turn that failed.
AGAIN_SECONDS: Final = 5.0


async def take_what_comes(
    store: Store, settings: Settings, stored: asyncio.Event, log: EventLog
) -> None:
    """Works until cancelled. `stored` is set when there are new bodies."""
    failing = False
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await stored.wait()
        stored.clear()
        began = time.monotonic()
        pause = BUSY_SECONDS
        try:
            arrived = await take_arrivals(store, settings, TURN_SECONDS)
        except Exception as error:
            # Whatever it was: bodies are safe, and the next look comes.
            if not failing:
                log("webhooks_not_taken", level="warning", error=error)
            failing, pause = True, AGAIN_SECONDS
        else:
            if failing:
                log("webhooks_taken_again")
            failing = False
            if arrived.left:
                # A quarter of the time: the rest is for those who wait for an answer.
                pause = min(max(pause, 3 * (time.monotonic() - began)), LONGEST_PAUSE_SECONDS)
                stored.set()
        await asyncio.sleep(pause)
