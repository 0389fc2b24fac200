"""Says at a terminal whom a command waits for, so that nobody takes it for hung."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from wacampaign.cli.output import say
from wacampaign.waits import longest_wait

#: Seconds without an answer until something is said: a count over a million rows takes 2 s to 4 s.
SAID_AFTER_SECONDS: Final = 5.0
#: Seconds between two looks.
_LOOK_SECONDS: Final = 0.5


@asynccontextmanager
async def told_of_waits() -> AsyncIterator[None]:
    """While it is open, who does not answer for long is told of on stderr, if that is a terminal.

    Each once.
    """
    if not sys.stderr.isatty():
        yield
        return
    teller = asyncio.create_task(_tell())
    try:
        yield
    finally:
        teller.cancel()


async def _tell() -> None:
    said: set[str] = set()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        whom, seconds = longest_wait()
        if seconds >= SAID_AFTER_SECONDS and whom not in said:
            said.add(whom)
            span = f"{SAID_AFTER_SECONDS:.0f} s"
            say(f"{whom} has not answered for {span}; waiting for it on (Ctrl-C ends that)")
