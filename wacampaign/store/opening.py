"""Opens the store that the settings name."""

from typing import Unpack

from wacampaign.settings import Settings
from wacampaign.store.store import PATIENCE_SECONDS, Store
from wacampaign.store.transport import Limits, open_transport


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
