"""A worker lives for months: after many campaigns its objects hold what they held before."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter, deque
from collections.abc import Awaitable, Callable

import pytest

from tests.campaigns import add_campaign
from tests.worker.rig import Rig
from wacampaign.core.engine import in_flight
from wacampaign.core.engine.in_flight import InFlight, Lane
from wacampaign.settings import load_settings
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.store import Store
from wacampaign.worker.run import Worker

#: Rows a campaign, and campaigns after the first.
ROWS, CAMPAIGNS = 12, 6
SECONDS = 60
#: What is bounded by something else: Meta's codes, messages of the last second, the last tellings,
#: and campaigns that ended of late.
BOUNDED = (
    *("Measures.outcomes", "Report._outcomes", "_Pace.left"),
    *("Watching._taken", "Watching._over_ids", "Watching._over_campaigns"),
)


def sizes() -> Counter[str]:
    """Class and attribute of this project → the largest container there is, now."""
    gc.collect()
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        kind = type(one)
        if not kind.__module__.startswith("wacampaign.") or isinstance(one, type):
            continue
        names = set(getattr(one, "__dict__", ()))
        for base in kind.__mro__:
            names.update(getattr(base, "__slots__", ()))
        for name in names:
            value = getattr(one, name, None)
            if isinstance(value, (dict, set, list, deque)):
                key = f"{kind.__name__}.{name}"
                found[key] = max(found[key], len(value))
    return found


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await holds():  # noqa: ASYNC110 - the database has no event for it
            await asyncio.sleep(0.05)


def test_what_a_worker_holds_after_one_campaign_and_after_many(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a test nobody waits half a minute for a lane to be forgotten.
    monkeypatch.setattr(in_flight, "FORGOTTEN_BELOW", 0.5)
    templates = tuple(f"hello_{n}" for n in range(CAMPAIGNS + 1))
    number = rig.number("100000000000001", templates=templates)

    async def play() -> tuple[Counter[str], Counter[str]]:
        store = Store(PostgresTransport(rig.database))
        worker = Worker(load_settings(environ=rig.environment))
        working = asyncio.create_task(worker.run())

        async def one(n: int) -> None:
            campaign = await add_campaign(
                store, number, ROWS, name=f"c{n}", templates=(templates[n],), first_phone=n * ROWS
            )

            async def over() -> bool:
                if working.done():
                    await working
                answer = await store.call("stats", campaign_ids=[campaign])
                # By then it knows that the campaign is over, and its lane is idle.
                return answer["campaigns"][0]["status"] == "completed"

            await until(over)

        async def quiet() -> bool:
            return not worker.in_flight.lanes

        try:
            await one(0)
            await until(quiet)
            first = sizes()
            for n in range(1, CAMPAIGNS + 1):
                await one(n)
            await until(quiet)
            return first, sizes()
        finally:
            worker.stopping.ask("test")
            await working
            await store.close()

    first, last = asyncio.run(play())
    # It was looked at: these are filled while a worker works.
    assert first["CredentialsCache._numbers"] == 1
    grown = {
        name: (first[name], size)
        for name, size in last.items()
        if size > first[name] + 2 and name not in BOUNDED
    }
    assert not grown


def test_a_lane_that_is_remembered_for_something_is_kept() -> None:
    wire = InFlight(100)
    lane = wire.lane(("n", "t"))
    lane.opaque_answers = 1
    assert isinstance(wire.lane(("n", "other")), Lane)
    wire.look_for_slow(0.0)
    assert list(wire.lanes) == [("n", "t")]
    wire.unblock([("n", "t")])
    wire.look_for_slow(0.0)
    assert not wire.lanes
