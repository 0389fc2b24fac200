"""Times that were measured, as a histogram of Prometheus."""

from itertools import accumulate
from typing import Final

from prometheus_client.core import HistogramMetricFamily

from wacampaign.core.engine.latency import BOUNDS, Latency

#: Each fourth class, so 13 of 50: each bucket is a series of its own in Prometheus.
_EVERY: Final = 4


def histogram(name: str, text: str, latency: Latency) -> HistogramMetricFamily:
    """The counts since the start, by upper bounds in seconds."""
    upto = list(accumulate(latency.counts))
    buckets = [(f"{BOUNDS[n]:g}", float(upto[n])) for n in range(0, len(BOUNDS), _EVERY)]
    buckets.append(("+Inf", float(upto[-1])))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=latency.total_seconds)
