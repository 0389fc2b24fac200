"""`fix-media`: carries out what was agreed to: uploads first, then campaign by campaign."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from wacampaign.cli.fix_media_choice import Wish, upload_missing
from wacampaign.cli.fix_media_plan import Found, next_command, targets_of
from wacampaign.cli.output import arrow, say, tell
from wacampaign.cli.plan import show_next
from wacampaign.cli.progress import progress_bar
from wacampaign.cli.session import actor, with_store
from wacampaign.cli.wording import rows
from wacampaign.problems import Problem

if TYPE_CHECKING:
    from wacampaign.settings import Settings
    from wacampaign.store.store import Store

#: Seconds that somebody who pressed Ctrl-C waits for the database's count.
_LAST_LOOK_SECONDS: Final = 2.0


@dataclass(slots=True)
class _Going:
    """How far a repair or an undo has come, for whoever is told that it ended early."""

    repair_id: str | None = None
    rows: int = 0


def carry_out(
    settings: Settings,
    work: Sequence[Found],
    wish: Wish,
    *,
    restart: bool,
    command: Callable[[Found], str],
) -> None:
    """Uploads what is missing, then repairs each campaign. Raises what ended it early."""

    async def upload(opened: Store) -> int:
        choices = [choice for one in work if one.changes for choice in one.choices]
        return await upload_missing(opened, settings, choices)

    try:
        uploaded = with_store(settings, upload)
    except KeyboardInterrupt:
        say("interrupted: no row was changed")
        raise
    if uploaded:
        tell(f"uploaded: {uploaded} to Meta")
    for i, one in enumerate(work):
        try:
            _repair(settings, one, wish, restart=restart, command=command(one))
        except Problem as problem:
            problem.changed = problem.changed or i > 0
            raise


def _repair(settings: Settings, one: Found, wish: Wish, *, restart: bool, command: str) -> None:
    campaign, who, going = one.campaign, actor(), _Going()

    async def act(opened: Store) -> None:
        from wacampaign.store.repairs import Repairs

        repairs = Repairs(opened)
        if one.changes:
            begun = await repairs.begin(
                uuid4(),
                campaign.id,
                kind=wish.kind,
                what=f"{wish.kind} {wish.source or 'of the template'}",
                command=wish.command,
                code=wish.code,
                actor=who,
                targets=targets_of(one.choices, wish),
                as_of=one.survey["as_of"],
            )
            going.repair_id, going.rows = begun.id, begun.rows
            seen, total = 0, sum(lane["ready"] + lane["failed"] for lane in one.lanes)
            try:
                with progress_bar(f"repair {campaign.name}") as advance:
                    async for changed, looked_at in repairs.steps(begun.id):
                        going.rows += changed
                        seen += looked_at
                        if advance is not None:
                            advance(seen, max(total, seen))
                in_all = await repairs.finish(begun.id, who)
            except Problem as problem:
                if going.rows:
                    problem.changed = True
                    problem.message += (
                        f". {rows(going.rows)} are repaired (R{begun.id[:6]});"
                        " the same command goes on"
                    )
                raise
            before = f" ({begun.rows:,} of them before it was interrupted)" if begun.rows else ""
            tell(f"repaired: {rows(in_all)} of {campaign}{before}")
            tell(f"to undo it: wacampaign fix-media {campaign.short_id} --undo {begun.id[:8]}")
        restarted = restart and await repairs.restart(campaign.id, who)
        if restarted:
            tell(f"the campaign was {campaign.status}, and runs again")
        show_next(next_command(one, restart=restarted, command=command))

    try:
        with_store(settings, act)
    except KeyboardInterrupt:
        say(f"interrupted: {rows(_changed(settings, campaign.id, going))} of {campaign} changed")
        if going.repair_id is not None:
            say(
                f"to undo it: wacampaign fix-media {campaign.short_id} --undo {going.repair_id[:8]}"
            )
        say("the same command goes on with it")
        say(f"{arrow(sys.stderr)} {command}")
        raise


def _changed(settings: Settings, campaign_id: str, going: _Going) -> int:
    """As the database has it: the step that was interrupted may have been carried out."""
    repair_id = going.repair_id
    if repair_id is None:
        return 0

    async def ask(opened: Store) -> int:
        from wacampaign.store.repairs import Repairs

        found = await Repairs(opened).of(campaign_id, repair_id)
        return int(found[0]["rows"]) if found else going.rows

    try:
        return with_store(settings, ask, patience_seconds=_LAST_LOOK_SECONDS)
    except Problem:
        return going.rows


def finish_interrupted(settings: Settings, one: Found, wish: Wish) -> None:
    """A repair that was interrupted after its last row is at its end."""

    async def act(opened: Store) -> None:
        from wacampaign.store.repairs import Repairs

        repairs = Repairs(opened)
        for repair in await repairs.of(one.campaign.id):
            is_open = not (repair["finished"] or repair["closed"] or repair["undo_begun"])
            if is_open and repair["command"] == wish.command and repair["actor"] == actor():
                n = await repairs.finish(repair["id"], actor())
                tell(f"repair R{repair['id'][:6]}, which was interrupted, is complete: {rows(n)}")

    with_store(settings, act)


def say_unchanged(one: Found) -> None:
    """There was nothing to do, and why."""
    campaign: Any = one.campaign
    tell(f"nothing was changed: no row of {campaign} would get another medium")
    if left := sum(lane["no_media"] for lane in one.survey["lanes"]):
        tell(f"{rows(left)} left out: var1 is neither a URL nor a media id")
    show_next(f"wacampaign queue-stats {campaign.short_id}")
