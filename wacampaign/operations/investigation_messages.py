"""The probes: at most four messages to the test phone, each by a campaign's own path."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from wacampaign.core.campaign.event import CampaignEvent
from wacampaign.core.investigation.evidence import MEDIA_ID, Evidence, Row, host_of
from wacampaign.core.investigation.media_hypotheses import (
    APPROVED_MEDIA,
    OTHER_NUMBER,
    OTHER_TEMPLATE,
    SAME_PAYLOAD,
)
from wacampaign.core.investigation.model import GENERIC_USER_ERROR, Probe
from wacampaign.core.masking import mask_secrets
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.outcomes import Outcome
from wacampaign.core.template.kinds import SLOT_KINDS
from wacampaign.core.template.message import CompiledTemplate, PayloadMismatch
from wacampaign.core.template.shape import UnusableTemplate
from wacampaign.core.templates import Template
from wacampaign.operations.investigation_outside import MetaAndMedia
from wacampaign.operations.test_message import post_once
from wacampaign.problems import Problem
from wacampaign.settings import Settings
from wacampaign.store.sent_tests import SentTests

#: What another template's slots are filled with, by role; those of other roles cannot be made up.
_FILLING: Final[Mapping[str, str]] = {
    **dict.fromkeys(("header", "body", "suffix"), "test"),
    **{role: SLOT_KINDS[role].example for role in ("coupon", "code", "latitude", "longitude")},
}
#: What changes rows that failed: a test message from before says nothing of them.
_CHANGES_ROWS: Final = frozenset({"repaired", "repaired_again", "repair_undone", "retried"})


@dataclass(frozen=True, slots=True)
class PlannedProbe:
    """One message that could be sent."""

    title: str
    number: KnownNumber
    template: Template
    payload: Mapping[str, Any]
    #: The approved sample's address, to be uploaded first.
    sample: str | None = None

    @property
    def shown(self) -> str:
        """One line of the plan."""
        return f"{self.title}: {self.template.name} from number {self.number.shown}"


def plan_probes(evidence: Evidence) -> list[PlannedProbe]:
    """At most four, in the order in which they are sent."""
    row = _row(evidence)
    if row is None:
        return []
    number = evidence.numbers[row.number]
    template = evidence.templates[row.number, row.template]
    payload: Mapping[str, Any] = row.payload if isinstance(row.payload, Mapping) else {}
    planned = [PlannedProbe(SAME_PAYLOAD, number, template, payload)]
    sample = next((sample for sample in sorted(template.samples) if host_of(sample)), None)
    if template.header_media and sample:
        planned.append(PlannedProbe(APPROVED_MEDIA, number, template, payload, sample))
    # A media id belongs to the number on which it was uploaded.
    by_id = template.header_media and not host_of(str(payload.get("var1", "")))
    for other in () if by_id else evidence.numbers.values():
        same = evidence.templates.get((other.id, template.name))
        usable = other.id != number.id and other.is_active and other.phone_number_id
        if usable and same is not None and same.may_be_sent:
            planned.append(PlannedProbe(OTHER_NUMBER, other, same, payload))
            break
    for (number_id, name), other_template in evidence.templates.items():
        if number_id == number.id and name != template.name and other_template.may_be_sent:
            filled = _filled(other_template)
            if filled is not None:
                planned.append(PlannedProbe(OTHER_TEMPLATE, number, other_template, filled))
                break
    return planned


def _row(evidence: Evidence) -> Row | None:
    """A failed row whose number and template are known."""
    usable = {number.id for number in evidence.numbers.values() if number.phone_number_id}
    known = (row for row in evidence.rows if (row.number, row.template) in evidence.templates)
    return next((row for row in known if row.number in usable), None)


def _filled(template: Template) -> Mapping[str, Any] | None:
    """A payload that fits a template of texts; None: it cannot be made up."""
    if template.unusable is not None:
        return None
    slots = list(template.shape.slots())
    if not all(slot.role in _FILLING for slot in slots):
        return None
    return {f"var{n}": _FILLING[slot.role] for n, slot in enumerate(slots, start=1)}


def known_probes(
    events: Sequence[CampaignEvent], code: int, last_failed: str | None
) -> tuple[Probe, ...]:
    """The last answers that earlier investigations of `code` got, as far as they still hold.

    `events`: of the campaign, newest first. `last_failed`: when a row last failed so (ISO 8601).
    """
    found: dict[str, Probe] = {}
    for event in events:
        if event.kind in _CHANGES_ROWS:
            break
        detail = event.detail if isinstance(event.detail, Mapping) else {}
        if event.kind != "probe_sent" or detail.get("code", GENERIC_USER_ERROR) != code:
            continue
        title, reason = str(detail.get("title") or ""), event.reason or ""
        probe = Probe(
            title,
            str(detail.get("number") or ""),
            str(detail.get("template") or ""),
            detail.get("media"),
            bool(event.rows),
            # An earlier version wrote the answer into the reason alone.
            mask_secrets(str(detail.get("answer") or reason.removeprefix(f"{title}: "))),
            str(detail.get("unanswered") or ""),
            event.at,
        )
        if title == SAME_PAYLOAD and probe.accepted and _is_after(last_failed, event.at):
            continue  # the same failed again since
        found.setdefault(title, probe)
    return tuple(reversed(found.values()))


def _is_after(moment: str | None, other: str) -> bool:
    return moment is not None and datetime.fromisoformat(moment) > datetime.fromisoformat(other)


async def send_probes(
    planned: Sequence[PlannedProbe],
    phone: str,
    *,
    campaign_id: str,
    code: int,
    sent_tests: SentTests,
    outside: MetaAndMedia,
    settings: Settings,
    actor: str,
) -> tuple[Probe, ...]:
    """Sends them one after the other and writes each down as an event of the campaign.

    Once the failed payload itself is accepted nothing more is sent: the cause is gone.
    """
    sent: list[Probe] = []
    for message in planned:
        probe_id = str(uuid4())
        probe = await _send(message, phone, probe_id, outside, settings)
        sent.append(probe)
        await sent_tests.write_probe_down(
            campaign_id,
            probe_id,
            actor,
            accepted=probe.accepted,
            reason=f"{probe.title}: {probe.answer}",
            detail={**asdict(probe), "code": code},
        )
        if probe.title == SAME_PAYLOAD and probe.accepted:
            break
    return tuple(sent)


async def _send(
    message: PlannedProbe, phone: str, probe_id: str, outside: MetaAndMedia, settings: Settings
) -> Probe:
    number, template, payload = message.number, message.template, dict(message.payload)
    media = host_of(str(payload.get("var1", ""))) if template.header_media else None

    def answered(answer: str, *, accepted: bool = False, unanswered: str = "") -> Probe:
        return Probe(
            message.title,
            number.shown,
            template.name,
            media,
            accepted,
            mask_secrets(answer),
            unanswered,
        )

    token = await outside.token(number)
    if not token or not number.phone_number_id:
        return answered("the number has no access token here", unanswered="not sent")
    if template.header_media and media is None:
        media = MEDIA_ID
    note = ""
    if message.sample is not None:
        try:
            payload["var1"] = await outside.upload(message.sample, template, number)
            media = MEDIA_ID
        except Problem as problem:
            # Its link says nearly as much: the same content, from the approved host.
            payload["var1"], media = message.sample, host_of(message.sample)
            note = f" (by its link: {problem.message})"
    try:
        body = CompiledTemplate(
            template.name, template.language, template.components, template.parameter_format
        ).body(phone, payload, f"probe:{probe_id}")
        verdict, got_answer = await post_once(
            settings,
            number.phone_number_id,
            token,
            body,
            number.marketing.route(template.category),
        )
    except (PayloadMismatch, UnusableTemplate) as why:
        return answered(str(why), unanswered="not sent")
    except Problem as problem:
        return answered(problem.message, unanswered="not sent")
    if verdict.outcome is Outcome.SENT:
        return answered(f"accepted{note}", accepted=True)
    reason = verdict.text or ""
    code = "" if verdict.code is None or str(verdict.code) in reason else f"{verdict.code} "
    no_answer = "" if got_answer else "not sent"
    return answered(
        f"{code}{reason.removeprefix('not sent: ')}{note}",
        unanswered="in doubt" if verdict.outcome is Outcome.IN_DOUBT else no_answer,
    )
