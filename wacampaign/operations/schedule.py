"""`start --at` and `pause --until`: what a worker does by itself, at a time that is told back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.moment_in_zone import TypedMoment, read_moment
from wacampaign.core.plan import Change, Plan
from wacampaign.operations.campaigns import actor, campaign_state, resolve_campaign
from wacampaign.operations.windows import named_zone
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


def schedule_plan(campaign: CampaignName, start: TypedMoment, notes: Sequence[str] = ()) -> Plan:
    """What scheduling it changes; `notes`: what else is to be said."""
    return Plan(
        title=f"schedule {campaign}",
        steps=(Change(1, "campaign", campaign.status, "paused until its time"),),
        notes=(
            f"it starts at {start}, {start.ahead(datetime.now(UTC))}",
            "a worker must run then, else it starts once one does, however late",
            "its preflight is made once more",
            *notes,
        ),
        next_command="wacampaign run-worker",
    )


async def carry_out(store: Store, campaign: CampaignName, start: TypedMoment) -> bool:
    """Schedules it; False: it was scheduled for that time already."""
    return await Campaigns(store).schedule(campaign.id, start.at.isoformat(), actor())


async def look_to_pause(store: Store, name: str) -> tuple[CampaignName, Campaign]:
    """The campaign that is to be paused for a while. Raises `Refused` if it cannot be."""
    campaign = await resolve_campaign(store, name)
    state = await campaign_state(store, campaign)
    if campaign.status not in ("running", "paused"):
        raise Refused(
            f"{campaign} is {campaign.status}, so it cannot be paused",
            f"wacampaign queue-stats {campaign.short_id}",
        )
    if campaign.status == "paused" and state.start_time is None:
        raise Refused(
            f"{campaign} was never started, so it cannot go on",
            f"wacampaign start {campaign.short_id} --at TIME",
        )
    return campaign, state


def pause_plan(campaign: CampaignName, state: Campaign, until: TypedMoment) -> Plan:
    """What pausing it for a while changes."""
    reason = f" ({state.pause_reason})" if state.pause_reason else ""
    return Plan(
        title=f"pause {campaign} for a while",
        steps=(Change(1, "campaign", campaign.status + reason, "paused"),),
        notes=(
            f"it goes on by itself at {until}, {until.ahead(datetime.now(UTC))}",
            "a worker must run then, else it goes on once one does, however late",
            "its preflight is made before",
            "wacampaign resume lets it go on sooner",
        ),
        next_command=f"wacampaign queue-stats {campaign.short_id}",
    )


async def pause_until(store: Store, campaign: CampaignName, until: TypedMoment) -> bool:
    """Pauses it for a while; False: it was paused until then already."""
    return await Campaigns(store).pause_until(campaign.id, until.at.isoformat(), actor())


def read_time(
    text: str, command: str, option: str = "--at", zone: str | None = None
) -> TypedMoment:
    """A time as people type it (`core/moment_in_zone.py`); without a zone it is local.

    Raises `Usage` for what is no time or is over, suggesting one that is to come; `command`: what
    stands before the option.
    """
    now = datetime.now().astimezone()
    if zone is not None:
        zone = named_zone(zone)
    try:
        moment = read_moment(text, zone)
    except ValueError as why:
        raise Usage(f"{option} {text!r} {why}", _with(command, option, _next(now, 9, 30))) from None
    if moment.at <= now:
        local = moment.at.astimezone()
        again = _with(command, option, _next(now, local.hour, local.minute))
        raise Usage(f"{option} {text!r} is over: it means {moment}", again)
    return moment


def _next(now: datetime, hour: int, minute: int) -> datetime:
    """When the clock shows this time next, an hour from now at the earliest."""
    at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return at if at > now + timedelta(hours=1) else at + timedelta(days=1)


def _with(command: str, option: str, at: datetime) -> str:
    return f'wacampaign {command} {option} "{at:%Y-%m-%d %H:%M}"'
