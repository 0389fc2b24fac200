"""The worker hears what became of its messages, and who wants none any more.

So it stops when they fail afterwards, and leaves people out who said stop.
"""

import asyncio
import contextlib
from typing import Final

from wacampaign.core.engine.ports import EventLog
from wacampaign.operations.arrivals import take_arrivals
from wacampaign.settings import Settings
from wacampaign.store.store import Store

#: Seconds between two looks while a campaign runs: a bad medium costs a second's messages.
LOOK_SECONDS: Final = 1.0
#: While the first messages of a run wait for their statuses.
RAMP_SECONDS: Final = 0.25
#: While nothing runs.
IDLE_SECONDS: Final = 5.0
#: Seconds of one turn at most.
TURN_SECONDS: Final = 2.0
#: Seconds that a worker waits for its first turn before it sends.
FIRST_SECONDS: Final = 5.0


async def hear(store: Store, settings: Settings, log: EventLog, heard: asyncio.Event) -> None:
    """Takes what arrives, until cancelled; sets `heard` after the first turn, well or ill."""
    silent = False
    while True:
        pause = LOOK_SECONDS
        try:
            logged = await take_arrivals(store, settings, TURN_SECONDS)
        except Exception as error:
            # Whatever it was: sending goes on, and the next look comes.
            if not silent:
                log("statuses_not_taken", level="warning", error=error)
            silent = True
            pause = IDLE_SECONDS
        else:
            silent = False
            if logged.left:
                pause = 0.0
            elif logged.ramp:
                pause = RAMP_SECONDS
            elif not logged.running:
                pause = IDLE_SECONDS
        heard.set()
        await asyncio.sleep(pause)


async def wait_heard(heard: asyncio.Event) -> None:
    """Waits for the first turn: who wrote STOP while no worker was there gets nothing from it."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(heard.wait(), FIRST_SECONDS)
