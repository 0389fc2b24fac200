"""The campaigns' metrics: what `queue-stats` knows, looked up at intervals and told to Prometheus.

They are the database's, not a process's: every worker and receiver tells the same. A query takes
one of them (`max without (instance)`), never their sum.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.state import Campaign, Stats
from wacampaign.core.engine.ports import EventLog
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store

#: Seconds between two looks: Prometheus' usual interval, and a call of a few milliseconds.
LOOK_SECONDS: Final = 15.0

_OF_A_CAMPAIGN: Final = ("campaign_id", "campaign")


class CampaignCollector(Collector):
    """Campaigns that are not over, and workers, as they were at the last look.

    Nothing is told while the database is away: a figure from before would look like one of now.
    """

    def __init__(self, store: Store, log: EventLog) -> None:
        self._campaigns = Campaigns(store)
        self._log = log
        self._stats: Stats | None = None
        self._told = False

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            try:
                # A database that is silent is asked for a minute and more.
                async with asyncio.timeout(LOOK_SECONDS):
                    self._stats = await self._campaigns.stats()
                self._told = False
            except Exception as error:
                # Whatever it was: metrics are not what the process is for.
                self._stats = None
                if not self._told:
                    self._log("metrics_without_campaigns", level="warning", error=error)
                self._told = True
            await asyncio.sleep(LOOK_SECONDS)

    def collect(self) -> Iterator[Metric]:
        """All of them, each time."""
        stats = self._stats
        yield GaugeMetricFamily(
            "wacampaign_database_reachable",
            "1: the campaigns could be looked up, 0: they could not",
            value=float(stats is not None),
        )
        if stats is None:
            return
        workers = GaugeMetricFamily(
            "wacampaign_workers",
            "Workers of the last hour that did not say goodbye, by state",
            labels=["state"],
        )
        workers.add_metric(["alive"], stats.live_workers)
        workers.add_metric(["lost"], len(stats.workers) - stats.live_workers)
        yield workers
        yield from _counted(stats.campaigns)
        yield from _measured(stats.campaigns)
        yield _found(stats.campaigns)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=[*_OF_A_CAMPAIGN, *labels])


def _named(campaign: Campaign, *more: str) -> list[str]:
    return [campaign.short_id, campaign.name, *more]


def _counted(campaigns: Sequence[Campaign]) -> Iterator[Metric]:
    rows = _gauge("wacampaign_campaign_rows", "Rows by state (the counts of queue-stats)", "state")
    status = _gauge("wacampaign_campaign_status", "1 for the status that it has", "status")
    errors = _gauge("wacampaign_campaign_errors", "Rows that have this error now", "code")
    delivered = _gauge(
        "wacampaign_campaign_deliveries",
        "Accepted messages by what became of them; none where no status was ever seen",
        "state",
    )
    for campaign in campaigns:
        status.add_metric(_named(campaign, campaign.status), 1)
        for state, n in campaign.counts.by_name().items():
            rows.add_metric(_named(campaign, state), n)
        for error in campaign.errors:
            errors.add_metric(_named(campaign, str(error.code)), error.count)
        if campaign.delivery.known:
            for state in ("delivered", "undelivered", "held", "silent"):
                n = getattr(campaign.delivery, state)
                delivered.add_metric(_named(campaign, state), n)
    yield from (status, rows, errors, delivered)


def _measured(campaigns: Sequence[Campaign]) -> Iterator[Metric]:
    """What may be unknown: then there is no such figure."""
    speed = _gauge("wacampaign_campaign_rows_per_second", "Rows done a second over the last minute")
    limit = _gauge("wacampaign_campaign_limit", "1 for what binds its pace now", "kind")
    eta = _gauge("wacampaign_campaign_eta_seconds", "Until its last row is done at this pace")
    oldest = _gauge("wacampaign_campaign_oldest_ready_seconds", "Age of the oldest row that may go")
    budget = _gauge("wacampaign_campaign_budget_left", "People its portfolio may still write to")
    for campaign in campaigns:
        speed.add_metric(_named(campaign), campaign.rate_per_second)
        if campaign.limit is not None:
            limit.add_metric(_named(campaign, str(campaign.limit.kind)), 1)
        if campaign.eta_seconds is not None:
            eta.add_metric(_named(campaign), campaign.eta_seconds)
        if campaign.oldest_ready_seconds is not None:
            oldest.add_metric(_named(campaign), campaign.oldest_ready_seconds)
        if campaign.budget is not None:
            budget.add_metric(_named(campaign), campaign.budget.left)
    yield from (speed, limit, eta, oldest, budget)


def _found(campaigns: Sequence[Campaign]) -> Metric:
    found = _gauge(
        "wacampaign_campaign_findings", "Findings of queue-stats by kind", "severity", "kind"
    )
    for campaign in campaigns:
        kinds = Counter((one.severity, str(one.kind)) for one in findings_of(campaign))
        for (severity, kind), n in kinds.items():
            found.add_metric(_named(campaign, severity, kind), n)
    return found
