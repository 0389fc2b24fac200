"""The whole worker, as `wacampaign run-worker --until-idle` runs it, with a meter beside it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bench.meter import Meter

if TYPE_CHECKING:
    from bench.variants import Spec

#: Seconds between two looks at the count of answers: 50 a second cost a thousandth of a core.
_LOOK_SECONDS = 0.02


async def worker(spec: Spec) -> Meter:
    """Runs until the queue is empty, or stops in order after `spec.stop_after` answers."""
    import wacampaign.worker.run as run
    from bench.variants import RAMP_MESSAGES
    from wacampaign.settings import load_settings
    from wacampaign.store.opening import open_store
    from wacampaign.store.store import Store

    settings = load_settings()
    stores: list[Store] = []

    def open_counted(*arguments: Any, **more: Any) -> Store:
        stores.append(open_store(*arguments, **more))
        return stores[-1]

    def calls() -> int:
        return sum(store.calls for store in stores)

    def answered() -> int:
        return made.in_flight.answered

    made = run.Worker(settings, until_idle=True)
    run.open_store = open_counted  # type: ignore[assignment]
    enough = spec.messages if spec.stop_after is None else spec.stop_after
    meter = Meter(spec.servers)

    async def reach(messages: int) -> None:
        while answered() < messages:  # noqa: ASYNC110 - nothing of the worker's is to be changed
            await asyncio.sleep(_LOOK_SECONDS)

    async def watch() -> None:
        await reach(RAMP_MESSAGES)
        meter.read(answered(), calls())
        await reach(enough)
        meter.read(answered(), calls(), last=True)
        if spec.stop_after is not None:
            made.stopping.ask("measured")

    meter.read(0)
    watching = asyncio.create_task(watch())
    await made.run()
    meter.read(answered(), calls(), last=True)
    if not watching.done():
        watching.cancel()
        raise AssertionError(f"the worker ended after {answered()} of {enough} messages")
    return meter
