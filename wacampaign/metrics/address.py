"""Where metrics are served."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricsAddress:
    """A host and port to listen on; port 0 takes a free one."""

    port: int
    host: str
