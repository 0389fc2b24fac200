"""One receiver process: the server, what keeps bodies and passes them on, its sign of life."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from wacampaign import __version__
from wacampaign.alerting.watching import Watching
from wacampaign.core.engine.ports import DatabaseAway
from wacampaign.core.engine.turns import give_up, within
from wacampaign.core.services.service import STOPPED_EARLY
from wacampaign.core.webhook.received import ReceivedBody
from wacampaign.core.words import short_id
from wacampaign.home import folder_in
from wacampaign.logs import log_event
from wacampaign.metrics.address import MetricsAddress
from wacampaign.problems import Misconfigured, Problem, Usage
from wacampaign.settings import Settings
from wacampaign.store.opening import open_store
from wacampaign.store.store import Store
from wacampaign.store.webhooks import Webhooks
from wacampaign.webhook.forwarding import Forwarding
from wacampaign.webhook.health import ReceiverHealth, shown
from wacampaign.webhook.kept_bodies import FOLDER, KeptBodies
from wacampaign.webhook.refusals import Refusals
from wacampaign.webhook.secrets import AppSecrets
from wacampaign.webhook.server import WebhookServer
from wacampaign.webhook.storing import Storing
from wacampaign.webhook.working import take_what_comes
from wacampaign.worker.supervisor import Supervisor
from wacampaign.worker.watchdog import Watchdog

#: Seconds between two signs of life; the database takes it for dead after three.
BEAT_SECONDS: Final = 10.0
#: Seconds after which an event loop that no longer turns is ended, as a worker's.
STALL_SECONDS: Final = 30.0
#: Seconds that the goodbye may take.
GOODBYE_SECONDS: Final = 2.0
#: Seconds for which the start asks a database that is away.
START_SECONDS: Final = 4.0

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}
_logger = logging.getLogger("wacampaign.webhook")


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a receiver listens, and where it passes bodies on to."""

    host: str
    port: int
    path: str
    forward: str | None = None
    metrics: MetricsAddress | None = None


class Receiver:
    """Runs until a signal or PM2's word."""

    def __init__(self, settings: Settings, listening: Listening) -> None:
        self._settings = settings
        self._listening = listening
        self._id = uuid4()
        self._stop = asyncio.Event()
        self._reason = ""

    def _log(self, event: str, *, level: str = "info", **fields: object) -> None:
        shown: dict[str, Any] = {k: value for k, value in fields.items() if value is not None}
        number = _LEVELS.get(level, logging.ERROR)
        log_event(_logger, event, level=number, receiver=short_id(str(self._id)), **shown)

    def _ask_to_stop(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._stop.set()

    async def run(self) -> int:
        """Serves to its orderly end: what was answered is kept. Returns the exit code: 0, or 130
        when it was stopped before it listened.

        Raises `Problem`: no secret, a port that is taken, a database that cannot be used.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._ask_to_stop, signal.Signals(number).name)
        supervisor = Supervisor.from_environment()
        supervisor.watch(self._ask_to_stop)
        # Bodies are stored at once or not at all; beats and secrets may wait for an answer; the
        # work on what is stored, and the watch, must not be in the way of either.
        store, beside, work, watched = (
            open_store(self._settings, patience_seconds=seconds) for seconds in (0.0, 1.0, 1.0, 1.0)
        )
        watchdog = Watchdog(self._log, STALL_SECONDS)
        watchdog.start()
        try:
            return await self._serve(Webhooks(store), Webhooks(beside), work, watched, supervisor)
        finally:
            watchdog.stop()
            await store.close()
            await beside.close()
            await work.close()
            await watched.close()

    async def _serve(
        self,
        webhooks: Webhooks,
        beside: Webhooks,
        work: Store,
        watched: Store,
        supervisor: Supervisor,
    ) -> int:
        home, owner = self._settings.home, str(self._id)
        secrets = AppSecrets(beside, self._settings.app_secrets, self._log)
        supervisor.waits("waits for the database")
        if not await self._unless_stopped(self._first_secrets(secrets)):
            return STOPPED_EARLY
        spool = KeptBodies(home, "spool", owner, self._log, durable=True)
        storing = Storing(webhooks, spool, self._log)
        refusals = Refusals(self._log)
        forwarding: Forwarding | None = None
        passing: KeptBodies | None = None
        if self._listening.forward is not None:
            # Without a folder nothing could be passed on; the spool may do without for a while.
            folder_in(home / FOLDER, "forward")
            passing = KeptBodies(home, "forward", owner, self._log, durable=False)
            forwarding = Forwarding(self._listening.forward, passing, secrets.candidates, self._log)
        health = ReceiverHealth(beside, storing, spool, forwarding, refusals)
        server = WebhookServer(
            self._listening.path,
            self._settings.webhook_verify_token,
            secrets,
            _Keeping(storing, forwarding),
            refusals,
            health,
            self._log,
        )
        health.server = server
        host, port = await server.start(self._listening.host, self._listening.port)
        chores: dict[str, Coroutine[Any, Any, None]] = {
            "store": storing.run(),
            "secrets": secrets.run(),
            "beat": self._beat(beside, health, supervisor),
            "work": take_what_comes(work, self._settings, storing.stored, self._log),
            "attend": supervisor.attend(self._stop),
            "watch": Watching(
                watched, self._settings, self._log, f"receiver {short_id(owner)}"
            ).run(),
        }
        if forwarding is not None:
            chores["forward"] = forwarding.run()
        if self._listening.metrics is not None:
            chores |= self._metrics_chores(self._listening.metrics, work, health)
        tasks = [asyncio.create_task(chore, name=name) for name, chore in chores.items()]
        stopping = asyncio.create_task(self._stop.wait())
        self._say_started(host, port)
        worked = not self._stop.is_set()
        if worked:
            supervisor.offer(["stats"], lambda *_: _told(health))
            supervisor.ready()
        try:
            done, _ = await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()  # a chore ends only by a fault of ours
            self._log("stopping", reason=self._reason)
        finally:
            # First the answers that are due, while there is somebody who keeps the bodies.
            await server.stop()
            await give_up(stopping, *tasks)
            await storing.close()
            await spool.close()
            if forwarding is not None and passing is not None:
                await forwarding.close()
                await passing.close()
            with contextlib.suppress(Problem, TimeoutError):
                await within(GOODBYE_SECONDS, beside.goodbye(self._id))
            self._log("stopped", reason=self._reason, received=server.handled)
        return 0 if worked or not supervisor.waits_for_ready else STOPPED_EARLY

    def _metrics_chores(
        self, address: MetricsAddress, store: Store, health: ReceiverHealth
    ) -> dict[str, Coroutine[Any, Any, None]]:
        from wacampaign.metrics.campaign_metrics import CampaignCollector
        from wacampaign.metrics.receiver_metrics import ReceiverCollector
        from wacampaign.metrics.serving import registry_of, serve_metrics

        own, campaigns = ReceiverCollector(), CampaignCollector(store, self._log)

        async def look() -> None:
            _, own.health = await health()

        registry = registry_of("receiver", own, campaigns)
        return {
            "metrics": serve_metrics(address, registry, self._log, look),
            "metrics of campaigns": campaigns.run(),
        }

    def _say_started(self, host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{port}/{self._listening.path.strip('/')}"
        self._log(
            "started",
            version=__version__,
            store=self._settings.store,
            pid=os.getpid(),
            url=url,
            forward=self._listening.forward,
        )
        if self._settings.webhook_verify_token is None:
            self._log(
                "no_verify_token",
                level="warning",
                advice="Meta's verification is answered with 403 until META_WEBHOOK_VERIFY_TOKEN"
                " is set",
            )

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether `work` came to its end before a stop; a database may not answer for seconds."""
        working = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        if self._stop.is_set():
            await give_up(working, stopped)
            return False
        await give_up(stopped)
        working.result()
        return True

    async def _first_secrets(self, secrets: AppSecrets) -> None:
        """Reads the database's secrets. Raises a `Problem` where nothing could ever be verified."""
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while True:
            try:
                await secrets.refresh()
                break
            except DatabaseAway as away:
                if secrets.any:
                    # Bodies go into the spool until it is back.
                    self._log("database_away", level="warning", doing="start", error=away)
                    return
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(0.5)
        if not secrets.any:
            raise Misconfigured(
                "no app secret is known, so no webhook could be told from a forged one: neither"
                " META_APP_SECRET is set nor has a number in the database its app_secret",
                "set META_APP_SECRET to the app's secret (Meta's dashboard: App settings, Basic)",
            )

    async def _beat(
        self, webhooks: Webhooks, health: ReceiverHealth, supervisor: Supervisor
    ) -> None:
        told = False
        while True:
            _, said = await health()
            supervisor.publish(shown(said))
            try:
                await within(
                    BEAT_SECONDS,
                    webhooks.beat(self._id, socket.gethostname(), os.getpid(), __version__, said),
                )
                told = False
            except (Problem, TimeoutError) as error:
                if not told:
                    self._log("beat_failed", level="warning", error=error)
                told = True
            await asyncio.sleep(1.0 if told else BEAT_SECONDS)


class _Keeping:
    """A body is kept, then written down to be passed on: what is not answered Meta sends again."""

    def __init__(self, storing: Storing, forwarding: Forwarding | None) -> None:
        self._storing = storing
        self._forwarding = forwarding

    async def keep(self, body: ReceivedBody) -> None:
        await self._storing.keep(body)
        if self._forwarding is not None:
            await self._forwarding.put(body)


async def _told(health: ReceiverHealth) -> dict[str, Any]:
    """What `pm2 trigger … stats` answers: as /healthz."""
    well, said = await health()
    return {"ok": well, **said}


def checked_forward(listening: Listening) -> None:
    """Raises `Usage` for a receiver that would pass bodies on to itself."""
    if listening.forward is None:
        return
    parts = urlsplit(listening.forward)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    here = {listening.host, "127.0.0.1", "localhost", "::1"}
    if port == listening.port and parts.hostname in here:
        raise Usage(
            f"--forward {listening.forward} is this receiver itself",
            "give the backend's address, such as --forward http://127.0.0.1:8080/api/webhooks",
        )
