"""A way to the database: call one SQL function, wait for work."""

from __future__ import annotations

from typing import Any, Protocol


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
