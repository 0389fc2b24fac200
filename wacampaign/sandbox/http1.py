"""HTTP/1.1 for the sandbox: keep-alive requests in, prompt, late, or missing answers out.

Why not aiohttp: its server with an empty handler costs as much per request (77 µs measured) as a
checked and counted message here, needs a sleeping task for each late answer, and has no place for
an answer that never comes or a connection that is reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import cast

#: Bytes. Meta's largest document is 100 MB; base64 in a control request adds a third.
MAX_BODY = 150 * 1024 * 1024
#: Bytes. Twice what nginx and Node accept for a request head.
MAX_HEAD = 32 * 1024

_REASONS = {status.value: status.phrase for status in HTTPStatus}
#: SO_LINGER on, 0 s: closing sends RST, the peer sees "connection reset".
_LINGER_RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Request:
    """One request. `headers` has lower-case names; `path` and `query` are still percent-encoded."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    #: `http` or `https`, as the client reached us.
    scheme: str


class Ending(Enum):
    """What the client gets to see."""

    ANSWER = auto()
    #: The connection closes in good order (FIN) without an answer.
    CLOSE = auto()
    #: The connection is reset (RST).
    RESET = auto()
    #: Nothing ever comes; the connection stays open until the client gives up.
    HANG = auto()


@dataclass(slots=True)
class Reply:
    """How one request ends. `delay_s` seconds pass before `ending` happens."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json; charset=UTF-8"
    delay_s: float = 0.0
    ending: Ending = Ending.ANSWER
    headers: dict[str, str] = field(default_factory=dict)
    #: Called once when the request is over: answered, closed, or left by the client.
    on_end: Callable[[], None] | None = None


class HttpConnection(asyncio.Protocol):
    """One client connection. Requests on it are handled strictly one after another."""

    __slots__ = ("_buffer", "_handle", "_open", "_pending", "_scheme", "_timer", "_transport")

    def __init__(
        self,
        handle: Callable[[Request], Reply],
        open_connections: set[HttpConnection],
        scheme: str,
    ) -> None:
        self._handle = handle
        self._open = open_connections
        self._scheme = scheme
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pending: Reply | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._open.discard(self)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._end()

    def abort(self) -> None:
        """Close at once, whatever is still to be answered."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._pending is None:
            self._read_requests()

    def _read_requests(self) -> None:
        while self._pending is None and self._buffer and self._transport is not None:
            try:
                request = self._take_request()
            except ValueError as exc:
                self._buffer.clear()
                refusal = Reply(str(exc).encode(), 400, "text/plain; charset=utf-8")
                self._write(refusal, self._transport)
                self._transport.close()
                return
            if request is None:
                return
            reply = self._handle(request)
            if request.method == "HEAD":
                reply.headers["Content-Length"] = str(len(reply.body))
                reply.body = b""
            if request.headers.get("connection", "").lower() == "close":
                reply.headers["Connection"] = "close"
            self._pending = reply
            if reply.delay_s > 0:
                self._timer = asyncio.get_running_loop().call_later(reply.delay_s, self._late)
            else:
                self._finish()

    def _take_request(self) -> Request | None:
        """The next complete request in the buffer, or None when more bytes have to come."""
        buffer = self._buffer
        head_end = buffer.find(b"\r\n\r\n", 0, MAX_HEAD + 4)
        if head_end < 0:
            if len(buffer) > MAX_HEAD:
                raise ValueError("request head too large")
            return None
        lines = buffer[:head_end].decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise ValueError("not an HTTP/1.1 request line")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError("header line without a colon")
            headers[name.lower()] = value.strip()
        body_start = head_end + 4
        if "chunked" in headers.get("transfer-encoding", "").lower():
            chunked = self._take_chunked(body_start)
            if chunked is None:
                self._maybe_continue(headers, body_start)
                return None
            body, end = chunked
        else:
            length_text = headers.get("content-length", "0")
            if not length_text.isdecimal() or int(length_text) > MAX_BODY:
                raise ValueError("bad Content-Length")
            end = body_start + int(length_text)
            if len(buffer) < end:
                self._maybe_continue(headers, body_start)
                return None
            body = bytes(buffer[body_start:end])
        del buffer[:end]
        path, _, query = words[1].partition("?")
        return Request(words[0], path, query, headers, body, self._scheme)

    def _take_chunked(self, start: int) -> tuple[bytes, int] | None:
        """Body and end position of a chunked body, or None when it is not complete yet."""
        buffer, position, parts = self._buffer, start, bytearray()
        while True:
            line_end = buffer.find(b"\r\n", position)
            if line_end < 0:
                return None
            size = int(bytes(buffer[position:line_end]).split(b";")[0], 16)
            position = line_end + 2
            if size == 0:
                trailer_end = buffer.find(b"\r\n", position)
                return None if trailer_end < 0 else (bytes(parts), trailer_end + 2)
            if len(parts) + size > MAX_BODY:
                raise ValueError("body too large")
            if len(buffer) < position + size + 2:
                return None
            parts += buffer[position : position + size]
            position += size + 2

    def _maybe_continue(self, headers: dict[str, str], body_start: int) -> None:
        # curl waits a second for this before it sends a large body.
        if (
            headers.get("expect", "").lower() == "100-continue"
            and len(self._buffer) == body_start
            and self._transport is not None
        ):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _late(self) -> None:
        self._timer = None
        self._finish()
        self._read_requests()

    def _finish(self) -> None:
        reply, transport = self._pending, self._transport
        if reply is None or transport is None or reply.ending is Ending.HANG:
            return
        if reply.ending is Ending.ANSWER:
            self._write(reply, transport)
        self._end()
        if reply.ending is Ending.RESET:
            with contextlib.suppress(OSError):
                sock: socket.socket = transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
            transport.abort()
        elif reply.ending is Ending.CLOSE or reply.headers.get("Connection") == "close":
            transport.close()

    @staticmethod
    def _write(reply: Reply, transport: asyncio.Transport) -> None:
        head = (
            f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Unknown')}\r\n"
            f"Content-Type: {reply.content_type}\r\n"
        )
        if "Content-Length" not in reply.headers:
            head += f"Content-Length: {len(reply.body)}\r\n"
        for name, value in reply.headers.items():
            head += f"{name}: {value}\r\n"
        transport.write(head.encode("latin-1") + b"\r\n" + reply.body)

    def _end(self) -> None:
        reply, self._pending = self._pending, None
        if reply is not None and reply.on_end is not None:
            reply.on_end()
