"""Says at a terminal that a command waits for the database, so that nobody takes it for hung."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from wacampaign.cli.output import say

if TYPE_CHECKING:
    from wacampaign.store.store import Store

#: Seconds without an answer until something is said: a count over a million rows takes 2 s to 4 s.
SAID_AFTER_SECONDS: Final = 5.0
#: Seconds between two looks.
_LOOK_SECONDS: Final = 0.5


@asynccontextmanager
async def told_of_waits(store: Store) -> AsyncIterator[None]:
    """While it is open, one call that waits long is told of on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    teller = asyncio.create_task(_tell(store))
    try:
        yield
    finally:
        teller.cancel()


async def _tell(store: Store) -> None:
    said = False
    while not said:
        await asyncio.sleep(_LOOK_SECONDS)
        said = store.waits_seconds >= SAID_AFTER_SECONDS
    say(
        f"the database has not answered for {SAID_AFTER_SECONDS:.0f} s;"
        " waiting for it on (Ctrl-C ends that)"
    )
