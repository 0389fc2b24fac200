"""Signed webhooks: what comes when, in batches, with repeats."""

import asyncio
import hashlib
import heapq
import hmac
import itertools
import json
import random
import time
from collections.abc import Sequence
from contextlib import suppress

import aiohttp

from wacampaign.sandbox.answers import Refusal
from wacampaign.sandbox.state import Message
from wacampaign.sandbox.webhook_bodies import Update, envelope, status_update
from wacampaign.sandbox.webhook_settings import WebhookSettings


def signature(app_secret: str, body: bytes) -> str:
    """The `X-Hub-Signature-256` header of a raw body."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


class Webhooks:
    """Queues updates and posts them from one task as they fall due."""

    def __init__(self) -> None:
        self.settings = WebhookSettings()
        #: (monotonic second when it is due, place in the order of arrival, update).
        self._queue: list[tuple[float, int, Update]] = []
        self._places = itertools.count()
        self._dice = random.Random(0)
        self._sooner = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        #: Updates in POSTs answered with 200, and in POSTs given up.
        self.delivered = 0
        self.abandoned = 0
        self._posting = 0

    @property
    def waiting(self) -> int:
        """Updates that are still to be delivered."""
        return len(self._queue) + self._posting

    def reset(self) -> None:
        """No URL, nothing queued, no repeat under way, counters at zero."""
        if self._task is not None:
            # Else it goes on with an address that is gone, and keeps back what is queued next.
            self._task.cancel()
            self._task = None
        self.settings = WebhookSettings()
        self._queue.clear()
        self._dice = random.Random(0)
        self.delivered = self.abandoned = 0

    def enqueue(
        self,
        message: Message,
        wamid: str,
        failure: Refusal | None,
        before: Sequence[str] = (),
    ) -> None:
        """Queue the statuses of one message; `failure` makes it fail, after those in `before`."""
        settings = self.settings
        if settings.url is None:
            return
        now = time.time()
        statuses = settings.statuses if failure is None else (*before, "failed")
        if settings.read_share < 1.0 and self._dice.random() >= settings.read_share:
            statuses = tuple(status for status in statuses if status != "read")
        for status in statuses:
            delay_s = settings.delay_ms.get(status, 0.0) / 1000.0
            at = int(now + delay_s)
            self.add(status_update(message, wamid, status, failure, at), delay_s)

    def add(self, update: Update, delay_s: float = 0.0) -> None:
        """Queue an update, due in `delay_s` seconds. Nothing without a URL."""
        if self.settings.url is None:
            return
        due = time.monotonic() + delay_s
        for _ in range(self.settings.copies):
            heapq.heappush(self._queue, (due, next(self._places), update))
        if self._queue[0][0] == due:
            self._sooner.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._post_all())

    async def close(self) -> None:
        """Stop posting; what is queued is lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _post_all(self) -> None:
        try:
            # Asked again after the session is closed: what is queued meanwhile starts no task.
            while self._queue:
                async with aiohttp.ClientSession() as session:
                    await self._post_queued(session)
        finally:
            if self._task is asyncio.current_task():
                self._task = None

    async def _post_queued(self, session: aiohttp.ClientSession) -> None:
        while self._queue:
            wait_s = self._queue[0][0] - time.monotonic()
            if wait_s > 0:
                self._sooner.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._sooner.wait(), wait_s)
                continue
            await asyncio.sleep(self.settings.interval_ms / 1000.0)
            while batch := self._due():
                await self._post(session, batch)

    def _due(self) -> list[Update]:
        """The next POST's updates, in the order that the settings want."""
        now, settings = time.monotonic(), self.settings
        batch: list[Update] = []
        while self._queue and self._queue[0][0] <= now and len(batch) < settings.batch:
            batch.append(heapq.heappop(self._queue)[2])
        if settings.order == "reversed":
            batch.reverse()
        elif settings.order == "shuffled":
            self._dice.shuffle(batch)
        return batch

    async def _post(self, session: aiohttp.ClientSession, batch: list[Update]) -> None:
        settings = self.settings
        if settings.url is None:
            return
        self._posting = len(batch)
        body = json.dumps(envelope(batch)).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": signature(settings.app_secret, body),
        }
        wait_s = settings.retry_ms / 1000.0
        try:
            for attempt in range(settings.retries + 1):
                if attempt:
                    await asyncio.sleep(wait_s)
                    wait_s *= 2
                try:
                    async with session.post(settings.url, data=body, headers=headers) as answer:
                        if answer.status == 200:
                            self.delivered += len(batch)
                            return
                except (aiohttp.ClientError, TimeoutError):
                    continue
            self.abandoned += len(batch)
        finally:
            self._posting = 0
