"""The ways out, best first: A media, B template or list, C number, D account."""

from __future__ import annotations

from typing import Final

from wacampaign.core.investigation.evidence import Evidence
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


def options_for(evidence: Evidence, cause: str | None) -> tuple[Option, ...]:
    """Options with their commands; the media's are left out where there is none."""
    made = {"B": [_template(evidence, cause)], "D": [_account(evidence)]}
    if not no_header_media(evidence):
        made["A"] = _media(evidence)
    made["C"] = [_number(evidence)]
    order = _ORDER.get(cause or "", _BY_ITSELF)
    return tuple(option for letter in order for option in made.get(letter, []))


def _short(evidence: Evidence) -> str:
    return evidence.campaign.id[:8]


def _code(evidence: Evidence) -> str:
    return "" if evidence.code == 135000 else f" --code {evidence.code}"


def _media(evidence: Evidence) -> list[Option]:
    fix = f"wacampaign fix-media {_short(evidence)}"
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


def _template(evidence: Evidence, cause: str | None) -> Option:
    number = evidence.lanes[0].number if evidence.lanes else evidence.campaign.number
    known = evidence.numbers.get(number)
    which = f" --number {known.phone_number_id}" if known and known.phone_number_id else ""
    sync = f"wacampaign templates sync{which}"
    if cause == "template_mismatch":
        if evidence.mismatch.make_up and not any(t.live for t in evidence.failing_templates()):
            title = "take over the template as Meta has it, then compare again"
        else:
            title = "create the campaign again from a list whose columns fit the template"
            return Option(
                "B",
                title,
                f"wacampaign failures {_short(evidence)} --code {evidence.code} --csv failed.csv",
                "the rows' own variables are at fault; the file says which rows",
            )
        return Option("B", title, sync, "the copy in the database may be old")
    if cause == "variables_illegal":
        return Option(
            "B",
            "correct the values in the list and create a campaign from it",
            f"wacampaign failures {_short(evidence)} --code {evidence.code} --csv failed.csv",
            "Meta refuses these characters for every recipient",
        )
    if cause == "template_status":
        return Option(
            "B",
            "mend the template in WhatsApp Manager (approve, unpause, or create it anew)",
            sync,
            "afterwards the rows can be tried again",
        )
    return Option(
        "B",
        "create the template anew, under a new name and with the media that is sent",
        sync,
        "needs Meta's approval; create it in WhatsApp Manager first",
    )


def _number(evidence: Evidence) -> Option:
    failing = {lane.number for lane in evidence.lanes}
    names = {lane.template for lane in evidence.lanes}
    for number in evidence.numbers.values():
        usable = {
            name
            for name in names
            if (t := evidence.templates.get((number.id, name))) is not None
            and t.status == "APPROVED"
            and t.is_active
        }
        if number.id not in failing and number.is_active and number.phone_number_id:
            if usable != names or not names:
                continue
            command = f"wacampaign fix-media {_short(evidence)} --number {number.phone_number_id}"
            if no_header_media(evidence):
                break
            return Option(
                "C",
                f"send from number {number.phone_number_id}, which has the approved template",
                f"{command} --upload{_code(evidence)}",
                "spares the failing number; recipients see another sender",
            )
    others = [
        number.phone_number_id
        for number in evidence.numbers.values()
        if number.id not in failing and number.is_active and number.phone_number_id
    ]
    if not others:
        return Option(
            "C",
            "send from another number",
            "wacampaign number add PHONE_NUMBER_ID --waba WABA_ID",
            "no other number is known",
        )
    listed = ", ".join(sorted(names)) or "the template"
    return Option(
        "C",
        f"send from another number; none has {listed} approved yet: create it there first",
        f"wacampaign templates sync --number {others[0]}",
        "needs Meta's approval",
    )


def _account(evidence: Evidence) -> Option:
    said: list[str] = []
    for live in evidence.live.values():
        for health in live.health.values():
            said.extend(health.reasons)
    why = (
        f"Meta says: {'; '.join(dict.fromkeys(said))}"
        if said
        else ("only when number or account is restricted: Meta says so there")
    )
    return Option("D", "look at the account's restrictions and appeal", f"open {APPEAL}", why)
