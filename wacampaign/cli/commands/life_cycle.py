"""`start`, `pause`, `resume`, `cancel`: what becomes of a campaign, told before and after."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, TypeAlias

import typer

from wacampaign.cli.commands.preflight import check_before_start
from wacampaign.cli.options import (
    AllowMarkup,
    AllowPlaceholders,
    CampaignArgument,
    DryRun,
    EnvFile,
    SkipPreflight,
    StoreFlag,
    Yes,
)
from wacampaign.cli.output import tell
from wacampaign.cli.plan import agreed, show_next
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.template.unmeant import Unmeant, allowed_kinds
from wacampaign.operations import life_cycle, schedule
from wacampaign.operations.life_cycle import CANCEL, PAUSE, RESUME, START, StatusChange
from wacampaign.settings import Settings

#: Makes the preflight of a campaign (its id, and how it is called); raises `NotReady`.
_Check: TypeAlias = Callable[[str, str], None]


def start(
    campaign: CampaignArgument,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="Start it then: 'YYYY-MM-DD HH:MM' in local time, or ISO 8601 with a zone.",
            show_default=False,
        ),
    ] = None,
    skip_preflight: SkipPreflight = False,
    allow_placeholders: AllowPlaceholders = False,
    allow_markup: AllowMarkup = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Start a campaign that is paused or scheduled, now or at a time.

    Its preflight is made first, and refuses with exit code 3 what cannot go well. Workers take
    its rows from now on. With --at it stays paused, and a worker starts it then; `start`, `pause`,
    `cancel` or another --at change that. What it waits for is shown by `queue-stats`.

    Example: wacampaign start Bajaj_market_2

    Example: wacampaign start Bajaj_market_2 --at "2026-11-25 09:30"
    """
    settings = read_settings(env_file, store)
    allowed = allowed_kinds(placeholders=allow_placeholders, markup=allow_markup)
    check = None if skip_preflight else partial(check_before_start, settings, allowed=allowed)
    if at is None:
        _change(START, campaign, settings, yes=yes, dry_run=dry_run, check=check)
    else:
        time = schedule.read_time(at, campaign)
        _schedule(settings, campaign, time, check=check, yes=yes, dry_run=dry_run)


def pause(
    campaign: CampaignArgument,
    yes: Yes = False,
    dry_run: DryRun = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Pause a running campaign, or one that `start --at` would start.

    No row is taken any more. What workers hold at that moment may still go out. A time that it was
    to start at is forgotten.

    Example: wacampaign pause Bajaj_market_2
    """
    _change(PAUSE, campaign, read_settings(env_file, store), yes=yes, dry_run=dry_run)


def resume(
    campaign: CampaignArgument,
    yes: Yes = False,
    dry_run: DryRun = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Resume a paused campaign and lift what held it.

    Rows that were accepted are never sent again. A template that changed since the campaign was
    planned is shown, and taken as it is now; where its rows may not fit any more, a preflight is
    made first.

    Example: wacampaign resume 5a5c39a6
    """
    settings = read_settings(env_file, store)
    # Values that look odd were shown when it was started.
    check = partial(check_before_start, settings, allowed=frozenset(Unmeant), resumes=True)
    _change(RESUME, campaign, settings, yes=yes, dry_run=dry_run, check=check)


def cancel(
    campaign: CampaignArgument,
    yes: Yes = False,
    dry_run: DryRun = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """End a campaign for good. It cannot be started again.

    Rows not yet sent stay in the queue as they are, and no worker takes them.

    Example: wacampaign cancel 5a5c39a6 --dry-run
    """
    _change(CANCEL, campaign, read_settings(env_file, store), yes=yes, dry_run=dry_run)


def _schedule(
    settings: Settings,
    text: str,
    start: datetime,
    *,
    check: _Check | None,
    yes: bool,
    dry_run: bool,
) -> None:
    """The preflight of now (`check`) shows what would fail then."""
    campaign = with_store(settings, schedule.look, text)
    if check is not None:
        check(campaign.id, str(campaign))
    if not agreed(schedule.schedule_plan(campaign, start), yes=yes, dry_run=dry_run):
        return
    at = schedule.shown(start)
    if with_store(settings, schedule.carry_out, campaign, start):
        tell(f"scheduled: {campaign}, for {at}")
    else:
        tell(f"{campaign} is scheduled for {at} already: nothing was changed")
    show_next(f"wacampaign queue-stats {campaign.short_id}")


def _change(
    action: life_cycle.Action,
    text: str,
    settings: Settings,
    *,
    yes: bool,
    dry_run: bool,
    check: _Check | None = None,
) -> None:
    # Asked between two visits to the database: inside the event loop Ctrl-C would not be heard.
    change = with_store(settings, life_cycle.look, action, text)
    campaign = change.campaign
    if change.is_made:
        _say_unchanged(change)
        return
    if change.is_to_be_checked and check is not None:
        check(campaign.id, str(campaign))
    if not agreed(change.plan, yes=yes, dry_run=dry_run):
        return
    unchecked = action is START and check is None
    done = with_store(settings, life_cycle.carry_out, change, unchecked=unchecked)
    if done is None:
        _say_unchanged(change)
        return
    tell(f"{action.done}: {campaign}")
    if done.holds_lifted:
        tell(f"holds lifted: {done.holds_lifted:,}")
    tell(done.guarantee)
    show_next(done.next_command)


def _say_unchanged(change: StatusChange) -> None:
    now = "cancelled or failed" if change.action is CANCEL else change.action.status
    tell(f"{change.campaign} is {now} already: nothing was changed")
    show_next(f"wacampaign queue-stats {change.campaign.short_id}")
