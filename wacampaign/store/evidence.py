"""The database's part of an investigation: campaigns, groups, rows, moments, probes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from wacampaign.core.investigation.evidence import (
    CampaignFacts,
    Counted,
    Groups,
    History,
    HostGroup,
    LaneOutcomes,
    PastEvent,
    Row,
    WorkerRun,
)
from wacampaign.core.investigation.model import Pace
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.templates import KnownTemplate
from wacampaign.store.numbers import Numbers
from wacampaign.store.store import Capability
from wacampaign.store.templates import Templates

#: Campaigns that are looked at beside the one in question: the most the database hands out.
CAMPAIGNS_READ: Final = 300
#: Rows a sample of failed and of sent ones: at 1,000,000 rows some 2 s of the 8 that REST allows.
GROUP_ROWS: Final = 100_000
_OUTCOMES: Final = ("sent", "failed", "in_doubt")


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
        return [_campaign(one) for one in answer]

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
        return History(
            tuple(
                PastEvent(e["at"], e["kind"], e["actor"], e["rows"], e["reason"])
                for e in answer["events"]
            ),
            tuple(
                WorkerRun(w["host"], w["pid"], w["version"], w["started"], w["stopped"])
                for w in answer["workers"]
            ),
            tuple(
                Pace(p["at"], int(answer["pace_seconds"]), *(int(p[name]) for name in _OUTCOMES))
                for p in answer["pace"]
            ),
        )

    async def numbers(self) -> list[KnownNumber]:
        """All numbers."""
        return await Numbers(self._store).all()

    async def templates(self, number_id: str | None = None) -> list[KnownTemplate]:
        """The templates of one number, or of all; gone ones included."""
        return [_whole(template) for template in await Templates(self._store).of(number_id)]


def _campaign(given: Mapping[str, Any]) -> CampaignFacts:
    return CampaignFacts(
        id=given["id"],
        name=given["name"],
        status=given["status"],
        number=given["number"] or "",
        templates=tuple(given["templates"]),
        total=int(given["total"] or 0),
        at=given["at"] or "",
        end=given["end"],
        lanes=tuple(
            LaneOutcomes(
                number=lane["number"],
                template=lane["template"],
                **{name: int(lane[name]) for name in ("rows", "sent", "failed", "code_failed")},
            )
            for lane in given["lanes"]
        ),
    )


def _groups(given: Mapping[str, Any]) -> Groups:
    read = given["read"]
    return Groups(
        failed_read=int(read.get("failed", 0)),
        sent_read=int(read.get("sent", 0)),
        accepted_first=int(given["accepted"]),
        hosts=tuple(_hosts(given["hosts"])),
        files=tuple(
            Counted(one["media"], int(one["failed"]), int(one["sent"])) for one in given["files"]
        ),
        file_count=int(given["file_count"]),
        prefixes=tuple(_folded(given["prefixes"])),
        minutes=tuple(
            Counted(one["at"], int(one["failed"]), int(one["sent"])) for one in given["minutes"]
        ),
        first_failed=given["first_failed"],
        last_failed=given["last_failed"],
        first_sent=given["first_sent"],
        last_sent=given["last_sent"],
    )


def _hosts(given: Iterable[Mapping[str, Any]]) -> list[HostGroup]:
    """One element for each lane and host; the database gives one for each outcome."""
    found: dict[tuple[str, str, str | None], dict[str, int]] = {}
    for one in given:
        key = (one["number"], one["template"], one["host"])
        found.setdefault(key, {})[one["outcome"]] = int(one["n"])
    return [HostGroup(*key, n.get("failed", 0), n.get("sent", 0)) for key, n in found.items()]


def _folded(given: Iterable[Mapping[str, Any]]) -> list[Counted]:
    found: dict[str, dict[str, int]] = {}
    for one in given:
        found.setdefault(one["prefix"] or "", {})[one["outcome"]] = int(one["n"])
    return [Counted(value, n.get("failed", 0), n.get("sent", 0)) for value, n in found.items()]


def _whole(known: KnownTemplate) -> KnownTemplate:
    """Components that another writer damaged are none, and what nobody called gone is there."""
    components = known.components if isinstance(known.components, list) else ()
    return replace(known, components=components, is_active=known.is_active is not False)
