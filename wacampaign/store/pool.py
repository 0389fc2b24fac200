"""A few connections for calls. None is opened, watched or opened again behind a caller's back.

psycopg_pool reopens what broke in workers of its own, 1, 2, 4 … up to 300 s apart (its
`AttemptWithBackoff`): after an outage of two minutes calls failed for another one. Here the call
that needs a connection opens it, so what the database's return costs is the caller's own pause
(ADR 0018).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psycopg

from wacampaign.store.states import DatabaseBusy

#: Seconds after which a connection that nobody needed is given back to the database.
IDLE_SECONDS: Final = 300.0

Connection = psycopg.AsyncConnection[Any]


class ConnectionPool:
    """At most `size` connections at a time. Safe to use concurrently in one event loop."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int) -> None:
        self._connect = connect
        self._places = asyncio.Semaphore(size)
        #: Connections at rest with the time since when, the last used at the end.
        self._idle: list[tuple[Connection, float]] = []
        #: Raised when an outage was met: what was opened before is not trusted any more.
        self._epoch = 0
        self._closed = False

    async def take(self, wait_seconds: float) -> tuple[Connection, int]:
        """A connection that looks alive, and the epoch to give it back with.

        Raises `DatabaseBusy` when none becomes free within `wait_seconds`, and what `connect`
        raises.
        """
        try:
            async with asyncio.timeout(wait_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise DatabaseBusy(
                f"no database connection was free within {wait_seconds:g} s"
            ) from None
        try:
            while self._idle:
                connection, _ = self._idle.pop()
                if _looks_alive(connection):
                    return connection, self._epoch
                connection.pgconn.finish()
            return await self._connect(), self._epoch
        except BaseException:
            self._places.release()
            raise

    def give(self, connection: Connection, epoch: int) -> None:
        """Takes a connection back after a call that went well."""
        self._places.release()
        now = time.monotonic()
        if epoch != self._epoch or self._closed or not _looks_alive(connection):
            connection.pgconn.finish()
        else:
            self._idle.append((connection, now))
        while self._idle and now - self._idle[0][1] > IDLE_SECONDS:
            self._idle.pop(0)[0].pgconn.finish()

    def drop(self, *, distrust: bool) -> None:
        """Counts a connection out that is not given back; the caller closes it.

        `distrust`: it broke, and the others will have broken with it.
        """
        self._places.release()
        if distrust:
            self._epoch += 1
            self._close_idle()

    def close(self) -> None:
        """Closes what is at rest now, and the others when they are given back."""
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop()[0].pgconn.finish()


def _looks_alive(connection: Connection) -> bool:
    """Without asking it: a server that ends a connection says so, and its end is there to read."""
    pgconn = connection.pgconn
    if connection.closed or pgconn.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        return False
    try:
        pgconn.consume_input()
        pgconn.consume_input()  # the first may have read the server's last words only
    except psycopg.OperationalError:
        return False
    return pgconn.status == psycopg.pq.ConnStatus.OK
