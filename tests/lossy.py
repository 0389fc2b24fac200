"""A way to PostgreSQL that loses answers: the server has done it, the client never hears."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager

from tests.way_to_postgres import WayToPostgres

#: What the server sends when it is ready for the next statement (protocol 3: ReadyForQuery).
READY = b"Z\x00\x00\x00\x05"


class LossyPostgres(WayToPostgres):
    """One answer in `one_in` is thrown away with its connection."""

    def __init__(self, socket_dir: str, one_in: int, seed: int) -> None:
        self._dice = random.Random(seed)
        self._one_in = one_in
        self.lost = 0
        self._cut = False
        super().__init__(socket_dir)

    def accepts(self) -> bool:
        return not self._cut

    async def pass_back(self, server: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        first = True
        while data := await server.read(1 << 20):
            # The first answer is the login: losing it loses nothing that was done.
            if READY in data and not first and self._dice.randrange(self._one_in) == 0:
                self.lost += 1
                return
            first = first and READY not in data
            back.write(data)
            await back.drain()

    def cut(self) -> None:
        """The database is away: connections break and new ones are closed at once."""

        def now() -> None:
            self._cut = True
            self.hang_up()

        self.loop.call_soon_threadsafe(now)

    def mend(self) -> None:
        """The database is back."""
        self._cut = False


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
