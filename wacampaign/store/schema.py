"""The schema: the SQL of this package, applied to a database and compared with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from wacampaign.problems import Busy, Misconfigured, Problem, Unreachable
from wacampaign.settings import Settings
from wacampaign.store.schema_difference import Deviation, count_drift, differences
from wacampaign.store.schema_steps import LOCK_KEY, SESSION, Step, steps
from wacampaign.store.sql_files import expected_version, sql_files, statements
from wacampaign.store.states import problem_from_state

if TYPE_CHECKING:
    from psycopg import Connection, Error

__all__ = [
    "LOCK_SECONDS",
    "Deviation",
    "check",
    "compare",
    "expected_version",
    "migrate",
    "prepare_embedded",
    "sql_files",
]

#: Seconds in which a step tries to get its lock, in short tries, before the migration gives up.
LOCK_SECONDS: Final = 60
#: Seconds that a command waits for another that migrates the embedded database: it takes one.
EMBEDDED_WAIT_SECONDS: Final = 30
#: Seconds between two looks whether that other is done.
EMBEDDED_LOOK_SECONDS: Final = 0.1
#: Seconds to connect.
CONNECT_SECONDS: Final = 5

#: Called with the steps that are done, all steps, and the one that comes.
Advance = Callable[[int, int, str], None]


def migrate(url: str, advance: Advance | None = None) -> list[Deviation]:
    """Applies the schema step by step, beside readers and writers; returns what still differs.

    Counts that no longer fit their rows (a restore without triggers) are put right. Raises `Busy`
    when another migration runs, or a step does not get its lock within `LOCK_SECONDS`; what was
    applied until then stays, and the same call goes on from there, also after a kill.
    """
    with _connected(url) as connection:
        if not _locked(connection):
            raise Busy("another migration is running on this database", "wacampaign db check")
        try:
            _apply(connection, advance)
            return differences(connection)
        finally:
            # Here, as the server hears of a connection's end a moment later than the next call.
            if not connection.broken:
                connection.execute("select pg_advisory_unlock(%s)", (LOCK_KEY,))


def prepare_embedded(settings: Settings) -> None:
    """Starts the embedded database, if the settings mean that one, and brings it up to date."""
    if settings.require_store() != "embedded":
        return
    from wacampaign.store.embedded import start_embedded

    with _connected(start_embedded(settings.home)) as connection:
        if not differences(connection):
            return
        # Another command may be doing the same at its own first start. Looked at again and again:
        # an index that is made concurrently waits for whoever waits for a lock inside the server.
        end = time.monotonic() + EMBEDDED_WAIT_SECONDS
        while not _locked(connection):
            if time.monotonic() > end:
                raise Busy("another command is migrating the embedded database", "try again")
            time.sleep(EMBEDDED_LOOK_SECONDS)
        if differences(connection):
            _apply(connection)


def check(url: str) -> list[Deviation]:
    """What differs in the database at `url`, counts included. Reads only."""
    with _connected(url, session=False) as connection:
        found = differences(connection)
        return found or count_drift(connection)


def compare(url: str) -> list[Deviation]:
    """What differs in the database at `url`, without the counts. Reads the catalogue only."""
    with _connected(url, session=False) as connection:
        return differences(connection)


def _locked(connection: Connection[Any]) -> bool:
    """Takes the advisory lock of migrations, which is held until the connection ends."""
    (locked,) = _row(connection, "select pg_try_advisory_lock(%s)", LOCK_KEY)
    return bool(locked)


def _apply(connection: Connection[Any], advance: Advance | None = None) -> None:
    """Applies all SQL. The caller holds the advisory lock until it disconnects."""
    from psycopg.errors import LockNotAvailable

    for setting in statements(SESSION):
        connection.execute(setting.encode())
    connection.execute(f"set lock_timeout = '{LOCK_SECONDS}s'".encode())
    todo = list(steps(sql_files(), LOCK_SECONDS))
    for done, step in enumerate(todo):
        if advance is not None:
            advance(done, len(todo), step.title)
        if step.when is not None and not _row(connection, f"select {step.when}")[0]:
            continue
        try:
            connection.execute(step.sql.encode())
        except LockNotAvailable:
            raise _in_use(connection, step) from None


def _in_use(connection: Connection[Any], step: Step) -> Busy:
    """A step that got no lock, and who is likely in its way."""
    text = f"{step.title}: a table was in use for {LOCK_SECONDS} s; what was applied so far stays"
    oldest = connection.execute(
        "select pid, coalesce(nullif(application_name, ''), backend_type),"
        " extract(epoch from clock_timestamp() - xact_start)::int from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null"
        " order by xact_start limit 1"
    ).fetchone()
    if oldest is not None:
        pid, name, seconds = oldest
        text += f" (the oldest transaction: process {pid}, {name}, {seconds:,} s)"
    problem = Busy(text, "wacampaign db migrate")
    problem.changed = True
    return problem


# --- connection -------------------------------------------------------------------------------


@contextmanager
def _connected(url: str, *, session: bool = True) -> Iterator[Connection[Any]]:
    """A connection in autocommit mode; errors of psycopg come out as `Problem`s.

    Where a pooler in transaction mode gives each statement to another connection there is no
    session: then, without the need for one, everything is in one transaction; else it is refused.
    """
    import psycopg

    from wacampaign.store import connecting

    connection = connecting.connect_at_once(url, CONNECT_SECONDS)
    try:
        with connection:
            connection.add_notice_handler(lambda _: None)
            # A session's own search_path must not decide where anything is looked for.
            if connecting.keeps_its_session_at_once(connection, url):
                connection.execute("set search_path = public, pg_catalog")
                yield connection
            elif session:
                raise Misconfigured(
                    "DATABASE_URL leads to a pooler in transaction mode, which cannot change a "
                    "schema",
                    "use the pooler in session mode (port 5432 at Supabase) or the direct "
                    "connection; or: wacampaign db sql",
                )
            else:
                with connection.transaction():
                    connection.execute("set local search_path = public, pg_catalog")
                    yield connection
    except psycopg.Error as error:
        raise _statement_problem(error) from None


def _statement_problem(error: Error) -> Problem:
    message = error.diag.message_primary or " ".join(str(error).split())
    if error.sqlstate is None:
        return Unreachable(f"the database connection was lost: {message}", "wacampaign db check")
    if error.sqlstate == "55P03":
        return Busy(
            f"a table is in use ({message}); the migrations applied so far stay",
            "wacampaign db migrate",
        )
    return problem_from_state(error.sqlstate, message, error.diag.message_hint)


def _row(connection: Connection[Any], statement: str, *params: object) -> Sequence[Any]:
    row = connection.execute(statement.encode(), params or None).fetchone()
    assert row is not None
    return tuple(row)
