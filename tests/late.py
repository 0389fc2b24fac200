"""A way to PostgreSQL whose answers come late, as from far away or from a busy machine."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LatePostgres:
    """Forwards a unix socket; what the server says is passed on `seconds` later, in order."""

    def __init__(self, socket_dir: str) -> None:
        self._upstream = f"{socket_dir}/.s.PGSQL.5432"
        self.seconds = 0.0
        self.socket_dir = tempfile.mkdtemp(prefix="wacampaign-late-")
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        path = str(Path(self.socket_dir) / ".s.PGSQL.5432")
        server = self._loop.run_until_complete(asyncio.start_unix_server(self._accept, path))
        self._ready.set()
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _accept(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, forth = await asyncio.open_unix_connection(self._upstream)
        said: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        tasks = [
            asyncio.ensure_future(self._forward(client, forth)),
            asyncio.ensure_future(self._pass_on(said, back)),
        ]
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await server.read(1 << 20):
                said.put_nowait((self._loop.time() + self.seconds, data))
        for task in tasks:
            task.cancel()
        for writer in (back, forth):
            writer.close()

    async def _pass_on(
        self, said: asyncio.Queue[tuple[float, bytes]], back: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                at, data = await said.get()
                await asyncio.sleep(at - self._loop.time())
                back.write(data)
                await back.drain()

    async def _forward(self, client: asyncio.StreamReader, forth: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await client.read(1 << 20):
                forth.write(data)
                await forth.drain()
        forth.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@contextmanager
def late_postgres(database_url: str) -> Iterator[tuple[str, LatePostgres]]:
    """Yields the address of the same database behind a slow way, and the way itself."""
    address, socket_dir = database_url.split("?host=")
    way = LatePostgres(socket_dir)
    try:
        yield f"{address}?host={way.socket_dir}", way
    finally:
        way.close()
