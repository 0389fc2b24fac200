"""A way to the database: call one SQL function, wait for work."""

from typing import Any, Final, Protocol

#: Longest sleep between two looks for work, in seconds, when nothing wakes the worker.
IDLE_POLL_SECONDS: Final = 5.0


class Transport(Protocol):
    """What psycopg and supabase-py both give. All methods are safe to use concurrently."""

    #: `postgres`, `supabase` or `embedded`.
    name: str
    #: Of this way; see `IDLE_POLL_SECONDS`.
    idle_poll_seconds: float

    async def call(self, function: str, params: dict[str, Any]) -> Any:
        """Calls `wacampaign_<function>` once and returns its jsonb value as Python data.

        Raises a `Problem`; one that is a `DatabaseAway` too means that the same call may be
        repeated.
        """

    async def wait_for_work(self, seconds: float) -> None:
        """Returns when a campaign was started, or after `seconds`. Never raises for a lost wake."""

    async def close(self) -> None:
        """Gives the connections back."""
