"""What became of a campaign, gathered for its client: of what has arrived until now."""

from collections.abc import Iterator, Sequence

from wacampaign.core.campaign.client_report import (
    ClientReport,
    ReportedCampaign,
    SampleMessage,
    TemplateFates,
    fates_of,
    reasons,
)
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.masking import mask_phone, mask_secrets
from wacampaign.core.template.preview import Preview, preview
from wacampaign.core.template.sample_values import sample_payload
from wacampaign.core.template.shape import UnusableTemplate
from wacampaign.core.templates import KnownTemplate
from wacampaign.operations.campaigns import resolve_campaign
from wacampaign.problems import NoSuchCampaign, Usage
from wacampaign.store.campaign_report import (
    CampaignReports,
    CampaignSender,
    ReportFacts,
    TemplateFacts,
)
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.templates import Templates, whole


async def gather_report(store: Store, campaign: str, compare: str | None = None) -> ClientReport:
    """What became of `campaign` (as a person names it), phones masked.

    `compare`: the campaign to put beside it; None: the one that began last before it, of the same
    number or template. Raises `NoSuchCampaign`, `Usage`, and what the store raises.
    """
    named = await resolve_campaign(store, campaign)
    beside = await resolve_campaign(store, compare) if compare else None
    if beside is not None and beside.id == named.id:
        raise Usage("--compare needs another campaign", "name an earlier one, or leave it out")
    reader = CampaignReports(store)
    facts = await reader.facts(named.id)
    other = beside or facts.before
    wanted = [one for one in (named, other) if one is not None]
    stats = await Campaigns(store).stats([one.id for one in wanted])
    states = {state.id: state for state in stats.campaigns}
    if named.id not in states:
        raise NoSuchCampaign(f"{named} was deleted at this moment")
    before = None
    if other is not None and other.id in states:
        before = _reported(states[other.id], await reader.facts(other.id))
    bins, prices = await reader.course(named.id)
    return ClientReport(
        at=stats.at,
        campaign=_reported(states[named.id], facts),
        before=before,
        before_is_named=beside is not None,
        templates=tuple(
            TemplateFates(
                template.name,
                fates_of(template.counts, template.delivery, template.left_out),
            )
            for template in facts.templates
        ),
        messages=await _messages(store, named, facts.templates),
        bins=bins,
        prices=prices,
    )


def _reported(state: Campaign, facts: ReportFacts) -> ReportedCampaign:
    counts = {
        "waiting": state.counts.undone,
        "in_doubt": state.counts.in_doubt,
        "sent": state.counts.sent,
        "failed": state.counts.failed,
    }
    said = facts.delivery
    lag = said.get("lag") or {}
    fates = fates_of(counts, said, facts.left_out)
    return ReportedCampaign(
        id=state.id,
        name=state.name,
        status=state.status,
        fates=fates,
        began_at=facts.began_at,
        last_sent_at=facts.last_sent_at,
        is_heard=said["known"],
        opted_out=facts.opted_out,
        replied=min(said["replied"], fates.sent),
        unusable=facts.unusable,
        contradicted=said.get("contradicted") or 0,
        half_within_s=lag.get("p50_seconds"),
        most_within_s=lag.get("p95_seconds"),
        reasons=reasons(
            facts.refused,
            ((0, -fates.left_out),),
            ((error["code"] or 0, error["count"]) for error in said["errors"]),
        ),
        senders=tuple(map(_sender, facts.senders)),
    )


def _sender(sender: CampaignSender) -> str:
    """`Bajaj Finance (+91***0123)`."""
    number = mask_phone(sender.number or "")
    return f"{mask_secrets(sender.name)} ({number})" if sender.name else number


async def _messages(
    store: Store, campaign: CampaignName, templates: Sequence[TemplateFacts]
) -> tuple[SampleMessage, ...]:
    known = [whole(template) for template in await Templates(store).of_campaign(campaign.id)]
    return tuple(_shown(known, templates))


def _shown(
    known: Sequence[KnownTemplate], templates: Sequence[TemplateFacts]
) -> Iterator[SampleMessage]:
    """One of each template and language, in the order of `templates`."""
    for facts in templates:
        languages = {one.language: one for one in known if one.name == facts.name}
        for language, template in languages.items():
            yield SampleMessage(facts.name, language, _sample(template, facts.payloads))
        if not languages:
            yield SampleMessage(facts.name, "", None)


def _sample(template: KnownTemplate, payloads: Sequence[object]) -> Preview | None:
    components = template.components
    try:
        payload = sample_payload(components, template.parameter_format, payloads)
        return preview(components, template.parameter_format, payload)
    except UnusableTemplate:
        return None
