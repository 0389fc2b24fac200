"""First stage: claims about a second of work ahead, and asks the completion guard."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from wacampaign.core.completion import describe_verdict
from wacampaign.core.hand import Hand
from wacampaign.core.ports import (
    CampaignWork,
    ClaimAnswer,
    ClaimedRow,
    DatabaseAway,
    EventLog,
    Queue,
)

#: Milliseconds of work claimed ahead: hides a round trip of REST, and is little to lose.
AHEAD_MS: Final = 1_000
#: First and doubling pause between looks that found nothing, in seconds; the end of the doubling
#: is the transport's `idle_poll_seconds`.
BUSY_POLL_SECONDS: Final = 0.1
#: Seconds between two questions to the completion guard about the same state of a campaign; doubles
#: up to a minute.
GUARD_SECONDS: Final = 1.0
GUARD_LONGEST_SECONDS: Final = 60.0
#: Rows of one claim at most: the database's own limit.
CLAIM_ROWS: Final = 2_000


@dataclass(slots=True)
class _Asked:
    """When the guard is to be asked again, and the sentence it answered last."""

    left: tuple[int, int]
    again_at: float
    pause: float
    said: str = ""


class Claiming:
    """The claim loop of one worker."""

    def __init__(
        self,
        queue: Queue,
        worker_id: UUID,
        hand: Hand,
        log: EventLog,
        take: Callable[[list[ClaimedRow]], None],
        *,
        campaign_ids: Sequence[str] | None,
        may_claim: Callable[[], bool],
    ) -> None:
        self._queue = queue
        self._worker_id = worker_id
        self._hand = hand
        self._log = log
        self._take = take
        self._campaign_ids = campaign_ids
        self._may_claim = may_claim
        self._kick = asyncio.Event()
        self._asked: dict[str, _Asked] = {}
        self._poll = BUSY_POLL_SECONDS
        self._pace = _Pace(hand)

    def kick(self) -> None:
        """Something changed (answers were settled): look again at once."""
        self._poll = BUSY_POLL_SECONDS
        self._kick.set()

    async def run(self, *, until_idle: bool) -> None:
        """Claims until cancelled, or until no running campaign has work left."""
        while True:
            wanted = self._pace.rows_wanted()
            if wanted <= 0:
                self._hand.moved.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BUSY_POLL_SECONDS):
                        await self._hand.moved.wait()
                continue
            if not self._may_claim():
                await self._sleep(1.0)
                continue
            self._kick.clear()
            try:
                answer = await self._claim(min(wanted, CLAIM_ROWS))
                await self._ask_guard(answer)
            except DatabaseAway as away:
                self._log("database_away", level="warning", doing="claim", error=away)
                self._poll = min(self._poll * 2, self._queue.idle_poll_seconds)
                await self._sleep(self._poll)
                continue
            if until_idle and self._idle(answer):
                return
            await self._rest(answer, wanted)

    async def _claim(self, wanted: int) -> ClaimAnswer:
        # One id until the answer is here: a lost answer is asked for again, not claimed anew.
        claim_id = uuid4()
        pause = BUSY_POLL_SECONDS
        for attempt in range(4):
            try:
                answer = await self._queue.claim(
                    self._worker_id,
                    claim_id,
                    wanted,
                    ahead_ms=AHEAD_MS,
                    campaign_ids=self._campaign_ids,
                    stalled=self._hand.stalled_lanes(),
                )
                break
            except DatabaseAway:
                if attempt == 3:
                    raise
                await asyncio.sleep(pause * random.uniform(0.7, 1.3))
                pause *= 2
        if answer.rows:
            self._hand.waiting += len(answer.rows)
            self._take(answer.rows)
            self._log("claimed", level="debug", rows=len(answer.rows), claim=claim_id)
        return answer

    def _idle(self, answer: ClaimAnswer) -> bool:
        return (
            not answer.rows
            and self._hand.waiting == 0
            and self._hand.in_flight == 0
            and all(c.unsent == 0 and c.in_flight == 0 for c in answer.campaigns)
            and all(c.id in self._asked for c in answer.campaigns)
        )

    async def _rest(self, answer: ClaimAnswer, wanted: int) -> None:
        """Until there may be something to claim."""
        if answer.rows:
            self._poll = BUSY_POLL_SECONDS
            if len(answer.rows) >= wanted:
                return
            # The numbers' slots are the limit: come back when about half of them have passed.
            await self._sleep(min((answer.next_ms or AHEAD_MS) / 1000, AHEAD_MS / 2000))
            return
        pause = self._poll
        self._poll = min(self._poll * 2, self._queue.idle_poll_seconds)
        if answer.next_ms is not None:
            pause = min(pause, max(0.01, answer.next_ms / 1000))
        await self._sleep(pause)

    async def _sleep(self, seconds: float) -> None:
        """Sleeps, but for a kick or the database's wake-up."""
        if self._kick.is_set():
            return
        kicked = asyncio.ensure_future(self._kick.wait())
        woken = asyncio.ensure_future(self._queue.wait_for_work(seconds))
        try:
            await asyncio.wait((kicked, woken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            kicked.cancel()
            woken.cancel()
            await asyncio.gather(kicked, woken, return_exceptions=True)

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
        for campaign_id in self._asked.keys() - running:
            del self._asked[campaign_id]

    async def _ask(self, campaign: CampaignWork, now: float) -> None:
        left = (campaign.unsent, campaign.in_flight)
        asked = self._asked.get(campaign.id)
        if asked is not None and asked.left == left and now < asked.again_at:
            return
        verdict = await self._queue.complete(campaign.id, f"worker {self._worker_id}")
        pause = GUARD_SECONDS
        if asked is not None and asked.left == left:
            pause = min(asked.pause * 2, GUARD_LONGEST_SECONDS)
        said = describe_verdict(verdict)
        counts: dict[str, Any] = dict(verdict.counts)
        if asked is None or asked.said != said:
            level = "info" if verdict.completed else "warning"
            self._log("verdict", level=level, campaign=campaign.id, verdict=said, **counts)
        self._asked[campaign.id] = _Asked(left, now + pause, pause, said)


def _long_wait(next_ms: int | None) -> bool:
    """Nothing becomes due within two paces of the slowest number: worth saying why."""
    return next_ms is None or next_ms > 2 * AHEAD_MS


class _Pace:
    """How many rows to hold: about a second of what this worker lately managed."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._since = time.monotonic()
        self._answered = 0
        self._per_second = 0.0

    def rows_wanted(self) -> int:
        now = time.monotonic()
        passed = now - self._since
        if passed >= 0.5:
            measured = (self._hand.answered - self._answered) / passed
            self._per_second = 0.5 * self._per_second + 0.5 * measured
            self._since, self._answered = now, self._hand.answered
        # Never less than a full wire: a fresh worker has measured nothing yet.
        ahead = max(self._hand.limit_in_flight, round(self._per_second * AHEAD_MS / 1000))
        if self._hand.waiting > ahead // 2:
            return 0
        return ahead - self._hand.waiting
