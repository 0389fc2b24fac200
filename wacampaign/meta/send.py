"""The one POST of the send path. It is made once, and it says whether it may have arrived.

Meta knows no idempotency key (whatsapp-cloud-api, 1.1), so the difference between "certainly
not sent" and "may have been sent" decides whether a person gets a message twice. It is not read
from exception types: a request's bytes exist in one place only, `_hand_over`, which gives them to
a connection that is ready, all at once. Before that call nothing of the message can have left this
machine, whatever went wrong. From then on everything but a complete answer is in doubt.

aiohttp brings what is hard about connections (names, addresses, TLS, the pool) and about answers
(the parser). Its requests are not used: building one costs more than everything else here
(docs/explanation/decisions/0004-http-engine.md).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader
from yarl import URL

from wacampaign import __version__
from wacampaign.core.engine.credentials import TOKEN
from wacampaign.core.engine.deadlines import USUAL_DEADLINES
from wacampaign.core.engine.ports import HttpAnswer, MaybeSent, NotSent, Unconnected, Withheld
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
#: Beginnings of requests that are kept: one a number, token and edge. A token is renewed every 60
#: days or so, and none of before is to stay in memory for ever.
HEADS_MAX: Final = 64

#: Characters of an error's text: enough for aiohttp's longest useful ones.
_REASON_LENGTH: Final = 300

#: Headers that Meta's servers set and gateways between do not.
_META_HEADERS: Final = (
    "x-fb-trace-id",
    "x-fb-request-id",
    "x-fb-rev",
    "x-fb-debug",
    "facebook-api-version",
)

_NUMBER_ID = re.compile(r"[0-9]{1,32}")
_EDGES: Final = ("messages", "marketing_messages")


class CancelledBeforeSending(NotSent, asyncio.CancelledError):
    """The task was cancelled, and the message was certainly not sent."""


class CancelledInFlight(MaybeSent, asyncio.CancelledError):
    """The task was cancelled while the message was under way."""


def _always() -> bool:
    return True


class MessageSender:
    """POSTs messages to one Cloud API. An async context manager; use it inside one event loop.

    `base_url` and `version` are WHATSAPP_API_URL and WHATSAPP_API_VERSION; `http://` is for the
    sandbox. Each call that finds no idle connection opens one: keep count yourself.
    `connect_timeout_s` covers name, TCP and TLS together. `timeout_s` is for the whole answer, from
    the moment the request was handed over. `ca_file` replaces the trusted certificates. Proxies in
    the environment are not used.

    Raises `Misconfigured` for a base URL, version or CA file that cannot be right.
    """

    def __init__(
        self,
        base_url: str,
        version: str,
        *,
        timeout_s: float = USUAL_DEADLINES.api_answer,
        connect_timeout_s: float = USUAL_DEADLINES.api_connect,
        ca_file: str | None = None,
    ) -> None:
        self._root = URL(api_root(base_url, version), encoded=True)
        self._tls = tls_context(ca_file)
        self._timeout_s = timeout_s
        self._connecting = aiohttp.ClientTimeout(total=None, connect=connect_timeout_s)
        self._connector: aiohttp.TCPConnector | None = None
        self._destination: aiohttp.ClientRequest | None = None
        self._heads: dict[tuple[str, str, str], bytes] = {}
        #: Until when (loop time) the answer on this connection has to be here; oldest first, as all
        #: get the same time. One timer for all of them: two a request cost as much as its parsing.
        self._deadlines: dict[ResponseHandler, float] = {}
        self._overdue: set[ResponseHandler] = set()
        self._watch: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> MessageSender:
        # No limit: a call that waits for another's connection would miss its slot, and could not be
        # told from one that cannot reach the API.
        self._connector = aiohttp.TCPConnector(
            limit=0, ssl=self._tls, keepalive_timeout=KEEP_ALIVE_S
        )
        # What the connector wants to know of a request: where it goes.
        self._destination = aiohttp.ClientRequest(
            "POST", self._root, loop=asyncio.get_running_loop()
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes all connections; posts still under way end as `MaybeSent`."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._connector is not None:
            await self._connector.close()
            self._connector = None

    async def post(
        self,
        phone_number_id: str,
        token: str,
        body: bytes,
        may_leave: Callable[[], bool] = _always,
        edge: str = "messages",
    ) -> HttpAnswer:
        """Sends `body` (a message in Meta's JSON) from `phone_number_id`, once.

        `edge` is `messages`, or `marketing_messages` where a template of that category goes there.

        Returns the HTTP status, whatever it is, and the answer's body, complete and at most
        64 KiB. No status is an error here, no redirect is followed, nothing is tried twice.
        `may_leave` is asked when a connection is ready; on False nothing leaves, and the connection
        waits for the next call.

        Raises `NotSent` (`Unconnected`, `Withheld`) or `MaybeSent`. A cancelled call raises
        `CancelledBeforeSending` or `CancelledInFlight`, which are one of these and
        `asyncio.CancelledError` as well.
        """
        connector, destination = self._connector, self._destination
        if connector is None or destination is None:
            raise RuntimeError("MessageSender is used outside of its `async with`.")
        head = self._heads.get((phone_number_id, token, edge))
        head = head or self._head(phone_number_id, token, edge)
        failure: NotSent | MaybeSent | None = None
        try:
            connection = await connector.connect(destination, [], self._connecting)
        except asyncio.CancelledError:
            failure = CancelledBeforeSending("cancelled")
        except TimeoutError as error:
            failure = Unconnected(_reason(error, "no connection in time"))
        except Exception as error:
            failure = Unconnected(_reason(error))
        # Raised from here, not from the handlers: what is raised must not drag a chain along that
        # shows a request's parts, and with them the token, to whatever prints it.
        if failure is not None:
            raise failure
        protocol = _ready(connection)
        if protocol is None:
            connection.close()
            raise NotSent("The connection closed before the request.")
        if not may_leave():
            connection.release()
            raise Withheld("the claim is too old to be acted on")
        try:
            self._hand_over(protocol, b"%b%d\r\n\r\n%b" % (head, len(body), body))
            message, payload = await _head_of_answer(protocol)
            answer = HttpAnswer(message.code, await _read(payload), _from_meta(message))
            if protocol in self._overdue:
                # Without a length the end of the connection ends a body, also when we ended it.
                raise TimeoutError
        except asyncio.CancelledError:
            failure = CancelledInFlight("cancelled")
        except Exception as error:
            late = f"no complete answer within {self._timeout_s:g} s"
            failure = MaybeSent(late if protocol in self._overdue else _reason(error))
        self._deadlines.pop(protocol, None)
        self._overdue.discard(protocol)
        if failure is not None:
            connection.close()
            raise failure
        connection.release()
        return answer

    def _hand_over(self, protocol: ResponseHandler, request: bytes) -> None:
        """From here on it may have been sent."""
        loop = asyncio.get_running_loop()
        self._deadlines[protocol] = loop.time() + self._timeout_s
        if self._watch is None:
            self._watch = loop.call_later(self._timeout_s, self._end_overdue)
        protocol.set_response_params(read_until_eof=True)
        assert protocol.transport is not None
        protocol.transport.write(request)

    def _end_overdue(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._watch = None
        for protocol, deadline in list(self._deadlines.items()):
            if deadline > now:
                self._watch = loop.call_at(deadline, self._end_overdue)
                break
            del self._deadlines[protocol]
            self._overdue.add(protocol)
            if protocol.transport is not None:
                protocol.transport.abort()

    def _head(self, phone_number_id: str, token: str, edge: str) -> bytes:
        """The request's head, up to the length of its body."""
        if not _NUMBER_ID.fullmatch(phone_number_id):
            raise NotSent("The phone number id is not a number.")
        if edge not in _EDGES:
            raise NotSent("There is no such endpoint for messages.")
        if not TOKEN.fullmatch(token):
            raise NotSent("The access token is empty or holds characters that no token has.")
        lines = (
            f"POST {self._root.raw_path}/{phone_number_id}/{edge} HTTP/1.1",
            f"Host: {self._root.host_port_subcomponent}",
            "Accept: application/json",
            "Accept-Encoding: identity",
            "Content-Type: application/json",
            f"User-Agent: wacampaign/{__version__}",
            f"Authorization: Bearer {token}",
            "Content-Length: ",
        )
        if len(self._heads) >= HEADS_MAX:
            self._heads.clear()  # tokens of before
        head = self._heads[phone_number_id, token, edge] = "\r\n".join(lines).encode("ascii")
        return head


def _ready(connection: Connection) -> ResponseHandler | None:
    """The connection's protocol if it can carry a request now.

    Between the pool and the first byte an idle connection may turn out closed, or to hold an
    answer that nobody asked for (proxies send `408` before they close): it would be taken for the
    answer to this request, and a row would get another's outcome.
    """
    protocol = connection.protocol
    if protocol is None or not protocol.is_connected() or protocol.should_close:
        return None
    return protocol


async def _head_of_answer(protocol: ResponseHandler) -> tuple[RawResponseMessage, StreamReader]:
    """The answer's head and where its body comes in; what is only informational is passed over."""
    while True:
        message, payload = await protocol.read()
        if not 100 <= message.code < 200 or message.code == 101:
            return message, payload


def _from_meta(message: RawResponseMessage) -> bool:
    headers = message.headers
    return any(name in headers for name in _META_HEADERS)


async def _read(payload: StreamReader) -> bytes:
    """The whole body, or an error as soon as it is longer than `ANSWER_LIMIT`."""
    body = await payload.readany()
    while not payload.at_eof():
        body += await payload.readany()
        if len(body) > ANSWER_LIMIT:
            break
    if len(body) > ANSWER_LIMIT:
        raise aiohttp.ClientPayloadError(f"an answer of more than {ANSWER_LIMIT} bytes")
    return body


def _reason(error: Exception, meaning: str = "") -> str:
    text = str(error).strip() or meaning
    name = type(error).__name__
    return f"{name}: {text}"[:_REASON_LENGTH] if text else name
