"""What a worker leaves that ends as no running campaign has work: what waits, why, what to run."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.stall import cause_of
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.engine.ports import DatabaseAway, EventLog
from wacampaign.core.engine.turns import within
from wacampaign.core.words import counted, rows
from wacampaign.problems import Problem
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store

#: Campaigns with a line each; of more their number is told.
_TOLD: Final = 20
#: Seconds that the database may take to say what waits.
_LOOK_SECONDS: Final = 10.0
#: Why a worker ends that found no more work, and how it says so if nothing waits either.
NO_WORK: Final = "no running campaign has work left"
NOTHING_WAITS: Final = "nothing left to do"


async def why_idle(
    store: Store, worker_id: UUID, campaign_ids: Sequence[str] | None, log: EventLog
) -> str:
    """Why a worker ends that found no more work, after a line for each campaign that waits."""
    try:
        waits = await within(_LOOK_SECONDS, _tell_what_waits(store, worker_id, campaign_ids, log))
    except (DatabaseAway, Problem, TimeoutError):
        return NO_WORK
    return NO_WORK if waits else NOTHING_WAITS


async def _tell_what_waits(
    store: Store, worker_id: UUID, campaign_ids: Sequence[str] | None, log: EventLog
) -> bool:
    """Logs a line for each campaign that is not done though it gives no work; False: none is.

    `worker_id`: who asks, and is about to end.
    """
    stats = await Campaigns(store).stats(campaign_ids)
    others = stats.live_workers - any(
        worker.alive and worker.id == str(worker_id) for worker in stats.workers
    )
    waiting = [
        replace(campaign, live_workers=others)
        for campaign in stats.campaigns
        if campaign.status != "failed" and (campaign.counts.undone or campaign.counts.in_doubt)
    ]
    for campaign in waiting[:_TOLD]:
        _tell(campaign, log)
    if (more := len(waiting) - _TOLD) > 0:
        text = counted(more, "more campaign")
        log("waits", level="warning", text=text, suggest="wacampaign queue-stats")
    return bool(waiting)


def _tell(campaign: Campaign, log: EventLog) -> None:
    findings = findings_of(campaign)
    cause = cause_of(campaign, findings) or next(iter(findings), None)
    log(
        "waits",
        level="warning",
        campaign=campaign.id,
        name=campaign.name,
        state=campaign.status,
        rows=campaign.counts.undone or None,
        in_doubt=campaign.counts.in_doubt or None,
        text=cause.text if cause else f"{rows(campaign.counts.undone)} left",
        suggest=cause.command if cause else f"wacampaign queue-stats {campaign.short_id}",
    )
