"""The HTTP side: verification, bodies in, health out. A library serves; here is what is answered.

GET  PATH      Meta's verification (hub.mode, hub.verify_token, hub.challenge)
POST PATH      a body: 200 when it is safe, 401 wrong signature, 413 too large, 503 again please
GET  /healthz  how it stands
"""

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from uuid import uuid4

from aiohttp import web

from wacampaign.core.engine.ports import EventLog
from wacampaign.core.webhook.received import ReceivedBody
from wacampaign.problems import Misconfigured
from wacampaign.webhook.refusals import NO_SIGNATURE, WRONG_SECRET, Refusals
from wacampaign.webhook.secrets import AppSecrets
from wacampaign.webhook.signature import HEADER, signed_with
from wacampaign.webhook.storing import NotKept

#: Meta's largest body, in bytes (whatsapp-cloud-api, 6.1).
BODY_BYTES_MAX: Final = 3_000_000
#: Bytes of bodies that are being read or stored at a time; what comes beyond is asked for again.
MEMORY_BYTES_MAX: Final = 64_000_000
#: Seconds that a body may take to come in.
READ_SECONDS: Final = 20.0
#: Seconds until a connection is closed that sends no request, or never the whole head of one.
#: Longer than nginx keeps one to us (60): who closes first must not be us.
IDLE_SECONDS: Final = 75.0
#: Seconds that a stop waits for requests under way; Meta repeats what is cut off then.
SHUTDOWN_SECONDS: Final = 10.0
#: Connections that wait to be accepted: what Meta opens at once after an outage of ours.
BACKLOG: Final = 1024
#: Characters of a challenge that are sent back; Meta's have ten digits.
_CHALLENGE_CHARS_MAX: Final = 200

HEALTH_PATH: Final = "/healthz"


class BodyKeeper(Protocol):
    """Where a body goes before it is answered."""

    async def keep(self, body: ReceivedBody) -> None:
        """Returns when it is safe. Raises `NotKept`."""


class WebhookServer:
    """Listens on one address; `handled` counts the bodies that were answered with 200."""

    def __init__(
        self,
        path: str,
        verify_token: str | None,
        secrets: AppSecrets,
        keeper: BodyKeeper,
        refusals: Refusals,
        health: Callable[[], Awaitable[tuple[bool, dict[str, Any]]]],
        log: EventLog,
    ) -> None:
        self._path = "/" + path.strip("/")
        self._verify_token = verify_token
        self._secrets = secrets
        self._keeper = keeper
        self._refusals = refusals
        self._health = health
        self._log = log
        self._held = 0
        self._runner: web.ServerRunner | None = None
        self.handled = 0
        #: When the last body was answered with 200.
        self.last_at: datetime | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listens; the address that it got. Raises `Misconfigured` when it cannot."""
        # The library's own lines hold whole requests, with what people wrote: they are counted.
        logger = logging.Logger("http", logging.WARNING)
        logger.addFilter(self._count_line)
        runner = web.ServerRunner(
            web.Server(
                self._guarded, access_log=None, logger=logger, keepalive_timeout=IDLE_SECONDS
            ),
            handle_signals=False,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
        await runner.setup()
        site = web.TCPSite(runner, host, port, backlog=BACKLOG)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise Misconfigured(
                f"the receiver cannot listen on {host}:{port}: {error.strerror or error}",
                "choose another port with --port (and in the proxy before it), or stop what"
                f" listens there: ss -ltnp 'sport = :{port}'",
            ) from None
        self._runner = runner
        address = runner.addresses[0]
        return str(address[0]), int(address[1])

    def _count_line(self, _: logging.LogRecord) -> bool:
        self._refusals.count("no_http")
        return False

    async def stop(self) -> None:
        """Takes no new connection, and waits for the answers that are due."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _guarded(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except (ConnectionError, web.RequestPayloadError):
            # Cut off, or compressed and not to be unpacked.
            self._refusals.count("unreadable")
            return web.Response(status=400)
        except Exception as error:
            self._log("bug", level="error", error=error)
            return web.Response(status=500)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = "/" + request.path.strip("/")
        if path == self._path:
            if request.method == "POST":
                return await self._post(request)
            if request.method in ("GET", "HEAD"):
                return self._verify(request)
            return web.Response(status=405, headers={"Allow": "GET, POST"})
        if path == HEALTH_PATH and request.method in ("GET", "HEAD"):
            well, health = await self._health()
            return web.json_response(
                health, status=200 if well else 503, dumps=lambda value: json.dumps(value) + "\n"
            )
        return web.Response(status=404, text=f"webhooks are at {self._path}\n")

    def _verify(self, request: web.BaseRequest) -> web.Response:
        query = request.query
        given = query.get("hub.verify_token", "")
        wanted = self._verify_token
        right = wanted is not None and hmac.compare_digest(given.encode(), wanted.encode())
        if query.get("hub.mode") != "subscribe" or not right:
            self._refusals.count("verifications", "compare META_WEBHOOK_VERIFY_TOKEN with Meta's")
            return web.Response(status=403)
        # Plain text, and no page: what is sent back came from outside.
        return web.Response(
            text=query.get("hub.challenge", "")[:_CHALLENGE_CHARS_MAX],
            headers={"X-Content-Type-Options": "nosniff"},
        )

    async def _post(self, request: web.BaseRequest) -> web.Response:
        length = request.content_length
        if length is not None and length > BODY_BYTES_MAX:
            return self._too_large()
        content = request.content
        if content.is_eof():  # it came with its head, as small ones do
            return await self._take_counted(request, content.read_nowait())
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(READ_SECONDS):
                async for chunk in content.iter_any():
                    size += len(chunk)
                    self._held += len(chunk)
                    if size > BODY_BYTES_MAX:
                        return self._too_large()
                    if self._held > MEMORY_BYTES_MAX:
                        return self._no_memory()
                    chunks.append(chunk)
        except TimeoutError:
            self._refusals.count("too_slow")
            return web.Response(status=408)
        finally:
            self._held -= size
        return await self._take_counted(request, b"".join(chunks))

    async def _take_counted(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """Takes a body that was read, if there is memory to hold it until it is stored."""
        if len(body) > BODY_BYTES_MAX:
            return self._too_large()
        if self._held + len(body) > MEMORY_BYTES_MAX:
            return self._no_memory()
        self._held += len(body)
        try:
            return await self._take(request, body)
        finally:
            self._held -= len(body)

    def _no_memory(self) -> web.Response:
        self._refusals.count("without_memory")
        return _again_please()

    async def _take(self, request: web.BaseRequest, body: bytes) -> web.Response:
        signature = request.headers.get(HEADER)
        if signed_with(signature, body, self._secrets.candidates(body)) is None:
            self._secrets.missed()
            if signature:
                self._refusals.count("wrong_signatures", WRONG_SECRET)
            else:
                self._refusals.count("without_signature", NO_SIGNATURE)
            # Secrets that could not be read yet are our fault: Meta repeats either.
            return web.Response(status=401) if self._secrets.known else _again_please()
        assert signature is not None
        content_type = request.headers.get("Content-Type", "application/json")
        one = ReceivedBody(str(uuid4()), datetime.now(UTC), body, signature, content_type)
        try:
            await self._keeper.keep(one)
        except NotKept:
            self._refusals.count("not_kept")
            return _again_please()
        self.handled += 1
        self.last_at = one.received_at
        return web.Response()

    def _too_large(self) -> web.Response:
        self._refusals.count("too_large")
        return web.Response(status=413)


def _again_please() -> web.Response:
    return web.Response(status=503, headers={"Retry-After": "5"})
