"""Rows that were claimed and not sent: they go back to the database, in batches."""

import asyncio
import contextlib
from typing import Final
from uuid import UUID

from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.ports import (
    ClaimedRow,
    DatabaseAway,
    EventLog,
    Journal,
    KnownOutcome,
    Queue,
)

#: Seconds that rows whose slot passed wait for others to go back with them: ten to twenty calls a
#: second would be many, and a row that is claimed anew loses nothing by it.
GATHER_SECONDS: Final = 0.25
#: Rows a call at most, as in a batch of outcomes.
BATCH_ROWS: Final = 500
#: Seconds between two log lines about rows that were given back in batches.
LOG_SECONDS: Final = 1.0
#: First and longest pause between two attempts while the database is away, in seconds.
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 10.0


class Returning:
    """Gives rows back until it has worked; `run` until cancelled."""

    def __init__(self, queue: Queue, worker_id: UUID, journal: Journal, log: EventLog) -> None:
        self._queue = queue
        self._worker_id = worker_id
        self._journal = journal
        self._log = log
        self._gathered: list[ClaimedRow] = []
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._logged_at = -LOG_SECONDS
        self._unlogged = self._unlogged_late = 0
        self._flushing = asyncio.Lock()
        #: Rows that were not sent and that the database still takes for ours.
        self.unreturned = 0

    def gather(self, rows: list[ClaimedRow], *, late: bool) -> None:
        """These rows go back with the next batch. `late`: their slots passed."""
        self.unreturned += len(rows)
        self._gathered += rows
        self._unlogged += len(rows)
        self._unlogged_late += len(rows) if late else 0
        self._arrived.set()
        if len(self._gathered) >= BATCH_ROWS:
            self._hurry.set()

    def hurry(self) -> None:
        """Gives back what there is, without waiting for others."""
        self._hurry.set()

    async def run(self) -> None:
        """Gives batches back until cancelled."""
        while True:
            await self._arrived.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._hurry.wait()
            await self.flush()

    async def flush(self) -> None:
        """Gives back all that were gathered so far."""
        async with self._flushing:
            self._hurry.clear()
            self._arrived.clear()
            while self._gathered:
                batch = self._gathered[:BATCH_ROWS]
                del self._gathered[:BATCH_ROWS]
                await self._give_back(batch)
                self._log_released()

    def _log_released(self) -> None:
        now = boot_seconds()
        if self._unlogged and now - self._logged_at >= LOG_SECONDS:
            self._log("released", rows=self._unlogged, late=self._unlogged_late or None)
            self._logged_at = now
            self._unlogged = self._unlogged_late = 0

    async def release(self, rows: list[ClaimedRow]) -> None:
        """Gives these rows back now: they are not to be sent."""
        self.unreturned += len(rows)
        released = await self._give_back(rows)
        self._log("released", rows=released)

    async def _give_back(self, rows: list[ClaimedRow]) -> int:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                released = await self._queue.release(self._worker_id, rows)
                if released < len(rows):
                    # Their claim was given up, so the database has them in doubt; they never left.
                    unsent = [KnownOutcome(row.id, row.claim_id, "unsent") for row in rows]
                    await self._queue.recover(self._worker_id, unsent)
                break
            except DatabaseAway as away:
                self._log("database_away", level="warning", doing="release", error=away)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        self.unreturned -= len(rows)
        self._journal.settled(rows)
        return released
