"""From evidence to the investigation: verdicts, cause, options, and everything that shows them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from wacampaign.core.campaign.event import in_a_sentence, what_happened
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.errors import lookup
from wacampaign.core.investigation.evidence import (
    CampaignFacts,
    Evidence,
    Groups,
    History,
    LaneOutcomes,
    hosts_with,
    is_live,
)
from wacampaign.core.investigation.hypotheses import cause_of, judge
from wacampaign.core.investigation.model import (
    Beside,
    Fact,
    Group,
    Hypothesis,
    Investigation,
    Likelihood,
    Moment,
    Pace,
    Sample,
)
from wacampaign.core.investigation.options import options_for
from wacampaign.core.masking import mask_phone, mask_secrets
from wacampaign.core.media.report import Severity
from wacampaign.core.numbering_plans import calling_code
from wacampaign.core.templates import Template
from wacampaign.core.words import counted, rows, were

#: Groups of one kind that are kept; rows shown whole.
_GROUPS_KEPT: Final = 10
_SAMPLES_KEPT: Final = 5
#: Seconds of a stretch of the chart when only the rows' own times are known.
_MINUTE: Final = 60

#: Events that are repairs rather than changes of state.
_REPAIRS: Final = frozenset({"retried", "repaired", "repair_undone", "restarted", "recovered"})


def conclude(evidence: Evidence, campaign: Campaign, history: History, at: str) -> Investigation:
    """What follows from it; `campaign` and `at` (ISO 8601, UTC) are the database's."""
    hypotheses = judge(evidence)
    cause = cause_of(hypotheses) if evidence.campaign.code_failed else None
    by_rows = tuple(Pace(m.value, _MINUTE, m.sent, m.failed) for m in evidence.groups.minutes)
    paced_by_rows = bool(by_rows) and not history.pace
    return Investigation(
        at=at,
        code=evidence.code,
        code_title=lookup(evidence.code, 400).title,
        campaign=campaign,
        failed=evidence.campaign.code_failed,
        hypotheses=hypotheses,
        cause=cause,
        options=options_for(evidence, cause) if evidence.campaign.code_failed else (),
        beside=tuple(_beside(evidence)),
        groups=tuple(_groups(evidence)),
        timeline=tuple(sorted(_timeline(evidence, history), key=lambda moment: moment.at)),
        pace=history.pace or by_rows,
        facts=tuple(_facts(evidence)),
        differences=tuple(
            f"{difference.text} ({n:,} of {evidence.mismatch.compared:,} rows compared)"
            for difference, n in evidence.mismatch.differences
        ),
        probes=evidence.probes,
        samples=tuple(_samples(evidence)),
        contradictions=tuple(_contradictions(evidence, hypotheses)),
        not_checked=tuple(_not_checked(evidence, paced_by_rows)),
    )


# --- side by side ----------------------------------------------------------------------------


def _beside(evidence: Evidence) -> Iterator[Beside]:
    yield _column(evidence, evidence.campaign, evidence.groups, "failed")
    if evidence.healthy is not None:
        yield _column(evidence, evidence.healthy, evidence.healthy_groups, "sent")


def _column(
    evidence: Evidence, campaign: CampaignFacts, groups: Groups | None, outcome: str
) -> Beside:
    total = max(campaign.total, sum(lane.rows for lane in campaign.lanes))
    if campaign.code_failed and campaign.code_failed >= campaign.sent:
        result = f"{campaign.code_failed:,} of {total:,} failed with {evidence.code}"
    else:
        result = f"{campaign.sent:,} of {total:,} sent"
    hosts = hosts_with(groups, outcome)
    return Beside(
        id=campaign.id,
        name=campaign.name,
        status=campaign.status,
        template=", ".join(sorted(campaign.template_names)[:3]),
        number=", ".join(sorted(map(evidence.shown_number, campaign.numbers))[:3]),
        media_host=", ".join(hosts[:2]) or None,
        sent=campaign.sent,
        failed=campaign.failed,
        total=total,
        result=result,
    )


# --- groups ----------------------------------------------------------------------------------


def _groups(evidence: Evidence) -> Iterator[Group]:
    groups, lanes = evidence.groups, evidence.campaign.lanes
    for by, of_lane in (
        ("number", lambda lane: evidence.shown_number(lane.number)),
        ("template", lambda lane: lane.template),
        ("language", lambda lane: _language(evidence, lane)),
    ):
        yield from _ranked(by, ((of_lane(lane), lane.code_failed, lane.sent) for lane in lanes))
    hosts = ((group.host, group.failed, group.sent) for group in groups.hosts)
    yield from _ranked("media_host", hosts)
    files = ((_without_query(file.value), file.failed, file.sent) for file in groups.files)
    yield from _ranked("media", files)
    countries = ((_country(p.value), p.failed, p.sent) for p in groups.prefixes)
    yield from _ranked("country", countries)


def _ranked(by: str, outcomes: Iterable[tuple[str | None, int, int]]) -> Iterator[Group]:
    """The largest groups of values with their failed and sent rows; None is in no group."""
    failed: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    for value, n_failed, n_sent in outcomes:
        if value is not None:
            failed[value] += n_failed
            sent[value] += n_sent
    for value, _ in (failed + sent).most_common(_GROUPS_KEPT):
        yield Group(by, value, failed[value], sent[value])


def _language(evidence: Evidence, lane: LaneOutcomes) -> str:
    known = evidence.templates.get((lane.number, lane.template))
    return known.language if known and known.language else "unknown"


def _country(prefix: str) -> str:
    code = calling_code(prefix.lstrip("+"))
    return f"+{code}" if code else "no country code"


def _without_query(media: str) -> str:
    """A medium as it may be shown: a signed link's query is left out."""
    return media.split("?", 1)[0]


# --- time ------------------------------------------------------------------------------------


def _timeline(evidence: Evidence, history: History) -> Iterator[Moment]:
    groups, code = evidence.groups, evidence.code
    for at, text in (
        (groups.first_failed, f"first message failed with {code}"),
        (groups.last_failed, f"last message failed with {code}"),
        (groups.first_sent, "first message of this campaign accepted"),
        (groups.last_sent, "last message of this campaign accepted"),
    ):
        if at:
            yield Moment(at, "message", text)
    campaign = evidence.campaign
    for other in evidence.others:
        if other.sent and other.numbers & campaign.numbers and other.at <= campaign.at:
            text = f"{other.name} sent {counted(other.sent, 'message')} from the same number"
            yield Moment(other.end or other.at, "message", text)
            break
    if evidence.healthy is not None:
        text = f"{evidence.healthy.name} started; it sent {evidence.healthy.sent:,} messages"
        yield Moment(evidence.healthy.at, "event", text)
    for event in history.events:
        what = what_happened(event.kind)
        words = in_a_sentence(what, event.rows, event.actor, event.reason)
        kind = "repair" if event.kind in _REPAIRS else "event"
        yield Moment(event.at, kind, mask_secrets(" ".join(words.split())))
    for worker in history.workers:
        name = f"worker {worker.host} (pid {worker.pid}, version {worker.version})"
        yield Moment(worker.started, "worker", f"{name} started")
        if worker.stopped:
            yield Moment(worker.stopped, "worker", f"{name} stopped")


# --- facts -----------------------------------------------------------------------------------


def _facts(evidence: Evidence) -> Iterator[Fact]:
    named: dict[str, Template] = {}
    for template in evidence.failing_templates():  # the same on several numbers is one fact
        named.setdefault(template.name, template)
    for known in named.values():
        text = f"{known.name} ({known.language or 'no language'}): {known.status or 'unknown'}"
        text += f", {known.category or 'no category'}"
        if known.quality:
            text += f", quality {known.quality}"
        if known.last_updated_time:
            text += f", last changed {known.last_updated_time}"
        source = "Cloud API" if is_live(known) else "database"
        yield Fact("template", text, known.status == "APPROVED", source)
    for number, live in evidence.live.items():
        shown = evidence.shown_number(number)
        if (described := live.number) is not None:
            text = f"{shown}: {described.status or 'unknown'}"
            text += f", quality {described.quality_rating or 'unknown'}"
            text += f", throughput {described.throughput or 'unknown'}"
            text += f", messaging limit {described.messaging_limit or 'unknown'}"
            yield Fact("number", text, described.status == "CONNECTED", "Cloud API")
        for what, health in live.health.items():
            of = f"{what} {shown}" if what == "number" else what
            text = f"health of {of}: {health.can_send_message}"
            if health.reasons:
                text += f" ({'; '.join(health.reasons[:3])})"
            about = "account" if what == "account" else what.split()[0]
            yield Fact(about, text, health.can_send_message == "AVAILABLE", "Cloud API")
    for report in evidence.media:
        for finding in report.findings:
            ok = {Severity.OK: True, Severity.FAIL: False}.get(finding.severity)
            where = report.host or _without_query(report.media)
            text = f"{where}: {finding.text} {finding.evidence}".strip()
            yield Fact("media", text, ok, "media server")
    mismatch = evidence.mismatch
    if mismatch.compared:
        good = mismatch.compared - max(mismatch.make_up, mismatch.values)
        text = f"{good:,} of {mismatch.compared:,} failed rows compared fit their template"
        yield Fact("payload", text, good == mismatch.compared, "database")
    forms = mismatch.failed_form, mismatch.sent_form
    if all(forms) and forms[0] != forms[1]:
        failed, sent = ({"link": "a URL", "id": "a media id"}[form or ""] for form in forms)
        text = f"failed rows give {failed}, rows that were sent {sent}"
        yield Fact("payload", text, None, "database")


def _samples(evidence: Evidence) -> Iterator[Sample]:
    for row in evidence.rows[:_SAMPLES_KEPT]:
        payload = row.payload if isinstance(row.payload, Mapping) else {"payload": row.payload}
        shown = {str(key): _shown_value(value) for key, value in payload.items()}
        outcome = mask_secrets(row.text or "failed")
        yield Sample(mask_phone(row.phone or ""), row.template, shown, outcome, row.at)


def _shown_value(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return mask_secrets(_without_query(value) if "://" in value else value)


# --- against what one would believe ----------------------------------------------------------


def _contradictions(evidence: Evidence, hypotheses: tuple[Hypothesis, ...]) -> Iterator[str]:
    verdicts = {hypothesis.id: hypothesis.verdict for hypothesis in hypotheses}
    if not evidence.campaign.code_failed:
        return
    refused = f"and its messages are refused with {evidence.code}"
    if verdicts["template_status"] is Likelihood.RULED_OUT:
        yield f"the template is APPROVED, {refused}: approval is not the cause"
    elif verdicts["template_status"] is Likelihood.UNLIKELY:
        yield f"the template was APPROVED at the last sync, {refused}"
    if verdicts["media_invalid"] is Likelihood.RULED_OUT:
        yield f"the file is sound, {refused}: the file's format is not the cause"
    if verdicts["media_unreachable"] is Likelihood.RULED_OUT:
        yield f"the URL can be reached by everybody, {refused}: reachability is not the cause"
    fits = evidence.mismatch.compared and not evidence.mismatch.make_up
    if evidence.code == 135000 and fits:
        yield (
            "Meta calls 135000 an error of the request's parameters, "
            "and the parameters fit the template"
        )
    if verdicts["account_restricted"] is Likelihood.UNLIKELY and evidence.live:
        yield f"Meta says that number and account may send, {refused}"


def _not_checked(evidence: Evidence, paced_by_rows: bool) -> Iterator[str]:
    if evidence.offline:
        yield evidence.offline
    for live in evidence.live.values():
        yield from live.failures
    if evidence.media_not_checked and not evidence.offline:
        yield f"media: {evidence.media_not_checked}"
    groups, failed = evidence.groups, evidence.campaign.code_failed
    if groups.failed_read < failed:
        yield f"hosts, files and countries: over {groups.failed_read:,} of {failed:,} failed rows"
    if groups.sent_read < evidence.campaign.sent:
        yield (
            f"hosts, files and countries: over {groups.sent_read:,} of "
            f"{evidence.campaign.sent:,} sent rows"
        )
    if len(evidence.rows) < failed:
        yield (
            f"payloads: {len(evidence.rows):,} of {failed:,} failed rows"
            f" {were(len(evidence.rows))} compared"
        )
    if evidence.mismatch.unknown:
        yield f"payloads: the template of {rows(evidence.mismatch.unknown)} is not known here"
    if paced_by_rows:
        yield "times of failures are the rows' last change: the old system does not always keep it"
    if evidence.healthy is None:
        yield "no healthy campaign with the same number, template or day was found"
