"""The fence: a claim is asked for before its rows leave, and again when that is too long ago."""

import asyncio
import statistics
from collections import deque
from collections.abc import Callable
from typing import Final
from uuid import UUID

from wacampaign.core.engine.ports import DatabaseAway, Queue
from wacampaign.core.engine.waiting import HeldClaim, Waiting

#: Seconds before its first slot at which a claim begins: hides the fence's round trip, and keeps
#: small what would be in doubt if the machine were lost now. A slower fence begins earlier.
LEAD_SECONDS: Final = 0.1
LONGEST_LEAD_SECONDS: Final = 2.0
#: Fences whose durations are remembered. One that had to wait for a lock does not change their
#: median.
REMEMBERED: Final = 5
#: Attempts while the database is away, and the first pause between them in seconds; it doubles.
ATTEMPTS: Final = 5
PAUSE_SECONDS: Final = 0.2


class Fence:
    """Asks the database whether claims of this worker still stand."""

    def __init__(
        self, queue: Queue, worker_id: UUID, waiting: Waiting, clock: Callable[[], float]
    ) -> None:
        self._queue = queue
        self._worker_id = worker_id
        self._waiting = waiting
        self._clock = clock
        self._durations: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def lead_seconds(self) -> float:
        """How long before a slot to ask."""
        return min(max(LEAD_SECONDS, 2 * self._waiting.fence_seconds), LONGEST_LEAD_SECONDS)

    async def ask(self, claim_id: str, claim: HeldClaim) -> frozenset[str] | None:
        """The campaigns that no longer run; None: the claim was given up, its rows are others'.

        Asks until there is an answer. Raises `DatabaseAway` after `ATTEMPTS`.
        """
        for attempt in range(ATTEMPTS):
            asked = self._clock()
            try:
                stopped = await self._queue.begin(self._worker_id, claim_id)
                break
            except DatabaseAway:
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
        claim.asking = False
        if stopped is None:
            claim.fenced_at = None
            return None
        claim.fenced_at = asked
        self._durations.append(self._clock() - asked)
        self._waiting.fence_seconds = statistics.median(self._durations)
        return stopped
