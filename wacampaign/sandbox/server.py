"""The sandbox's HTTP server: routing, start, stop, and running until told to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wacampaign.problems import Misconfigured
from wacampaign.sandbox.answers import NO_TOKEN, WRONG_TOKEN
from wacampaign.sandbox.control import ControlEndpoints
from wacampaign.sandbox.graph import GraphEndpoints, as_reply
from wacampaign.sandbox.http1 import HttpConnection, Reply, Request
from wacampaign.sandbox.messages import MessageEndpoint
from wacampaign.sandbox.simulation import Simulation
from wacampaign.sandbox.stalls import Stalls
from wacampaign.sandbox.webhooks import Webhooks

_VERSION = re.compile(r"v[0-9]+\.[0-9]+")
#: Connections waiting to be accepted; a sender opens some hundred at once.
_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How to run a sandbox. Port 0 takes a free one; TLS needs both files (PEM)."""

    host: str = "127.0.0.1"
    port: int = 0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    #: Initial `settings` and `webhook` values, named as in the control API.
    settings: dict[str, Any] = field(default_factory=dict)
    webhook: dict[str, Any] = field(default_factory=dict)


class SandboxServer:
    """A sandbox on the running event loop: `async with SandboxServer() as server: server.url`.

    The control API has no password: keep `host` on the loopback interface.
    """

    def __init__(self, options: SandboxOptions | None = None) -> None:
        self._options = options or SandboxOptions()
        self.simulation = Simulation()
        self.simulation.settings.change(self._options.settings)
        self.webhooks = Webhooks()
        self.webhooks.settings.change(self._options.webhook)
        self._messages = MessageEndpoint(self.simulation, self.webhooks)
        self._graph = GraphEndpoints(self.simulation)
        self._stalls = Stalls()
        self._control = ControlEndpoints(self.simulation, self.webhooks, self._stalls)
        self._watch: asyncio.Task[None] | None = None
        self._connections: set[HttpConnection] = set()
        self._server: asyncio.Server | None = None
        #: Base URL without a trailing slash, once started.
        self.url = ""

    async def __aenter__(self) -> SandboxServer:
        await self.start()
        return self

    async def start(self) -> None:
        """Listen. Misconfigured when the port or the TLS files cannot be used."""
        options = self._options
        tls = _tls_context(options)
        scheme = "http" if tls is None else "https"
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: HttpConnection(self._handle, self._connections, scheme),
                options.host,
                options.port,
                ssl=tls,
                backlog=_BACKLOG,
            )
        except OSError as exc:
            raise Misconfigured(
                f"the sandbox cannot listen on {options.host}:{options.port}: {exc}",
                "choose another port, or 0 for a free one",
            ) from exc
        self._watch = asyncio.create_task(self._stalls.watch())
        port = self._server.sockets[0].getsockname()[1]
        host = f"[{options.host}]" if ":" in options.host else options.host
        self.url = f"{scheme}://{host}:{port}"

    async def __aexit__(self, *_: object) -> None:
        await self.webhooks.close()
        if self._watch is not None:
            self._watch.cancel()
        if self._server is not None:
            self._server.close()
            for connection in tuple(self._connections):
                connection.abort()
            await self._server.wait_closed()
            self._server = None

    def _handle(self, request: Request) -> Reply:
        parts = request.path[1:].split("/")
        if parts[0] == "_sandbox":
            return self._control.answer(request, parts[1:])
        simulation = self.simulation
        simulation.counters.requests += 1
        if parts[0] == "hosts" and len(parts) > 2 and request.method in ("GET", "HEAD"):
            return self._graph.hosted(request, parts[1], "/".join(parts[2:]))
        if _VERSION.fullmatch(parts[0]):
            del parts[0]
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        # The Resumable Upload API says OAuth where all else says Bearer; Graph takes both.
        known = scheme.lower() in ("bearer", "oauth")
        sent_token = token.strip() if known and token.strip() else None
        if (
            len(parts) == 2
            and parts[1] in ("messages", "marketing_messages")
            and request.method == "POST"
        ):
            marketing = parts[1] == "marketing_messages"
            return self._messages.send(parts[0], sent_token, request.body, marketing=marketing)
        if sent_token is None:
            return as_reply(NO_TOKEN)
        if sent_token not in simulation.account.tokens:
            return as_reply(WRONG_TOKEN)
        if len(parts) == 2 and parts[0] == "_media" and request.method == "GET":
            return self._graph.download(parts[1], sent_token)
        return as_reply(self._graph.answer(request, parts, sent_token))


def _tls_context(options: SandboxOptions) -> ssl.SSLContext | None:
    if options.tls_cert is None and options.tls_key is None:
        return None
    if options.tls_cert is None or options.tls_key is None:
        raise Misconfigured("TLS needs both a certificate and a key", "--tls-cert and --tls-key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options.tls_cert, options.tls_key)
    except (OSError, ssl.SSLError) as exc:
        raise Misconfigured(f"the TLS certificate or key cannot be read: {exc}") from exc
    return context


def run_sandbox(
    options: SandboxOptions,
    announce: Callable[[str], None],
    *,
    until_stdin_closes: bool = False,
) -> None:
    """Run a sandbox until SIGINT or SIGTERM, or until standard input ends.

    `announce` is called with the base URL once the sandbox listens.
    """
    serving = _serve(options, announce, until_stdin_closes)
    if sys.platform == "win32":  # there is no uvloop for it
        asyncio.run(serving)
    else:
        import uvloop

        uvloop.run(serving)


async def _serve(
    options: SandboxOptions, announce: Callable[[str], None], until_stdin_closes: bool
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows' loop has no signal handlers; Ctrl-C ends the process there all the same.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    if until_stdin_closes:

        def wait_for_end_of_input() -> None:
            # Not through sys.stdin: its lock, held here, would make the interpreter's end crash.
            while os.read(0, 4096):
                pass
            # The loop may be gone already when a signal came first.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)

        threading.Thread(target=wait_for_end_of_input, daemon=True).start()
    async with SandboxServer(options) as server:
        announce(server.url)
        await stop.wait()
