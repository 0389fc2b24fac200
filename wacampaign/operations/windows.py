"""Sending hours of a campaign: what they would mean, and that they are set."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.daily_window import Hours, Window, is_zone, read_hours
from wacampaign.core.moment_in_zone import zone_named
from wacampaign.core.plan import Change, Plan
from wacampaign.core.window_words import in_hours, plan_notes
from wacampaign.operations.campaigns import actor, campaign_state, resolve_campaign
from wacampaign.problems import Refused, Usage
from wacampaign.store.store import Store
from wacampaign.store.windows import Windows

_LOCALTIME: Final = Path("/etc/localtime")

#: Hours, and the zone that was typed with them, if any.
TypedHours: TypeAlias = tuple[Hours, str | None]


@dataclass(frozen=True, slots=True)
class WindowChange:
    """Hours that a campaign may get, or lose."""

    campaign: CampaignName
    #: As it was when it was looked at.
    before: Campaign
    #: The hours, and whose clock counts where a phone's is not known; None: none.
    wanted: tuple[Hours, str] | None
    #: What they mean for its rows; None: it sends at any time then.
    window: Window | None
    #: What the plan says of them.
    notes: tuple[str, ...]

    @property
    def is_made(self) -> bool:
        """Whether it has these hours already."""
        return _hours(self.before.window) == _hours(self.window)

    @property
    def plan(self) -> Plan:
        """What changes."""
        was, becomes = (
            in_hours(window) if window else "at any time"
            for window in (self.before.window, self.window)
        )
        before, now = self.before.window, self.window
        zone = (
            (f"phones of no known zone: by {now.zone}, no more by {before.zone}",)
            if before and now and before.zone != now.zone
            else ()
        )
        return Plan(
            title=f"set when {self.campaign} sends",
            steps=(Change(1, "campaign", was, becomes),),
            notes=("0 rows are lost or sent again", *zone, *self.notes),
            next_command=f"wacampaign queue-stats {self.campaign.short_id}",
        )


def _hours(window: Window | None) -> tuple[str, ...] | None:
    return (window.opens, window.closes, window.zone) if window is not None else None


def hours_and_zone(text: str, zone: str | None, option: str) -> TypedHours:
    """Hours as people write them, and the zone that was typed with them.

    Raises `Usage`; `option`: what stands before the hours.
    """
    try:
        hours = read_hours(text)
    except ValueError as why:
        raise Usage(f"{text!r} {why}", f"such as: {option} 09:00-20:00") from None
    return hours, named_zone(zone) if zone is not None else None


def named_zone(zone: str) -> str:
    """The zone that --zone names. Raises `Usage`."""
    try:
        return zone_named(zone)
    except ValueError as why:
        raise Usage(f"--zone: {why}", "such as: --zone Asia/Kolkata") from None


async def look(store: Store, name: str, typed: TypedHours | None) -> WindowChange:
    """What these hours (None: none) would mean. Without a zone the one that the campaign has
    stays, else it is this machine's. Raises `Refused` for a campaign that is over."""
    campaign = await resolve_campaign(store, name)
    before = await campaign_state(store, campaign)
    if before.is_over:
        raise Refused(
            f"{campaign} is {campaign.status}, so its hours cannot be changed",
            f"wacampaign queue-stats {campaign.short_id}",
        )
    window: Window | None = None
    notes: tuple[str, ...] = ()
    wanted: tuple[Hours, str] | None = None
    if typed is not None:
        hours, zone = typed
        had = before.window.zone if before.window is not None else None
        wanted = hours, zone or had or local_zone()
        window, notes = await survey(store, campaign.id, wanted, before.number.share)
    return WindowChange(campaign, before, wanted, window, notes)


async def survey(
    store: Store, campaign_id: str, wanted: tuple[Hours, str], rate: float | None
) -> tuple[Window, tuple[str, ...]]:
    """What hours would mean for a campaign's rows, and that in words. Changes none of them."""
    windows = Windows(store)
    await windows.keep_zones()
    window, at = await windows.survey(campaign_id, *wanted, actor())
    return window, tuple(plan_notes(window, at, rate))


async def carry_out(store: Store, change: WindowChange) -> bool:
    """Sets the hours, or takes them away; False: they were so already."""
    hours, zone = change.wanted or (None, None)
    return await Windows(store).set(change.campaign.id, hours, zone, actor())


async def shown(store: Store, name: str) -> Campaign:
    """A campaign with its hours."""
    return await campaign_state(store, await resolve_campaign(store, name))


def local_zone() -> str:
    """The name of this machine's time zone, as far as it has one; UTC otherwise."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if not named and _LOCALTIME.is_symlink():
        named = str(_LOCALTIME.resolve()).partition("zoneinfo/")[2]
    return named if named != "Etc/UTC" and named and is_zone(named) else "UTC"
