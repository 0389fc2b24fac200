"""Requests that wait for their answer, and how numbers and templates share the wire."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.measures import Measures
from wacampaign.core.engine.ports import ClaimedRow
from wacampaign.core.outcomes import Outcome, Verdict

#: Requests in flight at most: Meta's highest throughput (1,000/s) at its usual 0.35 s an answer
#: needs 350 (whatsapp-cloud-api 2.1).
LIMIT_IN_FLIGHT: Final = 400
#: Seconds after which a request counts as slow: ten times Meta's usual answer time (0.35 s,
#: whatsapp-cloud-api 2.1), so that a healthy lane never meets it.
SLOW_SECONDS: Final = 3.5
#: Slow requests after which a lane gets no more: enough to know, few enough to leave room.
SLOW_REQUESTS_STALL: Final = 16
#: Requests that each lane may always have on the wire: what a lane at 20 a second needs.
LEAST_KEPT: Final = 8
#: Age in seconds of its oldest request up to which a lane may use room that others keep: thrice
#: Meta's usual answer time. One that takes longer may be about to hang.
PROMPT_SECONDS: Final = 1.0
#: Usual requests below which an idle lane is forgotten: each template makes one, and a worker lives
#: for months. From a full wire that is some 40 s of looks.
FORGOTTEN_BELOW: Final = 0.01
#: Longest pause between two probes of an API that cannot be reached, in seconds.
DOWN_LONGEST_SECONDS: Final = 30.0


@dataclass(slots=True)
class Lane:
    """The requests of one number and template, as this worker sees them."""

    #: Row → boot seconds when its request went out; insertion order is age.
    on_wire: dict[ClaimedRow, float] = field(default_factory=dict)
    slow: int = 0
    #: Requests of the wire's limit that no other lane takes away from this one.
    kept: int = LEAST_KEPT
    #: Most requests on the wire since the last look; and over all looks, slowly forgotten.
    peak: int = 0
    usual: float = 0.0
    #: Faults that count towards a hold since the last look of the database.
    opaque_answers: int = 0
    faults_in_a_row: int = 0
    #: Nothing of this lane is sent until the database has judged the answers.
    blocked: bool = False

    @property
    def busy(self) -> int:
        """Requests on the wire that are not slow: what uses up the limit."""
        return len(self.on_wire) - self.slow

    def prompt(self, now: float) -> bool:
        """Whether its requests are answered soon, as of `now` (boot seconds)."""
        return now - next(iter(self.on_wire.values()), now) < PROMPT_SECONDS

    @property
    def stalled(self) -> bool:
        """Its requests hang: it gets no more, so that it holds up nobody else."""
        return self.slow >= SLOW_REQUESTS_STALL

    @property
    def forgettable(self) -> bool:
        """Nothing went out for half a minute or so, and nothing is remembered against it."""
        return not (
            self.on_wire
            or self.usual > FORGOTTEN_BELOW
            or self.blocked
            or self.opaque_answers
            or self.faults_in_a_row
        )

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


class InFlight:
    """Requests and lanes of one worker. Single-threaded: touched by the loop's tasks only.

    The wire carries `limit` requests. Each lane that is in use keeps a part of them:
    twice what it usually needs, at most its number's fair share. A quarter of what it keeps and
    does not use it lends to lanes that are answered promptly, the rest to nobody. So when the
    requests of one lane hang, the others go on, without the wire being cut into equal pieces.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lanes: dict[tuple[str, str], Lane] = {}
        #: What became of the requests, for those who watch.
        self.measures = Measures()
        #: Requests that are on the wire or kept free for the lane they belong to.
        self._committed = 0
        #: Requests without an answer yet.
        self.requests = 0
        #: Those of them that are older than `SLOW_SECONDS`. They do not count towards `limit`; but
        #: with them there are at most twice as many.
        self.slow = 0
        #: Answered since the start.
        self.answered = 0
        #: Set when a slot or room became free.
        self.moved = asyncio.Event()
        #: The API cannot be reached: nothing goes out before then (boot seconds), then one probe.
        self.down_until: float | None = None
        #: Since when (boot seconds).
        self.down_since: float | None = None
        self._down_pause = 0.0
        self._answered_at: float | None = None

    def lane(self, key: tuple[str, str]) -> Lane:
        """The lane of a number and template."""
        lane = self.lanes.get(key)
        if lane is None:
            lane = self.lanes[key] = Lane()
            self._committed += lane.kept
        return lane

    @property
    def room(self) -> int:
        """Requests that may still go out before the limit is reached."""
        return max(0, self.limit - self.requests + self.slow)

    def may_send(self, lane: Lane, now: float) -> bool:
        """Whether one more request of this lane may go out at `now` (boot seconds)."""
        if self.down_until is not None:
            return now >= self.down_until and self.requests == 0
        return self._has_room(lane, now) and self.requests < 2 * self.limit

    def _has_room(self, lane: Lane, now: float) -> bool:
        own = max(lane.kept, LEAST_KEPT)
        if lane.busy < max(3 * own // 4, LEAST_KEPT):
            return True
        busy = self.requests - self.slow
        if busy >= self.limit:
            return False
        # A quarter of the difference between what is used or kept and what is used is lent.
        return lane.busy < own or (
            3 * self._committed + busy < 4 * self.limit
            and (self._committed < self.limit or lane.prompt(now))
        )

    def unreachable(self, now: float, departed: float) -> bool:
        """No connection could be made for a request of `departed`. True: an outage, and news.

        While others are answered, one refused or late connection is no outage.
        """
        if self._answered_at is not None and self._answered_at >= departed:
            return False
        if self.down_until is not None and now < self.down_until:
            return False
        self._down_pause = min(max(1.0, self._down_pause * 2), DOWN_LONGEST_SECONDS)
        self.down_until = now + self._down_pause
        if self.down_since is None:
            self.down_since = now
        return True

    def reached(self, now: float) -> None:
        """The API answered."""
        self._answered_at = now
        if self.down_until is not None:
            self.down_until = self.down_since = None
            self._down_pause = 0.0

    def departs(self, row: ClaimedRow, now: float) -> None:
        """A request goes out at `now` (boot seconds)."""
        lane = self.lane(row.lane)
        self._committed += lane.busy >= lane.kept
        lane.on_wire[row] = now
        lane.peak = max(lane.peak, lane.busy)
        self.requests += 1

    def recalled(self, row: ClaimedRow) -> None:
        """A request that was to go out did not."""
        self._lands(row)
        self.moved.set()

    def arrives(self, row: ClaimedRow, verdict: Verdict) -> None:
        """Its answer (or the lack of one) is known."""
        now = boot_seconds()
        departed = self.lane(row.lane).on_wire.get(row, now)
        self.measures.answered(verdict, now - departed, now)
        self._lands(row).notice(verdict)
        self.answered += 1
        self.moved.set()

    def _lands(self, row: ClaimedRow) -> Lane:
        lane = self.lane(row.lane)
        lane.on_wire.pop(row, None)
        # A slow one that lands is made good by the next look.
        self._committed -= lane.busy >= lane.kept
        self.requests -= 1
        return lane

    def numbers_on_wire(self) -> set[str]:
        """Numbers that wait for an answer."""
        return {number_id for (number_id, _), lane in self.lanes.items() if lane.on_wire}

    def rows(self) -> list[ClaimedRow]:
        """Rows whose answer is not here yet: in doubt if the process ends now."""
        return [row for lane in self.lanes.values() for row in lane.on_wire]

    def look_for_slow(self, now: float) -> None:
        """Counts slow requests and shares the wire anew; called a few times a second.

        Takes as many steps as there are slow requests, and a few for each lane.
        """
        total = 0
        in_use: dict[str, list[Lane]] = defaultdict(list)
        for (number_id, _), lane in self.lanes.items():
            slow = 0
            for since in lane.on_wire.values():
                if now - since < SLOW_SECONDS:
                    break
                slow += 1
            lane.slow = slow
            total += slow
            # Falls to a tenth within 5 s: a lane that has become idle gives its room back.
            lane.usual = max(float(lane.peak), 0.9 * lane.usual)
            lane.peak = lane.busy
            if lane.usual >= 0.5 and not lane.stalled:
                in_use[number_id].append(lane)
            else:
                lane.kept = 0
        self.slow = total
        for key in [key for key, lane in self.lanes.items() if lane.forgettable]:
            del self.lanes[key]
        for lanes in in_use.values():
            share = self.limit // (len(in_use) * len(lanes))
            for lane in lanes:
                lane.kept = min(share, max(LEAST_KEPT, round(2 * lane.usual)))
        self._committed = sum(max(lane.kept, lane.busy) for lane in self.lanes.values())
        self.moved.set()

    def stalled_lanes(self, now: float) -> list[tuple[str, str]]:
        """Lanes that shall get no rows at `now` (boot seconds): their requests hang, or may be
        about to hang and use up all that the lane may have."""
        return [
            key
            for key, lane in self.lanes.items()
            if lane.stalled or lane.blocked or not (lane.prompt(now) or self._has_room(lane, now))
        ]

    def unblock(self, keys: Iterable[tuple[str, str]]) -> None:
        """The database has judged these lanes' answers: its holds are what counts now."""
        for key in keys:
            lane = self.lane(key)
            lane.blocked = False
            lane.opaque_answers = 0
            lane.faults_in_a_row = 0
