"""From evidence to the investigation: verdicts, cause, options, and everything that shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wacampaign.core.error_table import lookup
from wacampaign.core.header_media.report import Severity
from wacampaign.core.investigation.evidence import (
    CampaignFacts,
    Counted,
    Evidence,
    Groups,
    Row,
    hosts_with,
)
from wacampaign.core.investigation.hypotheses import cause_of, judge
from wacampaign.core.investigation.model import (
    Beside,
    Fact,
    Group,
    Hypothesis,
    Investigation,
    Moment,
    Pace,
    Sample,
    Verdict,
)
from wacampaign.core.investigation.options import options_for
from wacampaign.core.masking import mask_phone, mask_secrets
from wacampaign.core.phones import calling_code

#: Groups of one kind that are kept; rows shown whole.
_GROUPS_KEPT: Final = 10
_SAMPLES_KEPT: Final = 5
#: Seconds of a stretch of the chart when only the rows' own times are known.
_MINUTE: Final = 60

#: Events that are repairs rather than changes of state.
_REPAIRS: Final = frozenset({"retried", "repaired", "repair_undone", "restarted", "recovered"})


def conclude(
    evidence: Evidence, campaign: Mapping[str, Any], moments: Mapping[str, Any], at: str
) -> Investigation:
    """`campaign` is the contract's object, `moments` the database's, `at` its clock."""
    hypotheses = judge(evidence)
    cause = cause_of(hypotheses) if evidence.campaign.code_failed else None
    pace, paced_by_rows = _pace(evidence.groups, moments)
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
        timeline=tuple(sorted(_timeline(evidence, moments), key=lambda moment: moment.at)),
        pace=pace,
        facts=tuple(_facts(evidence)),
        differences=tuple(
            f"{one.text} ({n:,} of {evidence.mismatch.compared:,} rows compared)"
            for one, n in evidence.mismatch.differences
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
    lanes = evidence.campaign.lanes
    for by, key in (
        ("number", lambda lane: evidence.shown_number(lane.number)),
        ("template", lambda lane: lane.template),
        ("language", lambda lane: _language(evidence, lane.number, lane.template)),
    ):
        counted: dict[str, tuple[int, int]] = {}
        for lane in lanes:
            failed, sent = counted.get(key(lane), (0, 0))
            counted[key(lane)] = failed + lane.code_failed, sent + lane.sent
        yield from _ranked(by, counted)
    by_host: dict[str, tuple[int, int]] = {}
    for host in evidence.groups.hosts:
        if host.host is not None:
            failed, sent = by_host.get(host.host, (0, 0))
            by_host[host.host] = failed + host.failed, sent + host.sent
    yield from _ranked("media_host", by_host)
    yield from _ranked(
        "media", {_file(one.value): (one.failed, one.sent) for one in evidence.groups.files}
    )
    yield from _ranked("country", _countries(evidence.groups.prefixes))


def _ranked(by: str, counted: Mapping[str, tuple[int, int]]) -> Iterator[Group]:
    kept = sorted(counted.items(), key=lambda item: -sum(item[1]))[:_GROUPS_KEPT]
    for value, (failed, sent) in kept:
        if failed or sent:
            yield Group(by, value, failed, sent)


def _language(evidence: Evidence, number: str, template: str) -> str:
    known = evidence.templates.get((number, template))
    return known.language if known and known.language else "unknown"


def _countries(prefixes: tuple[Counted, ...]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for one in prefixes:
        code = calling_code(one.value.lstrip("+"))
        name = f"+{code}" if code else "no country code"
        failed, sent = found.get(name, (0, 0))
        found[name] = failed + one.failed, sent + one.sent
    return found


def _file(media: str) -> str:
    """A medium as it may be shown: without a signed link's query."""
    return media.split("?", 1)[0]


# --- time ------------------------------------------------------------------------------------


def _timeline(evidence: Evidence, moments: Mapping[str, Any]) -> Iterator[Moment]:
    groups, code = evidence.groups, evidence.code
    for at, text in (
        (groups.first_failed, f"first message failed with {code}"),
        (groups.last_failed, f"last message failed with {code}"),
        (groups.first_sent, "first message of this campaign accepted"),
        (groups.last_sent, "last message of this campaign accepted"),
    ):
        if at:
            yield Moment(at, "message", text)
    for one in evidence.others:
        if one.sent and one.numbers & evidence.campaign.numbers and one.at <= evidence.campaign.at:
            text = f"{one.name} sent {one.sent:,} messages from the same number"
            yield Moment(one.end or one.at, "message", text)
            break
    if evidence.healthy is not None:
        text = f"{evidence.healthy.name} started; it sent {evidence.healthy.sent:,} messages"
        yield Moment(evidence.healthy.at, "event", text)
    for event in moments.get("events", ()):
        words = str(event["kind"]).replace("_", " ")
        if event["rows"] is not None:
            words += f", {event['rows']:,} rows" if event["rows"] != 1 else ", 1 row"
        words += f" by {event['actor']}"
        if event["reason"]:
            words += f": {event['reason']}"
        kind = "repair" if event["kind"] in _REPAIRS else "event"
        yield Moment(event["at"], kind, mask_secrets(" ".join(words.split())))
    for worker in moments.get("workers", ()):
        name = f"worker {worker['host']} (pid {worker['pid']}, version {worker['version']})"
        yield Moment(worker["started"], "worker", f"{name} started")
        if worker["stopped"]:
            yield Moment(worker["stopped"], "worker", f"{name} stopped")


def _pace(groups: Groups, moments: Mapping[str, Any]) -> tuple[tuple[Pace, ...], bool]:
    """The chart's stretches, and whether they are from the rows' own times."""
    given = moments.get("pace", ())
    if given:
        seconds = int(moments["pace_seconds"])
        return tuple(
            Pace(one["at"], seconds, int(one["sent"]), int(one["failed"]), int(one["in_doubt"]))
            for one in given
        ), False
    return tuple(Pace(one.value, _MINUTE, one.sent, one.failed) for one in groups.minutes), bool(
        groups.minutes
    )


# --- facts -----------------------------------------------------------------------------------


def _facts(evidence: Evidence) -> Iterator[Fact]:
    for template in dict.fromkeys(t.name for t in evidence.failing_templates()):
        known = next(t for t in evidence.failing_templates() if t.name == template)
        text = f"{known.name} ({known.language or 'no language'}): {known.status or 'unknown'}"
        text += f", {known.category or 'no category'}"
        if known.quality:
            text += f", quality {known.quality}"
        if known.updated:
            text += f", last changed {known.updated}"
        approved = known.status == "APPROVED"
        yield Fact("template", text, approved, "Cloud API" if known.live else "database")
    for number, live in evidence.live.items():
        shown = evidence.shown_number(number)
        if live.status is not None:
            text = f"{shown}: {live.status or 'unknown'}, quality {live.quality or 'unknown'}"
            text += f", throughput {live.throughput or 'unknown'}"
            text += f", messaging limit {live.limit or 'unknown'}"
            yield Fact("number", text, live.status == "CONNECTED", "Cloud API")
        for what, health in live.health.items():
            text = f"health of {what}{f' {shown}' if what == 'number' else ''}: {health.can_send}"
            if health.reasons:
                text += f" ({'; '.join(health.reasons[:3])})"
            about = "account" if what == "account" else what.split()[0]
            yield Fact(about, text, health.can_send == "AVAILABLE", "Cloud API")
    for report in evidence.media:
        for finding in report.findings:
            ok = {Severity.OK: True, Severity.FAIL: False}.get(finding.severity)
            where = report.host or _file(report.media)
            text = f"{where}: {finding.text} {finding.evidence}".strip()
            yield Fact("media", text, ok, "media server")
    found = evidence.mismatch
    if found.compared:
        good = found.compared - max(found.make_up, found.values)
        text = f"{good:,} of {found.compared:,} failed rows compared fit their template"
        yield Fact("payload", text, good == found.compared, "database")
    if found.failed_form and found.sent_form and found.failed_form != found.sent_form:
        words = {"link": "a URL", "id": "a media id"}
        text = f"failed rows give {words[found.failed_form]}, rows that were sent "
        yield Fact("payload", text + words[found.sent_form], None, "database")


def _samples(evidence: Evidence) -> Iterator[Sample]:
    for row in evidence.rows[:_SAMPLES_KEPT]:
        yield _sample(row, mask_secrets(row.text or "failed"))


def _sample(row: Row, outcome: str) -> Sample:
    payload = row.payload if isinstance(row.payload, Mapping) else {"payload": row.payload}
    shown = {
        str(key): mask_secrets(_file(value) if "://" in value else value)
        if isinstance(value, str)
        else value
        for key, value in payload.items()
    }
    return Sample(mask_phone(row.phone or ""), row.template, shown, outcome, row.at)


# --- against what one would believe ----------------------------------------------------------


def _contradictions(evidence: Evidence, hypotheses: tuple[Hypothesis, ...]) -> Iterator[str]:
    verdicts = {one.id: one.verdict for one in hypotheses}
    if not evidence.campaign.code_failed:
        return
    refused = f"and its messages are refused with {evidence.code}"
    if verdicts["template_status"] is Verdict.RULED_OUT:
        yield f"the template is APPROVED, {refused}: approval is not the cause"
    elif verdicts["template_status"] is Verdict.UNLIKELY:
        yield f"the template was APPROVED at the last sync, {refused}"
    if verdicts["media_invalid"] is Verdict.RULED_OUT:
        yield f"the file is sound, {refused}: the file's format is not the cause"
    if verdicts["media_unreachable"] is Verdict.RULED_OUT:
        yield f"the URL can be reached by everybody, {refused}: reachability is not the cause"
    fits = evidence.mismatch.compared and not evidence.mismatch.make_up
    if evidence.code == 135000 and fits:
        yield (
            "Meta calls 135000 an error of the request's parameters, "
            "and the parameters fit the template"
        )
    if verdicts["account_restricted"] is Verdict.UNLIKELY and evidence.live:
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
        yield f"payloads: {len(evidence.rows):,} of {failed:,} failed rows were compared"
    if evidence.mismatch.unknown:
        yield f"payloads: the template of {evidence.mismatch.unknown:,} rows is not known here"
    if paced_by_rows:
        yield "times of failures are the rows' last change: the old system does not always keep it"
    if evidence.healthy is None:
        yield "no healthy campaign with the same number, template or day was found"
