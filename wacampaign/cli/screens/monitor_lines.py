"""The monitor where there is no terminal: logfmt lines, one an interval and one a change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from wacampaign.core.budget import Budget
from wacampaign.core.campaign.delivery import Delivery
from wacampaign.core.campaign.finding import FindingKind
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.forecast import eta_range
from wacampaign.core.campaign.state import Campaign, Stats
from wacampaign.core.campaign.worker_state import WorkerState
from wacampaign.logs import logfmt_value

#: Their codes have a line of their own, `event=undelivered`.
_TOLD_AS_CODES: Final = (FindingKind.UNDELIVERED, FindingKind.UNDELIVERED_MANY)


def progress_line(at: str, campaign: Campaign) -> str:
    """Where the campaign stands."""
    counts, size = campaign.counts, campaign.size
    soonest, latest = eta_range(campaign) or (None, None)
    red = any(finding.severity == "red" for finding in findings_of(campaign))
    fields: dict[str, Any] = {
        "event": "progress",
        "campaign": campaign.id,
        "name": campaign.name,
        "state": campaign.status,
        "total": size,
        "percent": round(100 * counts.sent / size, 1) if size else 0.0,
        "rate_now": round(campaign.pace.now, 1),
        "rate_per_second": campaign.rate_per_second,
        "rate_15m": round(campaign.pace.quarter, 1),
        "limit_per_second": campaign.number.rate,
        "limited_by": campaign.limit and campaign.limit.kind,
        "run_seconds": campaign.run_seconds and round(campaign.run_seconds),
        "eta": _eta(at, campaign.eta_seconds),
        "eta_from": _eta(at, soonest),
        "eta_to": _eta(at, latest),
        "starts_at": campaign.scheduled_start_time,
        **counts.by_name(),
        **_budget(campaign.budget),
        **_delivery(campaign.delivery),
        "oldest_ready_seconds": campaign.oldest_ready_seconds,
        "workers": campaign.live_workers,
    }
    return _line(at, "warning" if red else "info", fields)


def _budget(budget: Budget | None) -> dict[str, Any]:
    """What the portfolio's limit leaves; nothing where there is none."""
    if budget is None:
        return {}
    shown = {"used": budget.used, "limit": budget.limit, "frees_at": budget.frees_at}
    return {f"budget_{name}": value for name, value in shown.items()}


def _delivery(delivery: Delivery) -> dict[str, Any]:
    """What became of the accepted ones; nothing while nobody can know."""
    if not delivery.known:
        return {}
    names = ("delivered", "read", "undelivered", "held", "silent", "replied")
    lag = {"lag_p50_seconds": delivery.lag.p50_seconds, "lag_p95_seconds": delivery.lag.p95_seconds}
    return {name: getattr(delivery, name) for name in names} | lag


def change_lines(before: Stats | None, after: Stats) -> Iterator[str]:
    """What is new since `before` (None: the first look): state, error code, finding, worker."""
    old = {campaign.id: campaign for campaign in before.campaigns} if before else {}
    for campaign in after.campaigns:
        yield from _campaign_changes(after.at, old.get(campaign.id), campaign)
    if before:
        there = {campaign.id for campaign in after.campaigns}
        for campaign in before.campaigns:
            if campaign.id not in there:
                fields = {"event": "deleted", "campaign": campaign.id, "name": campaign.name}
                yield _line(after.at, "warning", {**fields, "was": campaign.status})
        lost = _alive(before.workers) - _alive(after.workers)
        known = {worker.id for worker in after.workers}
        for worker in before.workers:
            # One that said goodbye is no longer in the answer; that is no loss.
            if worker.id in lost and worker.id in known:
                fields = {"event": "worker_lost", "worker": worker.id, "host": worker.host}
                yield _line(after.at, "error", {**fields, "pid": worker.pid})


def _campaign_changes(at: str, old: Campaign | None, new: Campaign) -> Iterator[str]:
    of = {"campaign": new.id}
    if old and old.status != new.status and not new.is_over:
        change = {"was": old.status, "state": new.status, "reason": new.pause_reason}
        yield _line(at, "info", {"event": "state", **of, **change})
    known = {error.code for error in old.errors} if old else set()
    findings = findings_of(new)
    steps = {finding.error_code: finding.command for finding in findings}
    for error in new.errors:
        if error.code not in known:
            fields = {"event": "error", **of, **asdict(error), "suggest": steps.get(error.code)}
            yield _line(at, "warning", fields)
    met = {error.code for error in old.delivery.errors} if old else set()
    for error in new.delivery.errors:
        if error.code not in met:
            step = f"wacampaign failures {new.short_id} --code {error.code}"
            fields = {"event": "undelivered", **of, **asdict(error), "suggest": step}
            yield _line(at, "warning", fields)
    seen = {(finding.kind, finding.subject) for finding in findings_of(old)} if old else set()
    for finding in findings:
        if (
            finding.error_code is None
            and finding.kind not in _TOLD_AS_CODES
            and (finding.kind, finding.subject) not in seen
        ):
            level = "error" if finding.severity == "red" else "warning"
            advice = {"text": finding.text, "suggest": finding.command}
            yield _line(at, level, {"event": "finding", **of, **advice})
    if new.is_over and not (old and old.is_over):
        counts = new.counts
        end = {"sent": counts.sent, "failed": counts.failed, "in_doubt": counts.in_doubt}
        end |= _delivery(new.delivery)
        lasted = {"duration_seconds": new.lasted_seconds}
        yield _line(at, "info", {"event": "finished", **of, "state": new.status, **end, **lasted})


def _alive(workers: Sequence[WorkerState]) -> set[str]:
    return {worker.id for worker in workers if worker.alive}


def _eta(at: str, seconds: int | None) -> str | None:
    if seconds is None:
        return None
    end = datetime.fromisoformat(at) + timedelta(seconds=seconds)
    return end.strftime("%Y-%m-%dT%H:%M:%SZ")


def _line(at: str, level: str, fields: Mapping[str, Any]) -> str:
    pairs = {"level": level, **fields}
    return f"{at} " + " ".join(
        f"{key}={logfmt_value(value)}" for key, value in pairs.items() if value is not None
    )
