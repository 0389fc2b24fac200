"""The inbox: what people wrote, a conversation a line, and what they write from now on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.cells import cell
from wacampaign.core.replies import Reply
from wacampaign.operations.arrivals import take_arrivals
from wacampaign.operations.campaigns import resolve_campaign
from wacampaign.problems import Usage
from wacampaign.settings import Settings
from wacampaign.store.inbound import PAGE, TAKE_STEP, Inbound
from wacampaign.store.store import Store

#: Seconds between two looks for new messages.
LOOK_SECONDS: Final = 1.0
#: Messages that are looked at once more: as many as one call takes.
_OVERLAP: Final = TAKE_STEP


@dataclass(frozen=True, slots=True)
class Inbox:
    """Last incoming messages, newest first."""

    #: None: of all.
    campaign: CampaignName | None
    replies: tuple[Reply, ...]
    #: There are older ones.
    more: bool


async def look(
    store: Store,
    settings: Settings,
    campaign: str | None,
    since: datetime | None,
    limit: int,
    *,
    show_numbers: bool = False,
) -> Inbox:
    """At most `limit` last messages, one a person and number (with a campaign: one a person).

    What waits to be taken is taken before. Raises `NoSuchCampaign`, `Usage` for a name that several
    have.
    """
    named = None if campaign is None else await resolve_campaign(store, campaign)
    await take_arrivals(store, settings)
    found: list[dict[str, Any]] = []
    while len(found) <= limit:
        page = await Inbound(store).conversations(
            campaign_id=None if named is None else named.id,
            since=None if since is None else since.isoformat(),
            before=found[-1] if found else None,
            limit=min(PAGE, limit + 1 - len(found)),
        )
        found += page
        if not page:
            break
    replies = tuple(Reply.of(one, show_numbers=show_numbers) for one in found[:limit])
    return Inbox(named, replies, len(found) > limit)


async def follow(
    store: Store,
    settings: Settings,
    campaign: str | None,
    since: datetime | None,
    limit: int,
    *,
    show_numbers: bool = False,
) -> AsyncIterator[Reply]:
    """New messages as they come, oldest first, until cancelled. Raises as `look`.

    Before them what `look` finds since then, if a time is given.
    """
    inbound = Inbound(store)
    campaign_id = None if campaign is None else (await resolve_campaign(store, campaign)).id
    begin = newest = await inbound.newest()
    #: Shown already: two who take messages at once may be done in the other order.
    shown: set[str] = set()
    if since is not None:
        found = await look(store, settings, campaign, since, limit, show_numbers=show_numbers)
        for reply in reversed(found.replies):
            shown.add(reply.wamid)
            yield reply
    while True:
        await take_arrivals(store, settings)
        after = max(begin, newest - _OVERLAP)
        while page := await inbound.after(after, campaign_id=campaign_id):
            after = page[-1]["n"]
            newest = max(newest, after)
            for one in page:
                if one["wamid"] not in shown:
                    shown.add(one["wamid"])
                    yield Reply.of(one, show_numbers=show_numbers)
        await asyncio.sleep(LOOK_SECONDS)


def read_since(text: str) -> datetime:
    """A time as people type it; without a zone it is local. Raises `Usage` for what is none."""
    try:
        return datetime.fromisoformat(cell(text)).astimezone()
    except (ValueError, OverflowError, OSError):
        today = datetime.now().astimezone()
        raise Usage(
            f"--since {text!r} is no time", f'wacampaign inbox --since "{today:%Y-%m-%d}"'
        ) from None
