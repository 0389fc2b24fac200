"""GET /metrics: the text that Prometheus reads, on a port of its own.

It listens on the loopback address unless told otherwise, as it tells the campaigns' names. Served
by the process's event loop, as what is read changes there alone; the library's server has a thread.
"""

from __future__ import annotations

import asyncio
import logging
import platform
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from wacampaign import __version__
from wacampaign.core.engine.ports import EventLog
from wacampaign.metrics.address import MetricsAddress

#: Seconds between two attempts to listen on a port that is taken: by the process before this one,
#: which is still draining (25 s at most), or by another for good.
AGAIN_SECONDS: Final = 10.0
METRICS_PATH: Final = "/metrics"
#: Connections at a time. A scrape needs one; each is a file, and of these a process has often 1,024
#: for the database, Meta and the journal, too.
CONNECTIONS_MOST: Final = 20
#: Seconds for which a connection is kept, whatever comes over it: an answer takes milliseconds.
CONNECTION_SECONDS: Final = 10.0
#: Bytes that are read of a connection: a scrape's request has some hundred.
REQUEST_BYTES_MOST: Final = 65_536


class _Build(Collector):
    def __init__(self, role: str) -> None:
        self._role = role

    def collect(self) -> list[InfoMetricFamily]:
        said = {"version": __version__, "role": self._role, "python": platform.python_version()}
        return [InfoMetricFamily("wacampaign_build", "What runs here", value=said)]


def registry_of(role: str, *collectors: Collector) -> CollectorRegistry:
    """A registry with these collectors, and what the library knows of the process."""
    registry = CollectorRegistry()
    for collector in (_Build(role), *collectors):
        registry.register(collector)
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class _Server(web.Server):
    """Takes few connections, none for long, so that nobody who connects keeps the rest waiting."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._ends: dict[web.RequestHandler, asyncio.TimerHandle] = {}

    def __call__(self) -> Any:
        if len(self.connections) >= CONNECTIONS_MOST:
            return _Refused()
        return _Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        # Not closed: who reads nothing would keep it open for what is still to be written.
        self._ends[handler] = self._loop.call_later(CONNECTION_SECONDS, transport.abort)

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        self._ends.pop(handler).cancel()
        super().connection_lost(handler, exc)


class _Connection(web.RequestHandler):
    """Reads one request: the library reads on, and keeps, what it has refused already."""

    __slots__ = ("_left",)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._left = REQUEST_BYTES_MOST

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left >= 0:
            super().data_received(data)
        elif self.transport is not None:
            self.transport.abort()


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()  # uvloop's is none by its class


async def serve_metrics(
    address: MetricsAddress,
    registry: CollectorRegistry,
    log: EventLog,
    look: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Serves until cancelled. `look`: what refreshes the collectors before each answer.

    A port that is taken is told and tried again: without metrics the process does its work.
    """

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        told = await tell(request)
        told.force_close()  # one a connection: thousands in a row left nothing time to send
        return told

    async def tell(request: web.BaseRequest) -> web.Response:
        if request.path != METRICS_PATH or request.method not in ("GET", "HEAD"):
            return web.Response(status=404, text=f"metrics are at {METRICS_PATH}\n")
        if look is not None:
            await look()
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    runner = web.ServerRunner(
        # The library's own lines hold whole requests.
        _Server(
            answer,
            access_log=None,
            logger=logging.Logger("metrics", logging.CRITICAL),
            lingering_time=0.0,
        ),
        handle_signals=False,
        shutdown_timeout=0.0,
    )
    await runner.setup()
    try:
        told = False
        while True:
            try:
                await web.TCPSite(runner, address.host, address.port).start()
                break
            except OSError as error:
                if not told:
                    reason = error.strerror or error
                    log("metrics_port_taken", level="warning", port=address.port, error=reason)
                told = True
                await asyncio.sleep(AGAIN_SECONDS)
        host, port = runner.addresses[0][:2]
        shown = f"[{host}]" if ":" in str(host) else host
        log("metrics", url=f"http://{shown}:{port}{METRICS_PATH}")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
