"""The promise of 200: a body is in the database, or in a synced file that is read first after.

As long as the database answers at once, what has come in meanwhile is stored by one call. Where it
does not, everything goes into the file (the spool), until the database has all of that.
"""

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from wacampaign.core.engine.ports import DatabaseAway, EventLog
from wacampaign.core.engine.turns import SHORTEST_SECONDS, give_up
from wacampaign.core.webhook.received import ReceivedBody
from wacampaign.problems import AccessRefused, Misconfigured, Problem
from wacampaign.store.webhooks import Webhooks
from wacampaign.webhook.kept_bodies import KeptBodies

#: Seconds from a body's arrival until the file takes it over from a database that does not answer:
#: Meta wants half of the answers within 250 ms.
DIRECT_SECONDS: Final = 0.15
#: The same when there is no file to turn to: Meta waits so long, and repeats what fails.
LAST_RESORT_SECONDS: Final = 5.0
#: Seconds within which the database has to answer a call before it gets bodies at once again: one
#: that is only just there would be given up again after each first answer.
QUICK_SECONDS: Final = 0.05
#: Bodies and bytes of one call.
CALL_BODIES: Final = 500
CALL_BYTES: Final = 4_000_000
#: Calls at a time, and seconds that one lasts before another is made beside it.
CALLS_MAX: Final = 3
BESIDE_SECONDS: Final = 0.02
#: First and longest pause between two attempts to empty the file, in seconds.
FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 2.0
#: Seconds until what the database alone does not take is tried again.
REFUSED_SECONDS: Final = 30.0
#: Seconds between two looks for what dead receivers left.
ADOPT_SECONDS: Final = 5.0


class NotKept(Exception):  # noqa: N818 - an answer, not a bug
    """Neither the database nor the disk took it: Meta has to send it again."""


@dataclass(slots=True)
class _Waiting:
    body: ReceivedBody
    kept: asyncio.Future[None]
    since: float = field(default_factory=time.monotonic)


class Storing:
    """Keeps bodies. `run` does the work, `keep` waits for it."""

    def __init__(self, webhooks: Webhooks, spool: KeptBodies, log: EventLog) -> None:
        self._webhooks = webhooks
        self._spool = spool
        self._log = log
        self._queue: deque[_Waiting] = deque()
        self._came = asyncio.Event()
        self._behind = asyncio.Event()
        self._calls: set[asyncio.Task[int]] = set()
        self._storing: set[asyncio.Task[None]] = set()
        #: Why a body was not taken that was alone.
        self._refusal: str | None = None
        #: Set whenever the database got bodies: there is work.
        self.stored = asyncio.Event()
        #: Why the database does not get bodies at once; None while it does.
        self.away: str | None = None

    async def keep(self, body: ReceivedBody) -> None:
        """Returns when it is safe. Raises `NotKept`."""
        if self.away is not None and self._spool.usable:
            await self._to_spool(body)
            return
        waiting = _Waiting(body, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._came.set()
        await waiting.kept

    async def _to_spool(self, body: ReceivedBody) -> None:
        try:
            await self._spool.append(body)
        except Exception as error:
            raise NotKept(str(error)) from None
        self._behind.set()

    async def run(self) -> None:
        """Stores, and empties the spool, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._store(), name="store")
            tasks.create_task(self._empty_spool(), name="empty spool")
            tasks.create_task(self._adopt(), name="adopt")

    async def _adopt(self) -> None:
        while True:
            await self._spool.try_disk()
            await self._spool.adopt()
            if not self._spool.empty:
                self._behind.set()
            await asyncio.sleep(ADOPT_SECONDS)

    # --- at once ------------------------------------------------------------------------------

    async def _store(self) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            while self._queue:
                if self._storing:
                    # What comes meanwhile goes with the next call; one that lasts gets another
                    # one beside it.
                    most = len(self._storing) >= CALLS_MAX
                    await asyncio.wait(
                        self._storing,
                        timeout=None if most else BESIDE_SECONDS,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                if self._queue and len(self._storing) < CALLS_MAX:
                    task = asyncio.create_task(self._store_batch(self._next_batch()))
                    self._storing.add(task)
                    task.add_done_callback(self._storing.discard)

    def _next_batch(self) -> list[_Waiting]:
        batch, size = [self._queue.popleft()], 0
        while self._queue and len(batch) < CALL_BODIES:
            size += len(batch[-1].body.body)
            if size + len(self._queue[0].body.body) > CALL_BYTES:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _store_batch(self, batch: list[_Waiting]) -> None:
        limit = DIRECT_SECONDS if self._spool.usable else LAST_RESORT_SECONDS
        call = asyncio.create_task(self._webhooks.keep([one.body for one in batch]))
        self._calls.add(call)
        call.add_done_callback(self._ended)
        left = batch[0].since + limit - time.monotonic()
        await asyncio.wait((call,), timeout=max(0.0, left))
        if not call.done():
            why = f"no answer within {limit * 1000:.0f} ms"
            call.cancel()
        elif (error := call.exception()) is not None:
            why = str(error)
        else:
            self._settle(batch)
            return
        if self.away is None:
            self._log("database_away", level="warning", doing="store", error=why)
        self.away = why
        self._behind.set()
        moving = [*batch, *self._queue]
        self._queue.clear()
        await asyncio.gather(*(self._move(one) for one in moving))

    def _ended(self, call: asyncio.Task[int]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # looked at, so that it is not told as forgotten

    def _settle(self, batch: list[_Waiting]) -> None:
        self.stored.set()
        for one in batch:
            if not one.kept.done():
                one.kept.set_result(None)

    async def _move(self, one: _Waiting) -> None:
        try:
            await self._to_spool(one.body)
        except NotKept as error:
            if not one.kept.done():
                one.kept.set_exception(error)
        else:
            if not one.kept.done():
                one.kept.set_result(None)

    # --- after an outage ----------------------------------------------------------------------

    async def _empty_spool(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        count = CALL_BODIES
        while True:
            await self._behind.wait()
            refused: list[ReceivedBody] = []
            try:
                bodies = await self._spool.read(count, CALL_BYTES)
                asked_at = time.monotonic()
                if bodies:
                    refused = await self._store_all(bodies)
                    # They go to the end: what nobody takes keeps nothing else.
                    for one in refused:
                        await self._spool.append(one)
                    await self._spool.done(bodies)
                    if len(refused) < len(bodies):
                        self.stored.set()
                elif self.away is not None:
                    await self._webhooks.keep([])  # whether it is there again
                elif not self._spool.empty:
                    await asyncio.sleep(SHORTEST_SECONDS)  # that is being written
                took = time.monotonic() - asked_at
            except (OSError, Problem) as error:
                if self.away is None:
                    self._log("database_away", level="warning", doing="empty spool", error=error)
                self.away = str(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                # A gateway may cut off what is too much at once without a word.
                count = max(1, count // 2)
                continue
            if refused and self._spool.waiting == len(refused):
                await self._wait_with(refused)
                continue
            if refused and len(refused) == len(bodies):
                # Perhaps it is not these: a full disk takes nothing, and answers all the same.
                await asyncio.sleep(pause)
                pause, count = min(pause * 2, LONGEST_PAUSE_SECONDS), 1
                continue
            pause = FIRST_PAUSE_SECONDS
            count = min(CALL_BODIES, count * 2)
            if not self._spool.empty:
                continue
            if self.away is not None and took > QUICK_SECONDS:
                await asyncio.sleep(FIRST_PAUSE_SECONDS)
            else:
                self._behind.clear()
                if self.away is not None:
                    self._log("database_back")
                self.away = None

    async def _wait_with(self, refused: list[ReceivedBody]) -> None:
        """Nothing else is left: what comes in is stored at once, until these are tried again."""
        self._log("not_stored", level="error", bodies=len(refused), error=self._refusal)
        self.away = None
        self._behind.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REFUSED_SECONDS):
                await self._behind.wait()
        self._behind.set()

    async def _store_all(self, bodies: list[ReceivedBody]) -> list[ReceivedBody]:
        """Stores these, in halves where the database or a gateway does not take so much at once.

        Returns those that are not taken alone, while others are.
        """
        try:
            await self._webhooks.keep(bodies)
            return []
        except (AccessRefused, Misconfigured):
            raise
        except DatabaseAway as error:
            if len(bodies) > 1:
                raise
            await self._webhooks.keep([])
            self._refusal = str(error)
        except Problem as error:
            if len(bodies) > 1:
                half = len(bodies) // 2
                return [
                    *await self._store_all(bodies[:half]),
                    *await self._store_all(bodies[half:]),
                ]
            await self._webhooks.keep([])
            self._refusal = str(error)
        return bodies

    async def close(self) -> None:
        """What was answered is safe already; calls that nobody waits for end."""
        if self._storing:
            await asyncio.wait(self._storing)
        await give_up(*self._calls)
