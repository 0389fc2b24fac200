"""Repairs of header media, and moves to another template: what one would change, and the change."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.plan import Progress
from wacampaign.core.template.header_media import has_own_media, header_media
from wacampaign.core.words import rows
from wacampaign.operations.campaigns import actor, campaign_state, resolve_campaign
from wacampaign.operations.partly_done import PartlyDone
from wacampaign.operations.repair_choice import ChosenMedium, RepairOrder, choose_media
from wacampaign.operations.repair_move import choose_template
from wacampaign.problems import Refused
from wacampaign.settings import Settings
from wacampaign.store.repairs import (
    KnownRepair,
    RepairLane,
    Repairs,
    RepairSurvey,
    Targets,
    repair_name,
)
from wacampaign.store.store import Store


@dataclass(frozen=True, slots=True)
class PlannedRepair:
    """One campaign, what its rows get, and how many change."""

    campaign: Campaign
    order: RepairOrder
    media: Sequence[ChosenMedium]
    survey: RepairSurvey
    #: All that have ready or failed rows, with a header media or without.
    lanes: Sequence[RepairLane]

    @property
    def changes(self) -> int:
        """Rows that change."""
        return self.survey.count("change")

    @property
    def can_restart(self) -> bool:
        """The campaign is over, and has rows to send."""
        return self.campaign.is_over and self.campaign.counts.ready > 0


@dataclass(slots=True)
class RepairGoing(PartlyDone):
    """A repair or an undo, as far as it has come."""

    #: None: not begun.
    repair_id: str | None = None
    #: Rows that were changed before it was interrupted and began again.
    before: int = 0


async def look(
    store: Store, settings: Settings, names: Sequence[str], order: RepairOrder
) -> list[PlannedRepair]:
    """Chooses and validates the media of each campaign named, and counts. Changes nothing.

    Raises what `choose_media` and `choose_template` raise, `Refused` for templates without a header
    media and for rows that seem to have media of their own, `NoSuchCampaign`, `Usage` for a name
    that several have.
    """
    named = [await resolve_campaign(store, name) for name in names]
    each_once = {campaign.id: campaign for campaign in named}.values()
    return [await _look_at(store, settings, campaign, order) for campaign in each_once]


async def _look_at(
    store: Store, settings: Settings, name: CampaignName, order: RepairOrder
) -> PlannedRepair:
    repairs = Repairs(store)
    lanes = [lane for lane in await repairs.lanes(name.id) if lane.rows]
    campaign = await campaign_state(store, name)
    with_media = [lane for lane in lanes if header_media(lane.components, lane.parameter_format)]
    if not lanes:
        return PlannedRepair(campaign, order, (), RepairSurvey(), lanes)
    if order.kind == "template":
        moves = await choose_template(store, settings, campaign, lanes, order)
        targets = _targets(moves, order)
        survey = await repairs.survey(campaign.id, order.code, targets) if moves else RepairSurvey()
        return PlannedRepair(campaign, order, moves, survey, lanes)
    if not with_media:
        raise Refused(
            f"no template of {campaign} has an image, video or document in its header"
            " (as far as is known here)",
            "wacampaign templates sync",
        )
    media = await choose_media(store, settings, campaign, with_media, order)
    survey = await repairs.survey(campaign.id, order.code, _targets(media, order), kind=order.kind)
    planned = PlannedRepair(campaign, order, media, survey, lanes)
    if not order.all_rows:
        _refuse_own_media(planned)
    return planned


async def repair_rows(
    store: Store, planned: PlannedRepair, going: RepairGoing, progress: Progress
) -> int:
    """Gives the rows their media, or goes on with it; rows changed in all.

    The media are uploaded by now. `going` is kept for whoever is told that it ended early; what
    a `Problem` leaves half done is in its message, too. Raises `Busy` while somebody else repairs
    the campaign.
    """
    repairs, order, who = Repairs(store), planned.order, actor()
    begun = await repairs.begin(
        uuid4(),
        planned.campaign.id,
        kind=order.kind,
        what=f"{order.kind} {order.source or 'of the template'}",
        command=order.command,
        code=order.code,
        actor=who,
        targets=_targets(planned.media, order),
        as_of=planned.survey.as_of,
    )
    going.repair_id, going.before, going.rows = begun.id, begun.rows, begun.rows
    total = sum(lane.rows for lane in planned.lanes)
    with going.said_by_problems(f"are repaired ({repair_name(begun.id)})"):
        await going.follow(repairs.steps(begun.id), total, progress)
        return await repairs.finish(begun.id, who)


async def restart_repaired(store: Store, planned: PlannedRepair) -> bool:
    """Sets a campaign that is over back to running, if it has rows to send."""
    return await Repairs(store).restart(planned.campaign.id, actor())


async def rows_repaired(store: Store, planned: PlannedRepair, going: RepairGoing) -> int:
    """As the database has it: the step that was interrupted may have been carried out."""
    if going.repair_id is None:
        return 0
    known = await Repairs(store).of(planned.campaign.id, going.repair_id)
    return known[0].rows if known else going.rows


async def finish_interrupted(store: Store, planned: PlannedRepair) -> list[tuple[KnownRepair, int]]:
    """Repairs of this order that were interrupted after their last row, with their rows."""
    repairs, who = Repairs(store), actor()
    return [
        (repair, await repairs.finish(repair.id, who))
        for repair in await repairs.of(planned.campaign.id)
        if repair.is_open and (repair.command, repair.actor) == (planned.order.command, who)
    ]


def _targets(media: Sequence[ChosenMedium], order: RepairOrder) -> Targets:
    """The choices as the database takes them."""
    number_to = media[0].sender.id if order.number is not None else None
    template_to = order.source if order.kind == "template" else None
    lanes = [(c.lane.template, c.lane.number_id, c.medium) for c in media]
    return Targets(lanes, number_to, template_to)


def _refuse_own_media(planned: PlannedRepair) -> None:
    for replaced in planned.survey.media:
        changing = sum(
            lane.change for lane in planned.survey.lanes if lane.template == replaced.template
        )
        if has_own_media(replaced.media, changing):
            raise Refused(
                f"{rows(changing)} of {planned.campaign} have {replaced.how_many} different header"
                " media: they look like the recipients' own, and one for all would reach the wrong"
                " people",
                "if all shall get the same: the same command with --all-rows",
            )
