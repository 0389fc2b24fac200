"""A change is shown before it is made: its plan, the question, and the refusal without either."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wacampaign.cli.output import arrow, say
from wacampaign.problems import ConfirmationRequired

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

    `dry_run`: never. `yes`: without asking. Otherwise a person at the terminal is asked; without
    a terminal `ConfirmationRequired` is raised. Nothing has been changed yet in any case.
    """
    show_plan(plan)
    if dry_run:
        print("dry run: nothing was changed", flush=True)
        return False
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfirmationRequired()
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    say("nothing was changed")
    return False


def show_plan(plan: Plan) -> None:
    """The plan on stdout: title, steps, samples, notes, next command."""
    print(f"plan: {plan.title}")
    for step in plan.steps:
        print(f"  {step}")
    for sample in plan.samples[:SAMPLES_SHOWN]:
        print(f"    {sample}")
    for note in plan.notes:
        print(f"  {note}")
    if plan.next_command:
        print(f"  afterwards: {plan.next_command}")
    sys.stdout.flush()


def show_next(command: str) -> None:
    """The last line of a command that was carried out: what to run next."""
    print(f"{arrow(sys.stdout)} {command}", flush=True)
