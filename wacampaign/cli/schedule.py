"""`start --at`: a campaign that a worker starts by itself, at a time that is told back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wacampaign.cli.plan import Plan, Step, agreed, show_next
from wacampaign.cli.preflight import check_before_start
from wacampaign.cli.session import CampaignName, actor, resolve_campaign, with_store
from wacampaign.problems import Refused, Usage

if TYPE_CHECKING:
    from wacampaign.settings import Settings
    from wacampaign.store.store import Store


def schedule(
    settings: Settings, text: str, at: str, *, skip_preflight: bool, yes: bool, dry_run: bool
) -> None:
    """Plans, asks, and schedules. The preflight of now shows what would fail then."""
    start = read_time(at)

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
        steps=(Step(1, "campaign", campaign.status, "scheduled"),),
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
        print(f"scheduled: {campaign}, for {shown(start)}")
    else:
        print(f"{campaign} is scheduled for {shown(start)} already: nothing was changed")
    show_next(f"wacampaign queue-stats {campaign.short_id}")


def read_time(text: str) -> datetime:
    """A time as people type it; without a zone it is local. Raises `Usage`."""
    example = 'wacampaign start CAMPAIGN --at "2026-11-25 09:30"'
    try:
        at = datetime.fromisoformat(text.strip())
        at = at.astimezone()
    except (ValueError, OverflowError, OSError):
        raise Usage(f"--at {text!r} is no time", example) from None
    if at <= datetime.now(UTC):
        raise Usage(f"--at {text!r} is over: it means {shown(at)}", example)
    return at


def shown(at: datetime) -> str:
    """Local time with its zone, and UTC."""
    local = at.astimezone()
    return f"{local:%Y-%m-%d %H:%M %Z} ({at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})"
