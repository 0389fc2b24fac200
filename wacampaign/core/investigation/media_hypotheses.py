"""Verdicts on the header media: its host, whether it is reachable, sound, and still there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from wacampaign.core.header_media.report import MediaFinding, Severity, Where
from wacampaign.core.investigation.evidence import (
    MEDIA_ID,
    CampaignFacts,
    Evidence,
    Groups,
    TemplateFacts,
    host_of,
    hosts_with,
    real_hosts,
)
from wacampaign.core.investigation.model import Hypothesis, Probe, Verdict

#: Titles of the probes, by which their answers are found again.
SAME_PAYLOAD: Final = "the failed payload itself"
APPROVED_MEDIA: Final = "the same with the approved media uploaded"
OTHER_NUMBER: Final = "the same template from another number"
OTHER_TEMPLATE: Final = "another template from this number"

#: Meta's own words for media that it could not fetch or take.
MEDIA_CODES: Final = frozenset({131053, 131014})

#: Findings of the validator by hypothesis; the others say nothing of these three.
_UNREACHABLE: Final = frozenset(
    {
        *("wrong_scheme", "bad_url", "url_userinfo", "private_address", "name_unknown"),
        *("unreachable", "tls_failed", "timed_out", "redirect_loop", "bad_redirect"),
        *("http_status", "login_required"),
    }
)
#: The failures of a fetch that may be this machine's and not the host's.
_PERHAPS_OURS: Final = frozenset({"name_unknown", "unreachable", "timed_out", "tls_failed"})
_EXPIRED: Final = frozenset({"expired", "id_expired", "id_unknown", "id_of_other_number"})
_EXPIRES: Final = frozenset({"expires_soon", "id_expires_soon", "sample_host_as_link"})
_REACHED: Final = frozenset({"reachable", "id_found", "id_owned"})
_SOUND: Final = frozenset(
    {"video_sound", "image_sound", "document_sound", "type_agrees", "size_fits"}
)


def media_hypotheses(evidence: Evidence) -> list[Hypothesis]:
    """The four of the media, in the contract's order."""
    if no_header_media(evidence):
        why = "the failing templates take no header media"
        return [
            Hypothesis(name, Verdict.RULED_OUT, (why,))
            for name in (
                "media_host_differs",
                "media_unreachable",
                "media_invalid",
                "media_expired",
            )
        ]
    return [_host(evidence), _unreachable(evidence), _invalid(evidence), _expired(evidence)]


def no_header_media(evidence: Evidence) -> bool:
    """Whether it is known that no failing template takes header media."""
    templates = evidence.failing_templates()
    known = len({(t.number, t.name) for t in templates})
    return known == len(evidence.lanes) > 0 and all(t.header_media is None for t in templates)


def probe(evidence: Evidence, title: str) -> Probe | None:
    """The probe of that title, if it was sent and Meta's answer to it is known."""
    known = (one for one in evidence.probes if one.title == title and not one.unanswered)
    return next(known, None)


# --- the host --------------------------------------------------------------------------------


def _host(evidence: Evidence) -> Hypothesis:
    name = "media_host_differs"
    failing = hosts_with(evidence.groups, "failed")
    hosts = real_hosts(failing)
    templates = [t for t in evidence.failing_templates() if t.header_media]
    if not hosts:
        if MEDIA_ID in failing:
            why = "the failed rows give a media id, so no other host is involved"
            return Hypothesis(name, Verdict.RULED_OUT, (why,))
        return Hypothesis(
            name, Verdict.NOT_CHECKED, ("no failed row names a host of header media",)
        )
    host = hosts[0]
    read = evidence.groups.failed_read
    seen = [f"the failed rows' media is on {', '.join(hosts[:3])} ({read:,} rows read)"]
    samples = sorted({sample for t in templates for sample in t.sample_hosts})
    healthy = real_hosts(hosts_with(evidence.healthy_groups, "sent"))
    if samples:
        seen.append(f"the template's approved sample is on {', '.join(samples)}")
    elif templates:
        seen.append("the template's approved sample is not known here")
    accepted = _accepted_here(evidence, host)
    if accepted:
        seen.append(f"{accepted:,} rows of the same number and template with it were accepted")
        return Hypothesis(name, Verdict.RULED_OUT, tuple(seen))
    if host in samples or (not samples and host in healthy):
        seen.append("so the host is the one that works elsewhere")
        return Hypothesis(name, Verdict.RULED_OUT, tuple(seen))
    if not samples and not healthy:
        seen.append("there is neither a sample nor a healthy campaign to compare the host with")
        return Hypothesis(name, Verdict.NOT_CHECKED, tuple(seen))
    seen.append(f"no row with {host} was accepted in this campaign")
    same, approved = probe(evidence, SAME_PAYLOAD), probe(evidence, APPROVED_MEDIA)
    if same is not None and same.accepted:
        seen.append("the same payload was accepted as a probe: the cause is gone, or was another")
        return Hypothesis(name, Verdict.UNLIKELY, tuple(seen))
    if approved is not None and same is not None:
        if approved.accepted:
            seen.append("probe: the same message with the approved media was accepted")
            return Hypothesis(name, Verdict.CONFIRMED, tuple(seen))
        seen.append(f"probe: with the approved media it is refused, too ({approved.answer})")
        return Hypothesis(name, Verdict.UNLIKELY, tuple(seen))
    if evidence.healthy is not None and host in healthy:
        seen.append(f"{evidence.healthy.name} has media on the same host and was sent")
        return Hypothesis(name, Verdict.UNLIKELY, tuple(seen))
    if _sample_works(evidence, samples):
        return Hypothesis(name, Verdict.CONFIRMED, (*seen, _beside_text(evidence, samples)))
    if healthy and evidence.healthy is not None:
        seen.append(f"{evidence.healthy.name}, which was sent, has its media on {healthy[0]}")
    else:
        seen.append("no row with the sample's host is there to compare with")
    return Hypothesis(name, Verdict.LIKELY, tuple(seen))


def _accepted_here(evidence: Evidence, host: str) -> int:
    """Rows with this host that were accepted in a lane in which others failed."""
    lanes = {(lane.number, lane.template) for lane in evidence.lanes}
    return sum(
        group.sent
        for group in evidence.groups.hosts
        if group.host == host and (group.number, group.template) in lanes
    )


def _sample_works(evidence: Evidence, samples: Iterable[str]) -> bool:
    """Whether rows with the approved sample's host were accepted, here or beside."""
    hosts = set(samples)
    return any(
        group.sent and group.host in hosts | {MEDIA_ID} for group in evidence.groups.hosts
    ) or (
        evidence.healthy_groups is not None
        and any(group.sent and group.host in hosts for group in evidence.healthy_groups.hosts)
    )


def _beside_text(evidence: Evidence, samples: Iterable[str]) -> str:
    hosts = set(samples)

    def accepted(groups: Groups) -> int:
        return sum(group.sent for group in groups.hosts if group.host in hosts)

    uploaded = sum(group.sent for group in evidence.groups.hosts if group.host == MEDIA_ID)
    if here := accepted(evidence.groups) + uploaded:
        return f"in this campaign {here:,} rows with other media were accepted"
    healthy: CampaignFacts | None = evidence.healthy
    if healthy is None or evidence.healthy_groups is None:  # then there is nothing beside
        return "rows with the sample's host were accepted"
    n = accepted(evidence.healthy_groups)
    return f"{healthy.name} ({evidence.healthy_by}): {n:,} rows with the sample's host accepted"


# --- what the validator says -----------------------------------------------------------------


def _found(evidence: Evidence, codes: frozenset[str]) -> list[tuple[str, MediaFinding]]:
    """Findings with these codes, with the file's host or id, worst first."""
    found = [
        (report.host or ("media id " + report.media if report.where is Where.ID else report.media))
        for report in evidence.media
        for finding in report.findings
        if finding.code in codes
    ]
    findings = [f for report in evidence.media for f in report.findings if f.code in codes]
    pairs = list(zip(found, findings, strict=True))
    order = (Severity.FAIL, Severity.WARN, Severity.OK)
    return sorted(pairs, key=lambda pair: order.index(pair[1].severity))


def _said(pairs: Iterable[tuple[str, MediaFinding]]) -> tuple[str, ...]:
    return tuple(f"{where}: {finding.text} {finding.evidence}".strip() for where, finding in pairs)[
        :4
    ]


def _not_checked(name: str, evidence: Evidence) -> Hypothesis | None:
    if evidence.media:
        return None
    why = evidence.media_not_checked or "no failed row names header media"
    return Hypothesis(name, Verdict.NOT_CHECKED, (why,))


def _unreachable(evidence: Evidence) -> Hypothesis:
    name = "media_unreachable"
    if evidence.code in MEDIA_CODES:
        said = f"Meta's answer itself ({evidence.code}) says that it could not fetch the media"
        found = _said(_found(evidence, _UNREACHABLE | _REACHED))
        return Hypothesis(name, Verdict.CONFIRMED, (said, *found))
    missing = _not_checked(name, evidence)
    if missing is not None:
        return missing
    bad = _found(evidence, _UNREACHABLE)
    if not bad:
        reached = _said(_found(evidence, _REACHED))
        if not reached:
            return Hypothesis(name, Verdict.NOT_CHECKED, ("the media was not fetched",))
        return Hypothesis(name, Verdict.RULED_OUT, reached)
    late = "Meta reports a fetch that fails with 131053, after it has accepted the message"
    if all(finding.code in _PERHAPS_OURS for _, finding in bad):
        ours = "this machine got no answer; Meta fetches from its own network"
        return Hypothesis(name, Verdict.NOT_CHECKED, (*_said(bad), ours))
    return Hypothesis(name, Verdict.LIKELY, (*_said(bad), late))


def _invalid(evidence: Evidence) -> Hypothesis:
    name = "media_invalid"
    missing = _not_checked(name, evidence)
    if missing is not None:
        return missing
    others = _UNREACHABLE | _EXPIRED | _EXPIRES | _REACHED
    faults = [
        pair
        for pair in _found(evidence, frozenset(f.code for m in evidence.media for f in m.findings))
        if pair[1].code not in others and pair[1].severity is Severity.FAIL
    ]
    if faults:
        return Hypothesis(name, Verdict.CONFIRMED, _said(faults))
    good = _found(evidence, _SOUND)
    sound = _said(sorted(good, key=lambda pair: not pair[1].code.endswith("_sound")))
    if not sound:
        return Hypothesis(name, Verdict.NOT_CHECKED, ("the file's content was not read",))
    return Hypothesis(name, Verdict.RULED_OUT, sound)


def _expired(evidence: Evidence) -> Hypothesis:
    name = "media_expired"
    if evidence.media:
        if over := _found(evidence, _EXPIRED):
            return Hypothesis(name, Verdict.CONFIRMED, _said(over))
        if soon := _found(evidence, _EXPIRES):
            return Hypothesis(name, Verdict.UNLIKELY, _said(soon))
        if _found(evidence, _REACHED):
            return Hypothesis(name, Verdict.RULED_OUT, ("the media is still there",))
    failing = hosts_with(evidence.groups, "failed")
    if MEDIA_ID in failing:
        why = "the failed rows give media ids, which live 30 days and belong to one number"
        return Hypothesis(name, Verdict.NOT_CHECKED, (why, evidence.media_not_checked or ""))
    missing = _not_checked(name, evidence)
    return missing or Hypothesis(name, Verdict.NOT_CHECKED, ("the media could not be fetched",))


def approved_media(template: TemplateFacts) -> str | None:
    """The sample's address, for messages with the approved media."""
    return next((sample for sample in sorted(template.samples) if host_of(sample)), None)
