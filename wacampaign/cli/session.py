"""From flags to an open store: what every command that needs the database begins with."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from wacampaign.core.cells import cell
from wacampaign.problems import NoSuchCampaign, Usage
from wacampaign.settings import Settings, load_settings

if TYPE_CHECKING:
    from wacampaign.store.store import Store

Answer = TypeVar("Answer")

#: Characters of an id that a person has to type at least.
ID_BEGINNING_MIN = 6


class CampaignName(NamedTuple):
    """A campaign as it was found: full id, name, status."""

    id: str
    name: str
    status: str

    @property
    def short_id(self) -> str:
        """The first eight characters: what a person types."""
        return self.id[:8]

    def __str__(self) -> str:
        return f"{self.name} ({self.short_id})"


def read_settings(env_file: Path | None, store: str | None) -> Settings:
    """The settings with these flags; raises `Misconfigured`."""
    return load_settings(env_file, store=store)


def with_store(
    settings: Settings,
    work: Callable[[Store], Awaitable[Answer]],
    *,
    patience_seconds: float | None = None,
) -> Answer:
    """Opens the store, runs `work` with it to its end, closes it.

    The embedded database is started and migrated first. `patience_seconds`: how long a call that
    found the database away is repeated (default: `PATIENCE_SECONDS` of the store).
    """
    # Imported here, as everything that reaches a database: `--help` must be quick.
    import asyncio

    from wacampaign.store.opening import open_store
    from wacampaign.store.schema import prepare_embedded

    prepare_embedded(settings)
    more: dict[str, Any] = {}
    if patience_seconds is not None:
        more["patience_seconds"] = patience_seconds

    async def run() -> Answer:
        store = open_store(settings, **more)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def resolve_campaign(store: Store, text: str) -> CampaignName:
    """The campaign that a person means: full id, beginning of an id, or exact name.

    Raises `NoSuchCampaign`, or `Usage` naming the candidates when there are several.
    """
    wanted = cell(text)
    # Looked at again here: an id's beginning may hold no wildcard of the database.
    found = [
        one
        for one in (CampaignName(c["id"], c["name"], c["status"]) for c in await store.find(wanted))
        if one.name == wanted
        or (len(wanted) >= ID_BEGINNING_MIN and one.id.startswith(wanted.lower()))
    ]
    for one in found:
        if one.id == wanted.lower():
            return one
    if len(found) == 1:
        return found[0]
    if found:
        candidates = ", ".join(f"{one.id} {one.name} ({one.status})" for one in found)
        raise Usage(
            f"{text!r} may mean several campaigns: {candidates}",
            f"use the id, for example {found[0].short_id}",
        )
    short = len(wanted) < ID_BEGINNING_MIN and all(c in "0123456789abcdef-" for c in wanted.lower())
    hint = f"; the beginning of an id needs {ID_BEGINNING_MIN} characters" if short else ""
    raise NoSuchCampaign(f"there is no campaign {text!r}{hint}")


async def resolve_campaigns(store: Store, texts: Sequence[str] | None) -> list[str] | None:
    """Ids of the campaigns named, each once and in order; None when none was named."""
    if not texts:
        return None
    named = [await resolve_campaign(store, text) for text in texts]
    return list(dict.fromkeys(one.id for one in named))


async def campaign_state(store: Store, campaign: CampaignName) -> dict[str, Any]:
    """The campaign as `Store.stats` has it, with `live_workers`; raises `NoSuchCampaign`."""
    stats = await store.stats([campaign.id])
    if not stats["campaigns"]:
        raise NoSuchCampaign(f"{campaign} was deleted at this moment")
    live = sum(1 for worker in stats["workers"] if worker["alive"])
    return {**stats["campaigns"][0], "live_workers": live}


def actor() -> str:
    """Who does this, for the campaign's events: `user@host` of the operator."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
