"""Undoing a repair: rows get back what it changed, as far as they were not sent since."""

from dataclasses import dataclass
from typing import Final

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.cells import solid
from wacampaign.core.plan import Progress
from wacampaign.core.words import rows
from wacampaign.operations.campaigns import actor, resolve_campaign
from wacampaign.operations.partly_done import PartlyDone
from wacampaign.problems import Refused, Usage
from wacampaign.store.repairs import KnownRepair, Repairs, UndoSurvey, repair_name
from wacampaign.store.store import Store

#: Characters of a repair's id that have to be typed at least.
_BEGINNING_MIN: Final = 4


@dataclass(frozen=True, slots=True)
class PlannedUndo:
    """A repair of a campaign, and what of it can be given back."""

    campaign: CampaignName
    repair: KnownRepair
    survey: UndoSurvey

    @property
    def restorable(self) -> int:
        """Rows that can be given back."""
        return self.survey.count("restorable")


async def look(store: Store, name: str, repair: str) -> PlannedUndo:
    """What an undo would give back. `repair` is an id, or an unambiguous beginning of one.

    Raises `Refused` when the campaign has no such repair, `Usage` when it has several,
    `NoSuchCampaign`.
    """
    campaign = await resolve_campaign(store, name)
    repairs = Repairs(store)
    chosen = await _resolve(repairs, campaign, repair)
    return PlannedUndo(campaign, chosen, await repairs.undo_survey(chosen.id))


async def give_back(
    store: Store, planned: PlannedUndo, done: PartlyDone, progress: Progress
) -> UndoSurvey:
    """Gives the rows back; returns what became of the repair's rows.

    `done` is kept for whoever is told that it ended early; what a `Problem` leaves half done is
    in its message, too. Raises `Busy` while somebody else repairs the campaign.
    """
    repairs, repair_id, who = Repairs(store), planned.repair.id, actor()
    await repairs.undo_begin(repair_id, who)
    with done.said_by_problems("are given back"):
        await done.follow(repairs.undo_steps(repair_id), planned.survey.count(), progress)
        await repairs.undo_finish(repair_id, who)
    if done.rows == planned.restorable:
        return planned.survey
    # Workers went on in the meantime.
    return await repairs.undo_survey(repair_id)


async def finish_interrupted(store: Store, planned: PlannedUndo) -> None:
    """An undo that was interrupted after its last row is at its end."""
    if planned.repair.undo_begun and not planned.repair.undone:
        await Repairs(store).undo_finish(planned.repair.id, actor())


async def _resolve(repairs: Repairs, campaign: CampaignName, text: str) -> KnownRepair:
    wanted = solid(text).removeprefix("R").removesuffix("…").lower()
    listed = f"wacampaign fix-media {campaign.short_id} --undo REPAIR"
    if len(wanted) < _BEGINNING_MIN:
        raise Usage(f"the beginning of a repair's id needs {_BEGINNING_MIN} characters", listed)
    meant = await repairs.of(campaign.id, wanted)
    if len(meant) == 1:
        return meant[0]
    if meant:
        ids = ", ".join(repair.id for repair in meant)
        raise Usage(f"{text!r} may mean several repairs: {ids}", "give more of the id")
    known = [
        f"{repair_name(repair.id)} ({rows(repair.rows)}, {repair.what})"
        for repair in await repairs.of(campaign.id)
    ]
    raise Refused(
        f"{campaign} has no repair {text!r}; it has " + (", ".join(known[:5]) or "none"), listed
    )
