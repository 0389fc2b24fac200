"""How much the bench measures: all of it, or a quick look."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Amounts:
    """How much to measure."""

    messages: int
    rest_messages: int
    row_messages: int
    sizes: tuple[int, ...]
    sends_a_size: int
    crowd_rows: int
    pace_rows: int
    rounds: int
    idle_seconds: float
    starts: int
    in_flight: int
    latency_ms: float
    #: Whether the API speaks TLS, as Meta's does.
    tls: bool


FULL = Amounts(
    30_000,
    20_000,
    10_000,
    (10_000, 100_000, 1_000_000),
    10_000,
    1_000_000,
    4_800,
    3,
    20.0,
    4,
    400,
    150,
    True,
)
QUICK = Amounts(
    6_000, 4_000, 3_000, (4_000, 40_000), 4_000, 100_000, 1_600, 1, 5.0, 1, 400, 150, True
)
