"""Audits campaigns, after asking journals and messages about what is in doubt."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from wacampaign.core.campaign.audit import Audit
from wacampaign.core.campaign.delivery import read_delivery
from wacampaign.core.campaign.doubts import DOUBTS_SHOWN, Doubt
from wacampaign.core.masking import mask_phone
from wacampaign.core.reading import read
from wacampaign.operations.campaigns import actor, refuse_blind, resolve_campaigns
from wacampaign.operations.known_outcomes import settle_what_is_known
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.rows_in_doubt import RowsInDoubt
from wacampaign.store.store import Store

#: Campaigns audited when none is named: recounting a million rows takes about a second each.
NEWEST: Final = 50


async def audit_campaigns(
    store: Store,
    home: Path,
    names: Sequence[str] | None,
    tell: Callable[[str], None],
    *,
    show_numbers: bool = False,
) -> list[Audit]:
    """Recounts the campaigns named (without names: the newest 50), each from its rows.

    `home`: where journals are; `tell` hears what they and the messages settled. Phones of rows in
    doubt are masked unless `show_numbers`. Raises `NoSuchCampaign`, `Usage` for a name that several
    have.
    """
    ids = await resolve_campaigns(store, names)
    if ids is None:
        ids = [campaign.id for campaign in await Campaigns(store).recent(NEWEST)]
    if not ids:
        await refuse_blind(store)
    audits = await _recounted(store, ids, show_numbers)
    unsure = [audit.id for audit in audits if audit.in_doubt or audit.unowned]
    if await settle_what_is_known(store, home, unsure, tell):
        audits = await _recounted(store, ids, show_numbers)
    return audits


async def confirm_sent(store: Store, doubt: Doubt) -> bool:
    """A person says that the recipient of this row got the message: it counts as sent.

    False: it was settled meanwhile.
    """
    return await RowsInDoubt(store).confirm(doubt.row, doubt.claim, actor())


async def _recounted(store: Store, ids: Sequence[str], show_numbers: bool) -> list[Audit]:
    return [await _recount(store, campaign_id, show_numbers) for campaign_id in ids]


async def _recount(store: Store, campaign_id: str, show_numbers: bool) -> Audit:
    answer = await Campaigns(store).audit(campaign_id)
    known: list[dict[str, Any]] = []
    if answer["in_doubt"]:
        known = await RowsInDoubt(store).known(campaign_id, DOUBTS_SHOWN)
    return read(
        Audit,
        answer,
        perhaps_samples=_masked(answer),
        delivery=read_delivery(answer["delivery"], answer["accepted"]),
        doubts=tuple(Doubt.of(one, show_numbers=show_numbers) for one in known),
    )


def _masked(answer: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        " and ".join(f"{mask_phone(number)} ({len(number)} digits)" for number in spellings)
        for spellings in answer["perhaps_samples"]
    )
