"""`restart-stuck`: what stopped though work is left, found, told with evidence, and set going."""

from typing import Annotated

import typer

from wacampaign.cli.options import AsJson, CampaignsArgument, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import ask, at_terminal, say, tell
from wacampaign.cli.plan import ToldChange, agreed, change_told, show_next, show_plan
from wacampaign.cli.screens.standstill import print_stuck, stuck_json
from wacampaign.cli.screens.tables import tell_indented
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.campaign.stuck import InDoubt
from wacampaign.core.plan import Plan
from wacampaign.core.words import are
from wacampaign.operations import restart
from wacampaign.problems import Busy, ConfirmationRequired, Declined
from wacampaign.settings import Settings


def restart_stuck(
    campaigns: CampaignsArgument = None,
    in_doubt: Annotated[
        InDoubt,
        typer.Option(
            "--in-doubt",
            help="What becomes of rows that may or may not have been sent.",
        ),
    ] = "hold",
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Find campaigns that stopped though work is left, and restart them.

    Without a campaign all are looked at. Rows never sent are ready again; what was accepted is
    never touched. Journals of lost workers on this machine are read first. Rows in doubt stay as
    they are (hold), are sent once more, perhaps for the second time (resend), or count as sent
    (assume-sent).

    Example: wacampaign restart-stuck --dry-run

    Example: wacampaign restart-stuck 5a5c39a6 --in-doubt hold
    """
    settings = read_settings(env_file, store)
    with change_told(as_json=as_json, dry_run=dry_run) as told:
        _restart(settings, campaigns, in_doubt, told, yes=yes, dry_run=dry_run)


def _restart(
    settings: Settings,
    campaigns: list[str] | None,
    in_doubt: InDoubt,
    told: ToldChange,
    *,
    yes: bool,
    dry_run: bool,
) -> None:
    # Evidence changes rows, too: only where the plan may be carried out.
    settle = not dry_run and (yes or at_terminal())

    # Asked between two visits to the database: inside the event loop Ctrl-C would not be heard.
    standstill = with_store(
        settings, restart.look, settings, campaigns, in_doubt, say, settle=settle
    )
    stuck, accepted = standstill.stuck, standstill.accepted
    told.done(
        changed=standstill.settled,
        stuck=[stuck_json(case) for case in stuck],
        waiting=[
            {"id": one.id, "name": one.name, "why": one.waits_for} for one in standstill.waiting
        ],
        accepted=accepted,
        resent=0,
    )
    for campaign in standstill.waiting:
        tell_indented("", f"{campaign} waits and goes on by itself: {campaign.waits_for}")
    if not stuck:
        tell("nothing is stuck: nothing was changed")
        show_next("wacampaign queue-stats")
        return
    for case in stuck:
        print_stuck(case)
    if not any(case.changes for case in stuck):
        tell(f"nothing was changed; {accepted:,} accepted {are(accepted)} never touched")
        show_next(standstill.next_command)
        return
    plan = restart.restart_plan(standstill, in_doubt)
    try:
        if not _agreed(plan, standstill.resent, yes=yes, dry_run=dry_run):
            return
    except Declined as declined:
        if standstill.settled:
            declined.changed = True
            declined.message = "not restarted; what journals and messages proved stays settled"
        raise
    done = with_store(settings, restart.carry_out, stuck, settings.in_doubt_minutes, tell)
    tell(f"{accepted:,} accepted before were not touched")
    if done.missed:
        busy = Busy(
            "somebody else restarted " + ", ".join(map(str, done.missed)), "wacampaign queue-stats"
        )
        busy.changed = done.changed
        raise busy
    told.done(changed=done.changed, resent=standstill.resent)
    show_next(standstill.next_command)


def _agreed(plan: Plan, resent: int, *, yes: bool, dry_run: bool) -> bool:
    """As `agreed`; whoever has rows sent once more types how many they are."""
    if not resent or yes or dry_run:
        return agreed(plan, yes=yes, dry_run=dry_run)
    show_plan(plan)
    if not at_terminal():
        raise ConfirmationRequired()
    if ask(f"Type the number of rows to resend ({resent}): ").replace(",", "") == str(resent):
        return True
    raise Declined("the number was not typed: nothing was changed")
