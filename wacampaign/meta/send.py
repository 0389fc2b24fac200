"""The one POST of the send path. It is made once, and it says whether it may have arrived.

Meta knows no idempotency key (whatsapp-cloud-api, 1.1), so the difference between "certainly
not sent" and "may have been sent" decides whether a person gets a message twice. It is not read
from exception types: aiohttp gets the message as a payload that notes the moment its bytes are
asked for. As long as nobody has asked, no byte of the message can have left this machine,
whatever went wrong. From then on everything but a complete answer is in doubt.
"""

from __future__ import annotations

import asyncio
import re
from types import TracebackType
from typing import Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_writer import StreamWriter
from multidict import CIMultiDict
from yarl import URL

from wacampaign import __version__
from wacampaign.core.ports import MaybeSent, NotSent
from wacampaign.meta.endpoint import api_root, tls_context

#: Bytes of an answer. Meta's are a few hundred; what is longer is not Meta's API speaking.
ANSWER_LIMIT: Final = 64 * 1024

#: Seconds an idle connection is used again. A server that closes it while a request is on its
#: way leaves that request in doubt, so we must be the first to let go. Meta documents no idle
#: time; 5 s is the shortest default among servers that stand at the edge of APIs (Apache, Node,
#: uvicorn; nginx 75, AWS load balancers 60). The server counts from when it answered, we from
#: when the answer arrived, and a request must still travel: 4 leaves 1 s for both ways. The
#: price is a handshake (2 round trips) for each message of campaigns slower than one in 4 s.
KEEP_ALIVE_S: Final = 4.0

#: Characters of an error's text: enough for aiohttp's longest useful ones.
_REASON_LENGTH: Final = 300

_NUMBER_ID = re.compile(r"[0-9]{1,32}")
#: What a header value may hold. Anything else would break the request or inject into it.
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


class CancelledBeforeSending(NotSent, asyncio.CancelledError):
    """The task was cancelled, and the message was certainly not sent."""


class CancelledInFlight(MaybeSent, asyncio.CancelledError):
    """The task was cancelled while the message was under way."""


class _Message(aiohttp.Payload):
    """The body of one request. Its bytes can only be had by way of `_hand_over`."""

    _autoclose = True  # holds no resources

    def __init__(self, body: bytes) -> None:
        super().__init__(None, content_type="application/json")
        self._size = len(body)
        self._body = body
        self._withdrawn = False
        #: True once somebody has been given the bytes.
        self.handed_over = False

    def _hand_over(self) -> bytes:
        if self._withdrawn:
            raise aiohttp.ClientConnectionError("The message was withdrawn.")
        self.handed_over = True
        return self._body

    def withdraw(self) -> None:
        """After this nobody gets the bytes: a writer that wakes late cannot send them."""
        self._withdrawn = True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._hand_over().decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(
        self,
        writer: AbstractStreamWriter,
        content_length: int | None,  # noqa: ARG002 - always the length of the body
    ) -> None:
        if isinstance(writer, StreamWriter) and not _fit(writer):
            raise aiohttp.ClientConnectionError("The connection closed before the request.")
        await writer.write(self._hand_over())


def _fit(writer: StreamWriter) -> bool:
    """Whether the connection can carry a request now.

    Between the pool and the first byte an idle connection may turn out closed, or to hold an
    answer that nobody asked for (proxies send `408` before they close): aiohttp would take that
    for the answer to this request, and a row would get another's outcome.
    """
    transport, protocol = writer.transport, writer.protocol
    if transport is None or transport.is_closing():
        return False
    return not (isinstance(protocol, ResponseHandler) and protocol.should_close)


class MessageSender:
    """POSTs messages to one Cloud API. An async context manager; use it inside one event loop.

    `base_url` and `version` are WHATSAPP_API_URL and WHATSAPP_API_VERSION; `http://` is for the
    sandbox. `limit_in_flight` is the number of connections: more calls than that wait for one,
    and give up as `NotSent` after `connect_timeout_s`, so keep count yourself. `connect_timeout_s`
    covers name, TCP and TLS together. `timeout_s` is for the answer, from the last byte sent.
    `ca_file` replaces the trusted certificates. Proxies in the environment are not used.

    Raises `Misconfigured` for a base URL, version or CA file that cannot be right.
    """

    def __init__(
        self,
        base_url: str,
        version: str,
        *,
        limit_in_flight: int = 400,
        timeout_s: float = 30,
        connect_timeout_s: float = 5,
        ca_file: str | None = None,
    ) -> None:
        self._root = api_root(base_url, version)
        self._tls = tls_context(ca_file)
        self._limit = limit_in_flight
        self._timeout = aiohttp.ClientTimeout(
            # The whole call: an answer that drips in must end, too.
            total=connect_timeout_s + timeout_s,
            connect=connect_timeout_s,
            sock_read=timeout_s,
        )
        self._session: aiohttp.ClientSession | None = None
        self._envelopes: dict[tuple[str, str], tuple[URL, CIMultiDict[str]]] = {}

    async def __aenter__(self) -> MessageSender:
        connector = aiohttp.TCPConnector(
            limit=self._limit, ssl=self._tls, keepalive_timeout=KEEP_ALIVE_S
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
                "User-Agent": f"wacampaign/{__version__}",
            },
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes all connections; posts still under way end as `MaybeSent`."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, phone_number_id: str, token: str, body: bytes) -> tuple[int, bytes]:
        """Sends `body` (a message in Meta's JSON) from `phone_number_id`, once.

        Returns the HTTP status, whatever it is, and the answer's body, complete and at most
        64 KiB. No status is an error here, no redirect is followed, nothing is tried twice.

        Raises `NotSent` or `MaybeSent`. A cancelled call raises `CancelledBeforeSending` or
        `CancelledInFlight`, which are one of these and `asyncio.CancelledError` as well.
        """
        if self._session is None:
            raise RuntimeError("MessageSender is used outside of its `async with`.")
        url, headers = self._envelopes.get((phone_number_id, token)) or self._envelope(
            phone_number_id, token
        )
        message = _Message(body)
        cancelled = False
        try:
            async with self._session.post(
                url, data=message, headers=headers, allow_redirects=False
            ) as answer:
                if not message.handed_over:
                    answer.close()
                    raise aiohttp.ClientConnectionError("The answer came before the request.")
                return answer.status, await _read(answer)
        except asyncio.CancelledError:
            cancelled, reason = True, "cancelled"
        except Exception as error:
            reason = _reason(error)
        # Raised from here, not from the handlers: aiohttp's errors carry the request's headers,
        # and with them the token, into whatever prints a chain of exceptions.
        if message.handed_over:
            raise (CancelledInFlight if cancelled else MaybeSent)(reason)
        message.withdraw()
        raise (CancelledBeforeSending if cancelled else NotSent)(reason)

    def _envelope(self, phone_number_id: str, token: str) -> tuple[URL, CIMultiDict[str]]:
        if not _NUMBER_ID.fullmatch(phone_number_id):
            raise NotSent("The phone number id is not a number.")
        if not _TOKEN.fullmatch(token):
            raise NotSent("The access token is empty or holds characters that no token has.")
        url = URL(f"{self._root}/{phone_number_id}/messages", encoded=True)
        headers = CIMultiDict({"Authorization": f"Bearer {token}"})
        self._envelopes[phone_number_id, token] = url, headers
        return url, headers


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The whole body, or an error as soon as it is longer than `ANSWER_LIMIT`."""
    body = await answer.content.readany()
    while not answer.content.at_eof():
        body += await answer.content.readany()
        if len(body) > ANSWER_LIMIT:
            break
    if len(body) > ANSWER_LIMIT:
        answer.close()
        raise aiohttp.ClientPayloadError(
            f"HTTP {answer.status} with a body of more than {ANSWER_LIMIT} bytes"
        )
    return body


def _reason(error: Exception) -> str:
    text = str(error).strip()
    name = type(error).__name__
    return f"{name}: {text}"[:_REASON_LENGTH] if text else name
