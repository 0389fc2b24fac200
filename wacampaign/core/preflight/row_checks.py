"""Every row's variables against its template, by one row of each group of rows made alike."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from wacampaign.core.cells import cell
from wacampaign.core.masking import mask_phone
from wacampaign.core.preflight.facts import LaneSurvey, Readiness
from wacampaign.core.preflight.model import Check, Line, fail, ok, warn
from wacampaign.core.template.differ import differ
from wacampaign.core.template.difference import shown
from wacampaign.core.template.filled import addresses_before, filled_texts
from wacampaign.core.template.kinds import BODY_LENGTH, PROSE
from wacampaign.core.template.moments import moment_of
from wacampaign.core.template.shape import shape_of
from wacampaign.core.template.unmeant import QUICK_PATTERN, Unmeant, pattern_of, unmeant
from wacampaign.core.template.url_ending import hosts_pattern
from wacampaign.core.templates import KnownTemplate
from wacampaign.core.words import local_time, rows, were

#: Kinds of faults that are shown; a list has one or two.
_FAULTS_SHOWN: Final = 8
#: Recipients named for each.
_SAMPLES: Final = 3
#: It goes out, though its button leads nowhere.
_SENDABLE: Final = frozenset({"url_where_suffix"})


@dataclass(frozen=True, slots=True)
class RowRules:
    """What the database marks rows by; see `wacampaign_readiness_rows`."""

    #: What var1, var2, … fill: media, header, body, suffix or coupon.
    roles: tuple[str, ...]
    #: Characters each may have.
    limits: tuple[int, ...]
    #: How often each stands in the body.
    body_times: tuple[int, ...]
    #: Characters all of the body may have together.
    body_room: int
    #: Expressions that find values nobody meant to send, one for each kind: in texts that people
    #: read, and in addresses, codes and ids; there also what begins like a whole address.
    prose_signs: tuple[str, ...]
    other_signs: tuple[str, ...]
    #: Finds all that the kinds' expressions find, and more, at a fraction of their cost.
    quick_sign: str = QUICK_PATTERN

    @property
    def takes_media(self) -> bool:
        return self.roles[:1] == ("media",)


def rules_of(components: Sequence[Mapping[str, Any]], parameter_format: str | None) -> RowRules:
    """The rules of one template. Raises `UnusableTemplate`."""
    shape = shape_of(components, parameter_format)
    slots = tuple(shape.slots())
    limits = [slot.limit for slot in slots]
    times = [0] * len(slots)
    room = BODY_LENGTH
    texts = filled_texts(components, shape)
    for text in texts:
        required = [at for at in text.slots if at < len(slots)]
        for at in required:
            limits[at] = min(limits[at], text.room // text.slots.count(at))
        if text.part == "body" and not text.card:
            room = text.room
            for at in required:
                times[at] += 1
    hosts = hosts_pattern(addresses_before(texts).values())
    return RowRules(
        roles=tuple(slot.role for slot in slots),
        limits=tuple(limits),
        body_times=tuple(times),
        body_room=room,
        prose_signs=tuple(pattern_of(kind, prose=True) for kind in Unmeant),
        other_signs=(*(pattern_of(kind, prose=False) for kind in Unmeant), hosts),
    )


@dataclass(slots=True)
class _Fault:
    rows: int = 0
    verdict: Check = Check.FAIL
    #: One of the values that look like nobody's words, and which kind they are.
    value: str = ""
    kind: Unmeant | None = None
    samples: list[str] = field(default_factory=list)


def row_lines(
    facts: Readiness, surveys: Sequence[LaneSurvey], allowed: Collection[Unmeant] = ()
) -> Iterator[Line]:
    """The variables of all rows that would be sent.

    `allowed`: kinds of values that may be sent though they look like nobody's words.
    """
    fix = f"correct the list, wacampaign cancel {facts.short_id}, and create it again"
    now = datetime.fromisoformat(facts.now)
    faults: dict[str, _Fault] = {}
    seen = bad = unseen = 0
    for survey in surveys:
        known = facts.template(survey.lane)
        if known is None or known.unusable:
            unseen += survey.rows
            continue
        seen += survey.rows
        unseen += survey.not_grouped
        for group in survey.groups:
            verdicts = _texts(group.payload, known, now)
            odd = _unmeant(group.payload, known)
            bad += group.n if Check.FAIL in verdicts.values() else 0
            for text, (kind, value) in odd.items():
                verdict = Check.WARN if kind in allowed else Check.FAIL
                verdicts[text] = verdict
                faults.setdefault(text, _Fault(verdict=verdict, value=value, kind=kind))
            for text, verdict in verdicts.items():
                fault = faults.setdefault(text, _Fault(verdict=verdict))
                fault.rows += group.n
                if len(fault.samples) < _SAMPLES:
                    fault.samples.append(mask_phone(group.phone))
    if bad:
        rest = len(faults) - _FAULTS_SHOWN
        more = f"; {rest} more kinds of faults are not shown" if rest > 0 else ""
        yield fail(
            "variables",
            f"{bad:,} of {rows(seen)} cannot be sent as"
            f" {'it is' if bad == 1 else 'they are'}{more}",
            fix,
        )
    elif seen:
        all_rows = "the row fits its" if seen == 1 else f"all {seen:,} rows fit their"
        yield ok("variables", f"{all_rows} template")
    worst = sorted(faults.items(), key=lambda item: (-item[1].rows, item[0]))
    for text, fault in worst[:_FAULTS_SHOWN]:
        samples = ", ".join(dict.fromkeys(fault.samples))
        like = f", such as “{fault.value}”" if fault.value else ""
        what = f"{text}{like} ({rows(fault.rows)}, such as {samples})"
        meant = _MEANT[fault.kind] if fault.kind else ""
        yield Line("variables", fault.verdict, what, meant + fix)
    for survey in surveys:
        yield from _early_ends(facts, survey)
    if unseen:
        yield warn(
            "variables",
            f"{rows(unseen)} {were(unseen)} not compared: their template is not known, or they"
            " are of too many kinds",
            "wacampaign templates sync, then run it again",
        )


def _early_ends(facts: Readiness, survey: LaneSurvey) -> Iterator[Line]:
    """An offer that ends while the campaign is still being sent."""
    number = facts.number(survey.lane)
    seconds = facts.seconds_left(number) if number is not None else None
    if survey.first_end is None or seconds is None:
        return
    end = datetime.fromtimestamp(survey.first_end / 1000, UTC)
    done = datetime.fromisoformat(facts.begins_at) + timedelta(seconds=seconds)
    if end <= done:
        yield warn(
            "variables",
            f"{survey.lane.template}: an offer ends {local_time(end.isoformat())}, and the last "
            f"message goes out about {local_time(done.isoformat())}",
            "start it earlier, or correct the list and create it again",
        )


def _texts(payload: Any, known: KnownTemplate, now: datetime) -> dict[str, Check]:
    """What is wrong with rows like this one, each in words that suit all of them."""
    verdicts: dict[str, Check] = {}
    for n, slot in enumerate(known.shape.slots(), start=1):
        value = payload.get(f"var{n}") if isinstance(payload, Mapping) else None
        if slot.role == "expires" and isinstance(value, str):
            with suppress(ValueError):  # told by the differ
                if moment_of(value) <= now:
                    verdicts[f"{known.name}: {slot.label} is over"] = Check.FAIL
    for difference in differ(payload, known.components, known.parameter_format):
        words = _WORDS.get(difference.code)
        text = f"{difference.where} {words}" if words else difference.text
        verdict = Check.WARN if difference.code in _SENDABLE else Check.FAIL
        verdicts[f"{known.name}: {text}"] = verdict
    return verdicts


def _unmeant(payload: Any, known: KnownTemplate) -> dict[str, tuple[Unmeant, str]]:
    """What looks like nobody's words in rows like this one: in words that suit all of them, with
    the kind and the row's own value."""
    found: dict[str, tuple[Unmeant, str]] = {}
    if isinstance(payload, Mapping):
        for n, slot in enumerate(known.shape.slots(), start=1):
            value = payload.get(f"var{n}")
            if isinstance(value, str):
                sign = unmeant(cell(value), prose=slot.role in PROSE)
                if sign is not None:
                    text = f"{known.name}: {slot.label} {_LOOKS[sign.kind]}"
                    found[text] = (sign.kind, shown(value))
    return found


#: What values of a kind are, in words that suit all of them; what to do if they are meant.
_LOOKS: Final = {
    Unmeant.PLACEHOLDER: "holds no value, or a variable that nobody filled",
    Unmeant.MARKUP: "holds HTML, escape sequences or wrongly decoded letters",
}
_MEANT: Final = {kind: f"if it is meant, add {kind.flag}; else " for kind in Unmeant}

#: Differences whose text speaks of the one row, in words that suit all rows like it.
_WORDS: Final = {
    "too_long": "is too long",
    "media_missing": "is empty",
    "media_unclear": "is neither a URL nor a media id",
    "button_suffix_missing": "is missing",
}
