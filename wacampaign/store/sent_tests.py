"""Test messages that were sent to the operator's own phone: events, and in no campaign's count."""

import json
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

from wacampaign.store.store import Capability


class SentTest(TypedDict):
    """A test message that was sent, or was tried to be."""

    campaign_id: str
    #: Its id.
    test: str
    actor: str
    number_id: str
    #: Digits.
    phone: str
    template: str
    #: None: it was not accepted.
    wamid: str | None
    reason: str


class SentTests(Capability):
    """Writes test messages down and reads what the status webhook said of them."""

    async def write_down(self, **sent: Unpack[SentTest]) -> None:
        """Writes a test message down; it counts in no campaign."""
        await self._store.call("test_sent", **sent)

    async def status(self, wamid: str) -> tuple[list[dict[str, Any]], bool]:
        """What the status webhook said of it (status, code, text), and whether it ever says any."""
        answer = await self._store.call("test_status", wamid=wamid)
        return answer["statuses"], bool(answer["received"])

    async def write_probe_down(
        self,
        campaign_id: str,
        probe_id: str,
        actor: str,
        *,
        accepted: bool,
        reason: str,
        detail: Mapping[str, Any],
    ) -> bool:
        """Writes a probe down as an event; False: it is there already."""
        answer = await self._store.call(
            "probe_sent",
            campaign_id=campaign_id,
            probe=probe_id,
            actor=actor,
            accepted=int(accepted),
            reason=reason,
            detail=json.dumps(detail),
        )
        return bool(answer["written"])
