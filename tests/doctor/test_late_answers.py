"""A database each of whose answers is seconds late: what a doctor asks is asked side by side."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

import pytest

from tests.doctor.rig import Installation
from wacampaign.core.doctor.facts import Failed
from wacampaign.core.doctor.meta_facts import Account
from wacampaign.operations.doctor.database import ask_database
from wacampaign.operations.doctor.meta import ask_meta
from wacampaign.settings import load_settings
from wacampaign.store.opening import open_store
from wacampaign.store.store import Store

LATE_SECONDS = 2.5


class Clockwork(asyncio.SelectorEventLoop):
    """A loop that has no wait: its time goes on to when the next is due."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(selector := selectors.DefaultSelector())
        usual = selector.select

        def select(timeout: float | None = None) -> Any:
            self.now += timeout or 0.0
            return usual(0)

        selector.select = select  # type: ignore[method-assign]

    def time(self) -> float:
        return self.now


@pytest.mark.parametrize("installation", ["supabase"], indirect=True)
def test_answers_that_are_seconds_late_all_come(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 of 44 checks were passed over, after 15 s."""
    told: dict[str, Any] = {}
    usual = Store._repeated

    async def listen(self: Store, function: str, params: dict[str, Any]) -> Any:
        told[function] = await usual(self, function, params)
        return told[function]

    monkeypatch.setattr(Store, "_repeated", listen)
    assert installation.wrong() == []
    settings = load_settings()

    async def late(_self: Store, function: str, _params: dict[str, Any]) -> Any:
        await asyncio.sleep(LATE_SECONDS)
        return told[function]

    monkeypatch.setattr(Store, "_repeated", late)
    monkeypatch.setattr("wacampaign.operations.doctor.meta._number", _asked)
    monkeypatch.setattr("wacampaign.operations.doctor.meta._accounts", _asked)

    async def ask() -> Any:
        store = open_store(settings)
        return await asyncio.gather(ask_database(store, settings), ask_meta(store, settings))

    with asyncio.Runner(loop_factory=Clockwork) as runner:
        database, meta = runner.run(ask())
        loop = runner.get_loop()
        assert isinstance(loop, Clockwork)
        assert loop.now == pytest.approx(2 * LATE_SECONDS)
    parts = (database.answer_ms, database.server, database.schema, database.traffic)
    assert [one for one in parts if isinstance(one, Failed)] == []
    assert isinstance(meta, Account)
    assert len(meta.numbers) == len(told["numbers"])


async def _asked(*_: Any) -> Any:
    return ()
