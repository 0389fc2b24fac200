"""Campaigns as people name them, and who acts on them."""

import getpass
import socket
from collections.abc import Sequence
from typing import Final

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.near_names import near
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.cells import cell
from wacampaign.problems import AccessRefused, NoSuchCampaign, Problem, Usage
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store

#: Characters of an id that a person has to type at least.
ID_BEGINNING_MIN: Final = 6


async def resolve_campaign(store: Store, text: str) -> CampaignName:
    """The campaign that a person means: full id, beginning of an id, or exact name.

    Raises `NoSuchCampaign` naming near ones, `AccessRefused` when all are hidden, or `Usage` naming
    the candidates when there are several.
    """
    wanted = cell(text)
    beginning = wanted.lower()
    # Looked at again here: an id's beginning may hold no wildcard of the database.
    meant = [
        campaign
        for campaign in await Campaigns(store).find(wanted)
        if campaign.name == wanted
        or (len(wanted) >= ID_BEGINNING_MIN and campaign.id.startswith(beginning))
    ]
    meant = [campaign for campaign in meant if campaign.id == beginning] or meant
    if len(meant) == 1:
        return meant[0]
    if meant:
        candidates = ", ".join(f"{c.id} {c.name} ({c.status})" for c in meant)
        raise Usage(
            f"{text!r} may mean several campaigns: {candidates}",
            f"use the id, for example {meant[0].short_id}",
        )
    short = len(wanted) < ID_BEGINNING_MIN and all(c in "0123456789abcdef-" for c in beginning)
    hint = f"; the beginning of an id needs {ID_BEGINNING_MIN} characters" if short else ""
    await refuse_blind(store)
    raise NoSuchCampaign(f"there is no campaign {text!r}{hint}{await _near(store, wanted)}")


async def refuse_blind(store: Store) -> None:
    """Raises `AccessRefused` when nothing was found because row level security hides all rows."""
    try:
        blind = await Campaigns(store).hidden_from()
    except Problem:
        return  # an older schema: what was found is what there is to tell
    if blind is not None:
        raise AccessRefused(
            f"row level security hides all rows from the login {blind}", "wacampaign doctor"
        )


async def _near(store: Store, wanted: str) -> str:
    """Which campaigns may be meant instead; empty: none is near."""
    found = near(wanted, await Campaigns(store).names())
    return f"; near it: {', '.join(f'{one} {one.status}' for one in found)}" if found else ""


async def resolve_campaigns(store: Store, texts: Sequence[str] | None) -> list[str] | None:
    """Ids of the campaigns named, each once and in order; None when none was named."""
    if not texts:
        return None
    named = [await resolve_campaign(store, text) for text in texts]
    return list(dict.fromkeys(campaign.id for campaign in named))


async def campaign_state(store: Store, campaign: CampaignName) -> Campaign:
    """The campaign at this moment, nothing in it masked; raises `NoSuchCampaign`."""
    stats = await Campaigns(store).stats([campaign.id], show_numbers=True)
    if not stats.campaigns:
        raise NoSuchCampaign(f"{campaign} was deleted at this moment")
    return stats.campaigns[0]


def actor() -> str:
    """Who does this, for the campaign's events: `user@host` of the operator."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
