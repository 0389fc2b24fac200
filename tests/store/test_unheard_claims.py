"""A claim whose answers never come, longer than it is repeated: the same one is asked for on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from tests.campaigns import add_campaign, add_number, counts, run, worker
from wacampaign.core.engine.claiming import Claiming
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.ports import ClaimAnswer, ClaimedRow, DatabaseAway
from wacampaign.core.engine.waiting import Waiting
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue

#: Within what a number's ramp gives at once.
ROWS = 1


class Unheard(WorkQueue):
    """Claims are carried out; so many answers are lost."""

    def __init__(self, store: Store, lost: int) -> None:
        super().__init__(store)
        self.lost = lost
        self.asked: list[UUID] = []

    async def claim(self, worker_id: UUID, claim_id: UUID, limit: int, **given: Any) -> ClaimAnswer:
        self.asked.append(claim_id)
        answer = await super().claim(worker_id, claim_id, limit, **given)
        if len(self.asked) <= self.lost:
            raise DatabaseAway("no answer")
        return answer

    async def wait_for_work(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))


async def claimed(queue: Unheard, worker_id: UUID, wanted: int) -> Sequence[ClaimedRow]:
    """What the claim loop takes, once it has so many rows."""
    rows: list[ClaimedRow] = []
    enough = asyncio.Event()

    def take(answer: ClaimAnswer) -> None:
        rows.extend(answer.rows)
        if len(rows) >= wanted:
            enough.set()

    claiming = Claiming(
        queue,
        worker_id,
        Waiting(),
        InFlight(400),
        lambda *_, **__: None,
        take,
        campaign_ids=None,
        may_claim=lambda: True,
    )
    loop = asyncio.create_task(claiming.run(until_idle=False))
    try:
        async with asyncio.timeout(30):
            await enough.wait()
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
    return rows


@pytest.mark.parametrize("lost", [1, 4, 9])
def test_its_rows_are_had_when_an_answer_comes(
    open_test_store: Callable[[], Store], lost: int
) -> None:
    async def scenario(store: Store) -> None:
        worker_id = await worker(store)
        campaign = await add_campaign(store, await add_number(store), ROWS)
        queue = Unheard(store, lost)
        rows = await claimed(queue, worker_id, ROWS)
        assert len(set(queue.asked[: lost + 1])) == 1
        assert len(rows) == (await counts(store, campaign))["processing"] == ROWS

    run(open_test_store, scenario)


def test_what_was_given_up_meanwhile_is_claimed_anew(
    open_test_store: Callable[[], Store], sql: Any
) -> None:
    async def scenario(store: Store) -> None:
        worker_id = await worker(store)
        await add_campaign(store, await add_number(store), ROWS)
        queue = Unheard(store, 4)

        async def reap(seconds: float) -> None:
            # Between two turns of the loop, as after an outage longer than a lease.
            if len(queue.asked) == queue.lost:
                sql.execute("update wacampaign_claims set lease_until = now() - interval '1 s'")
                await store.call("reap")
            await asyncio.sleep(min(seconds, 0.05))

        queue.wait_for_work = reap  # type: ignore[method-assign]
        (row,) = await claimed(queue, worker_id, ROWS)
        assert row.claim_id == str(queue.asked[-1])
        assert queue.asked[-1] != queue.asked[0]

    run(open_test_store, scenario)
