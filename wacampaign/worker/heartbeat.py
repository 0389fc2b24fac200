"""The worker's sign of life, on a connection of its own."""

import asyncio
from collections.abc import Callable
from typing import Final
from uuid import UUID

from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.deadlines import Deadlines
from wacampaign.core.engine.ports import EventLog
from wacampaign.core.engine.turns import within
from wacampaign.store.workers import Workers
from wacampaign.worker.registration import register

#: Seconds between two attempts while beats do not arrive: so soon after an outage a worker claims
#: again, instead of a whole beat later.
AGAIN_SECONDS: Final = 1.0


class Heartbeat:
    """Beats until cancelled; knows whether the database may have called this worker dead."""

    def __init__(
        self,
        workers: Workers,
        worker_id: UUID,
        log: EventLog,
        in_flight: Callable[[], int],
        deadlines: Deadlines,
        registered_at: float,
    ) -> None:
        self._workers = workers
        self._worker_id = worker_id
        self._log = log
        self._in_flight = in_flight
        self._deadlines = deadlines
        #: When the last beat (or the registration) that was answered was asked, in boot seconds.
        self._last = registered_at
        self._said_at = -deadlines.beat
        self._guarded = True

    def may_claim(self) -> bool:
        """Whether this worker may claim rows.

        Not while no heartbeat arrives: the database will soon give its rows to others. And not
        while the guard is off: then what other programs write may have messages sent twice.
        """
        return self._guarded and boot_seconds() - self._last < self._deadlines.silent

    async def run(self) -> None:
        """One beat after the other; no attempt outlives the next one's time."""
        pause = self._deadlines.beat
        while True:
            await asyncio.sleep(pause)
            pause = self._deadlines.beat
            try:
                # A connection that is half open would cost more beats than a worker has.
                await within(self._deadlines.beat, self._beat())
            except Exception as error:
                # Whatever it was, go on: without heartbeats this worker claims nothing more.
                pause = min(AGAIN_SECONDS, self._deadlines.beat)
                now = boot_seconds()
                if now - self._said_at >= self._deadlines.beat:
                    self._said_at = now
                    self._log("heartbeat_failed", level="warning", error=error)

    async def _beat(self) -> None:
        asked_at = boot_seconds()
        answer = await self._workers.heartbeat(self._worker_id, self._in_flight())
        if not answer["known"]:
            # The database called this worker dead and forgot it; new claims need it registered.
            await register(self._workers, self._worker_id)
        self._last = asked_at
        # A schema from before answers had `guarded` has no such guard.
        guarded = bool(answer.get("guarded"))
        if guarded != self._guarded:
            self._guarded = guarded
            if self._guarded:
                self._log("guard_on")
            else:
                self._log("guard_off", level="error", advice="wacampaign doctor")
        if answer["in_doubt"] or answer["released"]:
            self._log("reaped", released=answer["released"], in_doubt=answer["in_doubt"])
