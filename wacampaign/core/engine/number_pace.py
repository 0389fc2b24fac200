"""How closely rows keep to their slots, so that no second sees more than a number may send.

The database hands out slots, each once, 1/rate apart, over all workers. A row leaves in its slot
or within a tolerance after it, or not at all. Then the rows that leave in one second, however it
is laid, have slots in a span of one second and the tolerance: at most rate × (1 + tolerance) + 1.

A worker that is alone may be later: all slots are its own, so it is enough that its rows keep their
distance from each other.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wacampaign.core.numbers import RATE_DEFAULT

#: Share of a number's rate that may be exceeded in a second (contract.md, invariant 5).
OVER: Final = 0.05
#: Share of what `OVER` leaves that a worker uses for itself: 20 ms at 80 a second. The rest, 30 ms,
#: is for the way: networks and an API that gets its turn late add their delays to ours.
OURS: Final = 0.4
#: Longest tolerance in seconds. Below 20 a second no whole message fits into 5 %; there one more
#: than the rate is what any sender's jitter leads to, and a row may be late by most of a gap.
LONGEST_TOLERANCE: Final = 0.5


def most_in_a_second(rate: float) -> int:
    """Messages that may leave in any second at `rate` messages a second."""
    return max(math.floor(rate * (1 + OVER) + 1e-9), math.floor(rate) + 1)


def tolerance_seconds(rate: float) -> float:
    """Seconds after its slot in which a row may still leave."""
    if rate <= 0:
        return 0.0
    return min(LONGEST_TOLERANCE, OURS * (most_in_a_second(rate) - rate) / rate)


#: Seconds for which a claim's word holds that this worker is alone, from when it was asked. A
#: worker that is new asks for no slot beside others within that time (`claim_size.py`): until
#: then all of them have heard of it. Two claims over a slow REST address fit into it.
ALONE_SECONDS: Final = 2.0
#: Seconds after its slot in which a row of a worker that is alone may leave, in its number's turn.
ALONE_TOLERANCE: Final = 1.0


@dataclass(slots=True)
class _Pace:
    gap: float = 0.0
    most: int = 0
    tolerance: float = 0.0
    #: When the number's next turn comes if all keep their distance, in boot seconds.
    next_turn: float = -math.inf
    #: When the last ones left, in boot seconds; at most `most` of them.
    left: deque[float] = field(default_factory=deque)

    def set_rate(self, rate: float) -> None:
        self.gap = 1 / rate if rate > 0 else 0.0
        self.most = most_in_a_second(rate)
        self.tolerance = tolerance_seconds(rate)


class NumberPaces:
    """The pace of each number, as this worker keeps it."""

    def __init__(self) -> None:
        self._paces: dict[str, _Pace] = {}
        self._phones: dict[str, _Pace] = {}
        self._alone_until = -math.inf

    def learn(self, rates: Mapping[str, float], alone_at: float | None) -> None:
        """What a claim told: messages a second by number, and when no other worker lived."""
        for number_id, rate in rates.items():
            self._paces.setdefault(number_id, _Pace()).set_rate(rate)
        self._alone_until = -math.inf if alone_at is None else alone_at + ALONE_SECONDS

    def share(self, number_id: str, phone_number_id: str) -> None:
        """This row of whatsapp_numbers is of that phone number, whose limit all its rows share."""
        self._paces[number_id] = self._phones.setdefault(phone_number_id, self._of(number_id))

    def _of(self, number_id: str) -> _Pace:
        pace = self._paces.get(number_id)
        if pace is None:
            pace = self._paces[number_id] = _Pace()
            pace.set_rate(RATE_DEFAULT)
        return pace

    def missed(self, number_id: str, slot: float, now: float) -> bool:
        """Whether it is too late for this slot."""
        late = now - slot
        if late <= self._of(number_id).tolerance:
            return False
        return now >= self._alone_until or late > ALONE_TOLERANCE

    def turn(self, number_id: str, now: float) -> bool:
        """Whether the number's next row may set out now; if so, its turn is taken.

        Rows in their slots always may. Late ones of a worker that is alone keep the slots' distance
        among each other: all slots are its own, so nobody else's turn comes in between.
        """
        pace = self._of(number_id)
        # With slots of its own in a row, half of the tolerance is enough to keep the pace, and the
        # other half makes good what a process lost that got its turn late.
        alone = now < self._alone_until
        early = pace.tolerance / 2 if alone else pace.tolerance
        if pace.next_turn - now > early:
            return False
        behind = pace.tolerance / 2 if alone else 0.0
        pace.next_turn = max(pace.next_turn, now - behind) + pace.gap
        return True

    def takes(self, number_id: str, slot: float, now: float) -> bool:
        """Whether a row of this slot may leave now; if so, it counts as gone.

        Slots alone keep the rate as long as nobody's clock is set. Whatever becomes of clocks, this
        worker by itself never passes the number's limit.
        """
        if self.missed(number_id, slot, now):
            return False
        pace = self._of(number_id)
        left = pace.left
        while left and left[0] <= now - 1.0:
            left.popleft()
        if len(left) >= pace.most:
            return False
        left.append(now)
        return True
