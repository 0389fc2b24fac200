"""Doubts that need no person: journals on this machine and the backend's own messages are asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wacampaign.cli.output import say
from wacampaign.cli.session import actor
from wacampaign.cli.wording import rows

if TYPE_CHECKING:
    from wacampaign.store.store import Store


async def settle_what_is_known(store: Store, home: Path, campaign_ids: Sequence[str]) -> bool:
    """Settles what the journals of dead workers and the messages of these campaigns prove.

    Told on stderr. Writes over nothing that is known, sends nothing. Returns whether anything was
    settled; never raises for a journal that cannot be read.
    """
    from wacampaign.store.stuck import StuckCampaigns

    settled = await _read_journals(store, home)
    stuck = StuckCampaigns(store)
    for campaign_id in campaign_ids:
        if n := await stuck.settle_by_messages(campaign_id, actor()):
            say(f"{campaign_id[:8]}: {rows(n)} turned out to be accepted, as messages tell")
            settled = True
    return settled


def has_journals(home: Path) -> bool:
    """Whether there are journals here, of dead workers or of living ones."""
    return any((home / "journals").glob("*.journal"))


async def _read_journals(store: Store, home: Path) -> bool:
    if not has_journals(home):
        return False
    from uuid import uuid4

    from wacampaign.core.ports import DatabaseAway
    from wacampaign.problems import Unreachable
    from wacampaign.worker.recovery import recover_journals

    def tell(event: str, **fields: Any) -> None:
        who = str(fields["dead_worker"])[:8]
        if event == "journal_read":
            say(
                f"the journal of worker {who} was read: {fields['sent']:,} accepted, "
                f"{fields['failed']:,} refused, {fields['unsent']:,} never sent"
            )
        else:
            say(f"the journal of worker {who} is kept: {fields['error']}")

    try:
        return await recover_journals(home, store, uuid4(), tell) > 0
    except DatabaseAway as away:
        raise Unreachable(str(away)) from None
    except OSError as error:
        say(f"the journals in {home} cannot be read: {error.strerror or error}")
        return False
