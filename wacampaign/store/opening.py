"""Opens the store that the settings name."""

from typing import TypedDict, Unpack

from wacampaign.settings import Settings
from wacampaign.store.store import PATIENCE_SECONDS, Store
from wacampaign.store.transport import Transport


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


def open_store(
    settings: Settings, *, patience_seconds: float = PATIENCE_SECONDS, **limits: Unpack[Limits]
) -> Store:
    """The store for these settings; nothing is connected before the first call.

    `patience_seconds`: how long a call that found the database away is repeated.
    """
    return Store(
        open_transport(settings, **limits),
        patience_seconds=patience_seconds,
    )
