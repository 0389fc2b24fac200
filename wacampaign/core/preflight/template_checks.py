"""A lane's template: known, approved, not paused, in this language, unchanged since it was read."""

from collections.abc import Iterator

from wacampaign.core.masking import mask_secrets
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.preflight.facts import (
    MetaFacts,
    Readiness,
    Trouble,
    Unanswered,
    UnsentLane,
)
from wacampaign.core.preflight.model import Line, fail, ok, skipped, warn
from wacampaign.core.template_changes import change_words
from wacampaign.core.templates import KnownTemplate, Template
from wacampaign.core.words import local_time


def template_lines(
    facts: Readiness, lane: UnsentLane, number: KnownNumber, meta: MetaFacts
) -> Iterator[Line]:
    """All of one lane's template, in the campaign's language."""
    name, known = lane.template, facts.template(lane)
    sync = f"wacampaign templates sync --number {number.phone_number_id or 'PHONE_NUMBER_ID'}"
    if known is None:
        text = f"{name} is not in the table templates for {number.label}: it cannot be filled"
        yield fail("template", text, sync)
        return
    if known.unusable:
        yield fail("template", f"{name} cannot be used: {known.unusable}", sync)
        return
    if (refusal := number.marketing.refuses(known.category, known.header_media)) is not None:
        yield fail(
            "template",
            f"{name} cannot be sent from {number.label}: {refusal}",
            f"wacampaign number set {number.shown} --marketing-endpoint on",
        )
    if known.is_quarantined:
        yield warn(
            "template",
            f"{name} is quarantined by the backend",
            "look in the backend why, before people get it",
        )
    yield from _not_as_planned(known, facts)
    answer = meta.templates.get(name, Unanswered(Trouble.NOT_ASKED, "Meta was not asked"))
    if isinstance(answer, Unanswered):
        yield from _as_stored(known, answer, sync)
    else:
        yield from _at_meta(known, answer, number, sync)


def _not_as_planned(known: KnownTemplate, facts: Readiness) -> Iterator[Line]:
    """What changed since the campaign was planned; that Meta takes it no more is told with its
    state."""
    verb = "resume" if facts.status == "running" or facts.holds else "start"
    fix = f"wacampaign {verb} {facts.short_id} shows it, and takes the template as it is now"
    for what, line in (("shape", "template"), ("category", "category")):
        if known.planned is not None and what in known.changed:
            words = ", ".join(change_words((what,), known.planned, known))
            text = f"{known.label} changed since this campaign was planned: {words}"
            other = f"; or wacampaign fix-media {facts.short_id} --template NEW"
            yield warn(line, text, fix + other if what == "shape" else fix)


def _as_stored(known: KnownTemplate, why: Unanswered, sync: str) -> Iterator[Line]:
    """Meta was not heard: what the database remembers."""
    when = (
        f"when it was synced ({local_time(known.last_synced)})"
        if known.last_synced
        else "in the database"
    )
    text = mask_secrets(why.text)
    if known.status != "APPROVED" or not known.is_active:
        state = known.status or "without a status" if known.is_active else "no longer at Meta"
        yield warn("template", f"{known.name} was {state} {when}; {text}", sync)
    else:
        remembered = f"{known.name} was APPROVED {when}; {text}"
        yield skipped("template", remembered, "run it again when Meta can be asked")
    for line in ("category", "language"):
        stored = known.category if line == "category" else known.language
        remembered = f"{known.name}: {stored or 'unknown'} {when}"
        yield skipped(line, remembered, "run it again when Meta can be asked")


def _at_meta(
    known: KnownTemplate,
    translations: tuple[Template, ...],
    number: KnownNumber,
    sync: str,
) -> Iterator[Line]:
    name = known.name
    if not translations:
        yield fail(
            "template",
            f"Meta has no template {name} in the account of {number.label}",
            f"create it in WhatsApp Manager, then: {sync}",
        )
        return
    approved = sorted({t.language for t in translations if t.status == "APPROVED"})
    same = next((t for t in translations if t.language == known.language), None)
    if same is None:
        listed = ", ".join(approved) or "no language"
        yield fail(
            "language",
            f"{name} would be sent in {known.language or 'no language'}, and is approved in "
            f"{listed}",
            sync,
        )
        return
    if same.status != "APPROVED":
        yield fail("template", _not_approved(name, same), _way_out(same.status, sync))
    elif changed := _changed(known, same):
        yield fail("template", f"{name} {changed} since it was synced", sync)
    elif same.quality == "RED":
        yield warn(
            "template",
            f"{name} is APPROVED, and its quality is RED: Meta may pause it during the campaign",
            "send a part first, or use another template",
        )
    elif {"status", "language"} & set(known.changed):
        yield warn(
            "template",
            f"{name} is APPROVED at Meta, and was {known.state} when it was synced: workers go by "
            "that",
            sync,
        )
    else:
        yield ok("template", f"{name} is APPROVED")
    yield ok("language", f"{name} in {known.language}")
    if same.category != known.category:
        yield warn(
            "category",
            f"{name} is {same.category} at Meta, and was {known.category or 'unknown'}: price and "
            "limits of that category apply",
            sync,
        )
    else:
        yield ok("category", f"{name} is {same.category}")


def _not_approved(name: str, template: Template) -> str:
    why = f" ({template.rejected_reason})" if template.rejected_reason else ""
    return f"{name} is {template.status or 'without a status'}{why} at Meta; only APPROVED is sent"


def _way_out(status: str, sync: str) -> str:
    if status == "PAUSED":
        return "it ends by itself after 3 or 6 hours, or unpause it in WhatsApp Manager"
    if status in ("PENDING", "IN_APPEAL"):
        return "wait until Meta has reviewed it"
    return f"use another template, or put it right in WhatsApp Manager, then: {sync}"


def _changed(known: KnownTemplate, now: Template) -> str | None:
    """How what the worker fills differs from what Meta expects."""
    if now.unusable:
        return f"cannot be used any more ({now.unusable}): it was changed at Meta"
    return "has other variables at Meta: it was changed" if now.shape != known.shape else None
