"""First stage: claims about a second of work ahead, and asks the completion guard."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from wacampaign.core.campaign.completion import CompletionVerdict, describe_verdict
from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.claim_size import AHEAD_MS, ClaimSize
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.ports import (
    CampaignWork,
    ClaimAnswer,
    DatabaseAway,
    EventLog,
    Queue,
)
from wacampaign.core.engine.turns import SHORTEST_SECONDS, wait_for
from wacampaign.core.engine.waiting import Waiting
from wacampaign.core.words import short_id

#: First and doubling pause between looks that found nothing, in seconds; the end of the doubling
#: is the transport's `idle_poll_seconds`.
BUSY_POLL_SECONDS: Final = 0.1
#: Seconds between two looks whether claiming is allowed again (the API or the heartbeat is back).
BARRED_SECONDS: Final = 1.0
#: Seconds between two questions to the completion guard about the same state of a campaign; doubles
#: up to a minute.
GUARD_SECONDS: Final = 1.0
GUARD_LONGEST_SECONDS: Final = 60.0
#: Rows of one claim at most: the database's own limit.
CLAIM_ROWS: Final = 2_000


class _Wake(Enum):
    """What ends a rest before its time."""

    #: Nothing does.
    NOTHING = auto()
    #: A row left, or was answered.
    ROOM = auto()
    #: Answers were settled, or the database says that there is work.
    WORK = auto()


class _Rest(NamedTuple):
    seconds: float
    wake: _Wake


@dataclass(slots=True)
class _Asked:
    """When the guard is to be asked again, and what its last answer was in words."""

    left: tuple[int, int]
    again_at: float
    pause: float
    sentence: str


class Claiming:
    """The claim loop of one worker."""

    def __init__(
        self,
        queue: Queue,
        worker_id: UUID,
        waiting: Waiting,
        in_flight: InFlight,
        log: EventLog,
        take: Callable[[ClaimAnswer], None],
        *,
        campaign_ids: Sequence[str] | None,
        may_claim: Callable[[], bool],
    ) -> None:
        self._queue = queue
        self._worker_id = worker_id
        #: By which a person finds it in logs and screens.
        self._name = f"worker {short_id(str(worker_id))}"
        self._waiting = waiting
        self._in_flight = in_flight
        self._log = log
        self._take = take
        self._campaign_ids = campaign_ids
        self._may_claim = may_claim
        #: A claim is under way.
        self.asking = False
        self._kick = asyncio.Event()
        #: The claim whose answer is not here. A database that stood still may carry it out when it
        #: wakes, and its rows would wait for the end of their lease.
        self._unanswered: UUID | None = None
        self._asked: dict[str, _Asked] = {}
        #: Campaigns of the last answer.
        self._running: set[str] = set()
        self._poll = BUSY_POLL_SECONDS
        self._size = ClaimSize(waiting, in_flight)

    def kick(self) -> None:
        """Something changed (answers were settled): look again at once."""
        self._poll = BUSY_POLL_SECONDS
        self._kick.set()

    async def run(self, *, until_idle: bool) -> None:
        """Claims until cancelled, or until no running campaign has work left."""
        while (rest := await self._turn(until_idle=until_idle)) is not None:
            await self._sleep(rest)

    async def _turn(self, *, until_idle: bool) -> _Rest | None:
        """One look for work; returns the rest that follows it, None at the end of the work."""
        wanted = self._size.rows_wanted()
        if wanted <= 0:
            return _Rest(BUSY_POLL_SECONDS, _Wake.ROOM)
        if not self._may_claim():
            return _Rest(BARRED_SECONDS, _Wake.NOTHING)
        try:
            self.asking = True
            answer = await self._claim(min(wanted, CLAIM_ROWS))
            self.asking = False
            await self._ask_guard(answer)
        except DatabaseAway as away:
            self._log("database_away", level="warning", doing="claim", error=away)
            self._poll = min(self._poll * 2, self._queue.idle_poll_seconds)
            return _Rest(self._poll, _Wake.WORK)
        finally:
            self.asking = False
        if until_idle and self._idle(answer):
            return None
        return _Rest(self._seconds_to_work(answer, wanted), _Wake.WORK)

    async def _claim(self, wanted: int) -> ClaimAnswer:
        # One id until the answer is here: a lost answer is asked for again, not claimed anew.
        claim_id = self._unanswered = self._unanswered or uuid4()
        pause = BUSY_POLL_SECONDS
        for attempt in range(4):
            asked = time.monotonic()
            try:
                answer = await self._queue.claim(
                    self._worker_id,
                    claim_id,
                    wanted,
                    ahead_ms=self._size.ahead_ms,
                    lead_ms=self._size.lead_ms,
                    beside_ms=self._size.beside_ms,
                    campaign_ids=self._campaign_ids,
                    stalled=self._in_flight.stalled_lanes(boot_seconds()),
                )
                break
            except DatabaseAway:
                if attempt == 3:
                    raise
                await asyncio.sleep(pause * random.uniform(0.7, 1.3))
                pause *= 2
        self._unanswered = None
        self._size.note(time.monotonic() - asked, answer)
        self._in_flight.measures.queued = sum(one.unsent for one in answer.campaigns)
        self._take(answer)
        if answer.rows:
            self._log("claimed", level="debug", rows=len(answer.rows), claim=claim_id)
        return answer

    def _idle(self, answer: ClaimAnswer) -> bool:
        return (
            not answer.rows
            and self._waiting.rows == 0
            and self._in_flight.requests == 0
            and all(c.unsent == 0 and c.in_flight == 0 for c in answer.campaigns)
            and all(c.id in self._asked for c in answer.campaigns)
        )

    def _seconds_to_work(self, answer: ClaimAnswer, wanted: int) -> float:
        """Until there may be something to claim."""
        if answer.rows:
            self._poll = BUSY_POLL_SECONDS
            if len(answer.rows) >= wanted:
                return 0.0
            # The numbers' slots are the limit: come back when about half of them have passed.
            return min((answer.next_ms or AHEAD_MS) / 1000, AHEAD_MS / 2000)
        pause = self._poll
        self._poll = min(self._poll * 2, self._queue.idle_poll_seconds)
        if answer.next_ms is not None:
            pause = min(pause, max(0.01, answer.next_ms / 1000))
        return pause

    async def _sleep(self, rest: _Rest) -> None:
        """The one place where this loop waits, between any two turns."""
        # First and always: what wakes it may be there already, at each turn.
        await asyncio.sleep(SHORTEST_SECONDS)
        match rest.wake:
            case _Wake.NOTHING:
                await asyncio.sleep(rest.seconds)
            case _Wake.ROOM:
                await wait_for(self._in_flight.moved, rest.seconds)
            case _Wake.WORK if not self._kick.is_set():
                kicked = asyncio.ensure_future(self._kick.wait())
                woken = asyncio.ensure_future(self._queue.wait_for_work(rest.seconds))
                try:
                    await asyncio.wait((kicked, woken), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    kicked.cancel()
                    woken.cancel()
                    await asyncio.gather(kicked, woken, return_exceptions=True)
        # Consumed here, on every way: a kick that comes during the next turn is for the next rest.
        self._kick.clear()

    async def _ask_guard(self, answer: ClaimAnswer) -> None:
        """Asks about campaigns of which nothing is in flight and nothing can be claimed."""
        got = {row.campaign_id for row in answer.rows}
        now = time.monotonic()
        for campaign in answer.campaigns:
            if campaign.id in got or campaign.in_flight > 0:
                self._asked.pop(campaign.id, None)
            elif campaign.unsent == 0 or _long_wait(answer.next_ms):
                await self._ask(campaign, now)
        running = {campaign.id for campaign in answer.campaigns}
        for campaign_id in self._running - running:
            await self._ask_why_stopped(campaign_id)
        self._running = running
        for campaign_id in self._asked.keys() - running:
            del self._asked[campaign_id]

    async def _ask_why_stopped(self, campaign_id: str) -> None:
        """Says that a campaign was paused: by a person, or as its messages failed afterwards."""
        try:
            verdict = await self._queue.complete(campaign_id, self._name)
        except DatabaseAway:
            raise
        except Exception:
            # It may have been deleted: what nobody has any more needs no word.
            return
        if verdict.status == "paused":
            self._tell(campaign_id, verdict)

    async def _ask(self, campaign: CampaignWork, now: float) -> None:
        left = (campaign.unsent, campaign.in_flight)
        asked = self._asked.get(campaign.id)
        if asked is not None and asked.left == left and now < asked.again_at:
            return
        verdict = await self._queue.complete(campaign.id, self._name)
        pause = GUARD_SECONDS
        if asked is not None and asked.left == left:
            pause = min(asked.pause * 2, GUARD_LONGEST_SECONDS)
        sentence = describe_verdict(verdict)
        if asked is None or asked.sentence != sentence:
            self._tell(campaign.id, verdict)
        self._asked[campaign.id] = _Asked(left, now + pause, pause, sentence)

    def _tell(self, campaign_id: str, verdict: CompletionVerdict) -> None:
        self._log(
            "verdict",
            level="info" if verdict.completed else "warning",
            campaign=campaign_id,
            verdict=describe_verdict(verdict),
            **verdict.counts.by_name(),
        )


def _long_wait(next_ms: int | None) -> bool:
    """Nothing becomes due within two paces of the slowest number: worth saying why."""
    return next_ms is None or next_ms > 2 * AHEAD_MS
