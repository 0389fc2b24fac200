"""How many rows to claim, and how far ahead: what can leave at its slot, and no more.

A slot that passes is lost, and its row goes back. So rows that nothing can carry are not asked for.
"""

import math
import statistics
from collections import deque
from typing import Final

from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.deadlines import DEAD_SECONDS
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.number_pace import ALONE_SECONDS, ALONE_TOLERANCE
from wacampaign.core.engine.ports import ClaimAnswer
from wacampaign.core.engine.waiting import Waiting

#: Milliseconds of work claimed ahead: hides a round trip of REST, and is little to lose.
AHEAD_MS: Final = 1_000
#: Claims whose durations are remembered. One that had to wait for a lock does not change their
#: median; a database that has become slow does, from the third claim on.
REMEMBERED: Final = 5
#: Seconds without a claim after which this worker counts as new again: other workers may soon take
#: it for dead (they do so five seconds later).
SILENT_SECONDS: Final = DEAD_SECONDS - 5.0
#: Seconds that are added to what claim and fence take: this process may get its turn late.
SPARE_SECONDS: Final = 0.02
#: Longest lead in seconds. Nobody gets the slots before it, so other workers wait meanwhile.
LONGEST_LEAD_SECONDS: Final = 4.0
#: Seconds for a first claim and its fence, before any was measured.
FIRST_GUESS_SECONDS: Final = 0.02
#: Seconds that rows of a worker that is alone may wait for the wire behind their slots: half of
#: what they may be late, so that the wire is full while the next claim is on its way.
LATE_SECONDS: Final = ALONE_TOLERANCE / 2
#: Seconds between two looks at the answers.
MEASURE_SECONDS: Final = 0.5


class ClaimSize:
    """Sizes the claims of one worker by what its wire carries."""

    def __init__(self, waiting: Waiting, in_flight: InFlight) -> None:
        self._waiting = waiting
        self._in_flight = in_flight
        self._since = boot_seconds()
        self._answered = 0
        self._per_second = 0.0
        self._rate = 0.0
        self._claims: deque[float] = deque(maxlen=REMEMBERED)
        self._unplaced = False
        self._late = 0.0
        self._new_since = self._noted_at = boot_seconds()

    def note(self, seconds: float, answer: ClaimAnswer) -> None:
        """A claim was answered after `seconds`."""
        self._claims.append(seconds)
        now = boot_seconds()
        if now - self._noted_at > SILENT_SECONDS:
            self._new_since = now
        self._noted_at = now
        if answer.rates:
            self._rate = sum(answer.rates.values())
        self._late = 0.0 if answer.alone_at is None else LATE_SECONDS
        if answer.rows:
            self._unplaced = answer.rows[0].due == -math.inf

    @property
    def lead_ms(self) -> int:
        """Milliseconds until the first slot that is of use: earlier ones pass on their way here."""
        if self._unplaced:
            return 0
        claim = statistics.median(self._claims) if self._claims else FIRST_GUESS_SECONDS
        lead = claim + self._waiting.fence_seconds + SPARE_SECONDS
        return round(1000 * min(lead, LONGEST_LEAD_SECONDS))

    @property
    def beside_ms(self) -> int:
        """Milliseconds until the first slot beside other workers, while this one is new to them."""
        now = boot_seconds()
        known = 0.0 if now - self._noted_at > SILENT_SECONDS else now - self._new_since
        return max(0, round(1000 * (ALONE_SECONDS - known)))

    @property
    def ahead_ms(self) -> int:
        """Milliseconds until the last slot that is asked for."""
        return AHEAD_MS + self.lead_ms

    def rows_wanted(self) -> int:
        """How many more rows to hold."""
        self._measure()
        waiting, in_flight = self._waiting.rows, self._in_flight
        if in_flight.down_until is not None or self._unplaced:
            # A probe: whether the API answers again, or the database soon enough.
            return max(0, 1 - waiting)
        # What is free now, and what the answers free until the last of these rows has its slot.
        # Numbers that may send faster than the wire carries have their slots close together.
        room = in_flight.room
        ahead = room + self._per_second * AHEAD_MS / 1000
        if self._rate > self._per_second:
            until_due = self._per_second * (self.lead_ms / 1000 + self._late)
            ahead = min(ahead, (room + until_due) / (1 - self._per_second / self._rate))
        if waiting > ahead / 2:
            return 0
        return max(0, round(ahead) - waiting)

    def _measure(self) -> None:
        now = boot_seconds()
        passed = now - self._since
        if passed >= MEASURE_SECONDS:
            measured = (self._in_flight.answered - self._answered) / passed
            self._per_second = 0.5 * self._per_second + 0.5 * measured
            self._since, self._answered = now, self._in_flight.answered
