"""A database behind any transport: its functions are called here, and repeated after an outage."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

from wacampaign.core.engine.ports import DatabaseAway
from wacampaign.store.transport import Transport
from wacampaign.waits import waiting_for

#: Seconds a command goes on repeating a call that found the database away: long enough for a
#: dropped connection or a restart of the pooler, short enough for a person who waits.
PATIENCE_SECONDS = 4.0
#: First pause between two attempts, in seconds; doubles, with jitter.
FIRST_PAUSE_SECONDS = 0.1


class Store:
    """Calls the database's functions; repeats what found the database away (all are repeatable).

    What can be done over it stands in the modules beside: one class a capability.
    """

    def __init__(self, transport: Transport, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.transport = transport
        #: Calls made so far, for the bench.
        self.calls = 0
        #: What the last attempt found; None: it was answered.
        self.away: DatabaseAway | None = None
        #: Hears of each attempt: seconds that it took, and whether the database answered.
        self.heard: Callable[[float, bool], None] | None = None
        self._patience = patience_seconds

    async def call(self, function: str, **params: Any) -> dict[str, Any]:
        """Calls `wacampaign_<function>`, which answers with an object.

        See `Transport.call` for what it raises.
        """
        answer: dict[str, Any] = await self._repeated(function, params)
        return answer

    async def call_list(self, function: str, **params: Any) -> list[dict[str, Any]]:
        """As `call`, for a function that answers with a list."""
        answer: list[dict[str, Any]] = await self._repeated(function, params)
        return answer

    async def _repeated(self, function: str, params: dict[str, Any]) -> Any:
        with waiting_for("the database"):
            return await self._until_it_answers(function, params)

    async def _until_it_answers(self, function: str, params: dict[str, Any]) -> Any:
        deadline = time.monotonic() + self._patience
        pause = FIRST_PAUSE_SECONDS
        while True:
            self.calls += 1
            asked = time.monotonic()
            answered = False
            try:
                answer = await self.transport.call(function, params)
                answered, self.away = True, None
                return answer
            except DatabaseAway as away:
                self.away = away
                if time.monotonic() + pause > deadline:
                    raise
            finally:
                if self.heard is not None:
                    self.heard(time.monotonic() - asked, answered)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, 2.0)

    async def close(self) -> None:
        """Gives the connections back."""
        await self.transport.close()


class Capability:
    """One part of what can be done over a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
