"""Header media: what the validator said of each distinct file."""

from collections.abc import Iterator
from typing import Final

from wacampaign.core.masking import mask_secrets
from wacampaign.core.media.report import MediaReport, Severity, Where
from wacampaign.core.preflight.facts import MediaFacts
from wacampaign.core.preflight.model import Check, Line, ok, skipped, warn
from wacampaign.core.words import counted, rows, short_id

#: Characters of an address that are shown.
_SHOWN: Final = 60
#: Findings that an own network without a way out makes of every link.
_UNHEARD: Final = frozenset({"name_unknown", "unreachable", "timed_out"})
#: Files shown with what is wrong; the rest is counted.
_FILES_SHOWN: Final = 5


def media_lines(
    facts: MediaFacts, campaign_id: str, *, offline: bool, on_cards: bool = False
) -> Iterator[Line]:
    """Each file that is not sound, and the others together.

    `offline`: Meta could not be reached either, so that no answer says nothing of a host.
    `on_cards`: they are a carousel's, which `fix-media` does not repair.
    """
    fix = f"wacampaign fix-media {short_id(campaign_id)} --upload --dry-run"
    if on_cards:
        fix = f"correct the list, wacampaign cancel {short_id(campaign_id)}, and create it again"
    if facts.skipped is not None:
        yield skipped("media", facts.skipped, "run it again later")
        return
    unheard = [
        report
        for report, _ in facts.reports
        if offline and any(finding.code in _UNHEARD for finding in report.findings)
    ]
    if unheard:
        files = counted(len(unheard), "file")
        yield skipped(
            "media",
            f"{files} could not be fetched, and neither could Meta be reached",
            "run it again when the network is back",
        )
    troubled = [
        (report, n)
        for report, n in facts.reports
        if report.severity is not Severity.OK and report not in unheard
    ]
    troubled.sort(key=lambda item: (item[0].severity is not Severity.FAIL, -item[1]))
    for report, n in troubled[:_FILES_SHOWN]:
        verdict = Check.FAIL if report.severity is Severity.FAIL else Check.WARN
        yield Line("media", verdict, f"{_name(report)} ({rows(n)}): {_worst(report)}", fix)
    if rest := troubled[_FILES_SHOWN:]:
        failed = any(report.severity is Severity.FAIL for report, _ in rest)
        yield Line(
            "media",
            Check.FAIL if failed else Check.WARN,
            f"{len(rest)} more files are not sound",
            fix,
        )
    fine = len(facts.reports) - len(troubled) - len(unheard)
    if fine:
        yield ok("media", f"{fine} {'file is' if fine == 1 else 'files are'} sound")
    if facts.left_out:
        others = f"{facts.left_out:,}{' or more' if facts.more else ''}"
        yield warn(
            "media",
            f"{others} further files were not looked at, only the {len(facts.reports)} most used",
            "see that they are of the same make",
        )
    if not facts.reports and not facts.left_out:
        yield ok("media", "no row has header media")


def _worst(report: MediaReport) -> str:
    """Its findings of the highest severity, with what was seen."""
    texts = [
        finding.text.rstrip(".") + (f" ({finding.evidence})" if finding.evidence else "")
        for finding in report.findings
        if finding.severity is report.severity
    ]
    return mask_secrets("; ".join(texts))


def _name(report: MediaReport) -> str:
    """The file without what may be secret in its address."""
    if report.where is not Where.URL:
        return f"media id {report.media}"
    text = report.media.partition("?")[0]
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
