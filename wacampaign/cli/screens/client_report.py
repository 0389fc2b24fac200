"""The figures of the report for a client, for programs."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from wacampaign.core.campaign.client_report import ClientReport, ReportedCampaign


def client_report_json(report: ClientReport, file: Path) -> dict[str, Any]:
    """The object of `report --json`: what the file says, as counts of recipients."""
    return {
        "at": report.at,
        "file": str(file),
        "campaign": _campaign(report.campaign),
        "before": None if report.before is None else _campaign(report.before),
        "templates": [
            {"name": one.name, "recipients": one.fates.recipients, **asdict(one.fates)}
            for one in report.templates
        ],
        "prices": [asdict(one) for one in report.prices],
    }


def _campaign(campaign: ReportedCampaign) -> dict[str, Any]:
    fields = asdict(campaign)
    fates = fields.pop("fates")
    return {**fields, "recipients": campaign.fates.recipients, "sent": campaign.fates.sent, **fates}
