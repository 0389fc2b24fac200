"""How a worker becomes known to the database at its start, and takes its leave at its end."""

import asyncio
import os
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from wacampaign import __version__
from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.ports import DatabaseAway, EventLog
from wacampaign.core.engine.turns import give_up, within
from wacampaign.operations.known_outcomes import recover_journals
from wacampaign.problems import Problem
from wacampaign.store.store import Store
from wacampaign.store.workers import Workers
from wacampaign.worker.stopping import Stopping

#: First and longest pause between two attempts to reach the database at the start, in seconds.
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 10.0
#: Seconds that a stop during the start waits for an answer that is on its way.
START_ENDS_SECONDS: Final = 1.0


async def register(workers: Workers, worker_id: UUID) -> dict[str, int]:
    """Announces this process as that worker; returns what it gave up of dead ones, in rows."""
    return await workers.register(worker_id, socket.gethostname(), os.getpid(), __version__)


class Registration:
    """The first and the last word of one worker to the database."""

    def __init__(
        self, store: Store, worker_id: UUID, home: Path, log: EventLog, stopping: Stopping
    ) -> None:
        self._store = store
        self._worker_id = worker_id
        self._home = home
        self._log = log
        self._stopping = stopping

    async def wait(self, *, patient: bool) -> float | None:
        """Reads journals, registers. Returns when it asked (boot seconds); None: stopped before.

        An outage is waited out if `patient`. Raises `DatabaseAway` if not, and `Problem`
        for what cannot heal.
        """
        pause = FIRST_PAUSE_SECONDS
        while self._stopping.reason is None:
            asked_at = boot_seconds()
            try:
                if await self._unless_stopped(self._register()):
                    return asked_at
            except DatabaseAway as away:
                self._log("database_away", level="warning", doing="start", error=away)
                if not patient:
                    raise
                await self._unless_stopped(asyncio.sleep(pause))
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        return None

    async def _register(self) -> None:
        await recover_journals(self._home, self._store, self._worker_id, self._log)
        given_up = await register(Workers(self._store), self._worker_id)
        self._log(
            "started",
            version=__version__,
            store=self._store.transport.name,
            pid=os.getpid(),
            released=given_up["released"] or None,
            in_doubt=given_up["in_doubt"] or None,
        )

    async def _unless_stopped(self, work: Coroutine[Any, Any, object]) -> bool:
        """Whether `work` came to its end before a stop; a database may not answer for minutes."""
        working = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._stopping.asked.wait())
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait((working,), timeout=START_ENDS_SECONDS)
        await give_up(working, stopped)
        if working.done() and not working.cancelled():
            working.result()
            return True
        return False

    async def say_goodbye(self, seconds: float, why: str) -> None:
        """Says that the worker ends, within so many seconds; unheard, it counts as dead later.

        `why`: what ended it if it was not stopped.
        """
        try:
            await within(seconds, Workers(self._store).goodbye(self._worker_id))
        except (Problem, TimeoutError) as error:
            self._log("goodbye_failed", level="warning", error=error)
        self._log("stopped", reason=self._stopping.reason or why)
