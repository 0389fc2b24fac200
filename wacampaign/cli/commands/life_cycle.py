"""`start`, `pause`, `resume`, `cancel`: what becomes of a campaign, told before and after."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, TypeAlias

import typer

from wacampaign.cli.commands.preflight import check_before_start
from wacampaign.cli.options import (
    AllowMarkup,
    AllowPlaceholders,
    AsJson,
    CampaignArgument,
    DailyWindow,
    DryRun,
    EnvFile,
    SkipPreflight,
    StoreFlag,
    Yes,
    Zone,
)
from wacampaign.cli.output import tell
from wacampaign.cli.plan import ToldChange, agreed, change_told, show_next
from wacampaign.cli.screens.campaign_json import named_json
from wacampaign.cli.screens.tables import tell_indented
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.moment_in_zone import TypedMoment
from wacampaign.core.template.unmeant import Unmeant, allowed_kinds
from wacampaign.operations import life_cycle, schedule, windows
from wacampaign.operations.life_cycle import CANCEL, PAUSE, RESUME, START, StatusChange
from wacampaign.problems import Usage
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
            help="Start it then: 'YYYY-MM-DD HH:MM', local or with a zone such as Asia/Kolkata.",
            show_default=False,
        ),
    ] = None,
    daily_window: DailyWindow = None,
    zone: Zone = None,
    skip_preflight: SkipPreflight = False,
    allow_placeholders: AllowPlaceholders = False,
    allow_markup: AllowMarkup = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Start a campaign that is paused or scheduled, now or at a time.

    Its preflight is made first, and refuses with exit code 3 what cannot go well. Workers take
    its rows from now on. With --at it stays paused, and a worker starts it then; `start`, `pause`,
    `cancel` or another --at change that. What it waits for is shown by `queue-stats`. Where no
    worker runs at that time, the next one starts it, however late: at night, too, unless it has a
    daily window.

    With --daily-window a row goes only while it is between those times where its recipient is, by
    the phone's time zone; the rest waits for the next day by itself. `daily-window` changes that.

    Example: wacampaign start Bajaj_market_2

    Example: wacampaign start Bajaj_market_2 --at "2026-11-25 09:30 Asia/Kolkata"

    Example: wacampaign start Bajaj_market_2 --daily-window 09:00-20:00
    """
    settings = read_settings(env_file, store)
    allowed = allowed_kinds(placeholders=allow_placeholders, markup=allow_markup)
    check = None if skip_preflight else partial(check_before_start, settings, allowed=allowed)
    hours = (
        windows.hours_and_zone(daily_window, zone, "--daily-window")
        if daily_window is not None
        else None
    )
    if at is None:
        if zone is not None and hours is None:
            raise Usage("--zone says nothing without --at or --daily-window", "leave it out")
        with change_told(as_json=as_json, dry_run=dry_run) as told:
            _change(
                *(START, campaign, settings, told),
                yes=yes,
                dry_run=dry_run,
                check=check,
                hours=hours,
            )
    else:
        time = schedule.read_time(at, f"start {shlex.quote(campaign)}", zone=zone)
        with change_told(as_json=as_json, dry_run=dry_run) as told:
            _schedule(
                *(settings, campaign, time, told),
                check=check,
                yes=yes,
                dry_run=dry_run,
                hours=hours,
            )


def pause(
    campaign: CampaignArgument,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="Let it go on by itself then: a time as of `start --at`.",
            show_default=False,
        ),
    ] = None,
    zone: Zone = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Pause a running campaign, or one that `start --at` would start.

    No row is taken any more. What workers hold at that moment may still go out. A time that it was
    to start at is forgotten. With --until a worker lets it go on then, or the next one that runs
    after it; `resume` does so sooner.

    Example: wacampaign pause Bajaj_market_2

    Example: wacampaign pause Bajaj_market_2 --until "2026-11-26 09:00 Asia/Kolkata"
    """
    settings = read_settings(env_file, store)
    if until is not None:
        time = schedule.read_time(until, f"pause {shlex.quote(campaign)}", "--until", zone)
        with change_told(as_json=as_json, dry_run=dry_run) as told:
            _pause_until(settings, campaign, time, told, yes=yes, dry_run=dry_run)
    elif zone is not None:
        raise Usage("--zone says nothing without --until", "leave it out")
    else:
        with change_told(as_json=as_json, dry_run=dry_run) as told:
            _change(PAUSE, campaign, settings, told, yes=yes, dry_run=dry_run)


def resume(
    campaign: CampaignArgument,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
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
    with change_told(as_json=as_json, dry_run=dry_run) as told:
        _change(RESUME, campaign, settings, told, yes=yes, dry_run=dry_run, check=check)


def cancel(
    campaign: CampaignArgument,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """End a campaign for good. It cannot be started again.

    Rows not yet sent stay in the queue as they are, and no worker takes them.

    Example: wacampaign cancel 5a5c39a6 --dry-run
    """
    settings = read_settings(env_file, store)
    with change_told(as_json=as_json, dry_run=dry_run) as told:
        _change(CANCEL, campaign, settings, told, yes=yes, dry_run=dry_run)


def _schedule(
    settings: Settings,
    text: str,
    start: TypedMoment,
    told: ToldChange,
    *,
    check: _Check | None,
    yes: bool,
    dry_run: bool,
    hours: windows.TypedHours | None,
) -> None:
    """The preflight of now (`check`) shows what would fail then."""
    campaign = with_store(settings, schedule.look, text)
    if check is not None:
        check(campaign.id, str(campaign))
    change = with_store(settings, windows.look, campaign.id, hours) if hours else None
    plan = schedule.schedule_plan(campaign, start, change.notes if change else ())
    if not agreed(plan, yes=yes, dry_run=dry_run):
        return
    changed = change is not None and with_store(settings, windows.carry_out, change)
    changed = with_store(settings, schedule.carry_out, campaign, start) or changed
    told.done(changed=changed, campaign=named_json(campaign), starts_at=start.at.isoformat())
    if changed:
        tell_indented("", f"scheduled: {campaign}, for {start}")
    else:
        tell_indented("", f"{campaign} is scheduled for {start} already: nothing was changed")
    show_next(f"wacampaign queue-stats {campaign.short_id}")


def _pause_until(
    settings: Settings,
    text: str,
    until: TypedMoment,
    told: ToldChange,
    *,
    yes: bool,
    dry_run: bool,
) -> None:
    campaign, state = with_store(settings, schedule.look_to_pause, text)
    plan = schedule.pause_plan(campaign, state, until)
    if not agreed(plan, yes=yes, dry_run=dry_run):
        return
    changed = with_store(settings, schedule.pause_until, campaign, until)
    now = named_json(campaign) | {"status": "paused"}
    told.done(changed=changed, campaign=now, resumes_at=until.at.isoformat())
    if changed:
        tell_indented("", f"paused: {campaign}, until {until}")
    else:
        tell_indented("", f"{campaign} is paused until {until} already: nothing was changed")
    show_next(f"wacampaign queue-stats {campaign.short_id}")


def _change(
    action: life_cycle.Action,
    text: str,
    settings: Settings,
    told: ToldChange,
    *,
    yes: bool,
    dry_run: bool,
    check: _Check | None = None,
    hours: windows.TypedHours | None = None,
) -> None:
    # Asked between two visits to the database: inside the event loop Ctrl-C would not be heard.
    change = with_store(settings, life_cycle.look, action, text)
    campaign = change.campaign
    told.done(changed=False, campaign=named_json(campaign), was=campaign.status)
    window = with_store(settings, windows.look, campaign.id, hours) if hours else None
    if change.is_made and (window is None or window.is_made):
        _say_unchanged(change)
        return
    if change.is_made:
        raise Usage(
            f"{campaign} is {change.campaign.status} already",
            f"wacampaign daily-window {campaign.short_id} {hours and hours[0]}",
        )
    if change.is_to_be_checked and check is not None:
        check(campaign.id, str(campaign))
    plan = change.plan
    if window is not None:
        plan = replace(plan, notes=(*plan.notes, *window.notes))
    if not agreed(plan, yes=yes, dry_run=dry_run):
        return
    if window is not None:
        # Before it runs: no row is to go outside of them.
        with_store(settings, windows.carry_out, window)
    unchecked = action is START and check is None
    done = with_store(settings, life_cycle.carry_out, change, unchecked=unchecked)
    if done is None:
        _say_unchanged(change)
        return
    now = named_json(campaign) | {"status": action.status}
    told.done(campaign=now, holds_lifted=done.holds_lifted, rows=done.counts.by_name())
    tell(f"{action.done}: {campaign}")
    if done.holds_lifted:
        tell(f"holds lifted: {done.holds_lifted:,}")
    tell_indented("", done.guarantee)
    show_next(done.next_command)


def _say_unchanged(change: StatusChange) -> None:
    now = "cancelled or failed" if change.action is CANCEL else change.action.status
    tell_indented("", f"{change.campaign} is {now} already: nothing was changed")
    show_next(f"wacampaign queue-stats {change.campaign.short_id}")
