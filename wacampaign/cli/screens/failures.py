"""How `failures` and `retry-failed` tell of failed rows."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from wacampaign.cli.output import tell
from wacampaign.cli.plan import show_next
from wacampaign.cli.screens.tables import tell_indented
from wacampaign.core.campaign.failed_rows import LEFT_OUT, LEFT_OUT_STEP, NO_CODE, written_again
from wacampaign.core.campaign.next_step import after_failures
from wacampaign.core.words import local_time, rows
from wacampaign.operations.failed_rows import FailureReport
from wacampaign.operations.retry import RetrySurvey


def failures_json(report: FailureReport, csv: Path | None) -> dict[str, Any]:
    """The object of `failures --json`; `csv`: the file that was written."""
    return {
        "campaign": asdict(report.campaign),
        "failed": report.rows,
        "left_out": report.left_out,
        "undelivered": report.undelivered_rows,
        "errors": [
            {
                "code": failure.code,
                "title": failure.entry.title,
                "count": failure.count,
                "accepted_before": failure.accepted,
                "handling": str(failure.entry.handling),
                "scope": str(failure.entry.scope),
                "retryable": failure.entry.retryable,
                "worker_action": failure.entry.worker_action,
                "next_step": failure.next_step,
                "text": failure.text,
                "cause": list(failure.cause),
            }
            for failure in report.failures
        ],
        "undelivered_errors": [
            {
                "code": one.code,
                "title": one.title,
                "count": one.count,
                "scope": str(one.entry.scope),
                "next_step": one.next_step,
                "text": one.text,
            }
            for one in report.undelivered
        ],
        "samples": [{**asdict(row), "kind": row.kind} for row in report.samples],
        "csv": None if csv is None else {"file": str(csv), "rows": report.written},
    }


def show_failures(report: FailureReport) -> None:
    """Code by code: count, handling, one text, and what to do; then rows, then the next command."""
    campaign = report.campaign
    if not report.failures and not report.undelivered:
        which = "" if report.code is None else f" with code {report.code}"
        tell(f"{campaign}: no row has failed{which}")
    else:
        told = [f"{rows(report.rows)} failed"] if report.failures else []
        if report.left_out:
            told[0] += f" ({report.left_out:,} of them left out)"
        told += [f"{report.undelivered_rows:,} undelivered"] if report.undelivered else []
        tell_indented("", f"{campaign} {campaign.status}: {', '.join(told)}")
    for failure in report.failures:
        if not failure.refused:
            continue
        entry = failure.entry
        tell()
        again = "may be tried again" if entry.retryable else "not tried again by itself"
        label = entry.title if failure.code == NO_CODE else entry.heading
        tell_indented(
            "  ", f"{label}: {rows(failure.refused)}, {entry.handling} ({entry.scope}), {again}"
        )
        if failure.accepted:
            tell_indented(
                "    ",
                f"{rows(failure.accepted)} accepted first and failed later: never sent again",
            )
        if failure.text:
            tell_indented("    ", f"for example: {failure.text}")
        for sentence in failure.cause:
            tell_indented("    ", f"cause: {sentence}")
        if failure.code != NO_CODE:
            tell_indented("    ", f"the worker {entry.worker_action}")
        tell_indented("    ", f"you: {failure.next_step}")
    if report.left_out:
        tell()
        tell_indented(
            "  ", f"left out: {rows(report.left_out)} to people who {LEFT_OUT}; never sent"
        )
        tell_indented("    ", f"you: {LEFT_OUT_STEP}")
    _show_undelivered(report)
    if report.samples:
        tell()
        tell("  the first rows:")
    for row in report.samples:
        at = local_time(row.at) if row.at else "-"
        tell_indented("    ", f"{row.phone}  {row.template}  {at}  {row.text or '-'}")
    if report.failures or report.undelivered:
        tell()
    show_next(after_failures(campaign.short_id, campaign.status, report.failures, report.code))


def _show_undelivered(report: FailureReport) -> None:
    """What was accepted and failed afterwards, code by code."""
    if not report.undelivered:
        return
    tell()
    tell_indented(
        "  ", f"undelivered: accepted, then failed; {rows(report.undelivered_rows)} that stay sent"
    )
    for one in report.undelivered:
        tell()
        label = one.title if one.code == NO_CODE else f"{one.code} {one.title}"
        tell_indented("  ", f"{label}: {rows(one.count)} undelivered ({one.entry.scope})")
        if one.text:
            tell_indented("    ", f"for example: {one.text}")
        tell_indented("    ", f"you: {one.next_step}")
    tell()
    tell_indented(
        "  ", "no machine sends undelivered ones again, retry-failed neither; for a new campaign:"
    )
    tell(f"    {written_again(report.campaign.short_id)}")


def show_none_retried(survey: RetrySurvey) -> None:
    """There was nothing to try again, and why."""
    campaign, failed = survey.campaign, survey.failed
    if out := sum(survey.left_out.values()):
        why = f"{campaign}: {rows(out)} would be tried again, but their people opted out"
        why += " of marketing, or rest from it"
    elif survey.code is not None:
        why = f"{campaign} has no failed row with code {survey.code} to try again"
    elif failed:
        why = f"{campaign}: none of its {failed:,} failed rows may be tried again by itself"
    else:
        why = f"{campaign} has no failed row"
    tell(f"{why}: nothing was changed")
    undelivered = campaign.delivery.undelivered
    if undelivered:
        tell(f"{undelivered:,} undelivered ones were accepted, and are never sent again")
    command = "failures" if failed or undelivered else "queue-stats"
    show_next(f"wacampaign {command} {campaign.short_id}")
