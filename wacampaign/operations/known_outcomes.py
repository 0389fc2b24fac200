"""Doubts that need no person: journals on this machine and the backend's own messages are asked."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from wacampaign.core.words import rows
from wacampaign.operations.campaigns import actor
from wacampaign.operations.journal_recovery import recover_journals
from wacampaign.store.store import Store
from wacampaign.store.stuck import StuckCampaigns


async def settle_what_is_known(
    store: Store, home: Path, campaign_ids: Sequence[str], tell: Callable[[str], None]
) -> bool:
    """Settles what the journals of dead workers and the messages of these campaigns prove.

    `tell` hears a sentence for each. Writes over nothing that is known, sends nothing. Returns
    whether anything was settled; never raises for a journal that cannot be read.
    """
    settled = await _read_journals(store, home, tell)
    stuck = StuckCampaigns(store)
    for campaign_id in campaign_ids:
        if n := await stuck.settle_by_messages(campaign_id, actor()):
            tell(f"{campaign_id[:8]}: {rows(n)} turned out to be accepted, as messages tell")
            settled = True
    return settled


def has_journals(home: Path) -> bool:
    """Whether there are journals here, of dead workers or of living ones."""
    return any((home / "journals").glob("*.journal"))


async def _read_journals(store: Store, home: Path, tell: Callable[[str], None]) -> bool:
    def tell_of(event: str, **fields: Any) -> None:
        journal = f"the journal of worker {str(fields['dead_worker'])[:8]}"
        if event == "journal_read":
            tell(
                f"{journal} was read: {fields['sent']:,} accepted, "
                f"{fields['failed']:,} refused, {fields['unsent']:,} never sent"
            )
        else:
            tell(f"{journal} is kept: {fields['error']}")

    if not has_journals(home):
        return False
    try:
        return await recover_journals(home, store, uuid4(), tell_of) > 0
    except OSError as error:
        tell(f"the journals in {home} cannot be read: {error.strerror or error}")
        return False
