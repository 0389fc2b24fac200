"""What /healthz says, and what a receiver tells the database with each beat."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from wacampaign.problems import Problem
from wacampaign.store.webhooks import Webhooks
from wacampaign.webhook.forwarding import Forwarding
from wacampaign.webhook.kept_bodies import KeptBodies
from wacampaign.webhook.refusals import Refusals
from wacampaign.webhook.server import WebhookServer
from wacampaign.webhook.storing import Storing

#: Seconds for which an answer of the database is shown again, and seconds that it is waited for.
STATE_SECONDS: Final = 1.0
#: Seconds that the oldest body may wait to be worked on before that is called behind.
BEHIND_SECONDS: Final = 60.0


class ReceiverHealth:
    """Asked by whoever watches."""

    def __init__(
        self,
        webhooks: Webhooks,
        storing: Storing,
        spool: KeptBodies,
        forwarding: Forwarding | None,
        refusals: Refusals,
    ) -> None:
        self._webhooks = webhooks
        self._storing = storing
        self._spool = spool
        self._forwarding = forwarding
        self._refusals = refusals
        self._asked_at = float("-inf")
        self._state: dict[str, Any] | None = None
        self._away: str | None = None
        self.server: WebhookServer | None = None

    async def _ask(self) -> None:
        if time.monotonic() - self._asked_at < STATE_SECONDS:
            return
        self._asked_at = time.monotonic()
        try:
            async with asyncio.timeout(STATE_SECONDS):
                self._state, self._away = await self._webhooks.state(), None
        except TimeoutError:
            self._away = f"no answer within {STATE_SECONDS:g} s"
        except Problem as error:
            self._away = str(error)

    async def __call__(self) -> tuple[bool, dict[str, Any]]:
        """Whether bodies can be kept (else 503), and the whole object.

        `waiting` and `lag_seconds` are as the database said last; null: it never did.
        """
        await self._ask()
        state = self._state or {}
        away = self._away or self._storing.away
        keeps = away is None or self._spool.refusal is None
        lag = state.get("lag_seconds")
        last = self.server.last_at if self.server is not None else None
        last_at = last.isoformat() if last is not None else state.get("last_received_at")
        return keeps, {
            "schema_version": 1,
            "status": _status(keeps, away is not None, lag),
            "received": self.server.handled if self.server is not None else 0,
            "last_received_at": last_at,
            "database": away or "ok",
            "waiting": state.get("waiting"),
            "lag_seconds": None if lag is None else round(lag, 1),
            "with_faults": state.get("with_faults"),
            "spool": {
                "bodies": self._spool.waiting,
                "bytes": self._spool.waiting_bytes,
                "error": self._spool.refusal,
            },
            "forward": None if self._forwarding is None else self._forwarding.health(),
            "refused": dict(self._refusals.counts),
        }


def shown(health: Mapping[str, Any]) -> dict[str, tuple[float | str, str]]:
    """The few figures of it that `pm2 describe` and `systemctl status` show, with their units."""
    figures = {
        "status": (health["status"], ""),
        "received": (health["received"], "bodies"),
        "waiting": (health["waiting"] or 0, "bodies"),
        "lag": (health["lag_seconds"] or 0, "s"),
        "in the file": (health["spool"]["bodies"], "bodies"),
        "refused": (sum(health["refused"].values()), "requests"),
    }
    if health["forward"] is not None:
        figures["to pass on"] = (health["forward"]["waiting"], "bodies")
    return figures


def _status(keeps: bool, away: bool, lag: float | None) -> str:
    if not keeps:
        return "refusing"
    if away:
        return "spooling"
    return "behind" if lag is not None and lag > BEHIND_SECONDS else "ok"
