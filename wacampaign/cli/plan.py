"""A change is shown before it is made: its plan, the question, and the refusal without either."""

import sys
from contextlib import nullcontext, redirect_stdout
from typing import TextIO

from wacampaign.cli.output import arrow, ask, at_terminal, tell
from wacampaign.core.plan import SAMPLES_SHOWN, Change, Plan
from wacampaign.core.words import counted
from wacampaign.problems import ConfirmationRequired, Declined


def agreed(plan: Plan, *, yes: bool, dry_run: bool, as_json: bool = False) -> bool:
    """Prints the plan and returns whether it may be carried out.

    `as_json`: on stderr, as stdout is for the one object.

    `dry_run`: never. `yes`: without asking. Otherwise a person at the terminal is asked: another
    answer than yes raises `Declined`; without a terminal `ConfirmationRequired` is raised. Nothing
    has been changed yet in any case.
    """
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        show_plan(plan)
        if dry_run:
            tell("dry run: nothing was changed")
            return False
    if yes:
        return True
    if not at_terminal():
        raise ConfirmationRequired()
    if ask("Go on? [y/N] ").lower() in ("y", "yes"):
        return True
    raise Declined()


def show_plan(plan: Plan) -> None:
    """The plan on stdout: title, steps, samples, notes, next command."""
    tell(f"plan: {plan.title}")
    for change in plan.steps:
        tell(f"  {change_line(change)}")
    for sample in plan.samples[:SAMPLES_SHOWN]:
        tell(f"    {sample}")
    for note in plan.notes:
        tell(f"  {note}")
    if plan.next_command:
        tell(f"  afterwards: {plan.next_command}")


def change_line(change: Change) -> str:
    """`12 rows: failed → ready`."""
    return f"{counted(change.n, change.what)}: {change.was} {arrow(sys.stdout)} {change.becomes}"


def show_next(command: str, stream: TextIO | None = None) -> None:
    """The last line of a command that was carried out: what to run next. On stdout by itself."""
    tell(f"{arrow(stream or sys.stdout)} {command}", stream=stream)
