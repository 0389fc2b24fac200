"""A way to the database: call one SQL function, wait for work."""

from __future__ import annotations

from typing import Any, Protocol

from wacampaign.problems import (
    AccessRefused,
    Busy,
    NoSuchCampaign,
    Problem,
    Refused,
    SchemaMissing,
    Unreachable,
    Usage,
)


class Transport(Protocol):
    """What psycopg and supabase-py both give. All methods are safe to use concurrently."""

    #: `postgres`, `supabase` or `embedded`.
    name: str
    #: Longest sleep between two looks for work, in seconds, when nothing wakes the worker.
    idle_poll_seconds: float

    async def call(self, function: str, params: dict[str, Any]) -> Any:
        """Calls `wacampaign_<function>` once and returns its jsonb value as Python data.

        Raises a `Problem`; `Unreachable` and `Busy` mean that the same call may be repeated.
        """

    async def wait_for_work(self, seconds: float) -> None:
        """Returns when a campaign was started, or after `seconds`. Never raises for a lost wake."""

    async def close(self) -> None:
        """Gives the connections back."""


#: SQLSTATEs that say "again": serialisation, deadlock, too many connections, shutdown, a statement
#: cut by a time limit (PostgreSQL appendix A; platform-facts 2.2).
REPEATABLE_STATES = frozenset(
    {"40001", "40P01", "53300", "57014", "57P01", "57P02", "57P03", "55P03"}
)
#: Missing function, table, column or schema cache entry: the migrations are not (all) applied.
MISSING_STATES = frozenset({"42883", "42P01", "42703", "PGRST202", "PGRST205"})
#: Refused key, role or grant.
ACCESS_STATES = frozenset({"42501", "28P01", "28000", "PGRST301", "PGRST302", "401", "403"})


def problem_from_state(state: str, message: str, hint: str | None = None) -> Problem:
    """Turns an SQLSTATE or PostgREST code into the problem that a person meets."""
    if state == "PT404":
        return NoSuchCampaign(message, hint)
    if state == "PT409":
        return Refused(message, hint)
    if state == "PT400":
        return Usage(message, hint)
    if state in REPEATABLE_STATES:
        return Busy(f"the database is busy: {message}")
    if state in MISSING_STATES:
        return SchemaMissing(f"the database lacks a part of wacampaign's schema: {message}")
    if state in ACCESS_STATES:
        return AccessRefused(f"the database refused access: {message}")
    if state.startswith(("08", "PGRST00")) or (
        state.isdigit() and state.startswith("5") and len(state) == 3
    ):
        return Unreachable(f"the database cannot be reached: {message}")
    return Problem(f"the database answered {state}: {message}")
