"""A change is shown before it is made: its plan, the question, and the refusal without either.

With `--json` all of that is said on stderr, and one object on stdout has plan and result.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from contextvars import ContextVar
from dataclasses import asdict
from typing import Any, Final, TextIO

import typer

from wacampaign.cli.output import arrow, ask, at_terminal, print_json, tell
from wacampaign.cli.screens.tables import tell_indented
from wacampaign.core.plan import SAMPLES_SHOWN, Change, Plan
from wacampaign.core.words import counted
from wacampaign.problems import ConfirmationRequired, Declined


class ToldChange:
    """What a changing command planned and did, for its one object."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        #: What to run next.
        self.next_command: str | None = None
        self.changed = False
        #: What is told besides, by its name in the object.
        self.fields: dict[str, Any] = {}

    def done(self, *, changed: bool = True, **fields: Any) -> None:
        """The command did this, or (`changed` false) found it done already."""
        self.changed = changed
        self.fields |= fields

    def as_json(self, *, dry_run: bool) -> dict[str, Any]:
        """The object: these keys are the same in each command."""
        plan = self.plan
        return {
            "changed": self.changed,
            "dry_run": dry_run,
            "plan": plan
            and {
                "title": plan.title,
                "steps": [asdict(step) for step in plan.steps],
                "notes": list(plan.notes),
                "samples": list(plan.samples[:SAMPLES_SHOWN]),
            },
            **self.fields,
            "next": self.next_command or (plan.next_command if plan else None),
        }


#: The change that is being told as an object; None: in words alone.
_told: Final[ContextVar[ToldChange | None]] = ContextVar("told", default=None)
#: The change of this command line, also when it is told in words.
_last: Final[ContextVar[ToldChange | None]] = ContextVar("last", default=None)


def anything_changed() -> bool | None:
    """Whether the command changed what it was to; None: it was not to change anything."""
    told = _last.get()
    return None if told is None else told.changed


@contextmanager
def change_told(*, as_json: bool, dry_run: bool = False) -> Iterator[ToldChange]:
    """What a command says inside is said on stdout; with `as_json` on stderr, and the object stands
    on stdout when it has ended, also with a finding. An error has its own object."""
    told = ToldChange()
    _last.set(told)
    if not as_json:
        yield told
        return
    before = _told.set(told)
    try:
        with redirect_stdout(sys.stderr):
            yield told
    except typer.Exit:
        print_json(told.as_json(dry_run=dry_run))
        raise
    else:
        print_json(told.as_json(dry_run=dry_run))
    finally:
        _told.reset(before)


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
    if (told := _told.get()) is not None:
        told.plan = plan
    tell_indented("", f"plan: {plan.title}")
    for change in plan.steps:
        tell_indented("  ", change_line(change))
    for sample in plan.samples[:SAMPLES_SHOWN]:
        tell_indented("    ", sample)
    if (more := len(plan.samples) - SAMPLES_SHOWN) > 0:
        tell(f"    and {more:,} more")
    for note in plan.notes:
        tell_indented("  ", note)
    if plan.next_command:
        tell(f"  afterwards: {plan.next_command}")


def change_line(change: Change) -> str:
    """`12 rows: failed → ready`."""
    return f"{counted(change.n, change.what)}: {change.was} {arrow(sys.stdout)} {change.becomes}"


def show_next(command: str, stream: TextIO | None = None) -> None:
    """The last line of a command that was carried out: what to run next. On stdout by itself."""
    if (told := _told.get()) is not None:
        told.next_command = command
    tell(f"{arrow(stream or sys.stdout)} {command}", stream=stream)
