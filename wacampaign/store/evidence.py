"""The database's part of an investigation: campaigns, groups, rows, moments, probes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from wacampaign.core.investigation.evidence import (
    CampaignFacts,
    Counted,
    Groups,
    History,
    HostGroup,
    Row,
)
from wacampaign.core.investigation.model import Pace
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.reading import read
from wacampaign.core.templates import KnownTemplate
from wacampaign.store.numbers import Numbers
from wacampaign.store.store import Capability
from wacampaign.store.templates import Templates, whole

#: Campaigns that are looked at beside the one in question: the most the database hands out.
CAMPAIGNS_READ: Final = 300
#: Rows a sample of failed and of sent ones: at 1,000,000 rows some 2 s of the 8 that REST allows.
GROUP_ROWS: Final = 100_000


class CampaignEvidence(Capability):
    """Reads evidence from a `Store`. Raises what `Store.call` raises."""

    async def campaigns(
        self, campaign_id: str, code: int, also: str | None = None
    ) -> list[CampaignFacts]:
        """The campaign itself first, `also` second if given, then those nearest in time."""
        answer = await self._store.call_list(
            "evidence_campaigns",
            campaign_id=campaign_id,
            code=code,
            limit=CAMPAIGNS_READ,
            also=also,
        )
        return [read(CampaignFacts, one, **_never_null(one)) for one in answer]

    async def groups(
        self, campaign_id: str, code: int, media_templates: Sequence[str], limit: int = GROUP_ROWS
    ) -> Groups:
        """Outcomes in groups; only rows of `media_templates` have header media."""
        answer = await self._store.call(
            "evidence_groups",
            campaign_id=campaign_id,
            code=code,
            media_templates=list(media_templates),
            limit=limit,
        )
        return _groups(answer)

    async def failed_rows(
        self, campaign_id: str, code: int, *, after: str | None = None, limit: int = 1000
    ) -> list[Row]:
        """Rows that failed with the code, in the order of their ids; at most 1,000."""
        answer = await self._store.call_list(
            "evidence_failed", campaign_id=campaign_id, code=code, after=after, limit=limit
        )
        return [Row(**one) for one in answer]

    async def sent_rows(self, campaign_id: str, limit: int = 100) -> list[Row]:
        """Some rows that were sent; at most 1,000."""
        answer = await self._store.call_list("evidence_sent", campaign_id=campaign_id, limit=limit)
        return [Row(**one) for one in answer]

    async def history(self, campaign_id: str, start: str, end: str) -> History:
        """Events, workers' starts and stops, and the pace; times are ISO 8601, UTC."""
        answer = await self._store.call(
            "evidence_moments", campaign_id=campaign_id, **{"from": start, "to": end}
        )
        seconds = answer["pace_seconds"]
        pace = tuple(read(Pace, part, seconds=seconds) for part in answer["pace"])
        return read(History, answer, pace=pace)

    async def numbers(self) -> list[KnownNumber]:
        """All numbers."""
        return await Numbers(self._store).all()

    async def templates(self, campaign_id: str) -> list[KnownTemplate]:
        """The templates of all numbers, each in one language: in that which the campaign's rows of
        it go out in, where the number has it; gone ones included."""
        sent = await Templates(self._store).of_campaign(campaign_id)
        planned = {(t.name, t.language) for t in sent}
        known = sorted(
            await Templates(self._store).of(),
            key=lambda t: ((t.name, t.language) in planned, t.is_standing),
        )
        by_lane = {(t.number_id, t.name): t for t in (*known, *sent)}
        return [whole(template) for template in by_lane.values()]


def _never_null(campaign: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": campaign["number"] or "",
        "total": campaign["total"] or 0,
        "at": campaign["at"] or "",
    }


def _groups(given: Mapping[str, Any]) -> Groups:
    rows = given["read"]
    hosts = _folded(given["hosts"], "number", "template", "host")
    prefixes = _folded(given["prefixes"], "prefix")
    return read(
        Groups,
        given,
        failed_read=rows.get("failed", 0),
        sent_read=rows.get("sent", 0),
        hosts=tuple(HostGroup(*host) for host in hosts),
        files=tuple(read(Counted, file, value=file["media"]) for file in given["files"]),
        prefixes=tuple(Counted(prefix or "", *counts) for prefix, *counts in prefixes),
        minutes=tuple(read(Counted, minute, value=minute["at"]) for minute in given["minutes"]),
    )


def _folded(given: Iterable[Mapping[str, Any]], *by: str) -> Iterator[tuple[Any, ...]]:
    """What they have `by` these names, failed, sent; the database gives one for each outcome."""
    found: dict[tuple[Any, ...], dict[str, int]] = {}
    for one in given:
        found.setdefault(tuple(one[name] for name in by), {})[one["outcome"]] = one["n"]
    for key, n in found.items():
        yield *key, n.get("failed", 0), n.get("sent", 0)
