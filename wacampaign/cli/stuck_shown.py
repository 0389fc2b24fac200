"""How `restart-stuck` tells what is stuck: campaign by campaign, then one plan for all."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

from wacampaign.cli.output import tell
from wacampaign.cli.plan import Plan, Step
from wacampaign.cli.wording import rows
from wacampaign.core.masking import mask_secrets
from wacampaign.core.moments import told_locally
from wacampaign.core.standstill import Change, Kind, StuckCampaign

#: Columns of a line when the terminal is wider: longer lines are hard to read.
_WIDEST: Final = 100


def print_campaign(one: StuckCampaign) -> None:
    """Name, kinds, evidence, what would be changed and what not, on stdout."""
    tell(f"{one.name} ({one.short_id}) {one.status}")
    for kind in one.kinds:
        _print("  ! ", str(kind))
    for text in one.evidence:
        # A hold's reason is what somebody answered: it may name a recipient.
        _print("    ", mask_secrets(text))
    for change in one.changes:
        _print("  changes: ", str(_step(change)))
    _print("  stays:   ", f"{one.accepted:,} accepted are never touched")
    for text in one.keeps:
        _print("  stays:   ", text)
    tell()


def _print(begin: str, text: str) -> None:
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    for line in textwrap.wrap(
        told_locally(text),
        width,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    ):
        tell(line)


def _step(change: Change) -> Step:
    return Step(change.n, change.what, change.was, change.becomes)


def plan_of(
    stuck: Sequence[StuckCampaign],
    samples: Sequence[str],
    *,
    accepted: int,
    live_workers: int,
    note: str | None,
) -> Plan:
    """All campaigns' changes added up, like with like."""
    notes = [f"{accepted:,} accepted are never touched"]
    if left := sum(one.left for one in stuck if one.restart):
        notes.insert(0, f"{rows(left)} that were never sent will be sent")
    if note:
        notes.append(note)
    n = sum(1 for one in stuck if one.changes)
    return Plan(
        title=f"restart {n} campaign" + ("" if n == 1 else "s"),
        steps=list(_added_up(change for one in stuck for change in one.changes)),
        notes=notes,
        samples=samples,
        next_command=next_command(stuck, live_workers),
    )


def _added_up(changes: Iterable[Change]) -> Iterable[Step]:
    totals: dict[tuple[str, str, str], int] = {}
    for change in changes:
        key = change.what, change.was, change.becomes
        totals[key] = totals.get(key, 0) + change.n
    for (what, was, becomes), n in totals.items():
        yield Step(n, what, was, becomes)


def next_command(stuck: Sequence[StuckCampaign], live_workers: int) -> str:
    """What to run afterwards."""
    runs = [
        one
        for one in stuck
        if one.restart or one.resolve == "resend" or Kind.NO_LIVE_WORKER in one.kinds
    ]
    if runs and not live_workers:
        return "wacampaign run-worker    (no worker is alive)"
    if runs:
        return "wacampaign monitor" + (f" {runs[0].short_id}" if len(runs) == 1 else "")
    for one in stuck:
        if Kind.LEFT_UNWRITTEN in one.kinds:
            return f"wacampaign cancel {one.short_id}"
        if one.in_doubt and one.resolve is None:
            return f"wacampaign audit {one.short_id}"
    return f"wacampaign audit {stuck[0].short_id}"
