"""Direct connections with psycopg: a small pool for calls and one connection that listens."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from wacampaign.problems import AccessRefused, Problem, Unreachable
from wacampaign.store.functions import FUNCTIONS
from wacampaign.store.transport import problem_from_state

#: Connections for calls: claim, begin, settle and a verdict at once; more would only wait on locks.
POOL_SIZE = 4
#: Seconds to wait for a connection before the database counts as unreachable.
CONNECT_SECONDS = 5.0
#: Seconds a single call may take before it is given up and repeated: claims take milliseconds,
#: an audit of a million rows some seconds.
CALL_SECONDS = 60.0


class PostgresTransport:
    """Calls over psycopg; woken by NOTIFY. Works on a direct connection or a session pooler."""

    def __init__(self, url: str, *, name: str = "postgres") -> None:
        self.name = name
        self.idle_poll_seconds = 5.0
        self._url = url
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] | None = None
        self._opening = asyncio.Lock()
        self._listener: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()

    async def _connections(self) -> AsyncConnectionPool[psycopg.AsyncConnection[Any]]:
        async with self._opening:
            if self._pool is None:
                # One plain attempt first: the pool would retry a wrong password in silence.
                try:
                    probe = await psycopg.AsyncConnection.connect(
                        self._url, connect_timeout=int(CONNECT_SECONDS)
                    )
                    await probe.close()
                except psycopg.OperationalError as error:
                    raise _connect_problem(error) from None
                pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
                    self._url,
                    min_size=1,
                    max_size=POOL_SIZE,
                    timeout=CONNECT_SECONDS,
                    # prepare_threshold None: prepared statements break on a transaction pooler.
                    kwargs={
                        "autocommit": True,
                        "prepare_threshold": None,
                        "connect_timeout": int(CONNECT_SECONDS),
                        "application_name": "wacampaign",
                    },
                    open=False,
                )
                await pool.open()
                self._pool = pool
            return self._pool

    async def call(self, function: str, params: dict[str, Any]) -> Any:
        """Calls one function; see `Transport.call`."""
        types = FUNCTIONS[function]
        arguments = ", ".join(f"p_{key} => %({key})s::{types[key]}" for key in params)
        statement = f"select public.wacampaign_{function}({arguments})"
        pool = await self._connections()
        try:
            async with asyncio.timeout(CALL_SECONDS), pool.connection() as connection:
                cursor = await connection.execute(
                    statement,
                    {k: array_literal(v) if isinstance(v, list) else v for k, v in params.items()},
                )
                row = await cursor.fetchone()
        except (PoolTimeout, PoolClosed) as error:
            raise Unreachable(f"no database connection: {error}") from None
        except TimeoutError:
            raise Unreachable(f"the database did not answer within {CALL_SECONDS:.0f} s") from None
        except psycopg.Error as error:
            raise _call_problem(error) from None
        return row[0] if row else None

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
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=int(CONNECT_SECONDS)
                )
                async with connection:
                    await connection.execute("listen wacampaign")
                    self._woken.set()
                    async for _ in connection.notifies():
                        self._woken.set()
            except psycopg.Error:
                await asyncio.sleep(self.idle_poll_seconds)

    async def close(self) -> None:
        """Closes the pool and the listening connection."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
            self._listener = None
        if self._pool is not None:
            await self._pool.close()
            self._pool = None


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


def _connect_problem(error: psycopg.Error) -> Problem:
    text = " ".join(str(error).split())
    state = error.sqlstate or ""
    if state.startswith("28") or "authentication failed" in text or "no pg_hba.conf" in text:
        return AccessRefused(f"the database refused the connection: {text}", "check DATABASE_URL")
    return Unreachable(
        f"cannot connect to the database: {text}", "check DATABASE_URL and the server"
    )


def _call_problem(error: psycopg.Error) -> Problem:
    diagnosis = error.diag
    message = diagnosis.message_primary or " ".join(str(error).split())
    if error.sqlstate is None:
        return Unreachable(f"the database connection was lost: {message}")
    return problem_from_state(error.sqlstate, message, diagnosis.message_hint)
