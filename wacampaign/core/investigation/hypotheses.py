"""The verdicts: what the evidence says of each possible cause, and which one stands out.

Confirmed needs the fault itself seen, or a comparison in which only it differs as far as the
evidence goes; likely is a fault without a counter-proof. An accepted message outweighs everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from wacampaign.core.investigation.evidence import Evidence, Health, Lane, Live
from wacampaign.core.investigation.media_hypotheses import (
    APPROVED_MEDIA,
    OTHER_NUMBER,
    OTHER_TEMPLATE,
    SAME_PAYLOAD,
    media_hypotheses,
    probe,
)
from wacampaign.core.investigation.model import HYPOTHESES, Hypothesis, Verdict
from wacampaign.core.template_differ import VALUE_CODES

#: Answers of Meta's that name the cause themselves.
ACCOUNT_CODES: Final = frozenset({131031, 131042, 131064, 368, 131063})
TEMPLATE_CODES: Final = frozenset({132001, 132007, 132015, 132016})
MISMATCH_CODES: Final = frozenset({132000, 132012, 131008})
VALUE_FAULT_CODES: Final = frozenset({132005, 132008, 132018})

#: Of several confirmed ones the first stands out: what was seen before what was compared.
_STRENGTH: Final = (
    *("account_restricted", "template_status", "template_mismatch", "variables_illegal"),
    *("media_expired", "media_unreachable", "media_invalid"),
    *("media_host_differs", "number_specific"),
)

#: Health of these decides whether the account may send.
_ACCOUNT_LINKS: Final = frozenset({"PHONE_NUMBER", "WABA", "BUSINESS", "APP"})


def judge(evidence: Evidence) -> tuple[Hypothesis, ...]:
    """All hypotheses of the contract, in its order."""
    made = {
        one.id: one
        for one in (
            _account(evidence),
            _template(evidence),
            _mismatch(evidence),
            _values(evidence),
            *media_hypotheses(evidence),
            _number(evidence),
        )
    }
    return tuple(made[name] for name in HYPOTHESES)


def cause_of(hypotheses: Sequence[Hypothesis]) -> str | None:
    """The one that stands out: the first confirmed, else the only likely one.

    A fault that was seen in the media itself goes before its host, which was only compared.
    `number_specific` is what is left when nothing else explains it, so it stands behind others
    that are likely, too.
    """
    confirmed = [one.id for one in hypotheses if one.verdict is Verdict.CONFIRMED]
    if confirmed:
        return min(confirmed, key=_STRENGTH.index)
    likely = [one.id for one in hypotheses if one.verdict is Verdict.LIKELY]
    special = [name for name in likely if name != "number_specific"] or likely
    return special[0] if len(special) == 1 else None


# --- account ---------------------------------------------------------------------------------


def _account(evidence: Evidence) -> Hypothesis:
    name = "account_restricted"
    code = evidence.code
    if code in ACCOUNT_CODES:
        return Hypothesis(name, Verdict.CONFIRMED, (f"Meta's answer itself says so ({code})",))
    lives = [
        (evidence.shown_number(number), evidence.live[number])
        for number in _numbers(evidence.lanes)
        if number in evidence.live
    ]
    blocked: list[str] = []
    limited: list[str] = []
    fine: list[str] = []
    for shown, live in lives:
        if live.status not in (None, "", "CONNECTED"):
            blocked.append(f"number {shown}: its status is {live.status}")
        for what, health in _account_health(live):
            text = f"health of {what} {shown if what == 'number' else ''}".strip()
            text += f": {health.can_send}"
            if health.can_send == "BLOCKED":
                blocked.append(text)
                blocked.extend(health.reasons)
            elif health.can_send == "LIMITED":
                limited.extend([text, *health.reasons])
            else:
                fine.append(text)
    if blocked:
        return Hypothesis(name, Verdict.CONFIRMED, _few(blocked))
    accepted = _accepted_since(evidence)
    if limited and not accepted:
        return Hypothesis(name, Verdict.LIKELY, _few(limited))
    if accepted:
        return Hypothesis(name, Verdict.RULED_OUT, _few([accepted, *limited, *fine]))
    if fine:
        return Hypothesis(name, Verdict.UNLIKELY, _few(fine))
    reasons = [evidence.offline] if evidence.offline else []
    reasons += [why for _, live in lives for why in live.failures]
    return Hypothesis(
        name, Verdict.NOT_CHECKED, _few(reasons or ["the number is not known to the database"])
    )


def _account_health(live: Live) -> Iterable[tuple[str, Health]]:
    for what, health in live.health.items():
        if what in ("number", "account"):
            # A chain is as bad as its worst link: a blocked template is no blocked account.
            links = [state for kind, state in health.entities if kind in _ACCOUNT_LINKS]
            worst = next((s for s in ("BLOCKED", "LIMITED") if s in links), None)
            state = (worst or "AVAILABLE") if links else health.can_send
            yield what, Health(state, health.reasons, health.entities)


def _accepted_since(evidence: Evidence) -> str | None:
    """A message that the failing number got accepted after the first failure."""
    for title in (SAME_PAYLOAD, APPROVED_MEDIA, OTHER_TEMPLATE):
        one = probe(evidence, title)
        if one is not None and one.accepted:
            return f"probe: a message from this number was accepted ({title})"
    first, last = evidence.groups.first_failed, evidence.groups.last_sent
    if evidence.campaign.sent and first and last and last > first:
        return f"messages of this campaign were accepted after the first failure, until {last}"
    return None


# --- template --------------------------------------------------------------------------------


def _template(evidence: Evidence) -> Hypothesis:
    name = "template_status"
    if evidence.code in TEMPLATE_CODES:
        said = f"Meta's answer itself says so ({evidence.code})"
        return Hypothesis(name, Verdict.CONFIRMED, (said,))
    bad: list[str] = []
    doubtful: list[str] = []
    good: list[str] = []
    unknown: list[str] = []
    for lane in evidence.lanes:
        live = evidence.live.get(lane.number)
        known = evidence.templates.get((lane.number, lane.template))
        asked = live is not None and live.templates is not None
        if asked and (known is None or not known.live):
            bad.append(f"{lane.template}: Meta has no such template in the number's account")
        elif known is None:
            doubtful.append(f"{lane.template}: the database has no such template of the number")
        elif known.live:
            text = f"{lane.template} ({known.language}): {known.status} at Meta"
            if known.quality:
                text += f", quality {known.quality}"
            (good if known.status == "APPROVED" else bad).append(text)
            health = live.health.get(f"template {known.name}") if live else None
            if health is not None and ("MESSAGE_TEMPLATE", "BLOCKED") in health.entities:
                bad.append(f"{lane.template}: its health is BLOCKED")
                bad.extend(health.reasons)
        elif not known.is_active or (known.status and known.status != "APPROVED"):
            word = "gone" if not known.is_active else known.status
            doubtful.append(f"{lane.template}: {word} at the last sync ({_synced(known)})")
        elif known.status:
            unknown.append(f"{lane.template}: APPROVED at the last sync ({_synced(known)})")
        else:
            unknown.append(f"{lane.template}: its status was never synced")
    if bad:
        return Hypothesis(name, Verdict.CONFIRMED, _few(bad))
    if doubtful:
        return Hypothesis(name, Verdict.LIKELY, _few(doubtful))
    if good and not unknown:
        return Hypothesis(name, Verdict.RULED_OUT, _few(good))
    approved = any("APPROVED" in text for text in unknown)
    if evidence.offline:
        unknown.append(evidence.offline)
    return Hypothesis(
        name, Verdict.UNLIKELY if approved else Verdict.NOT_CHECKED, _few([*good, *unknown])
    )


def _synced(known: object) -> str:
    return str(getattr(known, "last_synced", None) or "never synced")


# --- payload ---------------------------------------------------------------------------------


def _mismatch(evidence: Evidence) -> Hypothesis:
    name, found = "template_mismatch", evidence.mismatch
    texts = _difference_texts(evidence, values=False)
    texts += [f"the database's copy of {one} is not what Meta has now" for one in evidence.stale]
    if evidence.code in MISMATCH_CODES:
        said = f"Meta's answer itself says so ({evidence.code})"
        return Hypothesis(name, Verdict.CONFIRMED, (said, *texts))
    return _shares(
        name, evidence, found.make_up, found.sent_make_up, texts, "fit the template in every part"
    )


def _values(evidence: Evidence) -> Hypothesis:
    name, found = "variables_illegal", evidence.mismatch
    texts = _difference_texts(evidence, values=True)
    if evidence.code in VALUE_FAULT_CODES:
        said = f"Meta's answer itself says so ({evidence.code})"
        return Hypothesis(name, Verdict.CONFIRMED, (said, *texts))
    return _shares(
        name,
        evidence,
        found.values,
        found.sent_values,
        texts,
        "have no line break, tab, blank or overlong value",
    )


def _shares(
    name: str, evidence: Evidence, bad: int, sent_bad: int, texts: Sequence[str], fine: str
) -> Hypothesis:
    """By how many of the compared rows have the fault, and whether rows with it were sent."""
    found = evidence.mismatch
    if not found.compared:
        why = "the components of the failing template are not in the database: "
        why += "wacampaign templates sync"
        return Hypothesis(name, Verdict.NOT_CHECKED, (why,))
    of = f"of {found.compared:,} failed rows that were compared"
    if not bad:
        live = all(t.live for t in evidence.failing_templates())
        text = f"all {found.compared:,} failed rows that were compared {fine}"
        if name == "variables_illegal":
            return Hypothesis(name, Verdict.RULED_OUT, (text,))
        text += f" ({'as Meta has it now' if live else 'as it was at the last sync'})"
        return Hypothesis(name, Verdict.RULED_OUT if live else Verdict.UNLIKELY, (text, *texts))
    share = f"{bad:,} {of} have such a fault"
    if sent_bad:
        text = f"{sent_bad:,} rows with such a fault were sent"
        return Hypothesis(name, Verdict.UNLIKELY, (share, text, *texts))
    if bad == found.compared:
        return Hypothesis(name, Verdict.CONFIRMED, (share, *texts))
    # Rows without the fault failed as well: it explains its own rows and no others.
    verdict = Verdict.LIKELY if bad * 2 > found.compared else Verdict.UNLIKELY
    return Hypothesis(name, verdict, (share, *texts))


def _difference_texts(evidence: Evidence, *, values: bool) -> list[str]:
    return [
        f"{difference.text} ({n:,} rows)"
        for difference, n in evidence.mismatch.differences
        if (difference.code in VALUE_CODES) is values
    ][:4]


# --- number ----------------------------------------------------------------------------------


def _number(evidence: Evidence) -> Hypothesis:
    name = "number_specific"
    numbers = _numbers(evidence.lanes)
    if not numbers:
        return Hypothesis(name, Verdict.NOT_CHECKED, ("no failed row names its number",))
    number = numbers[0]
    shown = evidence.shown_number(number)
    own = [lane for lane in evidence.lanes if lane.number == number]
    failed = sum(lane.code_failed for lane in own)
    same, other = probe(evidence, SAME_PAYLOAD), probe(evidence, OTHER_NUMBER)
    from_here = next(
        (
            one
            for title in (SAME_PAYLOAD, APPROVED_MEDIA, OTHER_TEMPLATE)
            if (one := probe(evidence, title)) is not None and one.accepted
        ),
        None,
    )
    works_here = (
        None
        if from_here is None
        else f"probe: number {shown} got a message accepted ({from_here.title})"
    )
    if same is not None and not same.accepted and other is not None and other.accepted:
        # The very same message: that this number sends something else does not take it back.
        text = f"probe: the failed payload was accepted from number {other.number}"
        seen = [f"number {shown}: {failed:,} failed with {evidence.code}", text]
        seen += [f"{works_here}: it is not the number alone"] if works_here else []
        return Hypothesis(name, Verdict.CONFIRMED, tuple(seen))
    if works_here is not None:
        return Hypothesis(name, Verdict.RULED_OUT, (works_here,))
    accepted = sum(lane.sent for lane in evidence.campaign.lanes if lane.number == number)
    if accepted:
        text = f"number {shown} got {accepted:,} rows of this campaign accepted"
        return Hypothesis(name, Verdict.RULED_OUT, (text,))
    if other is not None and same is not None:
        text = f"probe: refused from number {other.number}, too ({other.answer})"
        return Hypothesis(name, Verdict.UNLIKELY, (text,))
    elsewhere = _sent_by(evidence, number)
    if elsewhere:
        campaign, sent = elsewhere
        text = f"the same number got {sent:,} rows of {campaign} accepted"
        return Hypothesis(name, Verdict.UNLIKELY, (text,))
    seen = [f"number {shown}: 0 accepted, {failed:,} failed with {evidence.code}"]
    working = _working_numbers(evidence, number)
    if not working:
        seen.append("no other number has sent anything that could be compared")
        return Hypothesis(name, Verdict.NOT_CHECKED, tuple(seen))
    seen += [
        f"number {evidence.shown_number(one)}: {sent:,} accepted ({campaign})"
        for one, sent, campaign in working[:3]
    ]
    return Hypothesis(name, Verdict.LIKELY, tuple(seen))


def _sent_by(evidence: Evidence, number: str) -> tuple[str, int] | None:
    """The nearest other campaign in which this number got rows accepted, and how many."""
    for one in evidence.others:
        sent = sum(lane.sent for lane in one.lanes if lane.number == number)
        if sent:
            return one.name, sent
    return None


def _working_numbers(evidence: Evidence, number: str) -> list[tuple[str, int, str]]:
    """Other numbers with accepted rows: id, how many, and the nearest campaign of theirs."""
    found: dict[str, tuple[int, str]] = {}
    for campaign in (evidence.campaign, *evidence.others):
        for lane in campaign.lanes:
            if lane.number != number and lane.sent:
                n, name = found.get(lane.number, (0, campaign.name))
                found[lane.number] = n + lane.sent, name
    ranked = sorted(found.items(), key=lambda item: -item[1][0])
    return [(one, n, name) for one, (n, name) in ranked]


def _numbers(lanes: Iterable[Lane]) -> list[str]:
    return list(dict.fromkeys(lane.number for lane in lanes))


def _few(texts: Iterable[str], n: int = 6) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, texts)))[:n]
