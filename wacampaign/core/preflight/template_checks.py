"""A lane's template: known, approved, not paused, in this language, unchanged since it was read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wacampaign.core.masking import mask_secrets
from wacampaign.core.moments import local_time
from wacampaign.core.preflight.facts import (
    Lane,
    MetaFacts,
    SendingNumberFacts,
    TemplateFacts,
    Trouble,
    Unanswered,
)
from wacampaign.core.preflight.model import Check, Line
from wacampaign.core.template_shape import UnusableTemplate, shape_of

if TYPE_CHECKING:
    from wacampaign.core.preflight.ports import Template


def template_lines(
    lane: Lane, number: SendingNumberFacts, known: TemplateFacts | None, meta: MetaFacts
) -> Iterator[Line]:
    """All of one lane's template."""
    name = lane.template
    sync = f"wacampaign templates sync --number {number.phone_number_id or 'PHONE_NUMBER_ID'}"
    if known is None:
        text = f"{name} is not in the table templates for {number.label}: it cannot be filled"
        yield Line("template", Check.FAIL, text, sync)
        return
    try:
        shape_of(known.components, known.parameter_format)
    except UnusableTemplate as why:
        yield Line("template", Check.FAIL, f"{name} cannot be used: {why}", sync)
        return
    if known.is_quarantined:
        yield Line(
            "template",
            Check.WARN,
            f"{name} is quarantined by the backend",
            "look in the backend why, before people get it",
        )
    answer = meta.templates.get(name, Unanswered(Trouble.NOT_ASKED, "Meta was not asked"))
    if isinstance(answer, Unanswered):
        yield from _as_stored(known, answer, sync)
    else:
        yield from _at_meta(known, answer, number, sync)


def _as_stored(known: TemplateFacts, why: Unanswered, sync: str) -> Iterator[Line]:
    """Meta was not heard: what the database remembers."""
    when = (
        f"when it was synced ({local_time(known.synced_at)})"
        if known.synced_at
        else "in the database"
    )
    text = mask_secrets(why.text)
    if known.status != "APPROVED" or not known.is_active:
        said = known.status or "without a status" if known.is_active else "no longer at Meta"
        yield Line("template", Check.WARN, f"{known.name} was {said} {when}; {text}", sync)
    else:
        told = f"{known.name} was APPROVED {when}; {text}"
        yield Line("template", Check.SKIPPED, told, "run it again when Meta can be asked")
    for line in ("category", "language"):
        stored = known.category if line == "category" else known.language
        told = f"{known.name}: {stored or 'unknown'} {when}"
        yield Line(line, Check.SKIPPED, told, "run it again when Meta can be asked")


def _at_meta(
    known: TemplateFacts,
    translations: tuple[Template, ...],
    number: SendingNumberFacts,
    sync: str,
) -> Iterator[Line]:
    name = known.name
    if not translations:
        yield Line(
            "template",
            Check.FAIL,
            f"Meta has no template {name} in the account of {number.label}",
            f"create it in WhatsApp Manager, then: {sync}",
        )
        return
    approved = sorted({one.language for one in translations if one.status == "APPROVED"})
    same = next((one for one in translations if one.language == known.language), None)
    if same is None:
        listed = ", ".join(approved) or "no language"
        yield Line(
            "language",
            Check.FAIL,
            f"{name} would be sent in {known.language or 'no language'}, and is approved in "
            f"{listed}",
            sync,
        )
        return
    if same.status != "APPROVED":
        yield Line("template", Check.FAIL, _not_approved(name, same), _way_out(same.status, sync))
    elif changed := _changed(known, same):
        yield Line("template", Check.FAIL, f"{name} {changed} since it was synced", sync)
    elif same.quality == "RED":
        yield Line(
            "template",
            Check.WARN,
            f"{name} is APPROVED, and its quality is RED: Meta may pause it during the campaign",
            "send a part first, or use another template",
        )
    else:
        yield Line("template", Check.OK, f"{name} is APPROVED")
    yield Line("language", Check.OK, f"{name} in {known.language}")
    if same.category != known.category:
        yield Line(
            "category",
            Check.WARN,
            f"{name} is {same.category} at Meta, and was {known.category or 'unknown'}: price and "
            "limits of that category apply",
            sync,
        )
    else:
        yield Line("category", Check.OK, f"{name} is {same.category}")


def _not_approved(name: str, template: Template) -> str:
    why = f" ({template.rejected_reason})" if template.rejected_reason else ""
    return f"{name} is {template.status or 'without a status'}{why} at Meta; only APPROVED is sent"


def _way_out(status: str, sync: str) -> str:
    if status == "PAUSED":
        return "it ends by itself after 3 or 6 hours, or unpause it in WhatsApp Manager"
    if status in ("PENDING", "IN_APPEAL"):
        return "wait until Meta has reviewed it"
    return f"use another template, or put it right in WhatsApp Manager, then: {sync}"


def _changed(known: TemplateFacts, now: Template) -> str | None:
    """How what the worker fills differs from what Meta expects."""
    try:
        expected = shape_of(now.components, now.parameter_format)
    except UnusableTemplate as why:
        return f"cannot be used any more ({why}): it was changed at Meta"
    if expected != shape_of(known.components, known.parameter_format):
        return "has other variables at Meta: it was changed"
    return None
