"""A way to PostgreSQL that loses answers: the server has done it, the client never hears."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What the server sends when it is ready for the next statement (protocol 3: ReadyForQuery).
READY = b"Z\x00\x00\x00\x05"


class LossyPostgres:
    """Forwards a unix socket; one answer in `one_in` is thrown away with its connection."""

    def __init__(self, socket_dir: str, one_in: int, seed: int) -> None:
        self._upstream = f"{socket_dir}/.s.PGSQL.5432"
        self._dice = random.Random(seed)
        self._one_in = one_in
        self.lost = 0
        self._cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self.socket_dir = tempfile.mkdtemp(prefix="wacampaign-lossy-")
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

    async def _accept(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if self._cut:
            back.close()
            return
        server, forth = await asyncio.open_unix_connection(self._upstream)
        self._open |= {back, forth}
        asking = asyncio.ensure_future(self._forward(client, forth))
        first = True
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await server.read(1 << 20):
                # The first answer is the login: losing it loses nothing that was done.
                if READY in data and not first and self._dice.randrange(self._one_in) == 0:
                    self.lost += 1
                    break
                first = first and READY not in data
                back.write(data)
                await back.drain()
        asking.cancel()
        for writer in (back, forth):
            self._open.discard(writer)
            writer.close()

    async def _forward(self, client: asyncio.StreamReader, forth: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await client.read(1 << 20):
                forth.write(data)
                await forth.drain()
        forth.close()

    def cut(self) -> None:
        """The database is away: connections break and new ones are closed at once."""

        def now() -> None:
            self._cut = True
            for writer in self._open:
                writer.close()

        self._loop.call_soon_threadsafe(now)

    def mend(self) -> None:
        """The database is back."""
        self._cut = False

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@contextmanager
def lossy_postgres(
    database_url: str, one_in: int, seed: int = 0
) -> Iterator[tuple[str, LossyPostgres]]:
    """Yields the address of the same database behind a lossy way, and the way itself."""
    address, socket_dir = database_url.split("?host=")
    way = LossyPostgres(socket_dir, one_in, seed)
    try:
        yield f"{address}?host={way.socket_dir}", way
    finally:
        way.close()
