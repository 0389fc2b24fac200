"""Test messages that were sent to the operator's own phone: events, and in no campaign's count."""

import json
from collections.abc import Mapping
from typing import Any

from wacampaign.store.store import Capability


class SentTests(Capability):
    """Writes test messages down and reads what the status webhook said of them."""

    async def write_down(
        self,
        campaign_id: str,
        test_id: str,
        actor: str,
        *,
        number_id: str,
        phone: str,
        template: str,
        wamid: str | None,
        reason: str,
    ) -> None:
        """Writes a test message down; it counts in no campaign."""
        await self._store.call(
            "test_sent",
            campaign_id=campaign_id,
            test=test_id,
            actor=actor,
            number_id=number_id,
            phone=phone,
            template=template,
            wamid=wamid,
            reason=reason,
        )

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
