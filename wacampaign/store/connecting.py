"""Connections with psycopg: their parameters, their errors, and what stands between."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psycopg

from wacampaign.database_address import DatabaseAddress, read_database_address
from wacampaign.problems import Misconfigured, Problem
from wacampaign.store.states import (
    DatabaseUnreachable,
    problem_from_login,
    problem_from_state,
)

#: Seconds until a connection has to be there: name, TLS and login, over an ocean and a pooler.
CONNECT_SECONDS: Final = 6.0
#: Seconds after which another attempt is made beside one that hangs: packets that were dropped
#: while the database was away are repeated by TCP after 1, 3 and 7 s, a new attempt at once.
AGAIN_SECONDS: Final = 2.0
#: How a connection without an answer is found dead (seconds, seconds, tries, milliseconds): after
#: some 11 s at rest and 10 s with a statement under way, where TCP alone takes two hours and
#: 15 minutes.
_KEEPALIVE: Final = {
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}

# What psycopg logs (errors of connecting and cancelling) is told by our own errors; its lines
# would reach the log, or without one the screen, raw.
logging.getLogger("psycopg").addHandler(logging.NullHandler())
logging.getLogger("psycopg").propagate = False


def address_of(url: str) -> DatabaseAddress:
    """The address in parts. Raises `Misconfigured`, quoting nothing of it."""
    try:
        return read_database_address(url)
    except ValueError as error:
        raise Misconfigured(f"DATABASE_URL {error}") from None


def parameters(address: DatabaseAddress, connect_seconds: float) -> dict[str, Any]:
    """What `psycopg.connect` is called with.

    prepare_threshold None: prepared statements break on a transaction pooler.
    """
    return {
        **_KEEPALIVE,
        **address.parameters(),
        "connect_timeout": max(2, round(connect_seconds)),  # whole seconds, 2 at least (libpq)
        "application_name": "wacampaign",
        "autocommit": True,
        "prepare_threshold": None,
    }


async def connect(
    address: DatabaseAddress,
    *,
    connect_seconds: float = CONNECT_SECONDS,
    again_seconds: float = AGAIN_SECONDS,
) -> psycopg.AsyncConnection[Any]:
    """A new connection. Raises the `Problem` that kept it from coming about."""
    given = parameters(address, connect_seconds)
    tries: set[asyncio.Task[psycopg.AsyncConnection[Any]]] = set()
    try:
        async with asyncio.timeout(connect_seconds):
            while True:
                tries.add(asyncio.create_task(psycopg.AsyncConnection.connect(**given)))
                done, _ = await asyncio.wait(
                    tries, timeout=again_seconds, return_when=asyncio.FIRST_COMPLETED
                )
                for attempt in done:
                    tries.discard(attempt)
                    return attempt.result()
    except TimeoutError:
        raise DatabaseUnreachable(
            f"no connection to the database within {connect_seconds:g} s",
            "check DATABASE_URL and the server",
        ) from None
    except psycopg.Error as error:
        raise connect_problem(error) from None
    finally:
        for attempt in tries:
            attempt.add_done_callback(_close_late)
            attempt.cancel()


def connect_at_once(url: str, connect_seconds: float) -> psycopg.Connection[Any]:
    """As `connect`, for what has no event loop, with one attempt."""
    try:
        return psycopg.connect(**parameters(address_of(url), connect_seconds))
    except psycopg.Error as error:
        raise connect_problem(error) from None


def _close_late(attempt: asyncio.Task[psycopg.AsyncConnection[Any]]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().pgconn.finish()


def connect_problem(error: psycopg.Error) -> Problem:
    """What kept a connection from coming about."""
    message = _one_line(error)
    if error.sqlstate is not None:
        return problem_from_state(error.sqlstate, message)
    return problem_from_login(message)


def call_problem(error: psycopg.Error) -> Problem:
    """What a statement ended with."""
    message = error.diag.message_primary or _one_line(error)
    if error.sqlstate is None:
        return DatabaseUnreachable(f"the database connection was lost: {message}")
    return problem_from_state(error.sqlstate, message, error.diag.message_hint)


def _one_line(error: psycopg.Error) -> str:
    return " ".join(str(error).split())


# --- poolers ----------------------------------------------------------------------------------

#: Whose turn it is to ask for its server process: the connection itself (0) or a second one (1).
#: A pooler in transaction mode gives each question to whichever process is free: to the one that
#: was used last (then both get the same), or in turn (then the first two differ).
PROBES: Final = (0, 0, 1, 0, 1, 1, 0)
PROBE: Final = "select pg_catalog.pg_backend_pid()"


def is_direct(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any], pid: int) -> bool:
    """Whether the server process is the one that the login named; a pooler names one of its own."""
    return connection.info.backend_pid == pid


def in_transaction_mode(pids: list[int]) -> bool:
    """What the answers to `PROBES` say: a server process that changes, or that both were given."""
    own = {pid for turn, pid in zip(PROBES, pids, strict=True) if turn == 0}
    other = {pid for turn, pid in zip(PROBES, pids, strict=True) if turn == 1}
    return len(own) > 1 or len(other) > 1 or bool(own & other)


async def keeps_its_session(
    connection: psycopg.AsyncConnection[Any],
    another: Callable[[], Awaitable[psycopg.AsyncConnection[Any]]],
) -> bool:
    """Whether what is set on this connection stays on it; leaves nothing behind anywhere."""
    if is_direct(connection, await _process_of(connection)):
        return True
    second = await another()
    try:
        both = (connection, second)
        return not in_transaction_mode([await _process_of(both[turn]) for turn in PROBES])
    finally:
        await second.close()


async def _process_of(connection: psycopg.AsyncConnection[Any]) -> int:
    row = await (await connection.execute(PROBE)).fetchone()
    assert row is not None
    return int(row[0])


def keeps_its_session_at_once(connection: psycopg.Connection[Any], url: str) -> bool:
    """As `keeps_its_session`, for what has no event loop."""

    def process_of(one: psycopg.Connection[Any]) -> int:
        row = one.execute(PROBE).fetchone()
        assert row is not None
        return int(row[0])

    if is_direct(connection, process_of(connection)):
        return True
    with connect_at_once(url, CONNECT_SECONDS) as second:
        both = (connection, second)
        return not in_transaction_mode([process_of(both[turn]) for turn in PROBES])
