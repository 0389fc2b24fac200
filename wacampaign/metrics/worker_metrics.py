"""A worker's own metrics: read off what it measures anyway, when Prometheus asks."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.metrics.times import histogram


class WorkerCollector(Collector):
    """One worker since its start. Asked in the event loop, as everything that it reads is."""

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight

    def collect(self) -> Iterator[Metric]:
        """All of them, each time."""
        measures = self._in_flight.measures
        messages = CounterMetricFamily(
            "wacampaign_messages",
            "Attempts to send that ended, by outcome and Meta's code (0: it gave none)",
            labels=["outcome", "code"],
        )
        for (outcome, code), n in measures.outcomes.items():
            messages.add_metric([str(outcome), str(code or 0)], n)
        yield messages
        yield histogram(
            "wacampaign_api_answer_seconds",
            "From handing a message to Meta's API to its answer",
            measures.answers,
        )
        yield histogram(
            "wacampaign_database_call_seconds",
            "One call of the database that was answered, there and back",
            measures.database,
        )
        yield CounterMetricFamily(
            "wacampaign_database_failures",
            "Calls to which the database gave no answer",
            value=measures.database_failures,
        )
        yield GaugeMetricFamily(
            "wacampaign_database_silent_seconds",
            "Since the database last answered this process",
            value=boot_seconds() - measures.database_answered_at,
        )
        yield GaugeMetricFamily(
            "wacampaign_requests_in_flight",
            "Messages that wait for Meta's answer",
            value=self._in_flight.requests,
        )
        yield GaugeMetricFamily(
            "wacampaign_requests_slow",
            "Those of them that have waited for 3.5 s or longer",
            value=self._in_flight.slow,
        )
        yield GaugeMetricFamily(
            "wacampaign_api_reachable",
            "1: Meta's API can be reached, 0: it cannot",
            value=float(self._in_flight.down_since is None),
        )
