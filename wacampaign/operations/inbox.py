"""The inbox: what people wrote, a conversation a line, and what they write from now on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.replies import Reply
from wacampaign.operations.arrivals import take_arrivals
from wacampaign.operations.campaigns import refuse_blind, resolve_campaign
from wacampaign.problems import Problem, Unreachable
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
    campaign: str | None,
    since: datetime | None,
    limit: int,
    *,
    show_numbers: bool = False,
) -> Inbox:
    """At most `limit` last messages, one a person and number (with a campaign: one a person).

    Raises `NoSuchCampaign`, `Usage` for a name that several have.
    """
    named = None if campaign is None else await resolve_campaign(store, campaign)
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
    if not found:
        await refuse_blind(store)
    replies = tuple(Reply.of(one, show_numbers=show_numbers) for one in found[:limit])
    return Inbox(named, replies, len(found) > limit)


async def follow(
    store: Store,
    settings: Settings,
    campaign: str | None,
    since: datetime | None,
    limit: int,
    tell: Callable[[str], None],
    *,
    show_numbers: bool = False,
) -> AsyncIterator[Reply]:
    """New messages as they come, oldest first, until cancelled. Raises as `look`.

    Before them what `look` finds since then, if a time is given. `tell` hears when the database is
    away; it is asked again and again.
    """
    inbound = Inbound(store)
    campaign_id = None if campaign is None else (await resolve_campaign(store, campaign)).id
    begin = newest = await inbound.newest()
    if not newest:
        await refuse_blind(store)
    #: Shown already: two who take messages at once may be done in the other order.
    shown: dict[str, int] = {}
    if since is not None:
        found = await look(store, campaign, since, limit, show_numbers=show_numbers)
        for reply in reversed(found.replies):
            shown[reply.wamid] = begin
            yield reply
    away = False
    while True:
        try:
            await _take(store, settings)
            found_now: list[dict[str, Any]] = []
            after = max(begin, newest - _OVERLAP)
            while page := await inbound.after(after, campaign_id=campaign_id):
                found_now += page
                after = page[-1]["n"]
        except Unreachable as problem:
            if not away:
                tell(f"the database does not answer, trying again: {problem.message}")
            away = True
        else:
            away = False
            for one in found_now:
                newest = max(newest, one["n"])
                if one["wamid"] not in shown:
                    shown[one["wamid"]] = one["n"]
                    yield Reply.of(one, show_numbers=show_numbers)
        if len(shown) > 2 * _OVERLAP:
            shown = {wamid: n for wamid, n in shown.items() if n > newest - _OVERLAP}
        await asyncio.sleep(LOOK_SECONDS)


async def _take(store: Store, settings: Settings) -> None:
    """Takes what waits; what cannot be taken keeps nobody from reading. Raises `Unreachable`."""
    try:
        await take_arrivals(store, settings)
    except Unreachable:
        raise
    except Problem:
        pass
