"""What `create` made, for `--json`."""

from dataclasses import asdict
from typing import Any

from wacampaign.operations.create import Draft, shown_messages
from wacampaign.operations.create_columns import columns_json


def creation_json(made: Draft, status: str | None, show: int) -> dict[str, Any]:
    """The one object: `status` of the campaign (None: it was not created), `show` messages."""
    campaign = made.campaign
    surveyed, seconds = campaign.surveyed, made.estimated_seconds
    return {
        "created": status is not None,
        "campaign": {
            "id": None if status is None else str(campaign.id),
            "name": campaign.name,
            "status": status,
        },
        "phone_number_id": made.source.number.phone_number_id,
        "templates": campaign.shares,
        "languages": dict(zip(campaign.templates, campaign.languages, strict=True)),
        "columns": columns_json(surveyed, campaign.templates),
        "messages": [asdict(message) for message in shown_messages(made, show)],
        "accepted": surveyed.accepted,
        "rejected": surveyed.rejected,
        "repeats": surveyed.repeats,
        "rejected_file": str(surveyed.rejected_file) if surveyed.rejected_file else None,
        "calling_codes": dict(surveyed.calling_codes),
        "estimated_seconds": None if seconds is None else round(seconds),
    }
