"""The campaign object of `queue-stats --json` and `monitor --json`, from the database's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from wacampaign.cli.findings import Finding, attention, find
from wacampaign.core.error_table import lookup
from wacampaign.core.masking import mask_secrets

#: The seven disjoint counts, in the order in which a row meets them.
COUNTS: Final = ("pending", "ready", "retry_later", "processing", "in_doubt", "sent", "failed")
#: In these a campaign still has something before it.
NOT_OVER: Final = ("scheduled", "running", "paused")


@dataclass(frozen=True, slots=True)
class Stats:
    """One answer of the database: campaigns as JSON shows them, and the workers."""

    #: ISO 8601, UTC, by the database's clock.
    at: str
    campaigns: Sequence[dict[str, Any]]
    workers: Sequence[dict[str, Any]]

    @property
    def live_workers(self) -> int:
        """Workers whose heartbeat the database still believes."""
        return sum(1 for worker in self.workers if worker["alive"])


def read_stats(answer: Mapping[str, Any], *, show_numbers: bool = False) -> Stats:
    """The database's `stats`, with titles, ETA, findings, and phone numbers masked."""
    workers = list(answer["workers"])
    return Stats(
        at=answer["at"],
        campaigns=[_campaign(one, workers, show_numbers) for one in answer["campaigns"]],
        workers=workers,
    )


def findings_of(campaign: Mapping[str, Any]) -> list[Finding]:
    """The campaign object's findings, worst first."""
    return [Finding(**one) for one in campaign["findings"]]


def unsent(campaign: Mapping[str, Any]) -> int:
    """Rows that a worker still has to take."""
    counts: Mapping[str, int] = campaign["counts"]
    return counts["pending"] + counts["ready"] + counts["retry_later"]


def is_over(campaign: Mapping[str, Any]) -> bool:
    """Whether the campaign has ended, well or not."""
    return campaign["status"] not in NOT_OVER


def _campaign(
    given: Mapping[str, Any], workers: Sequence[Mapping[str, Any]], show_numbers: bool
) -> dict[str, Any]:
    def shown(text: Any) -> Any:
        if show_numbers or not isinstance(text, str):
            return text
        return mask_secrets(text, ids=(number["phone_number_id"],))

    number = dict(given["number"])
    number["display_name"] = shown(number["display_name"])
    campaign: dict[str, Any] = {
        "id": given["id"],
        "name": given["name"],
        "status": given["status"],
        "pause_reason": shown(given["pause_reason"]),
        "total_contacts": given["total_contacts"],
        "counts": {name: int(given["counts"][name]) for name in COUNTS},
        "oldest_ready_seconds": given["oldest_ready_seconds"],
        "rate_per_second": float(given["rate_per_second"] or 0.0),
        "eta_seconds": None,
        "errors": [
            {
                "code": error["code"],
                "title": lookup(error["code"], 400).title,
                "count": int(error["count"]),
            }
            for error in given["errors"]
        ],
        # More than the contract names.
        "templates": given["templates"],
        "number": number,
        "holds": [{**hold, "reason": shown(hold["reason"])} for hold in given["holds"]],
        "never_enqueued": int(given["never_enqueued"]),
        "deleted": int(given["deleted"]),
        # False: what other programs write may have messages sent twice.
        "guarded": given["guarded"],
        "others": given["others"],
        "next_retry_at": given["next_retry_at"],
        # No rule waits so long: somebody wrote that time.
        "retry_far_away": _is_after(given["next_retry_at"], given["far_away"]),
        "start_time": given["start_time"],
        "end_time": given["end_time"],
        "scheduled_start_time": given["scheduled_start_time"],
        "live_workers": sum(1 for worker in workers if worker["alive"]),
    }
    campaign["eta_seconds"] = _eta_seconds(campaign)
    campaign["attention"] = attention(campaign)
    campaign["findings"] = [asdict(one) for one in find(campaign)]
    return campaign


def _is_after(moment: str | None, other: str) -> bool:
    return moment is not None and datetime.fromisoformat(moment) > datetime.fromisoformat(other)


def _eta_seconds(campaign: Mapping[str, Any]) -> int | None:
    """Seconds until the last row is taken at the present rate; None when nothing moves."""
    if campaign["status"] != "running":
        return None
    left = unsent(campaign)
    if left == 0:
        return 0
    if left == campaign["counts"]["retry_later"] and not campaign["counts"]["processing"]:
        return None  # they wait for their time, whatever the pace was
    rate: float = campaign["rate_per_second"]
    return round(left / rate) if rate > 0 else None
