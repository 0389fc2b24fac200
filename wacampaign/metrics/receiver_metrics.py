"""A receiver's own metrics: what /healthz tells, as Prometheus reads it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class ReceiverCollector(Collector):
    """One receiver since its start; `health` is what it last said of itself (webhook/health.py)."""

    def __init__(self) -> None:
        self.health: Mapping[str, Any] = {}

    def collect(self) -> Iterator[Metric]:
        """All of them; before the first look at its health none."""
        health = self.health
        if not health:
            return
        yield CounterMetricFamily(
            "wacampaign_webhooks",
            "Bodies of webhooks that were answered with 200",
            value=health["received"],
        )
        refused = CounterMetricFamily(
            "wacampaign_webhooks_refused", "Requests refused, by reason", labels=["reason"]
        )
        for reason, n in health["refused"].items():
            refused.add_metric([reason], n)
        yield refused
        if health["last_received_at"]:
            yield GaugeMetricFamily(
                "wacampaign_webhook_last_timestamp_seconds",
                "When the last body came",
                value=datetime.fromisoformat(health["last_received_at"]).timestamp(),
            )
        reachable = health["database"] == "ok"
        yield GaugeMetricFamily(
            "wacampaign_webhook_database_reachable",
            "1: bodies go into the database, 0: into a file until it is back",
            value=float(reachable),
        )
        yield GaugeMetricFamily(
            "wacampaign_webhook_spool_bodies",
            "Bodies that are kept in a file, as the database was away",
            value=health["spool"]["bodies"],
        )
        if not reachable:
            return  # what it said before would look like what it says now
        for key, name, text in (
            ("waiting", "wacampaign_webhooks_waiting", "Stored bodies that are not worked on yet"),
            ("lag_seconds", "wacampaign_webhook_lag_seconds", "Age of the oldest of those"),
            (
                "with_faults",
                "wacampaign_webhooks_with_faults",
                "Bodies with a fault",
            ),
        ):
            if health.get(key) is not None:
                yield GaugeMetricFamily(name, text, value=health[key])
