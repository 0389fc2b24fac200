"""Signed status webhooks: sent, delivered, read, failed, in batches."""

import asyncio
import hashlib
import hmac
import json
import time
from collections import deque
from dataclasses import dataclass, fields
from typing import Any

import aiohttp

from wacampaign.sandbox.answers import Refusal
from wacampaign.sandbox.state import Message

#: Meta's largest batch.
MAX_BATCH = 1000
STATUSES = ("sent", "delivered", "read")


@dataclass(slots=True)
class WebhookSettings:
    """Where the status webhooks go. Without a URL there are none."""

    url: str | None = None
    app_secret: str = ""
    #: Which statuses a message that does not fail goes through, in this order.
    statuses: tuple[str, ...] = STATUSES
    #: Updates per POST at most.
    batch: int = MAX_BATCH
    #: Milliseconds that updates wait for others to share a POST with.
    interval_ms: float = 100.0
    #: Milliseconds before the first repeat of a POST that was not answered with 200; then doubled.
    retry_ms: float = 1000.0
    #: Repeats before a batch is given up. Meta's go on for days; a sandbox does not live so long.
    retries: int = 5

    def change(self, given: dict[str, Any]) -> None:
        """Set the given ones. ValueError for an unknown name or a wrong value."""
        known = {f.name for f in fields(self)}
        if unknown := given.keys() - known:
            raise ValueError(f"unknown webhook settings: {', '.join(sorted(unknown))}")
        given = dict(given)
        if "statuses" in given:
            given["statuses"] = tuple(given["statuses"])
            if not set(given["statuses"]) <= set(STATUSES):
                raise ValueError(f"statuses must be among {', '.join(STATUSES)}")
        if not 1 <= given.get("batch", 1) <= MAX_BATCH:
            raise ValueError(f"batch must lie between 1 and {MAX_BATCH}")
        for name, value in given.items():
            setattr(self, name, value)


def signature(app_secret: str, body: bytes) -> str:
    """The `X-Hub-Signature-256` header of a raw body."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class _Update:
    message: Message
    wamid: str
    status: str
    failure: Refusal | None


class Webhooks:
    """Queues status updates and posts them from one task, in order."""

    def __init__(self) -> None:
        self.settings = WebhookSettings()
        self._queue: deque[_Update] = deque()
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
        """No URL, nothing queued, counters at zero."""
        self.settings = WebhookSettings()
        self._queue.clear()
        self.delivered = self.abandoned = 0

    def enqueue(self, message: Message, wamid: str, failure: Refusal | None) -> None:
        """Queue the updates of one message; `failure` makes it fail. Nothing without a URL."""
        if self.settings.url is None:
            return
        for status in self.settings.statuses if failure is None else ("failed",):
            self._queue.append(_Update(message, wamid, status, failure))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._post_all())

    async def close(self) -> None:
        """Stop posting; what is queued is lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _post_all(self) -> None:
        try:
            async with aiohttp.ClientSession() as session:
                while self._queue:
                    await asyncio.sleep(self.settings.interval_ms / 1000.0)
                    while self._queue:
                        count = min(len(self._queue), self.settings.batch)
                        batch = [self._queue.popleft() for _ in range(count)]
                        await self._post(session, batch)
        finally:
            self._task = None

    async def _post(self, session: aiohttp.ClientSession, batch: list[_Update]) -> None:
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


def envelope(batch: list[_Update]) -> dict[str, Any]:
    """Meta's webhook body for the updates: one entry per WABA, one change per number in it."""
    entries: dict[str, dict[str, dict[str, Any]]] = {}
    now = str(int(time.time()))
    for update in batch:
        number = update.message.number
        value = entries.setdefault(number.waba_id, {}).setdefault(
            number.id,
            {
                "messaging_product": "whatsapp",
                "metadata": {"display_phone_number": number.digits, "phone_number_id": number.id},
                "statuses": [],
            },
        )
        value["statuses"].append(_status(update, now))
    return {
        "object": "whatsapp_business_account",
        "entry": [
            {
                "id": waba_id,
                "changes": [{"field": "messages", "value": value} for value in values.values()],
            }
            for waba_id, values in entries.items()
        ],
    }


def _status(update: _Update, now: str) -> dict[str, Any]:
    status: dict[str, Any] = {
        "id": update.wamid,
        "status": update.status,
        "timestamp": now,
        "recipient_id": update.message.recipient,
    }
    if update.message.callback is not None:
        status["biz_opaque_callback_data"] = update.message.callback
    if update.failure is not None:
        status["errors"] = [update.failure.webhook_error()]
    elif update.status in ("sent", "delivered"):
        status["pricing"] = {
            "billable": True,
            "pricing_model": "PMP",
            "type": "regular",
            "category": update.message.category,
        }
    return status
