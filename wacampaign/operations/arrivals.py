"""What has arrived and waits to be taken: statuses that the backend's handler has stored.

A worker and a receiver do it again and again. A command does it before it reads, so that what it
shows is true though nobody else is at work.
"""

import time
from typing import Final

from wacampaign.store.statuses import Logged, Statuses
from wacampaign.store.store import Store

#: Seconds that a command takes what waits before it shows what there is.
COMMAND_SECONDS: Final = 5.0


async def take_arrivals(store: Store, seconds: float = COMMAND_SECONDS) -> Logged:
    """Takes what waits, until nothing is left or `seconds` have passed.

    Raises a `Problem`; a `DatabaseAway` among them may be repeated.
    """
    statuses = Statuses(store)
    until = time.monotonic() + seconds
    while True:
        logged = await statuses.take_logged()
        if not logged.left or time.monotonic() >= until:
            return logged
