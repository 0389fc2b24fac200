"""What to run next: the one command that a person is pointed to, by what was found or done.

Every `→` line and every "afterwards" of a plan is judged here, by small functions of typed facts.
What is wrong with a campaign, with a command each, is in `findings.py`; what to do about an error
code stands in `core/errors`.
"""

from collections.abc import Sequence
from typing import Final

from wacampaign.core.campaign.audit import Audit
from wacampaign.core.campaign.failed_rows import Failure
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.campaign.stuck import Kind, StuckCampaign
from wacampaign.core.errors import investigate
from wacampaign.core.preflight.model import Preflight

#: With the list that a campaign was made of, that tells who is missing.
_WHO_IS_LEFT: Final = "results {} --show-numbers --csv FILE"
#: The command by what an audit found, worst first; for doubts the one that sends nothing.
_AFTER_AUDIT: Final = {
    "left_behind": "restart-stuck {}",
    "never_enqueued": "queue-stats {}",
    "deleted": _WHO_IS_LEFT,
    "duplicates": "queue-stats {}",
    "ids_shared": "queue-stats {}",
    "in_doubt": "restart-stuck {} --in-doubt hold",
    "totals_differ": "restart-stuck {}",
}


def after_audit(audits: Sequence[Audit]) -> str:
    """The command for the worst finding of all."""
    if any(audit.count_drift for audit in audits):
        return "wacampaign db migrate"
    for finding, command in _AFTER_AUDIT.items():
        for audit in audits:
            if getattr(audit, finding):
                if finding == "never_enqueued":
                    command = _for_those_without_a_row(audit)
                return "wacampaign " + command.format(audit.short_id)
    return "wacampaign queue-stats"


def _for_those_without_a_row(audit: Audit) -> str:
    """Nothing puts them into the queue of a campaign that was started: another one reaches them."""
    if audit.status not in ("running", "completed", "failed"):
        return _AFTER_AUDIT["never_enqueued"]  # they may still come
    if audit.rows:
        return f"{_WHO_IS_LEFT}    (create a campaign for the others of its list)"
    if audit.total_sent_shown or audit.total_failed_shown:
        return "events {}    (it was sent, and its rows cleared away since: nothing is to be done)"
    return "create --help    (nobody of its list was sent to)"


def after_failures(
    short_id: str, status: str, failures: Sequence[Failure], code: int | None
) -> str:
    """What acts on these failures of a campaign; `code`: the only one that was asked for."""
    seen = next((failure for failure in failures if failure.cause), None)
    if seen is not None and seen.code == next(iter(failures)).code:
        return seen.next_step
    unknown = next((failure.code for failure in failures if failure.entry.is_investigated), None)
    if unknown is not None:
        # Trying again what nobody understands only fails again.
        return investigate(unknown, short_id)
    if status != "failed" and any(f.entry.retryable and f.never_accepted for f in failures):
        only = "" if code is None else f" --code {code}"
        return f"wacampaign retry-failed {short_id}{only} --dry-run"
    return f"wacampaign queue-stats {short_id}"


def after_preflight(preflight: Preflight, short_id: str, status: str, *, tested: bool) -> str:
    """What puts the first failure right, or what a campaign in this status is ready for."""
    if preflight.failures:
        fixes = (line.fix for line in preflight.failures if line.fix.startswith("wacampaign "))
        return next(fixes, f"wacampaign preflight {short_id}    (once that is put right)")
    if status == "running":
        return f"wacampaign monitor {short_id}"
    if not tested:
        return f"wacampaign preflight {short_id} --test-to PHONE, or wacampaign start {short_id}"
    return f"wacampaign start {short_id}"


def after_status_change(campaign: Campaign, status: str) -> str:
    """A campaign was started, resumed, paused or cancelled: `status` is its new one."""
    if status == "paused":
        return f"wacampaign resume {campaign.short_id}"
    if status == "failed":
        return f"wacampaign audit {campaign.short_id}"
    return _to_have_it_sent(campaign.live_workers, campaign.short_id)


def after_retry(campaign: Campaign) -> str:
    """What gets rows sent that are ready again; `campaign` before the retry or after it."""
    if campaign.scheduled_start_time:
        return f"wacampaign queue-stats {campaign.short_id}"
    if campaign.status == "paused" or campaign.is_held:
        return f"wacampaign resume {campaign.short_id}"
    return _to_have_it_sent(campaign.live_workers, campaign.short_id)


def after_repair(campaign: Campaign, command: str, *, restart: bool) -> str:
    """What gets repaired rows sent. `command`: the repair, that can restart a campaign, too."""
    if campaign.is_over and not restart:
        return f"{command} --restart"
    if campaign.status == "paused":
        # What was never started goes through its preflight.
        verb = "resume" if campaign.start_time else "start"
        return f"wacampaign {verb} {campaign.short_id}    (it is paused)"
    if campaign.is_held:
        return f"wacampaign resume {campaign.short_id}    (it is held)"
    return _to_have_it_sent(campaign.live_workers, campaign.short_id)


def after_restart(stuck: Sequence[StuckCampaign], live_workers: int) -> str:
    """What to run once these campaigns were set going, or cannot be."""
    runs = [
        case.campaign.short_id
        for case in stuck
        if case.restart or case.resolve == "resend" or Kind.NO_LIVE_WORKER in case.kinds
    ]
    if runs:
        return _to_have_it_sent(live_workers, *runs)
    for case in stuck:
        if Kind.LEFT_UNWRITTEN in case.kinds:
            return f"wacampaign cancel {case.campaign.short_id}"
        if case.campaign.in_doubt and case.resolve is None:
            return f"wacampaign audit {case.campaign.short_id}"
    return f"wacampaign audit {stuck[0].campaign.short_id}"


def _to_have_it_sent(live_workers: int, *short_ids: str) -> str:
    """Campaigns run, or will in a moment: who sends them, or how it goes."""
    if live_workers == 0:
        return "wacampaign run-worker    (no worker is alive)"
    return "wacampaign monitor" + (f" {short_ids[0]}" if len(short_ids) == 1 else "")
