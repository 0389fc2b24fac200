"""What queue-stats and monitor say of rows in doubt, and the note that every command counts by."""

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


def meaning(n: int) -> str:
    """What being in doubt means, below the counts and beside the next command."""
    return f"{note(n)}: may or may not have been sent; no machine sends them again"


def completes_soon(n: int) -> str:
    """Where rows in doubt are all that is left, and no worker is alive."""
    return (
        "nothing else is left: ten minutes after the last of them a worker, or this"
        f' command, completes it with the note "{note(n)}"'
    )


def attention(campaign: Campaign) -> str | None:
    """The note that stays until it is resolved: "4 in doubt, 2 deleted"."""
    notes = [note(campaign.counts.in_doubt)] if campaign.counts.in_doubt else []
    if campaign.deleted:
        notes.append(f"{campaign.deleted:,} deleted")
    return ", ".join(notes) or None
