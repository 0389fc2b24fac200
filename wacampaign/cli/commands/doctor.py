"""`doctor`: is this installation fit to run, and what mends it."""

from typing import Annotated

import typer

from wacampaign.cli.options import AsJson, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import FINDING, print_json, say, tell
from wacampaign.cli.plan import agreed, show_next
from wacampaign.cli.screens.doctor import checks_json, show_checks, show_summary
from wacampaign.cli.session import read_settings, run_told
from wacampaign.core.doctor.checks import failures, next_step
from wacampaign.core.doctor.model import Examined
from wacampaign.core.preflight.model import Check
from wacampaign.operations.doctor import mending
from wacampaign.operations.doctor.run import run_doctor, run_without_settings
from wacampaign.problems import Declined, Misconfigured, Usage
from wacampaign.settings import Settings


def doctor(
    fix: Annotated[
        bool,
        typer.Option(
            "--fix",
            help="Mend what is safe: rights of .env and of PM2's dump, WACAMPAIGN_HOME. All else"
            " is printed.",
        ),
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Look whether this installation is fit to run, worst first, each finding with its fix.

    Settings and files, the database (rights, schema, guard, indexes, clock), Meta (token, numbers,
    webhooks), PM2, workers, and who else sends. Asks side by side, reads only, and is done within
    15 seconds even when all of them are away. What could not be looked at is skipped, never ok.
    Ends with exit code 3 when a check failed.

    Example: wacampaign doctor

    Example: wacampaign doctor --fix --dry-run
    """
    if (yes or dry_run) and not fix:
        raise Usage("--yes and --dry-run belong to --fix", "wacampaign doctor --fix --dry-run")
    try:
        settings = read_settings(env_file, store)
    except Misconfigured as problem:
        _show(run_told(run_without_settings(problem)), as_json=as_json)
        raise typer.Exit(FINDING) from None
    checks = run_told(run_doctor(settings))
    if fix:
        checks = _mend(settings, checks, yes=yes, dry_run=dry_run, as_json=as_json)
    else:
        _show(checks, as_json=as_json)
    if failures(checks):
        raise typer.Exit(FINDING)


def _show(checks: list[Examined], *, as_json: bool, changed: bool = False) -> None:
    if as_json:
        print_json({"checks": checks_json(checks), "changed": changed})
        return
    show_checks(checks)
    show_summary(checks)
    show_next(next_step(checks))


def _mend(
    settings: Settings, checks: list[Examined], *, yes: bool, dry_run: bool, as_json: bool
) -> list[Examined]:
    """Mends what is agreed to, and looks again; the checks as they are then."""
    found = mending.repairs(settings, checks)
    if not as_json:
        show_checks(checks)
    if not found:
        if as_json:
            _show(checks, as_json=True)
        else:
            show_summary(checks)
            tell("nothing is found that doctor mends by itself: nothing was changed")
            show_next(next_step(checks))
        return checks
    wrong = sum(one.verdict in (Check.FAIL, Check.WARN) for one in checks)
    plan = mending.plan_of(found, wrong - len(found))
    try:
        goes_on = agreed(plan, yes=yes, dry_run=dry_run, as_json=as_json)
    except Declined:  # what was found is worth its exit code
        say("nothing was changed")
        return checks
    if goes_on:
        mending.carry_out(found)
        checks = run_told(run_doctor(settings))
    if as_json:
        _show(checks, as_json=True, changed=goes_on)
    elif goes_on:
        tell(f"mended: {', '.join(str(one.path) for one in found)}")
        _show(checks, as_json=False)
    return checks
