"""`list`: all campaigns, the newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wacampaign.core.campaign.listed import ListedCampaign
from wacampaign.operations.campaigns import refuse_blind
from wacampaign.operations.numbers import find_number
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store


@dataclass(frozen=True, slots=True)
class CampaignList:
    """Campaigns, the newest first."""

    campaigns: Sequence[ListedCampaign]
    #: There are older ones.
    more: bool
    #: Whether only some were asked for, by status, number or time.
    is_chosen: bool


async def look(
    store: Store,
    status: str | None = None,
    number: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> CampaignList:
    """At most `limit` campaigns (None: all). Raises `Refused` for a number that is not known."""
    sender = None if number is None else await find_number(store, number)
    found = await Campaigns(store).listed(
        status=status,
        number_id=None if sender is None else sender.id,
        since=None if since is None else since.isoformat(),
        limit=None if limit is None else limit + 1,
    )
    if not found:
        await refuse_blind(store)
    chosen = any(one is not None for one in (status, number, since))
    return CampaignList(found[:limit], limit is not None and len(found) > limit, chosen)
