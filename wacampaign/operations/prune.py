"""Takes away what is old: in the database in steps, and the files in WACAMPAIGN_HOME."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wacampaign.core.plan import Change, Plan, Progress
from wacampaign.core.pruning import PARTS, PruneAges, PruneDue, PrunePart, days_of, told_bytes
from wacampaign.core.words import counted
from wacampaign.operations.campaigns import refuse_blind
from wacampaign.operations.old_files import OldFile, old_files
from wacampaign.problems import Problem
from wacampaign.store.pruning import Pruning
from wacampaign.store.store import Store

#: Rows of the first step; the next has as many as fit into `STEP_SECONDS`, within these bounds.
FIRST_ROWS: Final = 500
ROWS_MIN: Final = 50
ROWS_MAX: Final = 10_000
#: Seconds that a step should take: short beside what a claim waits for anything else.
STEP_SECONDS: Final = 0.2
#: Of the time that a step took, as much is waited before the next: half of it is everybody else's.
PAUSE_SHARE: Final = 1.0


@dataclass(slots=True)
class PruneDone:
    """Read by whoever is told that it ended early, too."""

    #: Rows taken, by part.
    rows: dict[str, int] = field(default_factory=dict)
    #: Files removed.
    files: int = 0

    @property
    def total(self) -> int:
        """Rows of all parts."""
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True)
class PruneSurvey:
    """What is due."""

    ages: PruneAges
    due: PruneDue
    files: Sequence[OldFile]

    def rows(self, part: PrunePart) -> int:
        """Rows of a part that are due."""
        return sum(one.rows for one in self.due.parts if one.part == part.name)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is old enough."""
        return not self.files and not any(one.rows for one in self.due.parts)


async def look(store: Store, home: Path, ages: PruneAges) -> PruneSurvey:
    """What would go. Changes nothing."""
    due = await Pruning(store).due(ages)
    survey = PruneSurvey(ages, due, await old_files(store, home, ages.files))
    if survey.is_empty:
        await refuse_blind(store)
    return survey


def prune_plan(survey: PruneSurvey) -> Plan:
    """The plan, with a step for each part that has anything."""
    due = {one.part: one for one in survey.due.parts}
    steps = [
        Change(
            due[part.name].rows,
            part.what,
            f"older than {counted(days_of(part, survey.ages), 'day')}",
            _becomes(part, due[part.name].bytes),
        )
        for part in PARTS
        if due[part.name].rows
    ]
    if survey.files:
        size = sum(file.bytes for file in survey.files)
        age = f"older than {counted(survey.ages.files, 'day')}"
        steps.append(Change(len(survey.files), "file", age, f"removed, {told_bytes(size)}"))
    return Plan(
        f"prune: wacampaign's tables have {told_bytes(survey.due.size(ours=True))}",
        steps,
        [*_notes(survey.due)],
        next_command="wacampaign prune --dry-run",
    )


def _becomes(part: PrunePart, size: int) -> str:
    return f"{part.becomes} (about {told_bytes(size)})" if size else part.becomes


def _notes(due: PruneDue) -> list[str]:
    notes = [
        "what becomes free is used again; the tables' files stay as large",
        "what is shown stays without Meta's own words: states, times, prices, errors",
        "never taken: counts, opt-outs, rows in doubt, each person's last message",
        f"left alone: the backend's tables, {told_bytes(due.size(ours=False))}",
    ]
    if due.reading:
        notes.append("the backend's log is still being read: no delivery is removed until it is")
    return notes


async def carry_out(store: Store, survey: PruneSurvey, done: PruneDone, progress: Progress) -> None:
    """Takes what is due, in steps; each is whole, so it may end between any two.

    Raises `Problem`: with `changed` set if something was taken by then.
    """
    expected = sum(one.rows for one in survey.due.parts)
    try:
        for part in PARTS:
            if survey.rows(part):
                await _part(Pruning(store), part, survey.ages, done, _follower(progress, expected))
    except Problem as problem:
        if done.total:
            problem.changed = True
            problem.message += f". {counted(done.total, 'row')} went; the same command goes on"
        raise
    for file in survey.files:
        done.files += file.remove()


def _follower(progress: Progress, expected: int) -> Callable[[int], None]:
    def follow(n: int) -> None:
        if progress is not None:
            progress(n, max(expected, n))

    return follow


async def _part(
    pruning: Pruning,
    part: PrunePart,
    ages: PruneAges,
    done: PruneDone,
    follow: Callable[[int], None],
) -> None:
    limit = FIRST_ROWS
    after: str | None = None
    left = True
    while left:
        began = time.monotonic()
        rows, left, after = await pruning.step(part.name, days_of(part, ages), limit, after)
        took = time.monotonic() - began
        done.rows[part.name] = done.rows.get(part.name, 0) + rows
        follow(done.total)
        if left:
            await asyncio.sleep(took * PAUSE_SHARE)
        limit = next_limit(limit, took)


def next_limit(limit: int, took: float) -> int:
    """Rows of the next step, after one of so many rows that took so many seconds."""
    factor = min(2.0, max(0.5, STEP_SECONDS / max(took, 0.001)))
    return int(min(ROWS_MAX, max(ROWS_MIN, limit * factor)))
