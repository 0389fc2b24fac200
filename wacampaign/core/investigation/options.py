"""The ways out, best first: A media, B template or list, C number, D account."""

import itertools
import re
import shlex
from collections.abc import Sequence, Set
from typing import Final

from wacampaign.core.investigation.evidence import Evidence, is_live
from wacampaign.core.investigation.media_hypotheses import no_header_media
from wacampaign.core.investigation.model import Option

#: Where Meta shows an account's restrictions and takes appeals (WhatsApp Manager's help, 2026).
APPEAL: Final = "https://business.facebook.com/business-support-home"

#: For which cause which option stands first; by itself A, C, B, D.
_ORDER: Final = {
    "account_restricted": "DCAB",
    "template_status": "BCDA",
    # Another medium or number changes nothing in the rows' own variables.
    "template_mismatch": "B",
    "variables_illegal": "B",
    "number_specific": "CADB",
}
_BY_ITSELF: Final = "ACBD"

#: What to do about the template or the list, and why, by cause.
_TEMPLATE_STEPS: Final = {
    "template_mismatch": (
        "create the campaign again from a list whose columns fit the template",
        "the rows' own variables are at fault; the file says which rows",
    ),
    "variables_illegal": (
        "correct the values in the list and create a campaign from it",
        "Meta refuses these characters for every recipient",
    ),
    "template_status": (
        "mend the template in WhatsApp Manager (approve, unpause), then take over its status",
        "afterwards the rows can be tried again",
    ),
}


def options_for(evidence: Evidence, cause: str | None) -> tuple[Option, ...]:
    """Options with their commands; the media's are left out where there is none."""
    made = {"B": _templates(evidence, cause), "D": [_account(evidence)]}
    if not no_header_media(evidence):
        made["A"] = _media(evidence)
    made["C"] = [_number(evidence)]
    order = _ORDER.get(cause or "", _BY_ITSELF)
    return tuple(option for letter in order for option in made.get(letter, []))


def _media(evidence: Evidence) -> list[Option]:
    fix = f"wacampaign fix-media {evidence.campaign.short_id}"
    return [
        Option(
            "A",
            "upload the template's approved media and send its id",
            f"{fix} --upload{_code(evidence)}",
            "needs no approval, no other number, and can be undone; Meta then fetches no link",
        ),
        Option(
            "A2",
            "send the template's own sample link",
            f"{fix} --from-template{_code(evidence)}",
            "nothing is uploaded; sample links are known to be refused on some days",
        ),
    ]


def _code(evidence: Evidence) -> str:
    return "" if evidence.code == 135000 else f" --code {evidence.code}"


def _templates(evidence: Evidence, cause: str | None) -> list[Option]:
    """Mending the template or the list where these are the cause; else a copy of the template."""
    if cause == "variables_illegal" and evidence.recipients.wrong:
        return _phones(evidence)
    mend = [_template(evidence, cause)] if cause in _TEMPLATE_STEPS else []
    # Rows whose own variables are at fault do not fill a copy either.
    if cause in ("template_mismatch", "variables_illegal") or not evidence.lanes:
        return mend or [_template(evidence, cause)]
    lane = evidence.lanes[0]
    known = evidence.templates.get((lane.number, lane.template))
    name = shlex.quote(lane.template)
    new = _free_name(lane.template, {name for _, name in evidence.templates})
    copy = f"wacampaign templates copy {name} {new}{_which(evidence, lane.number)}"
    if known is not None:
        copy += f" --language {shlex.quote(known.language)}"
    others = {other.template for other in evidence.campaign.lanes} - {lane.template}
    only = f" --only {name}" if others else ""
    move = f"wacampaign fix-media {evidence.campaign.short_id} --template {new}{only}"
    made = [
        (
            "copy the template under a new name",
            f"{copy} --wait",
            "needs Meta's approval, mostly a matter of minutes",
        ),
        (
            "then move the rows to the copy",
            f"{move}{_code(evidence)}",
            "their variables and media stay; can be undone. When the template itself is damaged or"
            " flagged at Meta, its copy may go",
        ),
    ]
    letters = ("B", "B2", "B3")[len(mend) :]
    return mend + [Option(letter, *one) for letter, one in zip(letters, made, strict=False)]


def _phones(evidence: Evidence) -> list[Option]:
    """Rows that another program sent as they stood, and rows without a number."""
    recipients, short = evidence.recipients, evidence.campaign.short_id
    made = []
    if recipients.readable:
        made.append(
            Option(
                "B",
                "try them again: a worker reads these phones as numbers before it sends",
                f"wacampaign retry-failed {short} --code {evidence.code}",
                "Meta refused how the phones are written; rows that were accepted are left alone",
            )
        )
    if recipients.unreadable or not recipients.explains_all:
        made.append(
            Option(
                "B2" if made else "B",
                "correct phones and values of the others in the list and create a campaign from it",
                f"wacampaign failures {short} --code {evidence.code} --csv failed.csv",
                "the file says which rows",
            )
        )
    return made


def _free_name(name: str, taken: Set[str]) -> str:
    """`promo_2` for `promo`, `promo_3` for `promo_2`: none of those that are there."""
    stem, _, number = name.rpartition("_")
    if not (stem and number.isdecimal() and len(number) < 4):
        stem, number = name, "1"
    # What is no name for Meta (another program wrote it) is made one.
    stem = re.sub(r"[^a-z0-9_]", "_", stem.lower())[:500]
    return next(
        new for n in itertools.count(int(number) + 1) if (new := f"{stem}_{n}") not in taken
    )


def _which(evidence: Evidence, number: str) -> str:
    known = evidence.numbers.get(number)
    return f" --number {known.phone_number_id}" if known and known.phone_number_id else ""


def _template(evidence: Evidence, cause: str | None) -> Option:
    number = evidence.lanes[0].number if evidence.lanes else evidence.campaign.number
    command = f"wacampaign templates sync{_which(evidence, number)}"
    if (
        cause == "template_mismatch"
        and evidence.mismatch.make_up
        and not any(map(is_live, evidence.failing_templates()))
    ):
        title = "take over the template as Meta has it, then compare again"
        return Option("B", title, command, "the copy in the database may be old")
    if cause in ("template_mismatch", "variables_illegal"):
        short = evidence.campaign.short_id
        command = f"wacampaign failures {short} --code {evidence.code} --csv failed.csv"
    title, why = _TEMPLATE_STEPS.get(cause or "", _TEMPLATE_STEPS["template_status"])
    return Option("B", title, command, why)


def _number(evidence: Evidence) -> Option:
    failing = evidence.failing_numbers()
    names = sorted({lane.template for lane in evidence.lanes})
    others = [
        number
        for number in evidence.numbers.values()
        if number.id not in failing and number.is_active and number.phone_number_id
    ]
    ready = next((n for n in others if names and _has_approved(evidence, n.id, names)), None)
    if ready is not None and not no_header_media(evidence):
        title = f"send from number {ready.phone_number_id}, which has the approved template"
        fix = f"wacampaign fix-media {evidence.campaign.short_id} --number {ready.phone_number_id}"
        why = "spares the failing number; recipients see another sender"
        return Option("C", title, f"{fix} --upload{_code(evidence)}", why)
    if not others:
        add = "wacampaign number add PHONE_NUMBER_ID --waba WABA_ID"
        return Option("C", "send from another number", add, "no other number is known")
    listed = ", ".join(names) or "the template"
    title = f"send from another number; none has {listed} approved yet: create it there first"
    sync = f"wacampaign templates sync --number {others[0].phone_number_id}"
    return Option("C", title, sync, "needs Meta's approval")


def _has_approved(evidence: Evidence, number: str, names: Sequence[str]) -> bool:
    """Whether the number has these templates, each in a language that the rows go out in."""
    sent = {(template.name, template.language) for template in evidence.failing_templates()}
    templates = [evidence.templates.get((number, name)) for name in names]
    return all(
        template is not None
        and template.may_be_sent
        and (not sent or (template.name, template.language) in sent)
        for template in templates
    )


def _account(evidence: Evidence) -> Option:
    reasons = [
        reason
        for live in evidence.live.values()
        for health in live.health.values()
        for reason in health.reasons
    ]
    why = "only when number or account is restricted: Meta says so there"
    if reasons:
        why = f"Meta says: {'; '.join(dict.fromkeys(reasons))}"
    return Option("D", "look at the account's restrictions and appeal", f"open {APPEAL}", why)
