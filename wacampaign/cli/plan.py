"""A change is shown before it is made: its plan, the question, and the refusal without either."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wacampaign.cli.output import arrow, ask, at_terminal, tell
from wacampaign.problems import ConfirmationRequired, Declined

#: Samples that are shown where rows change.
SAMPLES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a plan: how many of what go from one state to another."""

    n: int
    what: str
    was: str
    becomes: str

    def __str__(self) -> str:
        ending = "" if self.n == 1 else "es" if self.what.endswith("x") else "s"
        return f"{self.n:,} {self.what}{ending}: {self.was} {arrow(sys.stdout)} {self.becomes}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command is about to do."""

    #: "pause Bajaj_market_2 (5a5c39a6)".
    title: str
    steps: Sequence[Step]
    #: What will and what will not happen, one sentence each.
    notes: Sequence[str] = ()
    #: Rows that change, already masked; the first five are shown.
    samples: Sequence[str] = ()
    #: What to run afterwards.
    next_command: str | None = None


def agreed(plan: Plan, *, yes: bool, dry_run: bool) -> bool:
    """Prints the plan and returns whether it may be carried out.

    `dry_run`: never. `yes`: without asking. Otherwise a person at the terminal is asked: another
    answer than yes raises `Declined`; without a terminal `ConfirmationRequired` is raised. Nothing
    has been changed yet in any case.
    """
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
    for step in plan.steps:
        tell(f"  {step}")
    for sample in plan.samples[:SAMPLES_SHOWN]:
        tell(f"    {sample}")
    for note in plan.notes:
        tell(f"  {note}")
    if plan.next_command:
        tell(f"  afterwards: {plan.next_command}")


def show_next(command: str) -> None:
    """The last line of a command that was carried out: what to run next."""
    tell(f"{arrow(sys.stdout)} {command}")
