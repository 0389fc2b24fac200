"""Sending hours in the database: set, taken away, and what they would mean."""

import json
from typing import Any

from wacampaign.core.daily_window import Hours, Window, ZoneRows
from wacampaign.core.phone_zones import ZONES_VERSION, zone_sets
from wacampaign.core.reading import read
from wacampaign.store.store import Capability


class Windows(Capability):
    """The hours of campaigns, by their recipients' clocks."""

    async def keep_zones(self) -> None:
        """Has the database know the zones of phones as this program does."""
        answer = await self._store.call("zones_version")
        if answer["version"] != ZONES_VERSION:
            sets = [{"zones": zones, "prefixes": found} for zones, found in zone_sets().items()]
            await self._store.call("keep_zones", version=ZONES_VERSION, sets=json.dumps(sets))

    async def survey(
        self, campaign_id: str, hours: Hours, zone: str, actor: str
    ) -> tuple[Window, str]:
        """What hours would mean for the rows that are to be sent, and when that was (ISO 8601)."""
        answer = await self._store.call(
            "window_survey",
            campaign_id=campaign_id,
            opens=hours.opens_at,
            closes=hours.closes_at,
            zone=zone,
        )
        groups = tuple(read(ZoneRows, one, zones=tuple(one["zones"])) for one in answer["zones"])
        return Window(hours.opens_at, hours.closes_at, zone, actor, groups), str(answer["at"])

    async def set(
        self, campaign_id: str, hours: Hours | None, zone: str | None, actor: str
    ) -> bool:
        """Sets the hours, or takes them away (None); False: they were so already."""
        answer: dict[str, Any] = await self._store.call(
            "set_window",
            campaign_id=campaign_id,
            opens=hours and hours.opens_at,
            closes=hours and hours.closes_at,
            zone=zone,
            actor=actor,
        )
        return bool(answer["changed"])
