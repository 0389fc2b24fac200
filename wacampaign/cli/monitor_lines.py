"""The monitor where there is no terminal: logfmt lines, one an interval and one a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from wacampaign.cli.campaign_object import COUNTS, Stats, findings_of, is_over
from wacampaign.cli.findings import Finding
from wacampaign.logs import logfmt_value


def progress_line(at: str, campaign: Mapping[str, Any]) -> str:
    """Where the campaign stands."""
    counts = campaign["counts"]
    total = max(campaign["total_contacts"], sum(counts.values()))
    red = any(one.severity == "red" for one in findings_of(campaign))
    fields: dict[str, Any] = {
        "event": "progress",
        "campaign": campaign["id"],
        "name": campaign["name"],
        "state": campaign["status"],
        "total": total,
        "percent": round(100 * counts["sent"] / total, 1) if total else 0.0,
        "rate_per_second": campaign["rate_per_second"],
        "limit_per_second": campaign["number"]["rate"],
        "eta": _eta(at, campaign["eta_seconds"]),
        "starts_at": campaign["scheduled_start_time"],
        **{name: counts[name] for name in COUNTS},
        "oldest_ready_seconds": campaign["oldest_ready_seconds"],
        "workers": campaign["live_workers"],
    }
    return _line(at, "warning" if red else "info", fields)


def change_lines(before: Stats | None, after: Stats) -> Iterator[str]:
    """What is new since `before` (None: the first look): state, error code, finding, worker."""
    old = {one["id"]: one for one in before.campaigns} if before else {}
    for campaign in after.campaigns:
        yield from _campaign_changes(after.at, old.get(campaign["id"]), campaign)
    if before:
        lost = _alive(before.workers) - _alive(after.workers)
        known = {worker["id"] for worker in after.workers}
        for worker in before.workers:
            # One that said goodbye is no longer in the answer; that is no loss.
            if worker["id"] in lost and worker["id"] in known:
                fields = {"event": "worker_lost", "worker": worker["id"], "host": worker["host"]}
                yield _line(after.at, "error", {**fields, "pid": worker["pid"]})


def _campaign_changes(
    at: str, old: Mapping[str, Any] | None, new: Mapping[str, Any]
) -> Iterator[str]:
    campaign = {"campaign": new["id"]}
    if old and old["status"] != new["status"] and not is_over(new):
        fields = {"event": "state", **campaign, "was": old["status"], "state": new["status"]}
        yield _line(at, "info", {**fields, "reason": new["pause_reason"]})
    known = {error["code"] for error in old["errors"]} if old else set()
    steps = {one.error_code: one.command for one in findings_of(new)}
    for error in new["errors"]:
        if error["code"] not in known:
            fields = {"event": "error", **campaign, "code": error["code"]}
            more = {"title": error["title"], "count": error["count"]}
            suggest = steps.get(error["code"])
            yield _line(at, "warning", {**fields, **more, "suggest": suggest})
    told = {_kind(one) for one in findings_of(old)} if old else set()
    for finding in findings_of(new):
        if finding.error_code is None and _kind(finding) not in told:
            level = "error" if finding.severity == "red" else "warning"
            fields = {"event": "finding", **campaign, "text": finding.text}
            yield _line(at, level, {**fields, "suggest": finding.command})
    if is_over(new) and not (old and is_over(old)):
        counts = new["counts"]
        fields = {"event": "finished", **campaign, "state": new["status"]}
        more = {name: counts[name] for name in ("sent", "failed", "in_doubt")}
        yield _line(at, "info", {**fields, **more, "duration_seconds": _span(new)})


def _kind(finding: Finding) -> str:
    """A finding without its figures: another figure makes no new finding."""
    return "".join(c for c in finding.text if not (c.isdigit() or c in ",."))


def _alive(workers: Sequence[Mapping[str, Any]]) -> set[str]:
    return {worker["id"] for worker in workers if worker["alive"]}


def _span(campaign: Mapping[str, Any]) -> int | None:
    start, end = campaign["start_time"], campaign["end_time"]
    if not start or not end:
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())


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
