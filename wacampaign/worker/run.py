"""One worker process: identity, heartbeat, signals, PM2, and the processor between them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from wacampaign import __version__
from wacampaign.core.ports import DatabaseAway
from wacampaign.core.processor import LIMIT_IN_FLIGHT, Processor
from wacampaign.logs import log_event
from wacampaign.meta.send import MessageSender
from wacampaign.problems import Busy, Problem, Unreachable
from wacampaign.settings import Settings
from wacampaign.store.opening import open_store
from wacampaign.store.store import Store
from wacampaign.worker.journal import WorkerJournal
from wacampaign.worker.process_manager import Pm2Channel
from wacampaign.worker.recovery import recover_journals
from wacampaign.worker.scheduled import ScheduledStarts

#: Seconds between two heartbeats; the database calls a worker dead after 30 (three missed beats,
#: as Procrastinate does).
BEAT_SECONDS = 10.0
#: Seconds without a beat that reached the database after which nothing more is claimed.
SILENT_SECONDS = 20.0
#: Exit code of a worker that was stopped before it had registered. Not 0: PM2 calls a death by
#: SIGKILL 0, so 0 must be restarted, and restarts what is stopped while it starts unless its code
#: is one of `stop_exit_codes` (docs/how-to/run-under-pm2.md).
STOPPED_EARLY = 130
#: Longest pause between two attempts to reach the database at the start, in seconds.
START_PAUSE_SECONDS = 10.0

_logger = logging.getLogger("wacampaign.worker")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}


class Worker:
    """Runs until a signal, PM2's word, or (with `until_idle`) the end of the work."""

    def __init__(
        self,
        settings: Settings,
        *,
        campaign_ids: Sequence[str] | None = None,
        until_idle: bool = False,
        limit_in_flight: int = LIMIT_IN_FLIGHT,
    ) -> None:
        self._settings = settings
        self._campaign_ids = campaign_ids
        self._until_idle = until_idle
        self._limit = limit_in_flight
        self._id: UUID = uuid4()
        self._processor: Processor | None = None
        self._stop_reason: str | None = None
        self._stopped = asyncio.Event()
        self._last_beat = time.monotonic()
        self._recovering = asyncio.Lock()

    def log(self, event: str, *, level: str = "info", **fields: object) -> None:
        """One line an event, with this worker's short name."""
        shown: dict[str, Any] = {key: value for key, value in fields.items() if value is not None}
        number = _LEVELS.get(level, logging.ERROR)
        if _logger.isEnabledFor(number):
            log_event(_logger, event, level=number, worker=str(self._id)[:8], **shown)

    async def run(self) -> int:
        """Returns the exit code: 0 after an orderly end, 130 when it was stopped before it began.

        Raises `Problem` for what cannot heal.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, signal.Signals(number).name)
        pm2 = Pm2Channel.from_environment()
        if pm2 is not None:
            pm2.watch(self.stop)
        # The heartbeat's connection is its own: a busy pool must not make a worker look dead.
        store, beats = open_store(self._settings), open_store(self._settings, patience_seconds=1)
        journal: WorkerJournal | None = None
        beating: asyncio.Task[None] | None = None
        starting: asyncio.Task[None] | None = None
        settled = False
        try:
            if not await self._start(store):
                return STOPPED_EARLY
            try:
                journal = WorkerJournal(self._settings.home, self._id)
            except OSError as error:
                raise self._journal_problem(error, "Nothing was sent") from None
            beating = asyncio.create_task(self._beat(beats, store), name="beat")
            # With --until-idle a worker does the work that there is, and begins nothing new.
            if not self._until_idle:
                starts = ScheduledStarts(
                    store,
                    self._settings,
                    self.log,
                    f"worker {str(self._id)[:8]}@{socket.gethostname()}",
                    self._campaign_ids,
                )
                starting = asyncio.create_task(starts.run(), name="scheduled starts")
            async with MessageSender(
                self._settings.api_url,
                self._settings.api_version,
                limit_in_flight=self._limit,
            ) as sender:
                self._processor = Processor(
                    store,
                    sender,
                    journal,
                    self.log,
                    self._id,
                    fallback_token=self._settings.access_token,
                    campaign_ids=self._campaign_ids,
                    may_claim=self._may_claim,
                    limit_in_flight=self._limit,
                )
                if self._stop_reason is not None:
                    self._processor.stop()
                elif pm2 is not None:
                    pm2.ready()
                try:
                    await self._processor.run(until_idle=self._until_idle)
                except DatabaseAway as away:
                    raise Unreachable(str(away)) from None
                except OSError as error:
                    fate = "Nothing more was sent; what had gone out was settled"
                    raise self._journal_problem(error, fate) from None
                settled = self._processor.all_settled
            await self._say_goodbye(store)
            return 0
        finally:
            for task in (starting, beating):
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
            if journal is not None:
                journal.close(settled=settled)
            await asyncio.gather(store.close(), beats.close(), return_exceptions=True)

    def _journal_problem(self, error: OSError, fate: str) -> Problem:
        return Problem(
            f"the journal in {self._settings.home} cannot be written: {error.strerror}. {fate}",
            "free space on that disk, then start the worker again",
        )

    def stop(self, reason: str) -> None:
        """First call: an orderly end. Second call: at once, telling what is left in doubt."""
        if self._stop_reason is not None:
            self._exit_now()
        self._stop_reason = reason
        self._stopped.set()
        in_flight = self._processor.hand.in_flight if self._processor else 0
        self.log("stopping", reason=reason, in_flight=in_flight)
        if self._processor is not None:
            self._processor.stop()

    def _on_signal(self, name: str) -> None:
        self.stop(name)

    def _exit_now(self) -> None:
        rows = self._processor.on_wire if self._processor else []
        self.log("stopped_at_once", level="warning", in_doubt=len(rows))
        if rows:
            print(
                f"stopped at once: {len(rows)} messages were on the wire and are in doubt.\n"
                "The next worker on this machine reads the journal first; then: wacampaign audit",
                file=sys.stderr,
            )
            for row in rows[:20]:
                print(f"  in doubt: row {row.id} of campaign {row.campaign_id}", file=sys.stderr)
            if len(rows) > 20:
                print(f"  and {len(rows) - 20} more", file=sys.stderr)
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(130)

    def _may_claim(self) -> bool:
        # Who cannot tell the database that he lives must not take more from it.
        return time.monotonic() - self._last_beat < SILENT_SECONDS

    async def _start(self, store: Store) -> bool:
        """Reads journals, registers. An outage is waited out; False: stopped meanwhile."""
        pause = 0.5
        while self._stop_reason is None:
            try:
                await self._register(store)
                self._last_beat = time.monotonic()
                return True
            except (Unreachable, Busy, DatabaseAway) as away:
                self.log("database_away", level="warning", doing="start", error=away)
                if isinstance(away, DatabaseAway) and self._until_idle:
                    raise Unreachable(str(away)) from None
                if self._until_idle:
                    raise
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._stopped.wait()
                pause = min(pause * 2, START_PAUSE_SECONDS)
        return False

    async def _register(self, store: Store) -> None:
        async with self._recovering:
            await recover_journals(self._settings.home, store, self._id, self.log)
        given_up = await store.register(self._id, socket.gethostname(), os.getpid(), __version__)
        self.log(
            "started",
            version=__version__,
            store=store.transport.name,
            pid=os.getpid(),
            released=given_up["released"] or None,
            in_doubt=given_up["in_doubt"] or None,
        )

    async def _beat(self, beats: Store, store: Store) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                hand = self._processor.hand if self._processor else None
                # A connection that is half open would cost more beats than a worker has.
                async with asyncio.timeout(BEAT_SECONDS):
                    answer = await beats.heartbeat(self._id, hand.in_flight if hand else 0)
                if not answer["known"]:
                    # Given up as dead and buried; our claims are gone, new ones need a name.
                    await beats.register(self._id, socket.gethostname(), os.getpid(), __version__)
                self._last_beat = time.monotonic()
                if answer["in_doubt"] or answer["released"]:
                    self.log("reaped", released=answer["released"], in_doubt=answer["in_doubt"])
                async with self._recovering:
                    await recover_journals(self._settings.home, store, self._id, self.log)
            except Exception as error:
                # Whatever it was: without a beat this worker would stand still and say nothing.
                self.log("heartbeat_failed", level="warning", error=error or type(error).__name__)

    async def _say_goodbye(self, store: Store) -> None:
        try:
            await store.goodbye(self._id)
        except Problem as error:
            self.log("goodbye_failed", level="warning", error=error)
        self.log("stopped", reason=self._stop_reason or "nothing left to do")
