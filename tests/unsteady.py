"""A way to a server that can be made to fail as networks and servers do, and to work again."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any

from tests.servers import free_port

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Mode(Enum):
    PASS = auto()
    #: Nobody listens; what was connected is reset.
    REFUSE = auto()
    #: Connections are accepted and established ones stay, and nothing goes through. What was sent
    #: meanwhile arrives when the way is open again, as it does in a network.
    BLACK_HOLE = auto()
    #: Connections are accepted and reset.
    RESET = auto()
    #: Each answer comes `late` seconds later.
    LATE = auto()
    #: A gateway answers every request itself.
    HTML = auto()
    #: PostgREST answers that its pool has no connection free (PGRST003, postgrest.org, errors).
    NO_CONNECTION = auto()
    #: Another certificate, which nobody trusts.
    BAD_TLS = auto()


_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_PGRST003 = (
    b'{"code":"PGRST003","details":null,"hint":null,'
    b'"message":"Timed out acquiring connection from connection pool."}'
)
_ANSWERS = {
    Mode.HTML: (b"502 Bad Gateway", b"text/html", _PAGE),
    Mode.NO_CONNECTION: (b"504 Gateway Timeout", b"application/json; charset=utf-8", _PGRST003),
}


class UnsteadyWay:
    """Forwards TCP connections to `upstream`, in a thread of its own."""

    def __init__(
        self,
        upstream: Callable[[], Awaitable[Streams]],
        *,
        tls: ssl.SSLContext | None = None,
        bad_tls: ssl.SSLContext | None = None,
        late: float = 6.0,
    ) -> None:
        self._upstream = upstream
        self._tls, self._bad_tls = tls, bad_tls
        self._late = late
        self._mode = Mode.PASS
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        #: Connections accepted so far.
        self.accepted = 0
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._listen())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def set(self, mode: Mode) -> None:
        """From now on it fails like this (or passes)."""
        self._do(self._set(mode))

    def close(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _set(self, mode: Mode) -> None:
        self._mode = mode
        self._changed.set()
        self._changed = asyncio.Event()
        if mode in (Mode.REFUSE, Mode.RESET, Mode.BAD_TLS, *_ANSWERS):
            await self._hang_up()
        await self._unlisten()
        if mode is not Mode.REFUSE:
            await self._listen()

    async def _listen(self) -> None:
        tls = self._bad_tls if self._mode is Mode.BAD_TLS else self._tls
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=tls)

    async def _unlisten(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _hang_up(self) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _end(self) -> None:
        await self._unlisten()
        # Also those of connections that were accepted and not yet begun.
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _accept(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [back]
        try:
            if self._mode in _ANSWERS:
                await self._answer_for_it(*_ANSWERS[self._mode], client, back)
            elif self._mode is not Mode.RESET:
                await self._open()
                server, forth = await self._upstream()
                writers.append(forth)
                await asyncio.gather(self._pump(client, forth), self._pump(server, back, late=True))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for writer in writers:
                writer.transport.abort()

    async def _answer_for_it(
        self,
        status: bytes,
        kind: bytes,
        body: bytes,
        client: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        head = await client.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await client.readexactly(int(line.split(b":")[1]))
        head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
        back.write(head % (status, kind, len(body)) + body)
        await back.drain()

    async def _open(self) -> None:
        while self._mode is Mode.BLACK_HOLE:
            await self._changed.wait()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, late: bool = False
    ) -> None:
        while data := await source.read(1 << 16):
            await self._open()
            if late and self._mode is Mode.LATE:
                await asyncio.sleep(self._late)
            sink.write(data)
            await sink.drain()
        await self._open()
        with contextlib.suppress(OSError, RuntimeError):
            sink.close()


@contextmanager
def unsteady_postgres(database_url: str) -> Iterator[tuple[str, UnsteadyWay]]:
    """The address of that database behind such a way, and the way."""
    address, socket_dir = database_url.split("?host=")
    way = UnsteadyWay(lambda: asyncio.open_unix_connection(f"{socket_dir}/.s.PGSQL.5432"))
    try:
        yield address.replace("@/", f"@127.0.0.1:{way.port}/") + "?sslmode=disable", way
    finally:
        way.close()


@contextmanager
def unsteady_http(
    url: str, *, tls: ssl.SSLContext | None = None, bad_tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, UnsteadyWay]]:
    """The address of that plain HTTP server behind such a way (with TLS if given), and the way."""
    host, port = url.removeprefix("http://").split(":")
    way = UnsteadyWay(lambda: asyncio.open_connection(host, int(port)), tls=tls, bad_tls=bad_tls)
    scheme = "http" if tls is None else "https"
    try:
        yield f"{scheme}://localhost:{way.port}" if tls else f"http://127.0.0.1:{way.port}", way
    finally:
        way.close()
