"""The fence: a claim is asked for before its rows leave, and again when that is too long ago."""

from __future__ import annotations

import asyncio
import statistics
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol
from uuid import UUID

from wacampaign.core.hand import Hand
from wacampaign.core.ports import ClaimedRow, DatabaseAway, EventLog, Queue
from wacampaign.core.waiting import HeldClaim, Waiting

#: Seconds for which a claim's fence holds, from the moment its request was sent. The fence is a
#: beat as well, and nobody calls a worker dead within 30 s of one: so at its end there are 15 s
#: left in which no other can have taken the rows.
FENCE_SECONDS: Final = 15.0
#: Seconds before its first slot at which a claim begins: hides the fence's round trip, and keeps
#: small what would be in doubt if the machine were lost now. A slower fence begins earlier.
LEAD_SECONDS: Final = 0.1
LONGEST_LEAD_SECONDS: Final = 2.0
#: Fences whose durations are remembered; their median is deaf to one that waited for a lock.
REMEMBERED: Final = 5
#: Attempts while the database is away, and the first pause between them in seconds; it doubles.
ATTEMPTS: Final = 5
PAUSE_SECONDS: Final = 0.2


class Behind(Protocol):
    """Who waits behind the fence."""

    def open(self, rows: list[ClaimedRow], stopped: frozenset[str]) -> None: ...

    def release(self, rows: list[ClaimedRow]) -> None: ...


class Fence:
    """Asks the database whether claims of this worker still stand."""

    def __init__(
        self,
        queue: Queue,
        worker_id: UUID,
        waiting: Waiting,
        hand: Hand,
        log: EventLog,
        behind: Behind,
        clock: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._worker_id = worker_id
        self._waiting = waiting
        self._hand = hand
        self._log = log
        self._behind = behind
        self._clock = clock
        self._durations: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def lead_seconds(self) -> float:
        """How long before a slot to ask."""
        return min(max(LEAD_SECONDS, 2 * self._hand.fence_seconds), LONGEST_LEAD_SECONDS)

    async def ask(self, claim_id: str, claim: HeldClaim) -> None:
        """Asks until there is an answer, and acts on it. `claim.asking` is set meanwhile."""
        for attempt in range(ATTEMPTS):
            asked = self._clock()
            try:
                stopped = await self._queue.begin(self._worker_id, claim_id)
                break
            except DatabaseAway:
                if attempt == ATTEMPTS - 1:
                    # Nothing of it was sent; the lease gives its rows back if we cannot.
                    self._behind.release(self._withdraw(claim_id))
                    return
                await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
        claim.asking = False
        if stopped is None:
            # The claim was given up meanwhile: its rows are somebody else's.
            claim.fenced_at = None
            gone = self._withdraw(claim_id)
            self._waiting.claims.pop(claim_id, None)
            self._hand.waiting -= len(gone)
            self._hand.moved.set()
            self._log("claim_lost", level="warning", rows=len(gone), told=0)
            return
        claim.fenced_at = asked
        self._durations.append(self._clock() - asked)
        self._hand.fence_seconds = statistics.median(self._durations)
        parked, claim.parked = claim.parked, []
        self._behind.open(parked, stopped)

    def _withdraw(self, claim_id: str) -> list[ClaimedRow]:
        return self._waiting.withdraw(lambda row: row.claim_id == claim_id)
