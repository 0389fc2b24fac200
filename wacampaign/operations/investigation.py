"""An investigation from end to end: look, try messages, conclude. Changes no campaign."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from wacampaign.core.campaign.state import Campaign
from wacampaign.core.investigation.collect import collect
from wacampaign.core.investigation.conclude import conclude
from wacampaign.core.investigation.evidence import Evidence, History
from wacampaign.core.investigation.model import Investigation
from wacampaign.core.masking import mask_phone
from wacampaign.core.plan import Change, Plan
from wacampaign.operations.campaigns import actor, resolve_campaign
from wacampaign.operations.investigation_messages import (
    PlannedProbe,
    known_probes,
    plan_probes,
    send_probes,
)
from wacampaign.operations.investigation_outside import MetaAndMedia
from wacampaign.problems import NoSuchCampaign, Usage
from wacampaign.settings import Settings
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.evidence import CampaignEvidence
from wacampaign.store.sent_tests import SentTests
from wacampaign.store.store import Store

#: Around the failures: what was started, stopped or repaired so long before or after may matter.
_AROUND: Final = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What the database, Meta if asked, and the test messages if sent, gave."""

    campaign: Campaign
    evidence: Evidence
    history: History
    #: ISO 8601, UTC, by the database's clock.
    at: str

    @property
    def other_code(self) -> int | None:
        """The code of most rows that failed with another one."""
        codes = (error.code for error in self.campaign.errors)
        return next((code for code in codes if code not in (0, self.evidence.code)), None)

    def probes(self) -> list[PlannedProbe]:
        """Test messages that would say more, at most four; empty: none can be made."""
        return plan_probes(self.evidence)

    def plan(self, probes: Sequence[PlannedProbe], phone: str) -> Plan:
        """What sending them to `phone` (digits) means."""
        return Plan(
            title=f"test messages for {self.campaign}",
            steps=[Change(len(probes), "message", "planned", f"sent to {mask_phone(phone)}")],
            samples=[probe.shown for probe in probes],
            notes=["no queue row is touched; each message is charged as any other"],
        )

    def conclude(self) -> Investigation:
        """Hypotheses with their verdicts, the cause if one stands out, and the ways out."""
        return conclude(self.evidence, self.campaign, self.history, self.at)


async def look_into(
    store: Store,
    settings: Settings,
    campaign: str,
    code: int,
    *,
    compare: str | None = None,
    offline: bool = False,
) -> Inquiry:
    """The evidence on the rows of `campaign` (as a person names it) that failed with `code`.

    `compare` names the campaign to put beside it; None: one is looked for. `offline`: only the
    database is asked. Raises `NoSuchCampaign`, `Usage`, and what the store raises.
    """
    named = await resolve_campaign(store, campaign)
    beside = (await resolve_campaign(store, compare)).id if compare else None
    if beside == named.id:
        raise Usage("--compare needs another campaign", "name a healthy one")
    stats = await Campaigns(store).stats([named.id])
    if not stats.campaigns:
        raise NoSuchCampaign(f"{named} was deleted at this moment")
    reader = CampaignEvidence(store)
    outside = None if offline else MetaAndMedia(store, settings)
    evidence = await collect(reader, named.id, code, compare=beside, outside=outside)
    history = await reader.history(named.id, *_window(evidence, stats.at))
    if evidence.campaign.code_failed:
        events = await Campaigns(store).events(named.id)
        known = known_probes(events, code, evidence.groups.last_failed)
        evidence = replace(evidence, probes=known)
    return Inquiry(stats.campaigns[0], evidence, history, stats.at)


async def try_messages(
    store: Store, settings: Settings, inquiry: Inquiry, probes: Sequence[PlannedProbe], phone: str
) -> Inquiry:
    """Sends the probes to `phone` (digits), each an event of the campaign; adds the answers."""
    answers = await send_probes(
        probes,
        phone,
        campaign_id=inquiry.campaign.id,
        code=inquiry.evidence.code,
        sent_tests=SentTests(store),
        outside=MetaAndMedia(store, settings),
        settings=settings,
        actor=actor(),
    )
    return replace(inquiry, evidence=replace(inquiry.evidence, probes=answers))


def _window(evidence: Evidence, now: str) -> tuple[str, str]:
    """The stretch of time that matters, as ISO 8601."""
    first = evidence.groups.first_failed or evidence.campaign.at or now
    last = evidence.groups.last_failed or first
    begin = min(filter(None, (first, evidence.campaign.at)))
    return (
        (datetime.fromisoformat(begin) - _AROUND).isoformat(),
        (datetime.fromisoformat(last) + _AROUND).isoformat(),
    )
