"""How often an error came in each of the last minutes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wacampaign.core.errors import lookup

#: Minutes shown, the one that has not ended among them.
TREND_MINUTES: Final = 15
#: Minutes in which a share of failures is looked for besides all of the run's: one that begins late
#: in a long campaign would be a tenth of it before it is a share worth a sentence.
SHARE_MINUTES: Final = 5
#: Errors a minute from which one that did not come before is news.
_NEWS_FROM: Final = 5


@dataclass(frozen=True, slots=True)
class ErrorTrend:
    """One code: how many of Meta's answers had it in each minute, those of later tries as well."""

    code: int
    title: str
    #: Oldest first; the last minute has not ended.
    minutes: tuple[int, ...]

    @property
    def count(self) -> int:
        """In all these minutes."""
        return sum(self.minutes)

    @property
    def lately(self) -> int:
        """In the last minute: the one that has not ended, or the one before, if it had more."""
        return max(self.minutes[-2:])

    @property
    def for_share(self) -> int:
        """In the last `SHARE_MINUTES`, the one that has not ended among them."""
        return sum(self.minutes[-SHARE_MINUTES:])

    @property
    def rises(self) -> bool:
        """Whether it has just begun, in numbers: until three minutes ago there was none."""
        return self.lately >= _NEWS_FROM and not any(self.minutes[:-3])


def read_trends(given: Sequence[Sequence[int]]) -> tuple[ErrorTrend, ...]:
    """[code, whole minutes ago, how many] as trends, the commonest first."""
    by_code: defaultdict[int, list[int]] = defaultdict(lambda: [0] * TREND_MINUTES)
    for code, ago, n in given:
        if 0 <= ago < TREND_MINUTES:
            by_code[code][TREND_MINUTES - 1 - ago] += n
    trends = [
        ErrorTrend(code, lookup(code or None, 400).title, tuple(minutes))
        for code, minutes in by_code.items()
    ]
    return tuple(sorted(trends, key=lambda trend: (-trend.count, trend.code)))
