"""Queued updates are always posted, whatever the posting task is doing when they are queued."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web

from wacampaign.sandbox.webhook_bodies import Update
from wacampaign.sandbox.webhooks import Webhooks


def test_what_is_queued_as_the_session_closes_is_posted(monkeypatch: pytest.MonkeyPatch) -> None:
    closing = asyncio.Event()
    go_on = asyncio.Event()
    close = aiohttp.ClientSession.close

    async def slow_close(session: aiohttp.ClientSession) -> None:
        closing.set()
        await go_on.wait()
        await close(session)

    async def play() -> None:
        bodies: asyncio.Queue[bytes] = asyncio.Queue()

        async def take(request: web.Request) -> web.Response:
            await bodies.put(await request.read())
            return web.Response()

        app = web.Application()
        app.router.add_post("/", take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        webhooks = Webhooks()
        webhooks.settings.url = f"http://127.0.0.1:{port}/"
        webhooks.settings.interval_ms = 0
        monkeypatch.setattr(aiohttp.ClientSession, "close", slow_close)
        try:
            async with asyncio.timeout(20):
                webhooks.add(an_update("first"))
                assert b"first" in await bodies.get()
                await closing.wait()
                webhooks.add(an_update("second"))
                go_on.set()
                assert b"second" in await bodies.get()
        finally:
            go_on.set()
            await webhooks.close()
            monkeypatch.undo()
            await runner.cleanup()

    asyncio.run(play())


def an_update(name: str) -> Update:
    return Update("1", "messages", 1_700_000_000, "statuses", {"name": name})
