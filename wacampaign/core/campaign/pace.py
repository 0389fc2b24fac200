"""How fast a campaign goes, and when it is done: by the rows that were done in the last minutes.

A row is done when its attempt is settled: accepted, failed or in doubt. All of them are work that
is no longer left, so all of them count towards the pace and the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: Seconds without a done row after which a campaign stands. Outcomes are written every 0.25 s
#: (core/engine/settling.py); a database that is slow may take some seconds.
GAP_SECONDS: Final = 10
#: Whole seconds that the pace of this moment is counted over: outcomes are written four times a
#: second, so a single second would jump by a quarter.
NOW_SECONDS: Final = 3
#: Seconds of a stretch from which its own pace is believed. Before, the ramp's few messages and the
#: first claims are most of it, so the number's rate has a part in what is expected.
SETTLED_SECONDS: Final = 15
#: Seconds of a minute, of a bar, and bars shown: a quarter of an hour.
MINUTE_SECONDS: Final = 60
BAR_SECONDS: Final = 15
BARS: Final = 60
_BARS_A_MINUTE: Final = MINUTE_SECONDS // BAR_SECONDS


@dataclass(frozen=True, slots=True)
class CampaignPace:
    """Rows done a second, by the database's clock."""

    #: Over the last three whole seconds.
    now: float = 0.0
    #: Over the last minute; over less if the run, or its last stretch without a gap, is younger.
    minute: float = 0.0
    #: Over the last fifteen minutes, or since the run began; pauses in between count as they are.
    quarter: float = 0.0
    #: As `minute`, of what was accepted.
    accepted: float = 0.0
    #: As `minute`, without the quarter of a minute in which the stretch began: the ramp's few
    #: messages say nothing of the rest.
    settled: float = 0.0
    #: How long the stretch is that `minute` is counted over.
    seconds: float = 0.0
    #: Each quarter minute of the last fifteen minutes, oldest first; the last one has not ended.
    bars: tuple[float, ...] = ()
    #: How many of them at the end are surely of this run alone, the last one included.
    bars_of_run: int = 0

    @property
    def stands(self) -> bool:
        """Whether no row was done for `GAP_SECONDS`."""
        return self.minute == 0

    def done_in(self, minutes: int) -> int:
        """Rows that were done in the last `minutes`, up to fifteen."""
        return round(sum(self.bars[-minutes * _BARS_A_MINUTE :]) * BAR_SECONDS)

    @property
    def extremes(self) -> tuple[float, float] | None:
        """The slowest and the fastest whole minute of the last fifteen; None: there is none yet.

        Of this run, and of minutes in which it did not stand: those say nothing of the pace when it
        goes.
        """
        whole = self.bars[:-1]
        first = max(1, len(self.bars) - self.bars_of_run)
        minutes = [
            sum(whole[i : i + _BARS_A_MINUTE]) / _BARS_A_MINUTE
            # The bar in which it began is no whole one.
            for i in range(first, len(whole) - _BARS_A_MINUTE + 1)
            if all(whole[i - 1 : i + _BARS_A_MINUTE])
        ]
        return (min(minutes), max(minutes)) if minutes else None

    @property
    def highest(self) -> float | None:
        """The fastest whole quarter minute of the last fifteen; None: there is none yet.

        One beside a quarter in which nothing was done may be the part in which it began or ended.
        """
        bars = (*self.bars[:-1], 0.0 if self.stands else 1.0)  # the last one has not ended
        return max(
            (bars[i] for i in range(1, len(bars) - 1) if all(bars[i - 1 : i + 2])), default=None
        )

    def expected(self, limit: float | None) -> float:
        """Rows a second that the rest will go at, where the number allows `limit` (None: unknown).

        In the first seconds of a stretch the limit has its part, as nothing else is known yet.
        """
        if self.stands or self.seconds >= SETTLED_SECONDS:
            return self.settled or self.minute
        if limit is None:
            return self.minute
        known = self.seconds / SETTLED_SECONDS
        return known * max(self.now, self.minute) + (1 - known) * limit


#: Of a campaign that does not run, or of which nothing is known.
NO_PACE: Final = CampaignPace()
#: Seconds at least that `settled` is counted over.
_SETTLED_MIN: Final = 6


def steady(rate: float) -> CampaignPace:
    """The pace of which only the last minute's rate is known."""
    return CampaignPace(rate, rate, rate, rate, rate, float(MINUTE_SECONDS))


def read_pace(given: Mapping[str, Any], run_seconds: float | None) -> CampaignPace:
    """The database's `pace`. `run_seconds`: since the run began; None: it does not run.

    `recent`: [whole seconds ago, rows done, accepted] of the last minute, newest first. `bars`:
    [quarter minutes ago, rows done] of the last fifteen minutes.
    """
    by_bar = {int(ago): int(n) for ago, n in given["bars"]}
    bars = tuple(by_bar.get(ago, 0) / BAR_SECONDS for ago in reversed(range(BARS)))
    if run_seconds is None:
        return CampaignPace(bars=bars)
    since_start = min(run_seconds, BARS * BAR_SECONDS)
    # The bar in which the run began has rows of an earlier run, perhaps: those are few.
    lately = sum(n for ago, n in by_bar.items() if ago * BAR_SECONDS <= since_start)
    quarter = lately / max(since_start, 1.0)
    of_run = min(BARS, int(run_seconds / BAR_SECONDS))
    stretch = _stretch(given["recent"], run_seconds)
    if not stretch:
        return CampaignPace(quarter=quarter, bars=bars, bars_of_run=of_run)
    # From the beginning of its first second until now; a second of its own has passed in any case.
    seconds = min(max(1.0, stretch[-1][0] + 0.5), max(run_seconds, 1.0), float(MINUTE_SECONDS))
    minute = sum(n for _, n, _ in stretch) / seconds
    whole = [n for ago, n, _ in stretch if 1 <= ago <= NOW_SECONDS]
    return CampaignPace(
        now=sum(whole) / min(NOW_SECONDS, seconds - 0.5) if seconds > NOW_SECONDS / 2 else minute,
        minute=minute,
        quarter=quarter,
        accepted=sum(sent for _, _, sent in stretch) / seconds,
        settled=_settled(stretch, seconds),
        seconds=seconds,
        bars=bars,
        bars_of_run=of_run,
    )


def _settled(stretch: Sequence[Sequence[int]], seconds: float) -> float:
    """Rows a second over whole seconds, without those in which the stretch began."""
    over = max(_SETTLED_MIN, int(seconds) - SETTLED_SECONDS)
    return sum(n for ago, n, _ in stretch if 1 <= ago <= over) / over if seconds > over else 0.0


def _stretch(recent: Sequence[Sequence[int]], run_seconds: float) -> list[Sequence[int]]:
    """The seconds since the last gap, newest first; empty when that is now."""
    stretch: list[Sequence[int]] = []
    last = 0
    for second in recent:
        ago = second[0]
        # A second is counted from its beginning: it may end within the run.
        if ago - last > GAP_SECONDS or ago >= run_seconds + 1:
            break
        stretch.append(second)
        last = ago
    return stretch
