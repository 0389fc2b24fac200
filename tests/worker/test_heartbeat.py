"""When the worker beats, without waiting for it."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast
from uuid import UUID, uuid4

import pytest

from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.deadlines import Deadlines
from wacampaign.problems import Unreachable
from wacampaign.store.workers import Workers
from wacampaign.worker import heartbeat


class AwayFor:
    """A database that does not hear the first beats."""

    def __init__(self, beats: int) -> None:
        self._left = beats

    async def heartbeat(self, _worker_id: UUID, _in_flight: int) -> dict[str, Any]:
        if self._left:
            self._left -= 1
            raise Unreachable("the database is away")
        return {"known": True, "in_doubt": 0, "released": 0, "guarded": True}


def test_a_worker_is_heard_soon_after_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A beat that failed was repeated a whole beat later: the worker stood still for so long though
    the database was back."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            raise asyncio.CancelledError

    monkeypatch.setattr(heartbeat.asyncio, "sleep", sleep)
    made = heartbeat.Heartbeat(
        cast(Workers, AwayFor(2)),
        uuid4(),
        lambda *_, **__: None,
        lambda: 0,
        Deadlines(),
        boot_seconds(),
    )
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(made.run())
    beat, again = Deadlines().beat, heartbeat.AGAIN_SECONDS
    assert pauses == [beat, again, again, beat, beat]
    assert again <= 5, "rows go out again within 5 s"
    assert made.may_claim()


def test_a_worker_claims_nothing_while_the_guard_is_off() -> None:
    """Others' writes had 420 of 700 recipients sent to twice, and the workers went on."""
    said: list[str] = []

    class Guarded:
        answers: ClassVar = [{"guarded": True}, {}, {"guarded": False}, {"guarded": True}]

        async def heartbeat(self, _worker_id: UUID, _in_flight: int) -> dict[str, Any]:
            return {"known": True, "in_doubt": 0, "released": 0} | self.answers.pop(0)

    made = heartbeat.Heartbeat(
        cast(Workers, Guarded()),
        uuid4(),
        lambda event, **_: said.append(event),
        lambda: 0,
        Deadlines(),
        boot_seconds(),
    )

    async def beat() -> bool:
        await made._beat()
        return made.may_claim()

    async def work() -> list[bool]:
        return [await beat() for _ in range(4)]

    assert asyncio.run(work()) == [True, False, False, True]
    assert said == ["guard_off", "guard_on"]
