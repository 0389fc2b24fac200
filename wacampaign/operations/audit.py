"""Audits campaigns, after asking journals and messages about what is in doubt."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from wacampaign.core.campaign.audit import Audit
from wacampaign.core.masking import mask_phone
from wacampaign.core.reading import read
from wacampaign.operations.campaigns import resolve_campaigns
from wacampaign.operations.known_outcomes import settle_what_is_known
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store

#: Campaigns audited when none is named: recounting a million rows takes about a second each.
NEWEST: Final = 50


async def audit_campaigns(
    store: Store, home: Path, names: Sequence[str] | None, tell: Callable[[str], None]
) -> list[Audit]:
    """Recounts the campaigns named (without names: the newest 50), each from its rows.

    `home`: where journals are; `tell` hears what they and the messages settled. Raises
    `NoSuchCampaign`, `Usage` for a name that several have.
    """
    ids = await resolve_campaigns(store, names)
    if ids is None:
        ids = [campaign.id for campaign in await Campaigns(store).recent(NEWEST)]
    audits = await _recounted(store, ids)
    unsure = [audit.id for audit in audits if audit.in_doubt or audit.unowned]
    if await settle_what_is_known(store, home, unsure, tell):
        audits = await _recounted(store, ids)
    return audits


async def _recounted(store: Store, ids: Sequence[str]) -> list[Audit]:
    answers = [await Campaigns(store).audit(campaign_id) for campaign_id in ids]
    return [read(Audit, answer, perhaps_samples=_masked(answer)) for answer in answers]


def _masked(answer: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        " and ".join(f"{mask_phone(number)} ({len(number)} digits)" for number in spellings)
        for spellings in answer["perhaps_samples"]
    )
