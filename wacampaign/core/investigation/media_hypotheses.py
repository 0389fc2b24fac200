"""Judgements on the header media: its host, whether it is reachable, sound, and still there."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from wacampaign.core.investigation.evidence import (
    MEDIA_ID,
    Evidence,
    Groups,
    host_of,
    hosts_with,
    real_hosts,
)
from wacampaign.core.investigation.model import Judgement, Likelihood, Probe
from wacampaign.core.media.report import MediaFinding, Severity, Where
from wacampaign.core.templates import Template
from wacampaign.core.words import counted, were

#: Titles of the probes, by which their answers are found again.
SAME_PAYLOAD: Final = "the failed payload itself"
APPROVED_MEDIA: Final = "the same with the approved media uploaded"
OTHER_NUMBER: Final = "the same template from another number"
OTHER_TEMPLATE: Final = "another template from this number"

#: Meta's own words for media that it could not fetch or take.
_MEDIA_CODES: Final = frozenset({131053, 131014})

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


def no_header_media(evidence: Evidence) -> bool:
    """Whether it is known that no failing template takes media, in its header or on its cards."""
    templates = evidence.failing_templates()
    all_known = len(templates) == len(evidence.lanes) > 0
    return all_known and not any(map(_takes_media, templates))


def _takes_media(template: Template) -> bool:
    return template.unusable is None and any(s.role == "media" for s in template.shape.slots())


def probe(evidence: Evidence, title: str) -> Probe | None:
    """The probe of that title, if it was sent and Meta's answer to it is known."""
    answered = (sent for sent in evidence.probes if not sent.unanswered)
    return next((sent for sent in answered if sent.title == title), None)


# --- the host --------------------------------------------------------------------------------


def _host(evidence: Evidence) -> Judgement:
    failing = hosts_with(evidence.groups, "failed")
    hosts = real_hosts(failing)
    templates = [t for t in evidence.failing_templates() if t.header_media]
    if not hosts:
        if MEDIA_ID in failing:
            why = "the failed rows give a media id, so no other host is involved"
            return Likelihood.RULED_OUT, (why,)
        return Likelihood.NOT_CHECKED, ("no failed row names a host of header media",)
    host = hosts[0]
    read = evidence.groups.failed_read
    seen = [f"the failed rows' media is on {', '.join(hosts[:3])} ({counted(read, 'row')} read)"]
    samples = sorted({host for t in templates for host in map(host_of, t.samples) if host})
    healthy = real_hosts(hosts_with(evidence.healthy_groups, "sent"))
    if samples:
        seen.append(f"the template's approved sample is on {', '.join(samples)}")
    elif templates:
        seen.append("the template's approved sample is not known here")
    lanes = {(lane.number, lane.template) for lane in evidence.lanes}
    in_lanes = (g for g in evidence.groups.hosts if (g.number, g.template) in lanes)
    if accepted := sum(group.sent for group in in_lanes if group.host == host):
        seen.append(
            f"{counted(accepted, 'row')} of the same number and template with it"
            f" {were(accepted)} accepted"
        )
        return Likelihood.RULED_OUT, tuple(seen)
    if host in samples or (not samples and host in healthy):
        return Likelihood.RULED_OUT, (*seen, "so the host is the one that works elsewhere")
    if not samples and not healthy:
        seen.append("there is neither a sample nor a healthy campaign to compare the host with")
        return Likelihood.NOT_CHECKED, tuple(seen)
    seen.append(f"no row with {host} was accepted in this campaign")
    same, approved = probe(evidence, SAME_PAYLOAD), probe(evidence, APPROVED_MEDIA)
    if same is not None and same.accepted:
        seen.append("the same payload was accepted as a probe: the cause is gone, or was another")
        return Likelihood.UNLIKELY, tuple(seen)
    if approved is not None and same is not None:
        if approved.accepted:
            text = "probe: the same message with the approved media was accepted"
            return Likelihood.CONFIRMED, (*seen, text)
        text = f"probe: with the approved media it is refused, too ({approved.answer})"
        return Likelihood.UNLIKELY, (*seen, text)
    if evidence.healthy is not None and host in healthy:
        seen.append(f"{evidence.healthy.name} has media on the same host and was sent")
        return Likelihood.UNLIKELY, tuple(seen)
    if elsewhere := _accepted_elsewhere(evidence, samples):
        return Likelihood.CONFIRMED, (*seen, elsewhere)
    if healthy and evidence.healthy is not None:
        seen.append(f"{evidence.healthy.name}, which was sent, has its media on {healthy[0]}")
    else:
        seen.append("no row with the sample's host is there to compare with")
    return Likelihood.LIKELY, tuple(seen)


def _accepted_elsewhere(evidence: Evidence, samples: Sequence[str]) -> str | None:
    """Rows with the approved sample's host, or a media id, that were accepted, here or beside."""
    if here := _accepted(evidence.groups, {*samples, MEDIA_ID}):
        return f"in this campaign {counted(here, 'row')} with other media {were(here)} accepted"
    healthy, groups = evidence.healthy, evidence.healthy_groups
    if healthy is None or groups is None or not (there := _accepted(groups, set(samples))):
        return None
    name = f"{healthy.name} ({evidence.healthy_by})"
    return f"{name}: {counted(there, 'row')} with the sample's host accepted"


def _accepted(groups: Groups, hosts: Collection[str]) -> int:
    return sum(group.sent for group in groups.hosts if group.host in hosts)


# --- what the validator says -----------------------------------------------------------------


def _findings(evidence: Evidence, codes: frozenset[str]) -> list[tuple[str, MediaFinding]]:
    """Findings with these codes, with the file's host or id, worst first."""
    located = [
        (report.host or ("media id " if report.where is Where.ID else "") + report.media, finding)
        for report in evidence.media
        for finding in report.findings
        if finding.code in codes
    ]
    order = (Severity.FAIL, Severity.WARN, Severity.OK)
    return sorted(located, key=lambda pair: order.index(pair[1].severity))


def _texts(located: Iterable[tuple[str, MediaFinding]]) -> tuple[str, ...]:
    texts = (f"{where}: {finding.text} {finding.evidence}".strip() for where, finding in located)
    return tuple(texts)[:4]


def _without_media(evidence: Evidence) -> Judgement | None:
    if evidence.media:
        return None
    why = evidence.media_not_checked or "no failed row names header media"
    return Likelihood.NOT_CHECKED, (why,)


def _unreachable(evidence: Evidence) -> Judgement:
    if evidence.code in _MEDIA_CODES:
        named = f"Meta's answer itself ({evidence.code}) says that it could not fetch the media"
        seen = _texts(_findings(evidence, _UNREACHABLE | _REACHED))
        return Likelihood.CONFIRMED, (named, *seen)
    if unchecked := _without_media(evidence):
        return unchecked
    bad = _findings(evidence, _UNREACHABLE)
    if not bad:
        if reached := _texts(_findings(evidence, _REACHED)):
            return Likelihood.RULED_OUT, reached
        return Likelihood.NOT_CHECKED, ("the media was not fetched",)
    if all(finding.code in _PERHAPS_OURS for _, finding in bad):
        ours = "this machine got no answer; Meta fetches from its own network"
        return Likelihood.NOT_CHECKED, (*_texts(bad), ours)
    late = "Meta reports a fetch that fails with 131053, after it has accepted the message"
    return Likelihood.LIKELY, (*_texts(bad), late)


def _invalid(evidence: Evidence) -> Judgement:
    if unchecked := _without_media(evidence):
        return unchecked
    others = _UNREACHABLE | _EXPIRED | _EXPIRES | _REACHED
    codes = frozenset(finding.code for report in evidence.media for finding in report.findings)
    faults = [
        (where, finding)
        for where, finding in _findings(evidence, codes - others)
        if finding.severity is Severity.FAIL
    ]
    if faults:
        return Likelihood.CONFIRMED, _texts(faults)
    good = _findings(evidence, _SOUND)
    sound = _texts(sorted(good, key=lambda pair: not pair[1].code.endswith("_sound")))
    if not sound:
        return Likelihood.NOT_CHECKED, ("the file's content was not read",)
    return Likelihood.RULED_OUT, sound


def _expired(evidence: Evidence) -> Judgement:
    if evidence.media:
        if over := _findings(evidence, _EXPIRED):
            return Likelihood.CONFIRMED, _texts(over)
        if soon := _findings(evidence, _EXPIRES):
            return Likelihood.UNLIKELY, _texts(soon)
        if _findings(evidence, _REACHED):
            return Likelihood.RULED_OUT, ("the media is still there",)
    if MEDIA_ID in hosts_with(evidence.groups, "failed"):
        why = "the failed rows give media ids, which live 30 days and belong to one number"
        return Likelihood.NOT_CHECKED, (why, evidence.media_not_checked or "")
    unfetched = Likelihood.NOT_CHECKED, ("the media could not be fetched",)
    return _without_media(evidence) or unfetched


#: By hypothesis.
MEDIA_JUDGEMENTS: Final[dict[str, Callable[[Evidence], Judgement]]] = {
    "media_host_differs": _host,
    "media_unreachable": _unreachable,
    "media_invalid": _invalid,
    "media_expired": _expired,
}
