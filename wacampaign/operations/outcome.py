"""How campaigns ended, for scripts: well or not."""

from collections.abc import Sequence
from typing import Final

from wacampaign.core.campaign.delivery import UNUSUAL_SHARE
from wacampaign.core.campaign.state import Campaign

#: Messages of a hundred that may fail: what `queue-stats` calls unusual. Of any list some numbers
#: have left WhatsApp.
UNUSUAL_PERCENT: Final = 100 * UNUSUAL_SHARE


def all_well(campaigns: Sequence[Campaign], max_failed: float = UNUSUAL_PERCENT) -> bool:
    """Whether all of them completed, with nothing open and few failures (`max_failed` per cent)."""
    return all(_is_well(campaign, max_failed) for campaign in campaigns)


def _is_well(campaign: Campaign, max_failed: float) -> bool:
    counts = campaign.counts
    failed = counts.failed + campaign.delivery.undelivered
    open_rows = counts.undone + counts.in_doubt + campaign.never_enqueued + campaign.deleted
    few = 100 * failed <= max_failed * campaign.size
    return campaign.status == "completed" and not open_rows and few
