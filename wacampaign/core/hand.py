"""What one worker holds at this moment: rows waiting for their slot, rows on the wire, lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from wacampaign.core.outcome import Outcome, Verdict
from wacampaign.core.ports import ClaimedRow

#: Seconds after which a request counts as slow: ten times Meta's usual answer time (0.35 s,
#: whatsapp-cloud-api 2.1), so that a healthy lane never meets it.
SLOW_SECONDS: Final = 3.5
#: Slow requests after which a lane gets no more: enough to know, few enough to leave room.
SLOW_REQUESTS_STALL: Final = 16
#: Longest pause between two probes of an API that cannot be reached, in seconds.
DOWN_LONGEST_SECONDS: Final = 30.0


@dataclass(slots=True)
class Lane:
    """One number and template, as this worker sees it."""

    #: Row id → loop time when its request went out; insertion order is age.
    on_wire: dict[str, float] = field(default_factory=dict)
    slow: int = 0
    #: Faults that count towards a hold since the last look of the database.
    opaque_answers: int = 0
    faults_in_a_row: int = 0
    #: Nothing of this lane is sent until the database has judged the answers.
    blocked: bool = False

    @property
    def stalled(self) -> bool:
        """Its requests hang: it gets no more, so that it holds up nobody else."""
        return self.slow >= SLOW_REQUESTS_STALL

    def notice(self, verdict: Verdict) -> None:
        """Stops the lane at once when its answers reach the limit; the database then decides."""
        if verdict.outcome is Outcome.SENT:
            self.faults_in_a_row = max(0, self.faults_in_a_row - 1)
        elif verdict.hold_scope is not None:
            if verdict.hold_cumulative:
                self.opaque_answers += 1
                self.blocked |= self.opaque_answers >= verdict.hold_after
            else:
                self.faults_in_a_row += 1
                self.blocked |= self.faults_in_a_row >= verdict.hold_after


class Hand:
    """Rows and lanes of one worker. Single-threaded: touched by the loop's tasks only."""

    def __init__(self, limit_in_flight: int) -> None:
        self.limit_in_flight = limit_in_flight
        self.lanes: dict[tuple[str, str], Lane] = {}
        #: Claimed, not yet sent.
        self.waiting = 0
        #: On the wire.
        self.in_flight = 0
        #: On the wire for longer than `SLOW_SECONDS`; these do not use up the limit (but twice it).
        self.slow = 0
        #: Answered since the start.
        self.answered = 0
        #: Set when a slot or room became free.
        self.moved = asyncio.Event()
        #: The API could not be reached: nothing goes out before this loop time, then one probe.
        self.down_until: float | None = None
        self._down_pause = 0.0

    def lane(self, key: tuple[str, str]) -> Lane:
        """The lane of a number and template."""
        lane = self.lanes.get(key)
        if lane is None:
            lane = self.lanes[key] = Lane()
        return lane

    def may_send(self, now: float) -> bool:
        """Whether one more request may go out."""
        if self.down_until is not None:
            return now >= self.down_until and self.in_flight == 0
        return (
            self.in_flight - self.slow < self.limit_in_flight
            and self.in_flight < 2 * self.limit_in_flight
        )

    def unreachable(self, now: float) -> bool:
        """The API refused a connection. True when this is news (the pause has grown)."""
        if self.down_until is not None and now < self.down_until:
            return False
        self._down_pause = min(max(1.0, self._down_pause * 2), DOWN_LONGEST_SECONDS)
        self.down_until = now + self._down_pause
        return True

    def reached(self) -> None:
        """The API answered."""
        if self.down_until is not None:
            self.down_until = None
            self._down_pause = 0.0

    def departs(self, row: ClaimedRow, now: float) -> None:
        """A request goes out."""
        self.lane(row.lane).on_wire[row.id] = now
        self.in_flight += 1

    def recalled(self, row: ClaimedRow) -> None:
        """A request that was to go out stays: it waits again."""
        self.lane(row.lane).on_wire.pop(row.id, None)
        self.in_flight -= 1
        self.waiting += 1

    def arrives(self, row: ClaimedRow, verdict: Verdict) -> None:
        """Its answer (or the lack of one) is known."""
        lane = self.lane(row.lane)
        lane.on_wire.pop(row.id, None)
        lane.notice(verdict)
        self.in_flight -= 1
        self.answered += 1
        self.moved.set()

    def look_for_slow(self, now: float) -> None:
        """Counts slow requests; called a few times a second. Costs one step a slow request."""
        total = 0
        for lane in self.lanes.values():
            slow = 0
            for since in lane.on_wire.values():
                if now - since < SLOW_SECONDS:
                    break
                slow += 1
            lane.slow = slow
            total += slow
        self.slow = total
        self.moved.set()

    def stalled_lanes(self) -> list[tuple[str, str]]:
        """Lanes that shall get no rows now."""
        return [key for key, lane in self.lanes.items() if lane.stalled or lane.blocked]

    def unblock(self, keys: Iterable[tuple[str, str]]) -> None:
        """The database has judged these lanes' answers: its holds are what counts now."""
        for key in keys:
            lane = self.lane(key)
            lane.blocked = False
            lane.opaque_answers = 0
            lane.faults_in_a_row = 0
