"""The judgements: what the evidence says of each possible cause, and which one stands out.

Confirmed needs the fault itself seen, or a comparison in which only it differs as far as the
evidence goes; likely is a fault without a counter-proof. An accepted message outweighs everything.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from wacampaign.core.investigation.evidence import Evidence, is_live
from wacampaign.core.investigation.media_hypotheses import (
    APPROVED_MEDIA,
    MEDIA_JUDGEMENTS,
    OTHER_NUMBER,
    OTHER_TEMPLATE,
    SAME_PAYLOAD,
    no_header_media,
    probe,
)
from wacampaign.core.investigation.model import Hypothesis, Judgement, Likelihood
from wacampaign.core.numbers import Health
from wacampaign.core.recipient_forms import PHONE_CODES
from wacampaign.core.template.difference import VALUE_CODES
from wacampaign.core.templates import KnownTemplate
from wacampaign.core.words import counted, have, were

#: Answers of Meta's that name the cause themselves; those of media are in `media_hypotheses`.
_NAMED_BY_CODE: Final = {
    "account_restricted": frozenset({131031, 131042, 131064, 368, 131063}),
    "template_status": frozenset({132001, 132007, 132015, 132016}),
    "template_mismatch": frozenset({132000, 132012, 131008}),
    "variables_illegal": frozenset({132005, 132008, 132018}),
}

#: Of several confirmed ones the first stands out: what was seen before what was compared.
_STRENGTH: Final = (
    *("account_restricted", "template_status", "template_mismatch", "variables_illegal"),
    *("media_expired", "media_unreachable", "media_invalid"),
    *("media_host_differs", "number_specific"),
)

#: Sentences of evidence that are kept.
_SENTENCES: Final = 6
#: Health of these decides whether the account may send.
_ACCOUNT_LINKS: Final = frozenset({"PHONE_NUMBER", "WABA", "BUSINESS", "APP"})


def judge(evidence: Evidence) -> tuple[Hypothesis, ...]:
    """All hypotheses of the contract, in its order."""
    no_media = no_header_media(evidence)
    ruled_out = Likelihood.RULED_OUT, ("the failing templates take no header media",)
    return tuple(
        Hypothesis(name, *(ruled_out if no_media and name in MEDIA_JUDGEMENTS else of(evidence)))
        for name, of in _JUDGEMENTS.items()
    )


def cause_of(hypotheses: Sequence[Hypothesis]) -> str | None:
    """The one that stands out: the first confirmed, else the only likely one.

    A fault that was seen in the media itself goes before its host, which was only compared.
    `number_specific` is what is left when nothing else explains it, so it stands behind others
    that are likely, too.
    """
    confirmed = [h.id for h in hypotheses if h.verdict is Likelihood.CONFIRMED]
    if confirmed:
        return min(confirmed, key=_STRENGTH.index)
    likely = [h.id for h in hypotheses if h.verdict is Likelihood.LIKELY]
    special = [name for name in likely if name != "number_specific"] or likely
    return special[0] if len(special) == 1 else None


def _named_by_code(name: str, evidence: Evidence) -> list[str]:
    if evidence.code not in _NAMED_BY_CODE[name]:
        return []
    return [f"Meta's answer itself says so ({evidence.code})"]


# --- account ---------------------------------------------------------------------------------


def _account(evidence: Evidence) -> Judgement:
    if named := _named_by_code("account_restricted", evidence):
        return Likelihood.CONFIRMED, tuple(named)
    asked = [
        (evidence.shown_number(number), evidence.live[number])
        for number in evidence.failing_numbers()
        if number in evidence.live
    ]
    blocked: list[str] = []
    limited: list[str] = []
    fine: list[str] = []
    for shown, live in asked:
        if live.number is not None and live.number.status not in ("", "CONNECTED"):
            blocked.append(f"number {shown}: its status is {live.number.status}")
        for what, subject in (("number", f"number {shown}"), ("account", "account")):
            if (health := live.health.get(what)) is None:
                continue
            state = _state_of_account(health)
            text = f"health of {subject}: {state}"
            if state == "BLOCKED":
                blocked += text, *health.reasons
            elif state == "LIMITED":
                limited += text, *health.reasons
            else:
                fine.append(text)
    if blocked:
        return Likelihood.CONFIRMED, _few(blocked)
    accepted = _accepted_since(evidence)
    if limited and not accepted:
        return Likelihood.LIKELY, _few(limited)
    if accepted:
        return Likelihood.RULED_OUT, _few([accepted, *limited, *fine])
    if fine:
        return Likelihood.UNLIKELY, _few(fine)
    reasons = [evidence.offline] if evidence.offline else []
    reasons += [failure for _, live in asked for failure in live.failures]
    return Likelihood.NOT_CHECKED, _few(reasons or ["the number is not known to the database"])


def _state_of_account(health: Health) -> str:
    """A chain is as bad as its worst link, and a blocked template is no blocked account."""
    links = [link.can_send_message for link in health.entities if link.type in _ACCOUNT_LINKS]
    if not links:
        return health.can_send_message
    return next((state for state in ("BLOCKED", "LIMITED") if state in links), "AVAILABLE")


def _accepted_probe(evidence: Evidence) -> str | None:
    """The title of a probe from the failing number that Meta accepted."""
    sent = (probe(evidence, title) for title in (SAME_PAYLOAD, APPROVED_MEDIA, OTHER_TEMPLATE))
    return next((p.title for p in sent if p is not None and p.accepted), None)


def _accepted_since(evidence: Evidence) -> str | None:
    """A message that the failing number got accepted after the first failure."""
    if title := _accepted_probe(evidence):
        return f"probe: a message from this number was accepted ({title})"
    first, last = evidence.groups.first_failed, evidence.groups.last_sent
    if evidence.campaign.sent and first and last and last > first:
        return f"messages of this campaign were accepted after the first failure, until {last}"
    return None


# --- template --------------------------------------------------------------------------------


def _template(evidence: Evidence) -> Judgement:
    if named := _named_by_code("template_status", evidence):
        return Likelihood.CONFIRMED, tuple(named)
    bad: list[str] = []
    doubtful: list[str] = []
    good: list[str] = []
    unknown: list[str] = []
    for lane in evidence.lanes:
        live = evidence.live.get(lane.number)
        known = evidence.templates.get((lane.number, lane.template))
        asked = live is not None and live.templates is not None
        if asked and (known is None or not is_live(known)):
            bad.append(f"{lane.template}: Meta has no such template in the number's account")
        elif known is None:
            doubtful.append(f"{lane.template}: the database has no such template of the number")
        elif isinstance(known, KnownTemplate):
            (unknown if known.is_active and known.status in ("", "APPROVED") else doubtful).append(
                f"{lane.template}: {_at_the_last_sync(known)}"
            )
        else:
            text = f"{lane.template} ({known.language}): {known.status} at Meta"
            if known.quality:
                text += f", quality {known.quality}"
            (good if known.status == "APPROVED" else bad).append(text)
            health = live.health.get(f"template {known.name}") if live else None
            if health is not None and _is_blocked_itself(health):
                bad += f"{lane.template}: its health is BLOCKED", *health.reasons
    if bad:
        return Likelihood.CONFIRMED, _few(bad)
    if doubtful:
        return Likelihood.LIKELY, _few(doubtful)
    if good and not unknown:
        return Likelihood.RULED_OUT, _few(good)
    approved = any("APPROVED" in text for text in unknown)
    if evidence.offline:
        unknown.append(evidence.offline)
    verdict = Likelihood.UNLIKELY if approved else Likelihood.NOT_CHECKED
    return verdict, _few([*good, *unknown])


def _at_the_last_sync(template: KnownTemplate) -> str:
    if template.is_active and not template.status:
        return "its status was never synced"
    state = template.status if template.is_active else "gone"
    return f"{state} at the last sync ({template.last_synced or 'never synced'})"


def _is_blocked_itself(health: Health) -> bool:
    """Whether the template is, and not only something else in its chain."""
    return any(
        link.type == "MESSAGE_TEMPLATE" and link.can_send_message == "BLOCKED"
        for link in health.entities
    )


# --- payload ---------------------------------------------------------------------------------


def _mismatch(evidence: Evidence) -> Judgement:
    texts = _difference_texts(evidence, values=False)
    texts += [f"the database's copy of {name} is not what Meta has now" for name in evidence.stale]
    if named := _named_by_code("template_mismatch", evidence):
        return Likelihood.CONFIRMED, (*named, *texts)
    rows = evidence.mismatch
    if rows.compared and not rows.make_up:
        live = all(is_live(t) for t in evidence.failing_templates())
        state = "as Meta has it now" if live else "as it was at the last sync"
        every = f"all {rows.compared:,} failed rows that were compared"
        text = f"{every} fit the template in every part ({state})"
        return Likelihood.RULED_OUT if live else Likelihood.UNLIKELY, (text, *texts)
    return _by_share(evidence, rows.make_up, rows.sent_make_up, texts)


def _values(evidence: Evidence) -> Judgement:
    verdict, texts = _variables(evidence)
    recipients = evidence.recipients
    if evidence.code not in PHONE_CODES or not recipients.wrong:
        return verdict, texts
    # The recipient is a value of the row, too.
    texts = (*recipients.sentences(), *texts)
    if recipients.explains_all:
        return Likelihood.CONFIRMED, texts
    if verdict in (Likelihood.CONFIRMED, Likelihood.LIKELY):
        return verdict, texts
    mostly = recipients.wrong * 2 > recipients.compared and not recipients.sent_wrong
    return Likelihood.LIKELY if mostly else Likelihood.UNLIKELY, texts


def _variables(evidence: Evidence) -> Judgement:
    texts = _difference_texts(evidence, values=True)
    if named := _named_by_code("variables_illegal", evidence):
        return Likelihood.CONFIRMED, (*named, *texts)
    rows = evidence.mismatch
    if rows.compared and not rows.values:
        every = f"all {rows.compared:,} failed rows that were compared"
        text = f"{every} have no line break, tab, blank or overlong value"
        return Likelihood.RULED_OUT, (text,)
    return _by_share(evidence, rows.values, rows.sent_values, texts)


def _by_share(evidence: Evidence, bad: int, sent_bad: int, texts: Sequence[str]) -> Judgement:
    """By how many of the compared rows have the fault, and whether rows with it were sent."""
    compared = evidence.mismatch.compared
    if not compared:
        why = "the components of the failing template are not in the database: "
        return Likelihood.NOT_CHECKED, (f"{why}wacampaign templates sync",)
    share = f"{bad:,} of {compared:,} failed rows that were compared {have(bad)} such a fault"
    if sent_bad:
        text = f"{counted(sent_bad, 'row')} with such a fault {were(sent_bad)} sent"
        return Likelihood.UNLIKELY, (share, text, *texts)
    if bad == compared:
        return Likelihood.CONFIRMED, (share, *texts)
    # Rows without the fault failed as well: it explains its own rows and no others.
    return Likelihood.LIKELY if bad * 2 > compared else Likelihood.UNLIKELY, (share, *texts)


def _difference_texts(evidence: Evidence, *, values: bool) -> list[str]:
    return [
        f"{difference.text} ({n:,} rows)"
        for difference, n in evidence.mismatch.differences
        if (difference.code in VALUE_CODES) is values
    ][:4]


# --- number ----------------------------------------------------------------------------------


def _number(evidence: Evidence) -> Judgement:
    numbers = evidence.failing_numbers()
    if not numbers:
        return Likelihood.NOT_CHECKED, ("no failed row names its number",)
    number = numbers[0]
    shown = evidence.shown_number(number)
    failed = sum(lane.code_failed for lane in evidence.lanes if lane.number == number)
    same, other = probe(evidence, SAME_PAYLOAD), probe(evidence, OTHER_NUMBER)
    title = _accepted_probe(evidence)
    works_here = f"probe: number {shown} got a message accepted ({title})" if title else None
    if same is not None and not same.accepted and other is not None and other.accepted:
        # The very same message: that this number sends something else does not take it back.
        text = f"probe: the failed payload was accepted from number {other.number}"
        seen = [f"number {shown}: {failed:,} failed with {evidence.code}", text]
        seen += [f"{works_here}: it is not the number alone"] if works_here else []
        return Likelihood.CONFIRMED, tuple(seen)
    if works_here is not None:
        return Likelihood.RULED_OUT, (works_here,)
    accepted = evidence.campaign.sent_from(number)
    if accepted:
        text = f"number {shown} got {counted(accepted, 'row')} of this campaign accepted"
        return Likelihood.RULED_OUT, (text,)
    if other is not None and same is not None:
        text = f"probe: refused from number {other.number}, too ({other.answer})"
        return Likelihood.UNLIKELY, (text,)
    for campaign in evidence.others:
        if sent := campaign.sent_from(number):
            text = f"the same number got {counted(sent, 'row')} of {campaign.name} accepted"
            return Likelihood.UNLIKELY, (text,)
    seen = [f"number {shown}: 0 accepted, {failed:,} failed with {evidence.code}"]
    working = _working_numbers(evidence, number)
    if not working:
        seen.append("no other number has sent anything that could be compared")
        return Likelihood.NOT_CHECKED, tuple(seen)
    seen += [
        f"number {evidence.shown_number(other_number)}: {sent:,} accepted ({name})"
        for other_number, sent, name in working[:3]
    ]
    return Likelihood.LIKELY, tuple(seen)


def _working_numbers(evidence: Evidence, number: str) -> list[tuple[str, int, str]]:
    """Other numbers with accepted rows: id, how many, and the nearest campaign of theirs."""
    sent: Counter[str] = Counter()
    nearest: dict[str, str] = {}
    for campaign in (evidence.campaign, *evidence.others):
        for lane in campaign.lanes:
            if lane.number != number and lane.sent:
                sent[lane.number] += lane.sent
                nearest.setdefault(lane.number, campaign.name)
    return [(other, n, nearest[other]) for other, n in sent.most_common()]


def _few(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, texts)))[:_SENTENCES]


_JUDGEMENTS: Final[dict[str, Callable[[Evidence], Judgement]]] = {
    "account_restricted": _account,
    "template_status": _template,
    "template_mismatch": _mismatch,
    "variables_illegal": _values,
    **MEDIA_JUDGEMENTS,
    "number_specific": _number,
}

#: Every hypothesis, in the order in which they are shown (contract).
HYPOTHESES: Final = tuple(_JUDGEMENTS)
