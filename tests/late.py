"""A way to PostgreSQL whose answers come late, as from far away or from a busy machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from tests.way_to_postgres import WayToPostgres


class LatePostgres(WayToPostgres):
    """What the server says is passed on `seconds` later, in order."""

    seconds = 0.0

    async def pass_back(self, server: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        said: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        saying = asyncio.ensure_future(self._say(said, back))
        try:
            while data := await server.read(1 << 20):
                said.put_nowait((self.loop.time() + self.seconds, data))
        finally:
            saying.cancel()

    async def _say(
        self, said: asyncio.Queue[tuple[float, bytes]], back: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                at, data = await said.get()
                await asyncio.sleep(at - self.loop.time())
                back.write(data)
                await back.drain()


@contextmanager
def late_postgres(database_url: str) -> Iterator[tuple[str, LatePostgres]]:
    """Yields the address of the same database behind a slow way, and the way itself."""
    address, socket_dir = database_url.split("?host=")
    way = LatePostgres(socket_dir)
    try:
        yield f"{address}?host={way.socket_dir}", way
    finally:
        way.close()
