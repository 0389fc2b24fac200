"""What is said of rows in doubt: by monitor and queue-stats, and in what others share with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the settings need the minutes alone
    from wacampaign.core.campaign.state import Campaign

#: Minutes that rows in doubt may be all that is left before a campaign completes with a note,
#: unless set otherwise.
IN_DOUBT_MINUTES: Final = 10.0

#: The state's name.
NAME: Final = "in doubt"
#: What it means.
UNSURE: Final = "may or may not have been sent"
#: Beside the count.
COUNT_NOTE: Final = "never sent again by a machine"


def note(n: int) -> str:
    """`4 in doubt`."""
    return f"{n:,} {NAME}"


def meaning(n: int) -> str:
    """What being in doubt means, below the counts and beside the next command."""
    return f"{note(n)}: {UNSURE}; no machine sends them again"


def completes_soon(n: int) -> str:
    """Where rows in doubt are all that is left, and no worker is alive."""
    return (
        f"nothing else is left: {IN_DOUBT_MINUTES:g} minutes (or WACAMPAIGN_IN_DOUBT_MINUTES) after"
        f' the last of them a worker, or this command, completes it with the note "{note(n)}"'
    )


def attention(campaign: Campaign) -> str | None:
    """The note that stays until it is resolved: "4 in doubt, 2 deleted"."""
    notes = [note(campaign.counts.in_doubt)] if campaign.counts.in_doubt else []
    if campaign.deleted:
        notes.append(f"{campaign.deleted:,} deleted")
    return ", ".join(notes) or None
