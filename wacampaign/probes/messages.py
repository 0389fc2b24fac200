"""The probes: at most four messages to the test phone, each by a campaign's own path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from wacampaign.core.investigation.evidence import (
    MEDIA_ID,
    Evidence,
    NumberFacts,
    Row,
    TemplateFacts,
    host_of,
)
from wacampaign.core.investigation.media_hypotheses import (
    APPROVED_MEDIA,
    OTHER_NUMBER,
    OTHER_TEMPLATE,
    SAME_PAYLOAD,
    approved_media,
)
from wacampaign.core.investigation.model import Probe
from wacampaign.core.masking import mask_secrets
from wacampaign.core.template_message import (
    PayloadMismatch,
    UnusableTemplate,
    compile_template,
)
from wacampaign.meta.test_message import TestAnswer, send_test_message
from wacampaign.probes.outside import MetaAndMedia
from wacampaign.problems import Problem
from wacampaign.settings import Settings
from wacampaign.store.evidence import EvidenceStore

#: What another template's text variables are filled with.
_FILLING: Final = "test"


@dataclass(frozen=True, slots=True)
class Planned:
    """One message that could be sent."""

    title: str
    number: NumberFacts
    template: TemplateFacts
    payload: Mapping[str, Any]
    #: The approved sample's address, to be uploaded first.
    sample: str | None = None

    @property
    def shown(self) -> str:
        """One line of the plan."""
        return f"{self.title}: {self.template.name} from number {self.number.shown}"


def plan_probes(evidence: Evidence) -> list[Planned]:
    """At most four, in the order in which they are sent."""
    row = _row(evidence)
    if row is None:
        return []
    number = evidence.numbers[row.number]
    template = evidence.templates[row.number, row.template]
    payload: Mapping[str, Any] = row.payload if isinstance(row.payload, Mapping) else {}
    planned = [Planned(SAME_PAYLOAD, number, template, payload)]
    sample = approved_media(template)
    if template.header_media and sample:
        planned.append(Planned(APPROVED_MEDIA, number, template, payload, sample))
    others = [
        one
        for one in evidence.numbers.values()
        if one.id != number.id and one.is_active and one.phone_number_id
    ]
    for other in others:
        same = evidence.templates.get((other.id, template.name))
        by_id = template.header_media and not host_of(str(payload.get("var1", "")))
        if same is not None and same.status == "APPROVED" and same.is_active and not by_id:
            planned.append(Planned(OTHER_NUMBER, other, same, payload))
            break
    for one in evidence.templates.values():
        if one.number == number.id and one.name != template.name and one.status == "APPROVED":
            filled = _filled(one)
            if filled is not None and one.is_active:
                planned.append(Planned(OTHER_TEMPLATE, number, one, filled))
                break
    return planned


def _row(evidence: Evidence) -> Row | None:
    """A failed row whose number and template are known."""
    for row in evidence.rows:
        number = evidence.numbers.get(row.number)
        known = evidence.templates.get((row.number, row.template))
        if number is not None and number.phone_number_id and known is not None:
            return row
    return None


def _filled(template: TemplateFacts) -> Mapping[str, Any] | None:
    """A payload that fits a template without header media; None: it cannot be made up."""
    try:
        needs = compile_template(
            template.name, template.language, template.components, template.parameter_format
        ).needs
    except UnusableTemplate:
        return None
    if needs.header_media:
        return None
    return {f"var{n}": _FILLING for n in range(1, needs.count + 1)}


async def send_probes(
    planned: list[Planned],
    phone: str,
    *,
    campaign_id: str,
    store: EvidenceStore,
    outside: MetaAndMedia,
    settings: Settings,
    actor: str,
) -> tuple[Probe, ...]:
    """Sends them one after the other and writes each down as an event of the campaign.

    Once the failed payload itself is accepted nothing more is sent: the cause is gone.
    """
    done: list[Probe] = []
    for one in planned:
        probe_id = str(uuid4())
        made = await _send(one, phone, probe_id, outside, settings)
        done.append(made)
        await store.probe_sent(
            campaign_id,
            probe_id,
            actor,
            accepted=made.accepted,
            reason=f"{made.title}: {made.answer}",
            detail={"number": made.number, "template": made.template, "title": made.title},
        )
        if made.title == SAME_PAYLOAD and made.accepted:
            break
    return tuple(done)


async def _send(
    one: Planned, phone: str, probe_id: str, outside: MetaAndMedia, settings: Settings
) -> Probe:
    payload = dict(one.payload)
    media = host_of(str(payload.get("var1", ""))) if one.template.header_media else None

    def answered(accepted: bool, answer: str, *, unanswered: str = "") -> Probe:
        return Probe(
            one.title,
            one.number.shown,
            one.template.name,
            media,
            accepted,
            mask_secrets(answer),
            unanswered,
        )

    token = await outside.token(one.number.id)
    if not token or not one.number.phone_number_id:
        return answered(False, "the number has no access token here", unanswered="not sent")
    if one.template.header_media and media is None:
        media = MEDIA_ID
    note = ""
    if one.sample is not None:
        try:
            payload["var1"] = await outside.upload(one.sample, one.template, one.number)
            media = MEDIA_ID
        except Problem as problem:
            # Its link says nearly as much: the same content, from the approved host.
            payload["var1"], media = one.sample, host_of(one.sample)
            note = f" (by its link: {problem.message})"
    try:
        body = compile_template(
            one.template.name,
            one.template.language,
            one.template.components,
            one.template.parameter_format,
        ).body(phone, payload, f"probe:{probe_id}")
        got: TestAnswer = await send_test_message(
            settings.api_url, settings.api_version, one.number.phone_number_id, token, body
        )
    except (PayloadMismatch, UnusableTemplate) as why:
        return answered(False, str(why), unanswered="not sent")
    except Problem as problem:
        return answered(False, problem.message, unanswered="not sent")
    if got.accepted:
        return answered(True, f"accepted{note}")
    known = got.code is None or str(got.code) in got.text
    code = "" if known else f"{got.code} "
    no_answer = "not sent" if got.http_status is None else ""
    return answered(
        False,
        f"{code}{got.text.removeprefix('not sent: ')}{note}",
        unanswered="in doubt" if got.in_doubt else no_answer,
    )
