"""Direct connections with psycopg: a small pool for calls and one connection that listens."""

import asyncio
import contextlib
import logging
import time
from typing import Any, Final

import psycopg

from wacampaign.core.engine.turns import SHORTEST_SECONDS
from wacampaign.logs import log_event
from wacampaign.problems import Problem
from wacampaign.store.answers import checked_answer, deadline_of
from wacampaign.store.connecting import (
    AGAIN_SECONDS,
    CONNECT_SECONDS,
    address_of,
    call_problem,
    connect,
    keeps_its_session,
)
from wacampaign.store.functions import functions
from wacampaign.store.pool import Connection, ConnectionPool
from wacampaign.store.states import DatabaseBusy, DatabaseUnreachable, while_running
from wacampaign.store.transport import IDLE_POLL_SECONDS

#: Connections for calls: claim, begin, settle and a verdict at once; more would only wait on locks.
POOL_SIZE: Final = 4
#: Seconds between two looks at a listening connection that hears nothing: a middlebox may have
#: dropped it.
LISTEN_CHECK_SECONDS: Final = 30.0
#: Seconds between two attempts to listen again.
LISTEN_PAUSE_SECONDS: Final = 1.0

_logger = logging.getLogger("wacampaign.store")


class _Goodbye(DatabaseBusy):
    """The server ended this connection; every call may be repeated."""


class PostgresTransport:
    """Calls over psycopg; woken by NOTIFY.

    Works on a direct connection and on poolers in session and transaction mode. In transaction
    mode a LISTEN would stay on a connection that others use, so there it polls.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "postgres",
        connect_seconds: float = CONNECT_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
        call_seconds: float | None = None,
    ) -> None:
        """`call_seconds`: the same time limit for every call, for tests.

        Raises `Misconfigured` for an address that cannot be right.
        """
        self.name = name
        self.idle_poll_seconds = IDLE_POLL_SECONDS
        self._address = address_of(url)
        self._connect_seconds = connect_seconds
        self._again_seconds = again_seconds
        self._call_seconds = call_seconds
        self._pool = ConnectionPool(self._connect, POOL_SIZE)
        #: A call went well once: the address is right.
        self._worked = False
        self._listener: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        #: Calls that were given up and are being cancelled.
        self._given_up: set[asyncio.Task[None]] = set()

    async def _connect(self) -> Connection:
        return await connect(
            self._address,
            connect_seconds=self._connect_seconds,
            again_seconds=self._again_seconds,
        )

    async def call(self, function: str, params: dict[str, Any]) -> Any:
        """Calls one function; see `Transport.call`."""
        types = functions()[function].parameters
        arguments = ", ".join(f"p_{key} => %({key})s::{types[key]}" for key in params)
        statement = f"select public.wacampaign_{function}({arguments})"
        values = {k: array_literal(v) if isinstance(v, list) else v for k, v in params.items()}
        seconds = self._call_seconds or deadline_of(function)
        until = time.monotonic() + seconds
        try:
            try:
                row = await self._ask(statement.encode(), values, until, seconds)
            except _Goodbye:
                # The server ended a kept connection, and said so a moment after it was looked at.
                row = await self._ask(statement.encode(), values, until, seconds)
        except Problem as problem:
            raise (while_running(problem) if self._worked else problem) from None
        self._worked = True
        return checked_answer(function, row[0] if row else None)

    async def _ask(
        self, statement: bytes, values: dict[str, Any], until: float, seconds: float
    ) -> tuple[Any, ...] | None:
        connection, epoch = await self._pool.take(seconds)
        asking = asyncio.create_task(_first_row(connection, statement, values))
        waited = False
        try:
            await asyncio.wait({asking}, timeout=max(0.0, until - time.monotonic()))
            waited = asking.done()
        finally:
            # Too late, or our caller was cancelled: perhaps in the moment in which it was answered,
            # and then the connection has its place all the same.
            if not waited:
                self._give_up(asking, connection)
        if not waited:
            raise DatabaseUnreachable(f"the database did not answer within {seconds:g} s")
        try:
            row = asking.result()
        except psycopg.Error as error:
            if connection.closed:
                self._pool.drop(distrust=True)
                if error.sqlstate == "57P01":
                    raise _Goodbye(call_problem(error).message) from None
            else:
                self._pool.give(connection, epoch)
            raise call_problem(error) from None
        except BaseException:
            self._pool.drop(distrust=False)
            connection.pgconn.finish()
            raise
        self._pool.give(connection, epoch)
        return row

    def _give_up(self, asking: asyncio.Task[Any], connection: Connection) -> None:
        """Ends a call that nobody waits for any more, on the server too, if that answers."""
        self._pool.drop(distrust=True)
        burial = asyncio.create_task(_bury(asking, connection))
        self._given_up.add(burial)
        burial.add_done_callback(self._given_up.discard)

    async def wait_for_work(self, seconds: float) -> None:
        """Waits for a NOTIFY on channel `wacampaign`, at most `seconds`."""
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="listen")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()

    async def _listen(self) -> None:
        # A hint only: when the connection is lost, polling goes on and this tries again.
        while not self._address.transaction_pooler:
            with contextlib.suppress(psycopg.Error, Problem, TimeoutError):
                connection = await self._connect()
                try:
                    if not await keeps_its_session(connection, self._connect):
                        break
                    await self._listen_on(connection)
                finally:
                    await connection.close()
            await asyncio.sleep(LISTEN_PAUSE_SECONDS)
        log_event(_logger, "polling", reason="a transaction pooler wakes nobody")

    async def _listen_on(self, connection: Connection) -> None:
        await connection.execute("listen wacampaign")
        self._woken.set()  # what was said before nobody heard
        while True:
            async for _ in connection.notifies(timeout=LISTEN_CHECK_SECONDS):
                self._woken.set()
            async with asyncio.timeout(self._connect_seconds):
                await connection.execute("select 1")
            await asyncio.sleep(SHORTEST_SECONDS)

    async def close(self) -> None:
        """Closes the pool and the listening connection."""
        ending: list[asyncio.Task[None]] = list(self._given_up)
        if self._listener is not None:
            ending.append(self._listener)
            self._listener = None
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._pool.close()


async def _first_row(
    connection: Connection, statement: bytes, values: dict[str, Any]
) -> tuple[Any, ...] | None:
    cursor = await connection.execute(statement, values)
    return await cursor.fetchone()


async def _bury(asking: asyncio.Task[Any], connection: Connection) -> None:
    asking.cancel()  # psycopg asks the server to stop, and waits for that some seconds
    try:
        await asyncio.wait({asking})
    except asyncio.CancelledError:
        asking.cancel()
        await asyncio.wait({asking})
        raise
    finally:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            asking.result()
        connection.pgconn.finish()


def array_literal(values: list[Any]) -> str:
    """A flat array in PostgreSQL's text form; a third of the time of psycopg's own, general way."""
    return "{" + ",".join([_element(value) for value in values]) + "}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    text = str(value)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
