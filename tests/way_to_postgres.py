"""A way to PostgreSQL that is not the straight one: what the server says may come late or never."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from pathlib import Path


class WayToPostgres:
    """Forwards a unix socket, in a thread of its own; `pass_back` says what becomes of answers."""

    def __init__(self, socket_dir: str) -> None:
        self._upstream = f"{socket_dir}/.s.PGSQL.5432"
        self.socket_dir = tempfile.mkdtemp(prefix="wacampaign-way-")
        self._open: set[asyncio.StreamWriter] = set()
        self.loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    async def pass_back(self, server: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Hands on what the server says until it is over; the connection ends with it."""
        raise NotImplementedError

    def accepts(self) -> bool:
        """Whether a new connection is let through now."""
        return True

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        path = str(Path(self.socket_dir) / ".s.PGSQL.5432")
        server = self.loop.run_until_complete(asyncio.start_unix_server(self._accept, path))
        self._ready.set()
        self.loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.close()

    async def _accept(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if not self.accepts():
            back.close()
            return
        server, forth = await asyncio.open_unix_connection(self._upstream)
        self._open |= {back, forth}
        asking = asyncio.ensure_future(self._forward(client, forth))
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await self.pass_back(server, back)
        finally:
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

    def hang_up(self) -> None:
        """Ends all connections; from the loop's thread."""
        for writer in self._open:
            writer.close()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
