"""Campaigns in the database: made, found, counted, started and stopped."""

from collections.abc import Sequence
from typing import Any, Final, TypedDict, Unpack
from uuid import UUID

from wacampaign.core.campaign.event import CampaignEvent
from wacampaign.core.campaign.listed import ListedCampaign
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.repeats import REPEAT_DAYS, SAME_LIST, EarlierCampaign
from wacampaign.core.campaign.state import Stats, read_stats
from wacampaign.core.reading import read
from wacampaign.store.store import Capability

#: Campaigns or events a page: a tenth of a second, and as many as one call of the database gives.
LIST_PAGE: Final = 500
#: Names that are looked at for near ones: more campaigns than a year has hours.
NAMES_MAX: Final = 10_000


class EmptyCampaign(TypedDict):
    """A campaign that is made before its rows."""

    id: str
    name: str
    number_id: str
    templates: list[str]
    #: Of each template, as Meta writes it.
    languages: list[str]
    #: Contacts that will be written, and that will not.
    total: int
    invalid: int
    actor: str


class NewRows(TypedDict):
    """Rows for the queue, in columns: one element a row."""

    ids: list[str]
    phones: list[str]
    templates: list[str]
    #: JSON.
    payloads: list[str]


class Campaigns(Capability):
    """What happens to whole campaigns."""

    async def create(self, **campaign: Unpack[EmptyCampaign]) -> None:
        """A paused campaign without rows."""
        await self._store.call("create", **campaign)

    async def repeated_by(
        self, name: str, templates: Sequence[str], people: int = 0, sketch: Sequence[int] = ()
    ) -> list[EarlierCampaign]:
        """Campaigns that a new one would repeat, newest first: by name, and by list if `sketch`
        (`core.list_sketch.sketch` of its `people`) is given."""
        answer = await self._store.call_list(
            "repeated_by",
            name=name,
            templates=list(templates),
            recipients=people,
            sketch=list(sketch),
            share=SAME_LIST,
            days=REPEAT_DAYS,
        )
        return [read(EarlierCampaign, one) for one in answer]

    async def keep_list(self, campaign_id: UUID, people: int, sketch: Sequence[int]) -> None:
        """Remembers what a campaign's list looks like."""
        await self._store.call(
            "keep_list", campaign_id=str(campaign_id), recipients=people, sketch=list(sketch)
        )

    async def enqueue(self, campaign_id: UUID, number_id: str, rows: NewRows) -> None:
        """Writes rows into the queue."""
        await self._store.call("enqueue", campaign_id=str(campaign_id), number_id=number_id, **rows)

    async def filled(self, campaign_id: UUID, actor: str) -> None:
        """All rows are written: the campaign may be started."""
        await self._store.call("filled", campaign_id=str(campaign_id), actor=actor)

    async def find(self, text: str) -> list[CampaignName]:
        """Campaigns that `text` may mean: id, beginning of an id, or exact name."""
        return [read(CampaignName, one) for one in await self._store.call_list("find", text=text)]

    async def names(self, beginning: str = "", limit: int = NAMES_MAX) -> list[CampaignName]:
        """The newest campaigns whose name or id begins so, whatever their state."""
        answer = await self._store.call_list("names", beginning=beginning, limit=limit)
        return [read(CampaignName, one) for one in answer]

    async def hidden_from(self) -> str | None:
        """The login from which row level security hides all campaigns; None: it sees them."""
        blind: str | None = (await self._store.call("server")).get("blind")
        return blind

    async def listed(
        self,
        *,
        status: str | None = None,
        number_id: str | None = None,
        since: str | None = None,
        limit: int | None = None,
    ) -> list[ListedCampaign]:
        """The newest campaigns first, page by page; all without `limit`.

        `since` (ISO 8601): those that run, or were made, started or ended since then.
        """
        found: list[dict[str, Any]] = []
        while limit is None or len(found) < limit:
            size = LIST_PAGE if limit is None else min(LIST_PAGE, limit - len(found))
            last = found[-1] if found else {}
            page = await self._store.call_list(
                "list",
                status=status,
                number_id=number_id,
                since=since,
                before=last.get("at"),
                before_id=last.get("id"),
                limit=size,
            )
            found += page
            if len(page) < size:
                break
        return [read(ListedCampaign, one) for one in found]

    async def events(
        self, campaign_id: str, *, since: str | None = None, limit: int | None = None
    ) -> list[CampaignEvent]:
        """What happened to the campaign, the newest first, page by page; all without `limit`."""
        found: list[dict[str, Any]] = []
        while limit is None or len(found) < limit:
            size = LIST_PAGE if limit is None else min(LIST_PAGE, limit - len(found))
            page = await self._store.call_list(
                "events_page",
                campaign_id=campaign_id,
                since=since,
                before=found[-1]["n"] if found else None,
                limit=size,
            )
            found += page
            if len(page) < size:
                break
        return [read(CampaignEvent, one) for one in found]

    async def recent(self, limit: int) -> list[CampaignName]:
        """The newest campaigns, whatever their state."""
        answer = await self._store.call_list("recent", limit=limit)
        return [read(CampaignName, one) for one in answer]

    async def stats(
        self, campaign_ids: Sequence[str] | None = None, *, show_numbers: bool = False
    ) -> Stats:
        """The workers, and campaigns as they are; all that are not over without ids.

        Phone numbers in texts are masked unless `show_numbers`.
        """
        ids = None if campaign_ids is None else list(campaign_ids)
        answer = await self._store.call("stats", campaign_ids=ids)
        return read_stats(answer, show_numbers=show_numbers)

    async def set_status(
        self,
        campaign_id: str,
        action: str,
        actor: str,
        reason: str | None = None,
        *,
        lifts_holds: bool = True,
    ) -> dict[str, Any]:
        """start, pause, resume or cancel. `changed` is False when it was so already.

        `status` is `paused` where it was resumed and what holds all of it was not to be lifted.
        """
        more = {} if lifts_holds else {"lifts_until": "-infinity"}
        return await self._store.call(
            "set_status", campaign_id=campaign_id, action=action, actor=actor, reason=reason, **more
        )

    async def audit(self, campaign_id: str) -> dict[str, Any]:
        """Recounts a campaign from its rows and messages."""
        answer: dict[str, Any] = await self._store.call("audit", campaign_id=campaign_id)
        # In parts: each stays below the 8 s of REST at a million rows.
        for part in ("audit_messages", "audit_recipients"):
            answer.update(await self._store.call(part, campaign_id=campaign_id))
        answer["delivery"] = await self._store.call("delivery_shown", campaign_id=campaign_id)
        answer["duplicates"] = answer["twice_by_row"] + answer["unowned"]
        answer["ok"] = answer["ok"] and not answer["unowned"]
        return answer

    async def start_unchecked(self, campaign_id: str, actor: str) -> dict[str, Any]:
        """As `set_status` with start, and an event that nobody looked."""
        return await self._store.call("start_unchecked", campaign_id=campaign_id, actor=actor)

    async def schedule(self, campaign_id: str, at: str, actor: str) -> bool:
        """The campaign starts at `at` (ISO 8601 with its zone); False: it was so already."""
        answer = await self._store.call("schedule", campaign_id=campaign_id, at=at, actor=actor)
        return bool(answer["changed"])

    async def pause_until(self, campaign_id: str, at: str, actor: str) -> bool:
        """It is paused, and goes on at `at` (ISO 8601 with its zone); False: it was so already."""
        answer = await self._store.call("pause_until", campaign_id=campaign_id, at=at, actor=actor)
        return bool(answer["changed"])

    async def due_campaigns(self, campaign_ids: Sequence[str] | None) -> list[tuple[str, str]]:
        """Id and name of campaigns whose time has come."""
        answer = await self._store.call_list(
            "due_campaigns", campaign_ids=None if campaign_ids is None else list(campaign_ids)
        )
        return [(one["id"], one["name"]) for one in answer]

    async def start_scheduled(
        self, campaign_id: str, actor: str, failure: str | None = None
    ) -> dict[str, Any] | None:
        """Starts a due campaign, or leaves it paused with why; None: somebody was quicker."""
        answer = await self._store.call(
            "start_scheduled", campaign_id=campaign_id, actor=actor, failure=failure
        )
        return answer if answer["changed"] else None
