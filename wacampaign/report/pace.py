"""Outcomes over time in as many stretches as a reader can take in."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from wacampaign.core.investigation.model import Pace

#: Seconds that a stretch may last: what clocks and calendars are read in, up to four weeks.
_WIDTHS: Final = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 2 * 86400, 7 * 86400, 28 * 86400),
)
#: Empty stretches in a row that are still drawn; more are shown as one pause.
_EMPTY_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Stretch:
    """What happened from `begin` (UTC) on, for `seconds`; a `pause` is time without outcomes."""

    begin: datetime
    seconds: int
    sent: int = 0
    failed: int = 0
    in_doubt: int = 0
    pause: bool = False

    @property
    def total(self) -> int:
        """Outcomes of every kind."""
        return self.sent + self.failed + self.in_doubt


def moment(text: str | None) -> datetime | None:
    """ISO 8601 as UTC (a time without a zone is taken for UTC); None: it is no time."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def stretches(pace: Sequence[Pace], most: int) -> tuple[Stretch, ...]:
    """`pace` in at most `most` stretches of one width, pauses counted, oldest first.

    Long times without outcomes become one pause each, so that two bursts a day apart are both
    seen. Sums are kept whatever the width. What has no readable time is left out.
    """
    known = [
        (at, outcomes)
        for outcomes in pace
        if (outcomes.sent or outcomes.failed or outcomes.in_doubt)
        and (at := moment(outcomes.at)) is not None
    ]
    if not known:
        return ()
    least = min(max(1, outcomes.seconds) for _, outcomes in known)
    widest = _WIDTHS[-1]
    widths = [*(w for w in _WIDTHS if w >= least), *(widest * 2**n for n in range(1, 32))]
    shown: tuple[Stretch, ...] = ()
    for width in widths:
        if len({int(at.timestamp()) // width for at, _ in known}) > most:
            continue
        shown = _with_pauses(_binned(known, width), width)
        if len(shown) <= most:
            break
    return shown


def _binned(known: Sequence[tuple[datetime, Pace]], width: int) -> dict[int, Stretch]:
    """Stretches by their number since 1970; an outcome belongs to where its own bin begins."""
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for at, outcomes in known:
        sums_here = sums[int(at.timestamp()) // width]
        sums_here[0] += outcomes.sent
        sums_here[1] += outcomes.failed
        sums_here[2] += outcomes.in_doubt
    epoch = datetime.fromtimestamp(0, UTC)
    return {
        n: Stretch(epoch + timedelta(seconds=n * width), width, sent, failed, in_doubt)
        for n, (sent, failed, in_doubt) in sorted(sums.items())
    }


def _with_pauses(binned: dict[int, Stretch], width: int) -> tuple[Stretch, ...]:
    shown: list[Stretch] = []
    last: int | None = None
    for n, stretch in binned.items():
        empty = 0 if last is None else n - last - 1
        first_empty = replace(stretch, sent=0, failed=0, in_doubt=0)
        if empty > _EMPTY_MAX:
            begin = stretch.begin - timedelta(seconds=empty * width)
            shown.append(replace(first_empty, begin=begin, seconds=empty * width, pause=True))
        else:
            shown.extend(
                replace(first_empty, begin=stretch.begin - timedelta(seconds=back * width))
                for back in range(empty, 0, -1)
            )
        shown.append(stretch)
        last = n
    return tuple(shown)
