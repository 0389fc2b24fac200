"""`start`, `pause`, `resume`, `cancel`: what becomes of a campaign, told before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wacampaign.cli.options import Campaign, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import tell
from wacampaign.cli.plan import Plan, Step, agreed, show_next
from wacampaign.cli.preflight import SkipPreflight, check_before_start, set_running
from wacampaign.cli.session import (
    CampaignName,
    actor,
    campaign_state,
    read_settings,
    resolve_campaign,
    with_store,
)
from wacampaign.cli.wording import rows
from wacampaign.problems import Refused

if TYPE_CHECKING:
    from wacampaign.store.store import Store


@dataclass(frozen=True, slots=True)
class _Action:
    """One change of a campaign's status. The database has the last word on `allowed`."""

    verb: str
    done: str
    status: str
    allowed: frozenset[str]


_START: Final = _Action("start", "started", "running", frozenset({"scheduled", "paused"}))
_PAUSE: Final = _Action("pause", "paused", "paused", frozenset({"running"}))
_RESUME: Final = _Action("resume", "resumed", "running", frozenset({"scheduled", "paused"}))
_CANCEL: Final = _Action(
    "cancel", "cancelled", "failed", frozenset({"scheduled", "paused", "running"})
)
ACTIONS: Final = (_START, _PAUSE, _RESUME, _CANCEL)


def start(
    campaign: Campaign,
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
    if at is not None:
        from wacampaign.cli.schedule import schedule

        schedule(
            read_settings(env_file, store),
            campaign,
            at,
            skip_preflight=skip_preflight,
            yes=yes,
            dry_run=dry_run,
        )
        return
    _change(
        _START,
        campaign,
        yes=yes,
        dry_run=dry_run,
        env_file=env_file,
        store=store,
        unchecked=skip_preflight,
    )


def pause(
    campaign: Campaign,
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
    _change(_PAUSE, campaign, yes=yes, dry_run=dry_run, env_file=env_file, store=store)


def resume(
    campaign: Campaign,
    yes: Yes = False,
    dry_run: DryRun = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Resume a paused campaign and lift what held it.

    Rows that were accepted are never sent again.

    Example: wacampaign resume 5a5c39a6
    """
    _change(_RESUME, campaign, yes=yes, dry_run=dry_run, env_file=env_file, store=store)


def cancel(
    campaign: Campaign,
    yes: Yes = False,
    dry_run: DryRun = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """End a campaign for good. It cannot be started again.

    Rows not yet sent stay in the queue as they are, and no worker takes them.

    Example: wacampaign cancel 5a5c39a6 --dry-run
    """
    _change(_CANCEL, campaign, yes=yes, dry_run=dry_run, env_file=env_file, store=store)


def _change(
    action: _Action,
    text: str,
    *,
    yes: bool,
    dry_run: bool,
    env_file: Path | None,
    store: str | None,
    unchecked: bool = False,
) -> None:
    settings = read_settings(env_file, store)

    async def look(opened: Store) -> tuple[CampaignName, dict[str, Any]]:
        campaign = await resolve_campaign(opened, text)
        return campaign, await campaign_state(opened, campaign)

    # Asked between two visits to the database: inside the event loop Ctrl-C would not be heard.
    campaign, before = with_store(settings, look)
    held = action is _RESUME and any(hold["until"] is None for hold in before["holds"])
    # A paused campaign that starts by itself: pausing it takes its time away.
    timed = action is _PAUSE and campaign.status == "paused" and before["scheduled_start_time"]
    if campaign.status == action.status and not held and not timed:
        _say_unchanged(action, campaign)
        return
    if campaign.status not in action.allowed and not held and not timed:
        raise Refused(
            f"{campaign} is {campaign.status}, so it cannot be {action.done}",
            f"wacampaign queue-stats {campaign.short_id}",
        )
    if action is _START and not unchecked:
        check_before_start(settings, campaign.id, str(campaign))
    if not agreed(_plan(action, campaign, before), yes=yes, dry_run=dry_run):
        return

    async def act(opened: Store) -> None:
        if action is _START:
            answer = await set_running(opened, campaign.id, unchecked=unchecked)
        else:
            answer = await opened.set_status(campaign.id, action.verb, actor())
        if not answer["changed"]:  # somebody else was quicker
            _say_unchanged(action, campaign)
            return
        after = await campaign_state(opened, campaign)
        tell(f"{action.done}: {campaign}")
        if answer.get("holds_lifted"):
            tell(f"holds lifted: {answer['holds_lifted']:,}")
        tell(_guarantee(action, after["counts"]))
        show_next(_next_command(action, campaign, live_workers=after["live_workers"]))

    with_store(settings, act)


def _plan(action: _Action, campaign: CampaignName, state: Mapping[str, Any]) -> Plan:
    reason = f" ({state['pause_reason']})" if state.get("pause_reason") else ""
    return Plan(
        title=f"{action.verb} {campaign}",
        steps=(Step(1, "campaign", campaign.status + reason, action.status),),
        notes=("0 rows of the queue change", _guarantee(action, state["counts"], ahead=True)),
        next_command=_next_command(action, campaign, live_workers=state["live_workers"]),
    )


def _guarantee(action: _Action, counts: Mapping[str, int], *, ahead: bool = False) -> str:
    """What will be sent and what will not, in rows."""
    unsent = counts["pending"] + counts["ready"] + counts["retry_later"]
    held = counts["processing"]
    accepted = f"{counts['sent']:,} already accepted will not be touched"
    if action.status == "running":
        later = f" ({counts['retry_later']:,} of them later)" if counts["retry_later"] else ""
        failed = f"; {counts['failed']:,} failed stay failed" if counts["failed"] else ""
        doubt = (
            f"; {counts['in_doubt']:,} in doubt are not sent again" if counts["in_doubt"] else ""
        )
        subject = action.verb if ahead else "it"
        return f"{subject} will send {rows(unsent)}{later}; {accepted}{failed}{doubt}"
    last = f"; {rows(held)} in the hands of workers may still go out" if held else ""
    if action is _PAUSE:
        return f"{rows(unsent)} wait until it is resumed{last}; {accepted}"
    return f"{rows(unsent)} will never be sent{last}; {accepted}"


def _next_command(action: _Action, campaign: CampaignName, *, live_workers: int) -> str:
    if action is _PAUSE:
        return f"wacampaign resume {campaign.short_id}"
    if action is _CANCEL:
        return f"wacampaign audit {campaign.short_id}"
    if live_workers == 0:
        return "wacampaign run-worker    (no worker is alive)"
    return f"wacampaign monitor {campaign.short_id}"


def _say_unchanged(action: _Action, campaign: CampaignName) -> None:
    now = "cancelled or failed" if action is _CANCEL else action.status
    tell(f"{campaign} is {now} already: nothing was changed")
    show_next(f"wacampaign queue-stats {campaign.short_id}")
