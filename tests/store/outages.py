"""A way to a server that can be taken away: refused, silent, or ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit

from tests.servers import free_port

Way = Literal["open", "refused", "silent"]
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Proxy:
    """Passes bytes on; `silent` takes them and drops them, as a dead pooler or balancer does."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._way: Way = "open"
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = free_port()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._accepted, "127.0.0.1", self.port, reuse_address=True
        )

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # In a task of its own: asyncio (before 3.12) logs an error of its own for a cancelled one.
        task = self._loop.create_task(self._accept(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._way == "silent":
            with suppress(OSError):
                await self._pass_on(reader, None)
            return
        there, back = await self._connect()
        self._writers.add(back)
        await asyncio.gather(
            self._pass_on(reader, back), self._pass_on(there, writer), return_exceptions=True
        )
        for one in (writer, back):
            self._writers.discard(one)
            one.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None
    ) -> None:
        while data := await reader.read(1 << 16):
            if writer is not None and self._way != "silent":
                writer.write(data)
                await writer.drain()
        if writer is not None:
            writer.close()

    def set(self, way: Way) -> None:
        async def now() -> None:
            self._way = way
            if way == "refused":
                assert self._server is not None
                self._server.close()
                for writer in list(self._writers):
                    writer.transport.abort()
                self._writers.clear()
                self._server = None
            elif self._server is None:
                await self._listen()

        asyncio.run_coroutine_threadsafe(now(), self._loop).result(10)

    def close(self) -> None:
        async def end() -> None:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@contextmanager
def postgres_proxy(database_url: str) -> Iterator[tuple[str, Proxy]]:
    """The same database by TCP, behind a proxy."""
    address, socket_dir = database_url.split("?host=")
    proxy = Proxy(lambda: asyncio.open_unix_connection(f"{socket_dir}/.s.PGSQL.5432"))
    try:
        yield address.replace("@/", f"@127.0.0.1:{proxy.port}/") + "?sslmode=disable", proxy
    finally:
        proxy.close()


@contextmanager
def rest_proxy(rest_url: str) -> Iterator[tuple[str, Proxy]]:
    """The same REST address behind a proxy."""
    parts = urlsplit(rest_url)
    proxy = Proxy(lambda: asyncio.open_connection(parts.hostname, parts.port))
    try:
        yield f"http://127.0.0.1:{proxy.port}", proxy
    finally:
        proxy.close()
