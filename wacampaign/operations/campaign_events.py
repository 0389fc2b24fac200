"""`events`: who did what to a campaign, and when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from wacampaign.core.campaign.event import CampaignEvent
from wacampaign.core.campaign.name import CampaignName, for_campaign
from wacampaign.operations.campaigns import resolve_campaign
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """The last events of a campaign, the newest last."""

    campaign: CampaignName
    events: Sequence[CampaignEvent]
    #: There are earlier ones.
    more: bool


async def look(
    store: Store, campaign: str, since: datetime | None = None, limit: int | None = None
) -> CampaignRecord:
    """The last `limit` events (None: all). Raises `NoSuchCampaign`, `Usage`."""
    named = await resolve_campaign(store, campaign)
    found = await Campaigns(store).events(
        named.id,
        since=None if since is None else since.isoformat(),
        limit=None if limit is None else limit + 1,
    )
    more = limit is not None and len(found) > limit
    events = [
        replace(event, reason=for_campaign(event.reason, named.short_id)) if event.reason else event
        for event in found[:limit][::-1]
    ]
    return CampaignRecord(named, events, more)
