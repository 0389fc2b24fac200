"""One worker process: the processor, and what keeps it known, stoppable and watched."""

import asyncio
import socket
from collections.abc import Coroutine, Sequence
from typing import Any
from uuid import UUID, uuid4

from wacampaign.alerting.watching import Watching
from wacampaign.core.engine.deadlines import USUAL_DEADLINES, Deadlines
from wacampaign.core.engine.in_flight import LIMIT_IN_FLIGHT, InFlight
from wacampaign.core.engine.ports import DatabaseAway
from wacampaign.core.engine.processor import Processor
from wacampaign.core.engine.turns import give_up
from wacampaign.core.services.service import STOPPED_EARLY
from wacampaign.core.words import short_id
from wacampaign.home import home_problem
from wacampaign.journal.writing import WorkerJournal
from wacampaign.meta.send import MessageSender
from wacampaign.metrics.address import MetricsAddress
from wacampaign.operations.known_outcomes import recover_while_working
from wacampaign.problems import Unreachable
from wacampaign.settings import Settings
from wacampaign.store.opening import open_store
from wacampaign.store.store import PATIENCE_SECONDS, Store
from wacampaign.store.transport import Limits
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers
from wacampaign.worker.hearing import hear, wait_heard
from wacampaign.worker.heartbeat import Heartbeat
from wacampaign.worker.left_waiting import NO_WORK, why_idle
from wacampaign.worker.limits import NumberLimits
from wacampaign.worker.measured import Measured
from wacampaign.worker.registration import Registration
from wacampaign.worker.scheduled import ScheduledStarts
from wacampaign.worker.stopping import Stopping
from wacampaign.worker.subscribers import events_of
from wacampaign.worker.supervisor import Supervisor
from wacampaign.worker.triggers import NAMES, Triggers
from wacampaign.worker.watchdog import Watchdog


class Worker:
    """Runs until a signal, PM2's word, or (with `until_idle`) the end of the work."""

    def __init__(
        self,
        settings: Settings,
        *,
        campaign_ids: Sequence[str] | None = None,
        until_idle: bool = False,
        metrics: MetricsAddress | None = None,
        deadlines: Deadlines = USUAL_DEADLINES,
    ) -> None:
        self._settings = settings
        self._campaign_ids = campaign_ids
        self._until_idle = until_idle
        self._metrics = metrics
        self._deadlines = deadlines
        self._id: UUID = uuid4()
        self._log = events_of(self._id)
        self.in_flight = InFlight(LIMIT_IN_FLIGHT)
        self.stopping = Stopping(self._log, self.in_flight)

    async def run(self) -> int:
        """Returns the exit code: 0 after an orderly end, 130 when it was stopped before it began.

        Raises `Problem` for what cannot heal.
        """
        self.stopping.watch_signals()
        supervisor = Supervisor.from_environment()
        supervisor.watch(self.stopping.ask)
        # The heartbeat's connection is its own: a busy pool must not make a worker look dead.
        store, beats = self._open_store(), self._open_store(patience_seconds=1)
        # As is what looks at everything, for alerts and metrics: never in the way of sending.
        watched = self._open_store(patience_seconds=1)
        store.heard = self.in_flight.measures.called
        watchdog = Watchdog(self._log, self._deadlines.stall)
        watchdog.start()
        home = self._settings.home
        registration = Registration(store, self._id, home, self._log, self.stopping)
        journal: WorkerJournal | None = None
        beside: list[asyncio.Task[None]] = []
        settled = worked = False
        try:
            try:
                # First: a worker that has registered counts as alive for half a minute.
                journal = WorkerJournal(home, self._id)
                settled = True
                supervisor.waits("waits for the database")
                registered_at = await registration.wait(patient=not self._until_idle)
            except OSError as error:
                raise home_problem(home, error, "Nothing was sent") from None
            if registered_at is None:
                return STOPPED_EARLY
            heartbeat = Heartbeat(
                Workers(beats),
                self._id,
                self._log,
                lambda: self.in_flight.requests,
                self._deadlines,
                registered_at,
            )
            heard = asyncio.Event()
            measured = Measured(Workers(beats), self._id, self.in_flight, self._log, supervisor)
            watching = Watching(
                watched, self._settings, self._log, f"worker {short_id(str(self._id))}"
            )
            # What runs beside sending, by name.
            chores: dict[str, Coroutine[Any, Any, None]] = {
                "beat": heartbeat.run(),
                "recover": recover_while_working(home, store, self._id, self._log),
                "limits": NumberLimits(store, self._settings, self._log).run(),
                "measured": measured.run(),
                "hear": hear(store, self._settings, self._log, heard),
                "attend": supervisor.attend(self.stopping.asked),
                "watch": watching.run(),
            }
            # With --until-idle a worker does the work that there is, and begins nothing new.
            if not self._until_idle:
                actor = f"worker {short_id(str(self._id))}@{socket.gethostname()}"
                starts = ScheduledStarts(
                    store, self._settings, self._log, actor, self._campaign_ids
                )
                chores["scheduled starts"] = starts.run()
            if self._metrics is not None:
                chores |= self._metrics_chores(self._metrics, watched)
            beside = [asyncio.create_task(work, name=name) for name, work in chores.items()]
            async with MessageSender(
                self._settings.api_url,
                self._settings.api_version,
                timeout_s=self._deadlines.api_answer,
                connect_timeout_s=self._deadlines.api_connect,
            ) as sender:
                processor = Processor(
                    WorkQueue(
                        store,
                        in_doubt_minutes=self._settings.in_doubt_minutes,
                        status_wait_seconds=self._settings.status_wait_seconds,
                        rest_hours=self._settings.rest_hours,
                    ),
                    sender,
                    journal,
                    self._log,
                    self._id,
                    self.in_flight,
                    self.stopping.asked,
                    fallback_token=self._settings.access_token,
                    campaign_ids=self._campaign_ids,
                    may_claim=heartbeat.may_claim,
                    deadlines=self._deadlines,
                )
                await wait_heard(heard)
                if self.stopping.reason is None:
                    worked = True
                    triggers = Triggers(store, self._id, self._log, self._campaign_ids, measured)
                    supervisor.offer(NAMES, triggers)
                    supervisor.ready()
                settled = False
                try:
                    await processor.run(until_idle=self._until_idle)
                except DatabaseAway as away:
                    raise Unreachable(str(away)) from None
                except OSError as error:
                    fate = "Nothing more was sent; what had gone out was settled"
                    raise home_problem(home, error, fate) from None
                settled = processor.all_settled
            why = NO_WORK
            if self.stopping.reason is None:
                await watching.last_look()
                why = await why_idle(store, self._id, self._campaign_ids, self._log)
            await registration.say_goodbye(self._deadlines.goodbye, why)
            return 0 if worked or not supervisor.waits_for_ready else STOPPED_EARLY
        finally:
            await give_up(*beside)
            if journal is not None:
                journal.close(settled=settled)
            closing = asyncio.gather(
                store.close(), beats.close(), watched.close(), return_exceptions=True
            )
            await asyncio.wait((closing,), timeout=self._deadlines.close)
            watchdog.stop()

    def _metrics_chores(
        self, address: MetricsAddress, store: Store
    ) -> dict[str, Coroutine[Any, Any, None]]:
        # Here: the library takes 20 ms to import.
        from wacampaign.metrics.campaign_metrics import CampaignCollector
        from wacampaign.metrics.serving import registry_of, serve_metrics
        from wacampaign.metrics.worker_metrics import WorkerCollector

        campaigns = CampaignCollector(store, self._log)
        registry = registry_of("worker", WorkerCollector(self.in_flight), campaigns)
        return {
            "metrics": serve_metrics(address, registry, self._log),
            "metrics of campaigns": campaigns.run(),
        }

    def _open_store(self, patience_seconds: float = PATIENCE_SECONDS) -> Store:
        limits = Limits()
        if self._deadlines.database_connect is not None:
            limits["connect_seconds"] = self._deadlines.database_connect
        if self._deadlines.database_call is not None:
            limits["call_seconds"] = self._deadlines.database_call
        return open_store(self._settings, patience_seconds=patience_seconds, **limits)
