"""The campaign object of `queue-stats`, `monitor` and `investigate-135000 --json` (contract)."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.forecast import eta_range
from wacampaign.core.campaign.in_doubt import attention
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.state import Campaign, Stats


def named_json(campaign: CampaignName) -> dict[str, str]:
    """A campaign as other objects name it."""
    return {"id": campaign.id, "name": campaign.name, "status": campaign.status}


def campaign_json(campaign: Campaign) -> dict[str, Any]:
    """The contract's keys, then more than it names."""
    shown: dict[str, Any] = {}
    fields = asdict(campaign)
    del fields["at"]  # what holds the campaigns says it once
    for name, value in fields.items():
        shown[name] = value
        if name == "rate_per_second":
            shown["eta_seconds"] = campaign.eta_seconds
    if campaign.budget is not None:
        shown["budget"] |= _stop(campaign)
    shown["eta_range_seconds"] = eta_range(campaign)
    shown["attention"] = attention(campaign)
    shown["findings"] = [
        {name: getattr(finding, name) for name in ("severity", "text", "command", "error_code")}
        for finding in findings_of(campaign)
    ]
    return shown


def _stop(campaign: Campaign) -> dict[str, Any]:
    """Where its budget stops it, and when; both None where there are places for all."""
    stop = campaign.stop
    at = None
    if stop is not None and stop.seconds:
        now = datetime.fromisoformat(campaign.at).astimezone(UTC)
        at = (now + timedelta(seconds=stop.seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"stops_at_recipient": stop and stop.recipient, "stops_at": at}


def stats_json(stats: Stats) -> dict[str, Any]:
    """All that `queue-stats --json` shows."""
    return {
        "at": stats.at,
        "campaigns": [campaign_json(campaign) for campaign in stats.campaigns],
        "workers": [asdict(worker) for worker in stats.workers],
    }
