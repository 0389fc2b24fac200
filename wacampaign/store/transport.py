"""The ways to the database: what each must do, and which there are."""

from typing import Any, Final, Protocol, TypedDict, Unpack

from wacampaign.settings import Settings

#: Longest sleep between two looks for work, in seconds, when nothing wakes the worker.
IDLE_POLL_SECONDS: Final = 5.0


class Transport(Protocol):
    """Calls one SQL function, and waits for work. All methods are safe to use concurrently."""

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


class Limits(TypedDict, total=False):
    """Seconds of one attempt, where the transport's own are not right."""

    connect_seconds: float
    call_seconds: float


def open_transport(settings: Settings, **limits: Unpack[Limits]) -> Transport:
    """The transport for WACAMPAIGN_STORE. Raises `Misconfigured` when its settings are missing."""
    match settings.require_store():
        case "postgres":
            # Each imported where it is needed: psycopg takes 70 ms, httpx 20.
            from wacampaign.store.postgres import PostgresTransport

            assert settings.database_url is not None
            return PostgresTransport(settings.database_url, **limits)
        case "supabase":
            from wacampaign.store.rest import RestTransport

            assert settings.supabase_url is not None
            assert settings.supabase_key is not None
            return RestTransport(settings.supabase_url, settings.supabase_key, **limits)
        case "embedded":
            from wacampaign.store.embedded import start_embedded
            from wacampaign.store.postgres import PostgresTransport

            return PostgresTransport(start_embedded(settings.home), name="embedded", **limits)
