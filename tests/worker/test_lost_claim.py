"""A claim whose answer was given up, which the database may have carried out all the same."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

from wacampaign.core.engine.claiming import Claiming
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.ports import ClaimAnswer, DatabaseAway
from wacampaign.core.engine.waiting import Waiting


class Away:
    """A queue that is away for so many calls, and has nothing then."""

    idle_poll_seconds = 0.01

    def __init__(self, calls: int) -> None:
        self.left = calls
        self.claims: list[UUID] = []
        self.asked_enough = asyncio.Event()

    async def claim(self, _worker: UUID, claim_id: UUID, *_: object, **__: object) -> ClaimAnswer:
        self.claims.append(claim_id)
        if len(self.claims) == 14:
            self.asked_enough.set()
        self.left -= 1
        if self.left >= 0:
            raise DatabaseAway("away")
        return ClaimAnswer([], None, [])

    async def wait_for_work(self, _seconds: float) -> None: ...


def test_it_is_asked_for_until_its_answer_is_here() -> None:
    """A database that stood still for 40 s carried one out when it woke: its rows, the first
    messages of a campaign, waited for the end of their lease, and the campaign with them."""
    queue: Any = Away(11)

    async def play() -> None:
        claiming = Claiming(
            queue,
            uuid4(),
            Waiting(),
            InFlight(400),
            lambda *_, **__: None,
            lambda _: None,
            campaign_ids=None,
            may_claim=lambda: True,
        )
        running = asyncio.ensure_future(claiming.run(until_idle=False))
        async with asyncio.timeout(60):
            await queue.asked_enough.wait()
        running.cancel()

    asyncio.run(play())
    assert len(set(queue.claims[:12])) == 1
    assert len(set(queue.claims[11:14])) == 3
