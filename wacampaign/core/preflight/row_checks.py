"""Every row's variables against its template, by one row of each group of rows made alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wacampaign.core.masking import mask_phone
from wacampaign.core.preflight.facts import LaneSurvey, Readiness, TemplateFacts
from wacampaign.core.preflight.model import Check, Line
from wacampaign.core.template_differ import differ
from wacampaign.core.template_shape import SlotKind, UnusableTemplate, shape_of
from wacampaign.core.value_rules import (
    BODY_LENGTH,
    COUPON_LENGTH,
    HEADER_LENGTH,
    URL_LENGTH,
    filled_length,
)

#: Kinds of faults that are shown; a list has one or two.
_FAULTS_SHOWN: Final = 8
#: Recipients named for each.
_SAMPLES: Final = 3
#: It goes out, though its button leads nowhere.
_SENDABLE: Final = frozenset({"url_where_suffix"})
#: No limit of its own: a medium's length says nothing.
_ANY_LENGTH: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class RowRules:
    """What the database marks rows by; see `wacampaign_readiness_rows`."""

    #: What var1, var2, … fill: media, header, body, suffix or coupon.
    roles: tuple[str, ...]
    #: Characters each may have.
    limits: tuple[int, ...]
    #: Characters all of the body may have together.
    body_room: int

    @property
    def takes_media(self) -> bool:
        return self.roles[:1] == ("media",)


def rules_of(components: Sequence[Mapping[str, Any]], parameter_format: str | None) -> RowRules:
    """The rules of one template. Raises `UnusableTemplate`."""
    shape = shape_of(components, parameter_format)
    found: list[tuple[str, int]] = []
    for slot in shape.slots():
        if slot.kind is SlotKind.MEDIA:
            found.append(("media", _ANY_LENGTH))
        elif slot.type == "coupon_code":
            found.append(("coupon", COUPON_LENGTH))
        elif slot is shape.header:
            found.append(("header", HEADER_LENGTH))
        elif slot in shape.body:
            found.append(("body", BODY_LENGTH))
        else:
            found.append(("suffix", URL_LENGTH))
    room = BODY_LENGTH - (filled_length(components, ()) or 0)
    return RowRules(tuple(role for role, _ in found), tuple(n for _, n in found), room)


@dataclass(slots=True)
class _Fault:
    rows: int = 0
    verdict: Check = Check.FAIL
    samples: list[str] = field(default_factory=list)


def row_lines(facts: Readiness, surveys: Sequence[LaneSurvey]) -> Iterator[Line]:
    """The variables of all rows that would be sent."""
    faults: dict[str, _Fault] = {}
    seen = bad = unseen = 0
    for survey in surveys:
        known = facts.template(survey.lane)
        if known is None or not _usable(known):
            unseen += survey.rows
            continue
        seen += survey.rows
        unseen += survey.not_grouped
        for group in survey.groups:
            told = _texts(group.signature, group.payload, known)
            bad += group.n if any(v is Check.FAIL for v in told.values()) else 0
            for text, verdict in told.items():
                fault = faults.setdefault(text, _Fault(verdict=verdict))
                fault.rows += group.n
                if len(fault.samples) < _SAMPLES:
                    fault.samples.append(mask_phone(group.phone))
    if bad:
        rest = len(faults) - _FAULTS_SHOWN
        more = f"; {rest} more kinds of faults are not shown" if rest > 0 else ""
        yield Line(
            "variables",
            Check.FAIL,
            f"{bad:,} of {seen:,} rows cannot be sent as they are{more}",
            _fix(facts.id[:8]),
        )
    elif seen:
        yield Line("variables", Check.OK, f"all {seen:,} rows fit their template")
    yield from _fault_lines(faults, facts.id[:8])
    if unseen:
        yield Line(
            "variables",
            Check.WARN,
            f"{unseen:,} rows were not compared: their template is not known, or they are of too "
            "many kinds",
            "wacampaign templates sync, then run it again",
        )


def _fix(short: str) -> str:
    return f"correct the list, wacampaign cancel {short}, and create it again"


def _usable(known: TemplateFacts) -> bool:
    try:
        shape_of(known.components, known.parameter_format)
    except UnusableTemplate:
        return False
    return True


def _texts(signature: str, payload: Any, known: TemplateFacts) -> dict[str, Check]:
    """What is wrong with rows like this one, each in words that suit all of them."""
    found: dict[str, Check] = {}
    for one in differ(payload, known.components, known.parameter_format):
        verdict = Check.WARN if one.code in _SENDABLE else Check.FAIL
        # Not `text` for what a value says of itself: it quotes the one row.
        text = _WORDS.get(one.code, "")
        found[f"{known.name}: {one.where} {text}" if text else f"{known.name}: {one.text}"] = (
            verdict
        )
    if signature.endswith(" !phone"):
        found[f"{known.name}: the phone is no number with its country code"] = Check.FAIL
    return found


#: What the differ found, without the value of the one row.
_WORDS: Final = {
    "newline": "has a line break",
    "tab": "has a tab",
    "spaces": "has more than 4 spaces in a row",
    "empty": "is empty",
    "zero_width": "holds nothing that can be seen",
    "too_long": "is too long",
    "not_alphanumeric": "has other characters than letters and digits",
    "media_missing": "is empty",
    "media_unclear": "is neither a URL nor a media id",
    "url_where_suffix": "is a whole URL; the template's own address goes before it",
    "button_suffix_missing": "is missing",
}


def _fault_lines(faults: Mapping[str, _Fault], short: str) -> Iterator[Line]:
    worst = sorted(faults.items(), key=lambda item: (-item[1].rows, item[0]))
    for text, fault in worst[:_FAULTS_SHOWN]:
        samples = ", ".join(dict.fromkeys(fault.samples))
        rows = "1 row" if fault.rows == 1 else f"{fault.rows:,} rows"
        yield Line(
            "variables",
            fault.verdict,
            f"{text} ({rows}, such as {samples})",
            _fix(short),
        )
