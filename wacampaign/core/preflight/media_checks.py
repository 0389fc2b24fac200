"""Header media: what the validator said of each distinct file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wacampaign.core.header_media.report import MediaReport, Severity, Where
from wacampaign.core.masking import mask_secrets
from wacampaign.core.preflight.facts import MediaFacts
from wacampaign.core.preflight.model import Check, Line

#: Characters of an address that are shown.
_SHOWN: Final = 60
#: Findings that an own network without a way out makes of every link.
_UNHEARD: Final = frozenset({"name_unknown", "unreachable", "timed_out"})
#: Files shown with what is wrong; the rest is counted.
_FILES_SHOWN: Final = 5


def media_lines(facts: MediaFacts, campaign_id: str, *, offline: bool) -> Iterator[Line]:
    """Each file that is not sound, and the others together.

    `offline`: Meta could not be reached either, so that no answer says nothing of a host.
    """
    fix = f"wacampaign fix-media {campaign_id[:8]} --upload --dry-run"
    if facts.skipped is not None:
        yield Line("media", Check.SKIPPED, facts.skipped, "run it again later")
        return
    unheard = [one for one, _ in facts.reports if offline and _no_answer(one)]
    if unheard:
        files = "1 file" if len(unheard) == 1 else f"{len(unheard)} files"
        yield Line(
            "media",
            Check.SKIPPED,
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
        rows = "1 row" if n == 1 else f"{n:,} rows"
        yield Line("media", verdict, f"{_name(report)} ({rows}): {_worst(report)}", fix)
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
        yield Line("media", Check.OK, f"{fine} {'file is' if fine == 1 else 'files are'} sound")
    if facts.left_out:
        others = f"{facts.left_out:,}{' or more' if facts.more else ''}"
        yield Line(
            "media",
            Check.WARN,
            f"{others} further files were not looked at, only the {len(facts.reports)} most used",
            "see that they are of the same make",
        )
    if not facts.reports and not facts.left_out:
        yield Line("media", Check.OK, "no row has header media")


def _no_answer(report: MediaReport) -> bool:
    return any(one.code in _UNHEARD for one in report.findings)


def _worst(report: MediaReport) -> str:
    """Its findings of the highest severity, with what was seen."""
    texts = [
        f"{one.text.rstrip('.')} ({one.evidence})" if one.evidence else one.text.rstrip(".")
        for one in report.findings
        if one.severity is report.severity
    ]
    return mask_secrets("; ".join(texts))


def _name(report: MediaReport) -> str:
    """The file without what may be secret in its address."""
    if report.where is not Where.URL:
        return f"media id {report.media}"
    text = report.media.partition("?")[0]
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
