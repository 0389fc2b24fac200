"""Connections that send nothing, or a request drop by drop, are not kept for ever."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

import pytest

from wacampaign.webhook import server
from wacampaign.webhook.refusals import Refusals
from wacampaign.webhook.secrets import AppSecrets
from wacampaign.webhook.server import BodyKeeper, WebhookServer

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
#: What is sent at once, and then every tenth of a second.
IDLE = {
    "silent": (b"", b""),
    "half a head": (b"POST /api/webhooks HTTP/1.1\r\nHost: x\r\n", b""),
    "a head in drops": (b"POST /api/webhooks HTTP/1.1\r\nHost: x\r\n", b"X-More: 1\r\n"),
    "a second head in drops": (HEALTH + b"POST /api", b"/more"),
}


def _say_nothing(event: str, /, *, level: str = "info", **fields: Any) -> None:
    pass


async def _health() -> tuple[bool, dict[str, Any]]:
    return True, {}


async def _seconds_open(host: str, port: int, first: bytes, drops: bytes) -> float:
    reader, writer = await asyncio.open_connection(host, port)
    began = asyncio.get_running_loop().time()

    async def send() -> None:
        writer.write(first)
        while True:
            writer.write(drops)
            await asyncio.sleep(0.1)

    sending = asyncio.create_task(send())
    with contextlib.suppress(OSError):
        await reader.read()
    sending.cancel()
    writer.close()
    return asyncio.get_running_loop().time() - began


@pytest.mark.parametrize("kind", IDLE)
def test_it_is_closed_in_time(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_SECONDS", 1.0)

    async def play() -> float:
        receiver = WebhookServer(
            "/api/webhooks",
            None,
            cast(AppSecrets, None),
            cast(BodyKeeper, None),
            Refusals(_say_nothing),
            _health,
            _say_nothing,
        )
        host, port = await receiver.start("127.0.0.1", 0)
        try:
            async with asyncio.timeout(20):
                return await _seconds_open(host, port, *IDLE[kind])
        finally:
            await receiver.stop()

    assert asyncio.run(play()) >= 0.9
