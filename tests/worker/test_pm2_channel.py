"""PM2's channel byte by byte: lines in pieces, a PM2 that does not read, one that is gone."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from wacampaign.worker.process_manager import Pm2Channel


class PlayedPm2:
    """The other end of a channel, and what the process was asked to end for."""

    def __init__(self) -> None:
        self.end, ours = socket.socketpair()
        self.end.setblocking(False)
        # Little room, so that what waits leaves in parts.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.channel = Pm2Channel(ours.detach())
        self.reasons: list[str] = []
        self._ended = asyncio.Event()
        self._left = b""

    async def hear(self, n: int) -> list[Any]:
        """The next messages."""
        loop = asyncio.get_running_loop()
        while self._left.count(b"\n") < n:
            self._left += await asyncio.wait_for(loop.sock_recv(self.end, 1 << 20), 20)
        *lines, self._left = self._left.split(b"\n", n)
        return [json.loads(line) for line in lines]

    def on_end(self, reason: str) -> None:
        self.reasons.append(reason)
        self._ended.set()

    async def wait_reason(self) -> str:
        await asyncio.wait_for(self._ended.wait(), 20)
        return self.reasons[0]


@asynccontextmanager
async def played() -> AsyncIterator[PlayedPm2]:
    pm2 = PlayedPm2()
    pm2.channel.watch(pm2.on_end)
    try:
        yield pm2
    finally:
        pm2.end.close()


async def echo(name: str, word: str | None) -> Mapping[str, Any]:
    if name == "burst":
        raise ValueError("burst")
    return {"name": name, "word": word}


def test_an_answer_comes_to_what_was_asked_in_pieces() -> None:
    async def play() -> None:
        async with played() as pm2:
            pm2.channel.offer(["stats"], echo)
            (offered,) = await pm2.hear(1)
            assert (offered["type"], offered["data"]["action_name"]) == ("axm:action", "stats")
            asked = b'"stats"\n{"cmd":"NODE_INTERNAL"}\nno json\n{"msg":"pause","opts":"A b"}\n'
            for byte in asked:
                pm2.end.send(bytes([byte]))
                await asyncio.sleep(0)
            answers = [message["data"]["return"] for message in await pm2.hear(2)]
            assert answers == [{"name": "stats", "word": None}, {"name": "pause", "word": "A b"}]
            assert pm2.reasons == []

    asyncio.run(play())


def test_a_fault_is_an_answer_too() -> None:
    async def play() -> None:
        async with played() as pm2:
            pm2.channel.offer([], echo)
            pm2.end.send(b'"burst"\n')
            (answer,) = await pm2.hear(1)
            assert answer["data"]["return"] == {"ok": False, "error": "ValueError: burst"}

    asyncio.run(play())


def test_what_pm2_does_not_read_garbles_nothing_and_does_not_grow() -> None:
    async def play() -> None:
        async with played() as pm2:
            for value in range(50_000):
                pm2.channel.publish({"n": (value, "rows")})
            pm2.channel.ready()
            heard: list[Any] = []
            while "ready" not in heard:
                heard += await pm2.hear(1)
            values = [message["data"]["n"]["value"] for message in heard[:-1]]
            assert values == list(range(len(values)))
            assert 0 < len(values) < 50_000

    asyncio.run(play())


def test_a_word_and_the_end_of_the_channel_end_the_process() -> None:
    async def play() -> None:
        async with played() as pm2:
            pm2.end.send(b'"shutdown"\n')
            assert await pm2.wait_reason() == "PM2 shutdown message"
        async with played() as pm2:
            pm2.end.close()
            assert await pm2.wait_reason() == "the PM2 daemon is gone"
            pm2.channel.publish({"n": (1, "rows")})

    asyncio.run(play())


def test_only_a_process_of_pm2_has_a_channel(monkeypatch: Any) -> None:
    monkeypatch.delenv("NODE_CHANNEL_FD", raising=False)
    assert Pm2Channel.from_environment() is None
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    monkeypatch.setenv("NODE_CHANNEL_FD", str(read))
    assert Pm2Channel.from_environment() is None
    assert "NODE_CHANNEL_FD" not in os.environ
