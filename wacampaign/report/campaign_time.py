"""A campaign's bins as stretches of one width, as many as a picture or a table can show."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from wacampaign.core.campaign.client_report import Bin
from wacampaign.report.document import Span
from wacampaign.report.pace import moment

#: Seconds that a stretch may last: what clocks and calendars are read in.
_WIDTHS: Final = (
    *(60, 120, 300, 600, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600),
    *(86_400, 2 * 86_400, 7 * 86_400),
)
#: Part of all that happened which has to be in the picture. A message that is read three weeks
#: later would leave the first day, in which nearly everything happens, one bar.
_SHOWN: Final = 0.98


def counts_of(one: Bin) -> tuple[int, int, int, int]:
    """Sent, delivered, read, not delivered."""
    return one.sent, one.delivered, one.read, one.undelivered


def early_bins(bins: Sequence[Bin]) -> Sequence[Bin]:
    """Those in which nearly everything happened, and all of the sending: what a picture shows."""
    whole = sum(sum(counts_of(one)) for one in bins)
    seen = 0
    sending = max((n for n, one in enumerate(bins) if one.sent), default=-1)
    for n, one in enumerate(bins):
        seen += sum(counts_of(one))
        if n >= sending and seen >= _SHOWN * whole:
            return bins[: n + 1]
    return bins


def spans_of(bins: Sequence[Bin], most: int) -> tuple[Span, ...]:
    """At most `most` stretches of one width without a gap, in local time; sums are kept.

    `bins` are oldest first; what has no readable time is left out.
    """
    known = [(at.astimezone(), one) for one in bins if (at := moment(one.at)) is not None]
    if not known:
        return ()
    first, last = known[0][0], known[-1][0]
    least = max(one.seconds for _, one in known)
    widths = [*(w for w in _WIDTHS if w >= least), *(_WIDTHS[-1] * 2**n for n in range(1, 12))]
    width = next((w for w in widths if _number(last, first, w) <= most), widths[-1])
    begin = _whole(first, width)
    sums = [[0, 0, 0, 0] for _ in range(_number(last, first, width))]
    for at, one in known:
        place = sums[int((at - begin).total_seconds()) // width]
        for n, count in enumerate(counts_of(one)):
            place[n] += count
    return tuple(
        Span((begin + timedelta(seconds=n * width)).astimezone(), width, tuple(counts))
        for n, counts in enumerate(sums)
    )


def _number(last: datetime, first: datetime, width: int) -> int:
    return int((last - _whole(first, width)).total_seconds()) // width + 1


def _whole(at: datetime, width: int) -> datetime:
    """The last whole `width` of the clock on the wall before `at`."""
    offset = at.utcoffset() or timedelta()
    wall = int(at.timestamp() + offset.total_seconds())
    return at - timedelta(seconds=wall % width, microseconds=at.microsecond)
