"""Where the database's clock stands, seen from here, although its answers come late."""

import math
from typing import Final

#: Seconds a second by which two clocks may drift apart: NTP slews at most 500 in a million, and
#: crystals are five times as good.
DRIFT: Final = 0.0005
#: Seconds that rounding may take from either bound: as floats, seconds since 1970 have steps of
#: 0.24 µs.
ROUNDING: Final = 1e-6
#: Seconds of doubt up to which the clock is known well enough to send by. A path to the database
#: that takes longer than this, both ways together and at its best, puts slots a half of it wrong.
UNSURE_SECONDS: Final = 1.0


class DatabaseClock:
    """The offset between the local clock (`boot_seconds`) and the database's (epoch seconds).

    Each call says that the offset lies between two bounds: the database worked after we asked, and
    before we heard. Neither bound is wrong when the answer is late, only wide. So what is known is
    the overlap of all calls, which one quick call makes narrow; late answers add nothing to it.
    """

    def __init__(self) -> None:
        self._least = -math.inf
        self._most = math.inf
        self._learnt = 0.0

    @property
    def doubt(self) -> float:
        """Seconds between the bounds; the offset used is wrong by at most a half of it."""
        return self._most - self._least

    def learn(self, *, sent: float, received: float, began: float, at: float) -> None:
        """One call: `sent` and `received` here, `began` and `at` (its end) in the database."""
        # Both as of now: the first is as old as the call.
        least = sent - began - (received - sent) * DRIFT - ROUNDING
        most = received - at + ROUNDING
        if least > most:
            # A clock was set in the middle of the call: it says nothing.
            return
        drift = max(0.0, received - self._learnt) * DRIFT
        self._least = max(self._least - drift, least)
        self._most = min(self._most + drift, most)
        if self._least > self._most:
            # A clock was set since: what was known is about another clock.
            self._least, self._most = least, most
        self._learnt = received

    def here(self, at: float) -> float | None:
        """The local time of a moment of the database's; None while that is anybody's guess."""
        if self.doubt > UNSURE_SECONDS:
            return None
        return at + (self._least + self._most) / 2
