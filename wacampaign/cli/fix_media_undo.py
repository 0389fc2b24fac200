"""`fix-media --undo`: rows get back what a repair changed, as far as they were not sent since."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wacampaign.cli.fix_media_plan import arrow_for_samples, shown_medium, wrapped
from wacampaign.cli.output import arrow, say, tell
from wacampaign.cli.plan import Plan, Step, agreed, show_next
from wacampaign.cli.progress import progress_bar
from wacampaign.cli.session import CampaignName, actor, resolve_campaign, with_store
from wacampaign.cli.wording import rows
from wacampaign.core.cells import solid
from wacampaign.core.masking import mask_phone
from wacampaign.problems import Problem, Refused, Usage

if TYPE_CHECKING:
    from wacampaign.settings import Settings
    from wacampaign.store.store import Store

#: Characters of a repair's id that have to be typed at least.
_BEGINNING_MIN: Final = 4


@dataclass(frozen=True, slots=True)
class _Found:
    campaign: CampaignName
    repair: Mapping[str, Any]
    survey: Mapping[str, Any]

    def count(self, fate: str) -> int:
        return sum(one["n"] for one in self.survey["fates"] if one["fate"] == fate)


def undo(settings: Settings, text: str, repair: str, *, yes: bool, dry_run: bool) -> None:
    """Plans, asks, gives back. `repair` is an id, or an unambiguous beginning of one."""

    async def look(opened: Store) -> _Found:
        from wacampaign.store.repairs import Repairs

        campaign = await resolve_campaign(opened, text)
        repairs = Repairs(opened)
        chosen = await _resolve(repairs, campaign, repair)
        return _Found(campaign, chosen, await repairs.undo_survey(chosen["id"]))

    found = with_store(settings, look)
    campaign, repair_id = found.campaign, found.repair["id"]
    short = f"R{repair_id[:6]}"
    if not found.count("restorable"):
        tell(f"nothing was changed: repair {short} of {campaign} has no row to give back")
        for line in _left(found):
            tell(f"  {line}")
        if found.repair["undo_begun"] and not found.repair["undone"]:
            with_store(settings, lambda opened: _finish(opened, repair_id))
        show_next(f"wacampaign queue-stats {campaign.short_id}")
        return
    if not agreed(_plan(found, short), yes=yes, dry_run=dry_run):
        return

    done = 0

    async def act(opened: Store) -> None:
        from wacampaign.store.repairs import Repairs

        nonlocal done
        repairs, who = Repairs(opened), actor()
        await repairs.undo_begin(repair_id, who)
        seen = 0
        total = sum(one["n"] for one in found.survey["fates"])
        try:
            with progress_bar(f"undo {short}") as advance:
                async for changed, looked_at in repairs.undo_steps(repair_id):
                    done += changed
                    seen += looked_at
                    if advance is not None:
                        advance(seen, total)
            await repairs.undo_finish(repair_id, who)
        except Problem as problem:
            if done:
                problem.changed = True
                problem.message += f". {rows(done)} are given back; the same command goes on"
            raise
        now = found
        if done != found.count("restorable"):  # workers went on in the meantime
            now = _Found(campaign, found.repair, await repairs.undo_survey(repair_id))
        tell(f"undone: {rows(done)} of {campaign} are as before repair {short}")
        for line in _left(now, 0 if now is found else done):
            tell(line)
        show_next(f"wacampaign queue-stats {campaign.short_id}")

    try:
        with_store(settings, act)
    except KeyboardInterrupt:
        say(f"interrupted: at least {rows(done)} of {campaign} are given back")
        say("the same command goes on with it")
        say(f"{arrow(sys.stderr)} wacampaign fix-media {campaign.short_id} --undo {repair_id[:8]}")
        raise


def _left(found: _Found, just_undone: int = 0) -> list[str]:
    """What stays as it is, and why. `just_undone`: rows that this undo itself gave back."""
    notes = []
    if n := found.count("sent"):
        notes.append(f"{n:,} were sent since: they stay as they are")
    if n := found.count("processing"):
        notes.append(f"{n:,} are in a worker's hands or in doubt: they stay as they are")
    if n := found.count("repaired_again"):
        notes.append(f"{n:,} were changed by a later repair: undo that one first")
    if n := found.count("changed") + found.count("gone"):
        notes.append(f"{n:,} were changed by something else since: they stay as they are")
    if (n := found.count("undone") - just_undone) > 0:
        notes.append(f"{n:,} were given back before")
    return wrapped(notes)


def _plan(found: _Found, short: str) -> Plan:
    steps: dict[tuple[str, str], int] = {}
    stay = 0
    for one in found.survey["fates"]:
        if one["fate"] == "restorable":
            keeps = one["status"] == "failed" and one["old_status"] == "ready"
            stay += one["n"] if keeps else 0
            key = (one["status"], "failed" if keeps else one["old_status"])
            steps[key] = steps.get(key, 0) + one["n"]
    notes = [*wrapped([f"it was: {found.repair['what'].partition('?')[0]}"]), *_left(found)]
    if stay:
        notes.append(f"{stay:,} failed since: their medium goes back, their error stays")
    return Plan(
        title=f"undo repair {short} of {found.campaign}",
        steps=[
            Step(n, "row", f"{was} with the repair's medium", f"{becomes} with their own")
            for (was, becomes), n in sorted(steps.items())
        ],
        samples=[
            f"{mask_phone(one['phone'])}  {shown_medium(one['was'])} {arrow_for_samples()}"
            f" {shown_medium(one['becomes'])}"
            for one in found.survey["samples"]
        ],
        notes=notes,
        next_command=f"wacampaign queue-stats {found.campaign.short_id}",
    )


async def _finish(opened: Store, repair_id: str) -> None:
    """An undo that was interrupted after its last row is at its end."""
    from wacampaign.store.repairs import Repairs

    await Repairs(opened).undo_finish(repair_id, actor())


async def _resolve(repairs: Any, campaign: CampaignName, text: str) -> Mapping[str, Any]:
    wanted = solid(text).removeprefix("R").removesuffix("…").lower()
    listed = f"wacampaign fix-media {campaign.short_id} --undo REPAIR"
    if len(wanted) < _BEGINNING_MIN:
        raise Usage(f"the beginning of a repair's id needs {_BEGINNING_MIN} characters", listed)
    found: list[Mapping[str, Any]] = await repairs.of(campaign.id, wanted)
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(one["id"] for one in found)
        raise Usage(f"{text!r} may mean several repairs: {ids}", "give more of the id")
    known = [
        f"R{one['id'][:6]} ({rows(one['rows'])}, {one['what']})"
        for one in await repairs.of(campaign.id)
    ]
    raise Refused(
        f"{campaign} has no repair {text!r}; it has " + (", ".join(known[:5]) or "none"), listed
    )
