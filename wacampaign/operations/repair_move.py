"""Moving rows to another template: which rows, and whether it fits them."""

from collections.abc import Sequence

from wacampaign.core.campaign.state import Campaign
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.template.header_media import same_shape
from wacampaign.core.templates import KnownTemplate
from wacampaign.core.words import rows
from wacampaign.meta.client import CloudApi
from wacampaign.operations.numbers import token_of
from wacampaign.operations.repair_choice import ChosenMedium, RepairOrder, waba_of
from wacampaign.problems import Refused
from wacampaign.settings import Settings
from wacampaign.store.numbers import Numbers
from wacampaign.store.repairs import RepairLane
from wacampaign.store.store import Store
from wacampaign.store.templates import Templates


async def choose_template(
    store: Store,
    settings: Settings,
    campaign: Campaign,
    lanes: Sequence[RepairLane],
    order: RepairOrder,
) -> list[ChosenMedium]:
    """What the rows of each lane get: the order's template, if it fits them. Changes nothing.

    Rows that have it already are left out. Raises `Refused` when it cannot be sent, takes other
    variables or has another language, and when several templates' rows may be meant; and what Meta
    raises.
    """
    new = order.source or ""
    moving = [
        lane
        for lane in lanes
        if lane.template != new and order.only_template in (None, lane.template)
    ]
    fix = f"wacampaign fix-media {campaign.short_id} --template {new}"
    if order.only_template is not None and not any(
        lane.template == order.only_template for lane in lanes
    ):
        there = ", ".join(sorted({lane.template for lane in lanes}))
        raise Refused(
            f"no unsent row of {campaign} has the template {order.only_template!r}; they have "
            f"{there}",
            fix,
        )
    names = sorted({lane.template for lane in moving})
    if len(names) > 1:
        listed = ", ".join(
            f"{name}: {rows(sum(lane.rows for lane in moving if lane.template == name))}"
            for name in names
        )
        raise Refused(
            f"the unsent rows of {campaign} have several templates ({listed}): say whose rows move",
            f"{fix} --only {names[0]}",
        )
    by_id = {number.id: number for number in await Numbers(store).all()}
    chosen: list[ChosenMedium] = []
    for lane in moving:
        sender = by_id.get(lane.number_id)
        if sender is None:
            raise Refused(
                "the number that the rows are sent from is not known any more",
                "wacampaign number list",
            )
        known = await _fitting(store, sender, lane, new)
        await _refuse_unsendable(store, settings, sender, lane, new)
        warnings = []
        if known.category != lane.category:
            warnings.append(
                f"{new} is {known.category}, {lane.template} was {lane.category}: prices and "
                "limits differ"
            )
        chosen.append(ChosenMedium(lane, sender, new, medium=None, warnings=warnings))
    return chosen


async def _fitting(store: Store, sender: KnownNumber, lane: RepairLane, new: str) -> KnownTemplate:
    """NEW as the database knows it on this number: the worker sends by that."""
    sync = f"wacampaign templates sync --number {sender.shown}"
    there = [t for t in await Templates(store).of(sender.id) if t.name == new and t.is_active]
    known = next((template for template in there if template.language == lane.language), None)
    if not there:
        raise Refused(f"{sender.label} has no template {new!r} that is known here", sync)
    if lane.row_components is None:
        raise Refused(f"the template {lane.template} of the rows is not known here", sync)
    if known is None:
        languages = ", ".join(template.language for template in there)
        raise Refused(
            f"{new} is known in {languages}, but the rows are planned in {lane.language}",
            f"wacampaign templates copy {lane.template} NEW --language {lane.language} --wait",
        )
    if not same_shape(
        lane.row_components, lane.row_format, known.components, known.parameter_format
    ):
        raise Refused(
            f"{new} takes other variables than {lane.template} ({known.needs_in_words}), so the "
            "rows do not fill it",
            f"wacampaign templates copy {lane.template} NEW --wait",
        )
    if not known.may_be_sent:
        raise Refused(
            f"{new} is {known.status or 'of unknown status'} by the last sync: only an APPROVED "
            "template can be sent",
            sync,
        )
    return known


async def _refuse_unsendable(
    store: Store, settings: Settings, sender: KnownNumber, lane: RepairLane, new: str
) -> None:
    """Raises `Refused` unless Meta takes messages with NEW now."""
    token = await token_of(store, settings, sender)
    waba = waba_of(sender)
    async with CloudApi(settings.api_url, settings.api_version, token) as api:
        statuses = [
            template.status
            async for template in api.templates(waba)
            if (template.name, template.language) == (new, lane.language)
        ]
    if statuses != ["APPROVED"]:
        raise Refused(
            f"Meta has {new} in {lane.language} as {statuses[0]}: nothing is sent with it"
            if statuses
            else f"Meta has no {new} in {lane.language} in the account of {sender.label}",
            f"wacampaign templates sync --number {sender.shown}",
        )
