"""The night's webhooks: a receiver of ours, and what the simulated API tells it."""

import json
import socket
import time
import urllib.request
from typing import Any, Final

from wacampaign.demo.stage import Stage
from wacampaign.sandbox.demo import DEMO_APP_SECRET

#: Seconds that the receiver may take until it answers.
_START_SECONDS: Final = 15.0
#: Seconds that it may take to say how it stands: it asks the database for that.
_ANSWER_SECONDS: Final = 3.0
#: Seconds after which it no longer shows what it knew before the last status came.
_FRESH_SECONDS: Final = 1.5
#: Seconds that the last statuses may take to arrive.
_LAST_SECONDS: Final = 60.0
#: Milliseconds from an acceptance to its statuses, as they come on a quiet evening.
_DELAYS_MS: Final = {"sent": 100.0, "delivered": 500.0, "read": 1500.0, "failed": 500.0}
#: Part of the delivered messages that is read.
_READ_SHARE: Final = 0.4
#: One of so many recipients is not on WhatsApp; the API takes the message all the same.
_UNREACHABLE_EVERY: Final = 41
#: Message undeliverable (whatsapp-cloud-api 1.3).
_UNDELIVERABLE: Final = 131026


class NightReceiver:
    """`wacampaign webhook`, told by the simulated API what became of each message."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._port = _free_port()
        self.log = stage.folder / "webhook.log"

    def start(self) -> bool:
        """Starts it, and then the webhooks; whether it listens."""
        receiver = self._stage.start("webhook", "--port", str(self._port), log=self.log)
        deadline = time.monotonic() + _START_SECONDS
        while self._health() is None:
            if receiver.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        control = self._stage.sandbox.control
        control.webhook(
            f"http://127.0.0.1:{self._port}/api/webhooks",
            DEMO_APP_SECRET,
            delay_ms=_DELAYS_MS,
            read_share=_READ_SHARE,
        )
        control.add_fault(
            "fail_later", code=_UNDELIVERABLE, every=_UNREACHABLE_EVERY, before=["sent"]
        )
        return True

    def has_taken_all(self) -> bool:
        """Waits until everything was told and worked on; whether that was in time."""
        deadline = time.monotonic() + _LAST_SECONDS
        told_at = float("inf")
        while not (time.monotonic() > told_at + _FRESH_SECONDS and self._has_worked()):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
            waiting = self._stage.sandbox.control.totals()["webhook"]["waiting"]
            if not waiting and told_at == float("inf"):
                told_at = time.monotonic()
        return True

    def _has_worked(self) -> bool:
        health = self._health() or {}
        return health.get("waiting") == 0 and health.get("spool", {}).get("bodies") == 0

    def _health(self) -> dict[str, Any] | None:
        """What it says of itself; None while it does not answer."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._port}/healthz", timeout=_ANSWER_SECONDS
            ) as answer:
                found: dict[str, Any] = json.load(answer)
        except (OSError, ValueError):
            return None
        return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
