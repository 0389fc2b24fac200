"""The database's part of the report for a client."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from wacampaign.core.campaign.client_report import Bin, Priced
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.reading import read
from wacampaign.store.store import Capability


@dataclass(frozen=True, slots=True)
class CampaignSender:
    """A number that a campaign was sent from, nothing masked."""

    name: str | None
    number: str | None


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """One template of a campaign."""

    name: str
    counts: Mapping[str, int]
    delivery: Mapping[str, Any]
    #: Failed rows of people who opted out, or rest.
    left_out: int
    #: Of some rows.
    payloads: Sequence[Any]


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What is kept of one campaign; see `campaign_report.sql`."""

    began_at: str | None
    last_sent_at: str | None
    unusable: int
    #: The `delivery` of `queue-stats`.
    delivery: Mapping[str, Any]
    #: Failed rows of people who opted out, or rest.
    left_out: int
    #: People who asked for no more messages when they had got this campaign's.
    opted_out: int
    #: Code and rows; 0: without one, those that were left out among them.
    refused: tuple[tuple[int, int], ...]
    senders: tuple[CampaignSender, ...]
    templates: tuple[TemplateFacts, ...]
    before: CampaignName | None


#: Widths of the stretches in which times are told: from so many seconds on, so many seconds.
_WIDTHS: Final = ((172_800, 3600), (21_600, 600), (0, 60))
#: The database's word for an event → field of a `Bin`.
_EVENTS: Final = {"delivered": "delivered", "read": "read", "failed": "undelivered"}
#: Messages a page: one or two seconds, and far from REST's eight.
PAGE_MESSAGES: Final = 100_000


class CampaignReports(Capability):
    """Reads what a report tells. Raises what `Store.call` raises."""

    async def facts(self, campaign_id: str) -> ReportFacts:
        """What is kept of the campaign. Raises `NoSuchCampaign`."""
        answer = await self._store.call("report_facts", campaign_id=campaign_id)
        refused = tuple((code, n) for code, n in answer["refused"])
        return read(ReportFacts, answer, refused=refused)

    async def course(self, campaign_id: str) -> tuple[tuple[Bin, ...], tuple[Priced, ...]]:
        """When things happened, oldest first; what Meta says of the bill, the commonest first."""
        bins: dict[datetime, dict[str, int]] = {}
        prices: Counter[tuple[Any, Any, Any]] = Counter()
        sent = await self._store.call("report_times", campaign_id=campaign_id)
        begun = sent["from"] and datetime.fromisoformat(sent["from"])

        def add(field: str, told: Sequence[Sequence[int]]) -> None:
            for age, n in told:
                one = bins.setdefault(begun + timedelta(seconds=age), {"seconds": _width(age)})
                one[field] = one.get(field, 0) + n

        add("sent", sent["bins"])
        after: str | None = ""
        while after is not None:
            page = await self._store.call(
                "report_page",
                campaign_id=campaign_id,
                **{"from": sent["from"], "after": after, "limit": PAGE_MESSAGES},
            )
            for what, told in page["bins"].items():
                add(_EVENTS[what], told)
            for one in page["prices"]:
                prices[one["category"], one["type"], one["billable"]] += one["count"]
            after = page["next"]
        return (
            tuple(Bin(at.isoformat(), **bins[at]) for at in sorted(bins)),
            tuple(Priced(*price, n) for price, n in prices.most_common()),
        )


def _width(age: int) -> int:
    return next(width for begin, width in _WIDTHS if age >= begin)
