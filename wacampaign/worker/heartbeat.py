"""The worker's sign of life, on a connection of its own."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final
from uuid import UUID

from wacampaign import __version__
from wacampaign.core.boot_clock import boot_seconds
from wacampaign.core.deadlines import Deadlines
from wacampaign.core.ports import EventLog
from wacampaign.core.turns import within
from wacampaign.store.store import Store

#: Seconds between two attempts while beats do not arrive: a worker that is heard again after an
#: outage goes on within these, instead of a whole beat later.
AGAIN_SECONDS: Final = 1.0


class Heartbeat:
    """Beats until cancelled; knows whether the database can still take this worker for alive."""

    def __init__(
        self,
        store: Store,
        worker_id: UUID,
        log: EventLog,
        in_flight: Callable[[], int],
        deadlines: Deadlines,
    ) -> None:
        self._store = store
        self._worker_id = worker_id
        self._log = log
        self._in_flight = in_flight
        self._deadlines = deadlines
        self._last = boot_seconds()
        self._said_at = -deadlines.beat
        self._guarded = True

    def heard(self, asked_at: float) -> None:
        """The database answered a beat, or the registration, asked at these boot seconds."""
        self._last = asked_at

    def may_claim(self) -> bool:
        """Who cannot tell the database that he lives must not take more from it, nor who knows that
        the guard is off, without which others' writes may have messages sent twice."""
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
                # Whatever it was: without a beat this worker would stand still and say nothing.
                pause = min(AGAIN_SECONDS, self._deadlines.beat)
                self._say_failed(error)

    def _say_failed(self, error: Exception) -> None:
        now = boot_seconds()
        if now - self._said_at >= self._deadlines.beat:
            self._said_at = now
            self._log("heartbeat_failed", level="warning", error=error or type(error).__name__)

    async def _beat(self) -> None:
        asked_at = boot_seconds()
        answer = await self._store.heartbeat(self._worker_id, self._in_flight())
        if not answer["known"]:
            # Given up as dead and buried; our claims are gone, new ones need a name.
            await self._store.register(
                self._worker_id, socket.gethostname(), os.getpid(), __version__
            )
        self.heard(asked_at)
        # A schema from before it was told had no such guard.
        guarded = bool(answer.get("guarded"))
        if guarded != self._guarded:
            self._guarded = guarded
            if self._guarded:
                self._log("guard_on")
            else:
                self._log("guard_off", level="error", advice="wacampaign db migrate")
        if answer["in_doubt"] or answer["released"]:
            self._log("reaped", released=answer["released"], in_doubt=answer["in_doubt"])
