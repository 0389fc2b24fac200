"""How long calls take: counted in classes, so that a million of them need no more room than one."""

import bisect
from typing import Final

#: Upper bounds of the classes in seconds, each a quarter above the last: a percentile read from
#: them is at most that much too high. From 1 ms to the longest deadline (60 s).
BOUNDS: Final = tuple(round(0.001 * 1.25**n, 6) for n in range(50))


class Latency:
    """Durations since the start, and those of the last while."""

    def __init__(self) -> None:
        #: How many fell into each class, and beyond the last; since the start.
        self.counts = [0] * (len(BOUNDS) + 1)
        #: Seconds of all of them together.
        self.total_seconds = 0.0
        #: `counts` as it was two turns and one turn ago.
        self._before = (list(self.counts), list(self.counts))

    @property
    def count(self) -> int:
        """Durations noted since the start."""
        return sum(self.counts)

    def note(self, seconds: float) -> None:
        """One call took so long."""
        self.counts[bisect.bisect_left(BOUNDS, seconds)] += 1
        self.total_seconds += seconds

    def turn(self) -> None:
        """A while has passed: what is older than two of them is no longer part of `percentile`."""
        self._before = (self._before[1], list(self.counts))

    def percentile(self, share: float) -> float | None:
        """Seconds within which this share (0 to 1) of the last calls ended; None: of none."""
        lately = [now - then for now, then in zip(self.counts, self._before[0], strict=True)]
        wanted = share * sum(lately)
        if not wanted:
            return None
        seen = 0
        for n, bound in zip(lately, BOUNDS, strict=False):
            seen += n
            if seen >= wanted:
                return bound
        return BOUNDS[-1]
