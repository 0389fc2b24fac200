"""`start --at`: a campaign that a worker starts by itself, at a time that is told back."""

import shlex
from datetime import UTC, datetime, timedelta

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.cells import cell
from wacampaign.core.plan import Change, Plan
from wacampaign.operations.campaigns import actor, resolve_campaign
from wacampaign.problems import Refused, Usage
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store


async def look(store: Store, name: str) -> CampaignName:
    """The campaign that is meant, if it can be scheduled. Raises `Refused` if not."""
    campaign = await resolve_campaign(store, name)
    if campaign.status not in ("paused", "scheduled"):
        raise Refused(
            f"{campaign} is {campaign.status}, so it cannot be scheduled",
            f"wacampaign queue-stats {campaign.short_id}",
        )
    return campaign


def schedule_plan(campaign: CampaignName, start: datetime) -> Plan:
    """What scheduling it changes."""
    return Plan(
        title=f"schedule {campaign}",
        steps=(Change(1, "campaign", campaign.status, "paused until its time"),),
        notes=(
            f"it starts at {shown(start)}",
            "a worker must run then; its preflight is made once more",
        ),
        next_command="wacampaign run-worker",
    )


async def carry_out(store: Store, campaign: CampaignName, start: datetime) -> bool:
    """Schedules it; False: it was scheduled for that time already."""
    return await Campaigns(store).schedule(campaign.id, start.isoformat(), actor())


def read_time(text: str, campaign: str = "CAMPAIGN") -> datetime:
    """A time as people type it; without a zone it is local.

    Raises `Usage` for what is no time or is over, suggesting one that is to come.
    """
    now = datetime.now().astimezone()
    try:
        at = datetime.fromisoformat(cell(text))
        at = at.astimezone()
    except (ValueError, OverflowError, OSError):
        raise Usage(f"--at {text!r} is no time", _at(campaign, _next(now, 9, 30))) from None
    if at <= now:
        again = _at(campaign, _next(now, at.hour, at.minute))
        raise Usage(f"--at {text!r} is over: it means {shown(at)}", again)
    return at


def _next(now: datetime, hour: int, minute: int) -> datetime:
    """When the clock shows this time next, an hour from now at the earliest."""
    at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return at if at > now + timedelta(hours=1) else at + timedelta(days=1)


def _at(campaign: str, at: datetime) -> str:
    return f'wacampaign start {shlex.quote(campaign)} --at "{at:%Y-%m-%d %H:%M}"'


def shown(at: datetime) -> str:
    """Local time with its zone, and UTC."""
    local = at.astimezone()
    return f"{local:%Y-%m-%d %H:%M %Z} ({at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})"
