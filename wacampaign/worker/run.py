"""One worker process: identity, heartbeat, signals, PM2, and the processor between them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Sequence
from typing import Any
from uuid import UUID, uuid4

from wacampaign import __version__
from wacampaign.core.boot_clock import boot_seconds
from wacampaign.core.deadlines import Deadlines
from wacampaign.core.ports import DatabaseAway
from wacampaign.core.processor import LIMIT_IN_FLIGHT, Processor
from wacampaign.core.turns import give_up, within
from wacampaign.home import home_problem
from wacampaign.logs import log_event
from wacampaign.meta.send import MessageSender
from wacampaign.problems import Busy, Problem, Unreachable
from wacampaign.settings import Settings
from wacampaign.store.opening import Limits, open_store
from wacampaign.store.store import PATIENCE_SECONDS, Store
from wacampaign.worker.heartbeat import Heartbeat
from wacampaign.worker.journal import WorkerJournal
from wacampaign.worker.process_manager import Pm2Channel
from wacampaign.worker.recovery import recover_journals, recover_while_working
from wacampaign.worker.scheduled import ScheduledStarts
from wacampaign.worker.watchdog import Watchdog

#: Exit code of a worker that was stopped before it had registered. Not 0: PM2 calls a death by
#: SIGKILL 0, so 0 must be restarted, and restarts what is stopped while it starts unless its code
#: is one of `stop_exit_codes` (docs/how-to/run-under-pm2.md).
STOPPED_EARLY = 130
#: Longest pause between two attempts to reach the database at the start, in seconds.
START_PAUSE_SECONDS = 10.0
#: Seconds that a stop during the start waits for an answer that is on its way.
START_ENDS_SECONDS = 1.0
#: Seconds that the connections may take to close at the end.
CLOSE_SECONDS = 1.0

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
        deadlines: Deadlines | None = None,
    ) -> None:
        self._settings = settings
        self._campaign_ids = campaign_ids
        self._until_idle = until_idle
        self._limit = limit_in_flight
        self._deadlines = deadlines or Deadlines()
        self._id: UUID = uuid4()
        self._processor: Processor | None = None
        self._stop_reason: str | None = None
        self._stopped = asyncio.Event()

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
        store, beats = self._open_store(), self._open_store(patience_seconds=1)
        watchdog = Watchdog(self.log, self._deadlines.stall)
        watchdog.start()
        heartbeat = Heartbeat(beats, self._id, self.log, self._in_flight, self._deadlines)
        journal: WorkerJournal | None = None
        beside: list[asyncio.Task[None]] = []
        settled = False
        try:
            try:
                # First: a worker that has registered counts as alive for half a minute.
                journal = WorkerJournal(self._settings.home, self._id)
                settled = True
                if not await self._start(store, heartbeat):
                    return STOPPED_EARLY
            except OSError as error:
                raise self._journal_problem(error, "Nothing was sent") from None
            beside = [asyncio.create_task(heartbeat.run(), name="beat")]
            beside += [
                asyncio.create_task(work, name=name) for name, work in self._chores(store).items()
            ]
            async with MessageSender(
                self._settings.api_url,
                self._settings.api_version,
                timeout_s=self._deadlines.api_answer,
                connect_timeout_s=self._deadlines.api_connect,
            ) as sender:
                self._processor = Processor(
                    store,
                    sender,
                    journal,
                    self.log,
                    self._id,
                    fallback_token=self._settings.access_token,
                    campaign_ids=self._campaign_ids,
                    may_claim=heartbeat.may_claim,
                    limit_in_flight=self._limit,
                    deadlines=self._deadlines,
                )
                if self._stop_reason is not None:
                    self._processor.stop()
                elif pm2 is not None:
                    pm2.ready()
                settled = False
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
            await give_up(*beside)
            if journal is not None:
                journal.close(settled=settled)
            closing = asyncio.gather(store.close(), beats.close(), return_exceptions=True)
            await asyncio.wait((closing,), timeout=CLOSE_SECONDS)
            watchdog.stop()

    def _open_store(self, patience_seconds: float = PATIENCE_SECONDS) -> Store:
        limits = Limits()
        if self._deadlines.database_connect is not None:
            limits["connect_seconds"] = self._deadlines.database_connect
        if self._deadlines.database_call is not None:
            limits["call_seconds"] = self._deadlines.database_call
        return open_store(self._settings, patience_seconds=patience_seconds, **limits)

    def _in_flight(self) -> int:
        return self._processor.hand.in_flight if self._processor else 0

    def _chores(self, store: Store) -> dict[str, Coroutine[Any, Any, None]]:
        """What runs beside sending, by name."""
        home = self._settings.home
        chores = {"recover": recover_while_working(home, store, self._id, self.log)}
        # With --until-idle a worker does the work that there is, and begins nothing new.
        if not self._until_idle:
            actor = f"worker {str(self._id)[:8]}@{socket.gethostname()}"
            starts = ScheduledStarts(store, self._settings, self.log, actor, self._campaign_ids)
            chores["scheduled starts"] = starts.run()
        return chores

    def _journal_problem(self, error: OSError, fate: str) -> Problem:
        return home_problem(self._settings.home, error, fate)

    def stop(self, reason: str) -> None:
        """First call: an orderly end. Second call: at once, telling what is left in doubt."""
        if self._stop_reason is not None:
            self._exit_now()
        self._stop_reason = reason
        self._stopped.set()
        self.log("stopping", reason=reason, in_flight=self._in_flight())
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

    async def _start(self, store: Store, heartbeat: Heartbeat) -> bool:
        """Reads journals, registers. An outage is waited out; False: stopped meanwhile."""
        pause = 0.5
        while self._stop_reason is None:
            asked_at = boot_seconds()
            try:
                if await self._unless_stopped(self._register(store)):
                    heartbeat.heard(asked_at)
                    return True
            except (Unreachable, Busy, DatabaseAway) as away:
                self.log("database_away", level="warning", doing="start", error=away)
                if isinstance(away, DatabaseAway) and self._until_idle:
                    raise Unreachable(str(away)) from None
                if self._until_idle:
                    raise
                await self._unless_stopped(asyncio.sleep(pause))
                pause = min(pause * 2, START_PAUSE_SECONDS)
        return False

    async def _unless_stopped(self, work: Coroutine[Any, Any, object]) -> bool:
        """Whether `work` came to its end before a stop; a database may not answer for minutes."""
        working = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._stopped.wait())
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait((working,), timeout=START_ENDS_SECONDS)
        await give_up(working, stopped)
        if working.done() and not working.cancelled():
            working.result()
            return True
        return False

    async def _register(self, store: Store) -> None:
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

    async def _say_goodbye(self, store: Store) -> None:
        try:
            await within(self._deadlines.goodbye, store.goodbye(self._id))
        except (Problem, TimeoutError) as error:
            self.log("goodbye_failed", level="warning", error=error or type(error).__name__)
        self.log("stopped", reason=self._stop_reason or "nothing left to do")
