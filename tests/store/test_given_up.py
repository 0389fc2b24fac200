"""A call that is answered in the moment in which its caller gives it up keeps no connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wacampaign.store import postgres
from wacampaign.store.postgres import POOL_SIZE, PostgresTransport


def test_answered_and_given_up_in_one_moment(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_row = postgres._first_row
    callers: list[asyncio.Task[Any]] = []

    async def answered_and_given_up(*given: Any) -> Any:
        row = await first_row(*given)
        if callers:
            callers.pop().cancel()
        return row

    async def play() -> None:
        transport = PostgresTransport(database)
        for _ in range(POOL_SIZE + 1):
            call = asyncio.create_task(transport.call("webhooks_state", {}))
            callers.append(call)
            with pytest.raises(asyncio.CancelledError):
                await call
        async with asyncio.timeout(10):
            assert "waiting" in await transport.call("webhooks_state", {})
        await transport.close()

    monkeypatch.setattr(postgres, "_first_row", answered_and_given_up)
    asyncio.run(play())
