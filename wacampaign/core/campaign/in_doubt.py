"""What queue-stats, monitor, audit and restart-stuck say of rows in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the settings need the minutes alone
    from wacampaign.core.campaign.state import Campaign

#: Minutes that rows in doubt may be all that is left before a campaign completes with a note,
#: unless set otherwise.
IN_DOUBT_MINUTES: Final = 10.0

#: Beside the count.
COUNT_NOTE: Final = "never sent again by a machine"


def note(n: int) -> str:
    """`4 in doubt`."""
    return f"{n:,} in doubt"


def attention(campaign: Campaign) -> str | None:
    """The note that stays until it is resolved: "4 in doubt, 2 deleted"."""
    notes = [note(campaign.counts.in_doubt)] if campaign.counts.in_doubt else []
    if campaign.deleted:
        notes.append(f"{campaign.deleted:,} deleted")
    return ", ".join(notes) or None
