"""Third stage: writes outcomes in batches, keeps what the database could not take."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.ports import (
    DatabaseAway,
    EventLog,
    Journal,
    KnownOutcome,
    Queue,
    SettleAnswer,
    Settlement,
)
from wacampaign.core.engine.turns import wait_for
from wacampaign.core.outcomes import Outcome

#: Rows a batch: large enough that a call costs little a row, small enough to stay below a REST
#: body of 200 KB and a few milliseconds of locks.
BATCH_ROWS: Final = 500
#: Seconds an outcome waits for others to be written with it: the monitor lags behind by so much.
BATCH_SECONDS: Final = 0.25
#: Outcomes that may wait for the database before sending stops: some seconds of work.
UNSETTLED_LIMIT: Final = 5_000
#: Longest pause between two attempts while the database is away, in seconds.
LONGEST_PAUSE_SECONDS: Final = 10.0


class Settling:
    """Collects settlements and writes them, oldest first, one batch at a time."""

    def __init__(
        self,
        queue: Queue,
        worker_id: UUID,
        in_flight: InFlight,
        journal: Journal,
        log: EventLog,
        on_answer: Callable[[SettleAnswer], None],
    ) -> None:
        self._queue = queue
        self._worker_id = worker_id
        self._in_flight = in_flight
        self._journal = journal
        self._log = log
        self._on_answer = on_answer
        self._unsettled: deque[Settlement] = deque()
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._closing = False

    @property
    def unsettled(self) -> int:
        """Outcomes that the database does not have yet."""
        return len(self._unsettled)

    @property
    def backed_up(self) -> bool:
        """Whether sending has to wait for the database."""
        return len(self._unsettled) >= UNSETTLED_LIMIT

    def put(self, settlement: Settlement) -> None:
        """Takes one outcome."""
        self._unsettled.append(settlement)
        self._arrived.set()
        # A fault that may stop more than its row does not wait for others.
        if len(self._unsettled) >= BATCH_ROWS or settlement.verdict.hold_scope is not None:
            self._full.set()

    def hurry(self) -> None:
        """Writes what there is now, without waiting for others."""
        self._full.set()

    def close(self) -> None:
        """No more will come: write what is left and return from `run`."""
        self._closing = True
        self._arrived.set()
        self._full.set()

    async def run(self) -> None:
        """Writes batches until closed and empty."""
        while True:
            if not self._unsettled:
                if self._closing:
                    return
                await wait_for(self._arrived)
                continue
            in_a_hurry = self._closing or len(self._unsettled) >= BATCH_ROWS
            await wait_for(self._full, 0.0 if in_a_hurry else BATCH_SECONDS)
            batch = [
                self._unsettled.popleft() for _ in range(min(BATCH_ROWS, len(self._unsettled)))
            ]
            try:
                await self._write(batch)
            except BaseException:
                self._unsettled.extendleft(reversed(batch))
                raise

    async def _write(self, batch: list[Settlement]) -> None:
        pause = 0.2
        while True:
            try:
                answer = await self._queue.settle(self._worker_id, batch)
                if answer.lost:
                    await self._report_lost(batch, answer.lost)
                break
            except DatabaseAway as away:
                self._log(
                    "database_away", level="warning", doing="settle", rows=len(batch), error=away
                )
                await asyncio.sleep(pause * random.uniform(0.7, 1.3))
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        rows = [settlement.row for settlement in batch]
        self._journal.settled(rows)
        self._in_flight.unblock({row.lane for row in rows})
        outcomes: dict[str, Any] = Counter(settlement.verdict.outcome for settlement in batch)
        self._log("settled", rows=len(batch), lost=len(answer.lost) or None, **outcomes)
        self._log_holds(batch, answer)
        self._on_answer(answer)

    def _log_holds(self, batch: list[Settlement], answer: SettleAnswer) -> None:
        """One event a hold, by the first of the answers that brought it about."""
        for number, template in answer.held:
            for settlement in batch:
                row, reason = settlement.row, settlement.reason
                if reason and row.number_id == number and template in (None, row.template):
                    code = settlement.verdict.code
                    campaign = row.campaign_id
                    self._log("held", level="warning", campaign=campaign, code=code, reason=reason)
                    break

    async def _report_lost(self, batch: list[Settlement], lost: frozenset[str]) -> None:
        # Their claim was given up while the answer was on its way, so the database refuses to
        # settle them. What Meta answered is a fact all the same: without it they stay in doubt.
        known = [
            _known_outcome(settlement)
            for settlement in batch
            if settlement.row.id in lost and settlement.verdict.outcome is not Outcome.IN_DOUBT
        ]
        written: dict[str, Any] = {}
        if known:
            written = await self._queue.recover(self._worker_id, known)
        self._log("claim_lost", level="warning", rows=len(lost), told=len(known), **written)


def _known_outcome(settlement: Settlement) -> KnownOutcome:
    row, verdict = settlement.row, settlement.verdict
    if verdict.outcome in (Outcome.RETRY, Outcome.WAIT):
        # A throttle, or a request that never left: either way, not sent.
        return KnownOutcome(row.id, row.claim_id, "unsent")
    return KnownOutcome(
        row.id, row.claim_id, str(verdict.outcome), verdict.wamid, verdict.code, verdict.text
    )
