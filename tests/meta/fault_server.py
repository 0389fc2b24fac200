"""A server on a real socket that misbehaves on purpose and keeps every request it got."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trustme

ACCEPTED = b'{"messaging_product":"whatsapp","messages":[{"id":"wamid.TEST"}]}'


#: Connections that may wait to be accepted: of more, each repeats itself a second later, and again.
BACKLOG = 1024


@dataclass
class Arrived:
    """One complete request."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FaultServer:
    """`arrived` holds every complete request of all connections, in order."""

    base_url: str = ""
    port: int = 0
    connections: int = 0
    arrived: list[Arrived] = field(default_factory=list)
    #: Set when the first request is complete.
    got_one: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.arrived]

    async def read(self, reader: asyncio.StreamReader) -> Arrived:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.rstrip("\r\n").split("\r\n")
        headers = {k.lower(): v for k, _, v in (item.partition(": ") for item in rest)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Arrived(line, headers, body)
        self.arrived.append(request)
        self.got_one.set()
        return request


#: What to do with one connection.
Behaviour = Callable[[FaultServer, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes = ACCEPTED, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def serving(
    behaviour: Behaviour, tls: ssl.SSLContext | None = None
) -> AsyncIterator[FaultServer]:
    """Runs `behaviour` for each connection; an early end of the client is no error."""
    server = FaultServer()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(
                ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError
            ):
                await behaviour(server, reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, backlog=BACKLOG)
    server.port = listener.sockets[0].getsockname()[1]
    server.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}"
    try:
        yield server
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
    return context
