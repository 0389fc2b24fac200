"""`start --at`: a campaign that a worker starts by itself, at a time that is told back."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wacampaign.cli.output import tell
from wacampaign.cli.plan import Plan, Step, agreed, show_next
from wacampaign.cli.preflight import check_before_start
from wacampaign.cli.session import CampaignName, actor, resolve_campaign, with_store
from wacampaign.core.cells import cell
from wacampaign.problems import Refused, Usage

if TYPE_CHECKING:
    from wacampaign.settings import Settings
    from wacampaign.store.store import Store


def schedule(
    settings: Settings, text: str, at: str, *, skip_preflight: bool, yes: bool, dry_run: bool
) -> None:
    """Plans, asks, and schedules. The preflight of now shows what would fail then."""
    start = read_time(at, text)

    async def find(store: Store) -> CampaignName:
        return await resolve_campaign(store, text)

    campaign = with_store(settings, find)
    if campaign.status not in ("paused", "scheduled"):
        raise Refused(
            f"{campaign} is {campaign.status}, so it cannot be scheduled",
            f"wacampaign queue-stats {campaign.short_id}",
        )
    if not skip_preflight:
        check_before_start(settings, campaign.id, str(campaign))
    plan = Plan(
        title=f"schedule {campaign}",
        steps=(Step(1, "campaign", campaign.status, "paused until its time"),),
        notes=(
            f"it starts at {shown(start)}",
            "a worker must run then; its preflight is made once more",
        ),
        next_command="wacampaign run-worker",
    )
    if not agreed(plan, yes=yes, dry_run=dry_run):
        return

    async def act(store: Store) -> bool:
        from wacampaign.store.readiness import ReadinessStore

        return await ReadinessStore(store).schedule(campaign.id, start.isoformat(), actor())

    if with_store(settings, act):
        tell(f"scheduled: {campaign}, for {shown(start)}")
    else:
        tell(f"{campaign} is scheduled for {shown(start)} already: nothing was changed")
    show_next(f"wacampaign queue-stats {campaign.short_id}")


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
