"""A test alert, sent to all addresses at once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from wacampaign.alerting.delivery import AlertDelivery, Tried
from wacampaign.core.alerts.alert import Alert, AlertKind


async def send_test_alert(urls: Sequence[str]) -> list[Tried]:
    """What became of it at each address, in their order."""
    delivery = AlertDelivery(urls)
    alert = Alert(
        id=str(uuid4()),
        due="test",
        key=f"test:{delivery.host}",
        kind=AlertKind.TEST,
        severity="info",
        title="wacampaign: a test alert",
        text=f"sent by `wacampaign alert test` on {delivery.host}; nothing is wrong",
        command="wacampaign monitor",
        first_seen_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
    try:
        return await delivery.tell(alert)
    finally:
        await delivery.close()
