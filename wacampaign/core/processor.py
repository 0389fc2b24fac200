"""The queue processor: three stages with bounded hands between them, and an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from wacampaign.core.cards import Cards
from wacampaign.core.claiming import Claiming
from wacampaign.core.hand import Hand
from wacampaign.core.ports import ClaimedRow, EventLog, Journal, Queue, Sender, SettleAnswer
from wacampaign.core.sending import Sending
from wacampaign.core.settling import Settling

#: Requests in flight at most: Meta's highest throughput (1,000/s) at its usual 0.35 s an answer
#: needs 350 (whatsapp-cloud-api 2.1).
LIMIT_IN_FLIGHT: Final = 400
#: Seconds a stop waits for answers, and then for the database; together below PM2's kill_timeout
#: of 30 s in our configuration. What the database could not take is in the journal.
DRAIN_SECONDS: Final = 20.0
LAST_SETTLE_SECONDS: Final = 5.0
#: Seconds between two looks for slow requests.
LOOK_SECONDS: Final = 0.25


class Processor:
    """Claims, sends and settles until stopped, or until no running campaign has work left."""

    def __init__(
        self,
        queue: Queue,
        sender: Sender,
        journal: Journal,
        log: EventLog,
        worker_id: UUID,
        *,
        fallback_token: str | None = None,
        campaign_ids: Sequence[str] | None = None,
        limit_in_flight: int = LIMIT_IN_FLIGHT,
        drain_seconds: float = DRAIN_SECONDS,
        may_claim: Callable[[], bool] = lambda: True,
    ) -> None:
        self.hand = Hand(limit_in_flight)
        self._log = log
        self._drain_seconds = drain_seconds
        self._may_claim = may_claim
        cards = Cards(queue, fallback_token)
        self._sending = Sending(queue, sender, cards, journal, worker_id, self.hand, log)
        self._settling = Settling(queue, worker_id, self.hand, journal, log, self._on_settled)
        self._sending.settle_with(self._settling)
        self._claiming = Claiming(
            queue,
            worker_id,
            self.hand,
            log,
            self._sending.take,
            campaign_ids=campaign_ids,
            may_claim=self._may_go_on,
        )
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ends the run in order: no new claims, answers awaited and written, the rest released."""
        self._stop.set()

    @property
    def on_wire(self) -> list[ClaimedRow]:
        """Rows whose answer is not here yet: in doubt if the process ends now."""
        return self._sending.on_wire

    @property
    def all_settled(self) -> bool:
        """Whether the database has every outcome, and every row back that was not sent."""
        return self._settling.unsettled == 0 and self._sending.unreleased == 0

    def _may_go_on(self) -> bool:
        down = self.hand.down_until
        return self._may_claim() and (down is None or asyncio.get_running_loop().time() >= down)

    def _on_settled(self, answer: SettleAnswer) -> None:
        self._sending.stop_sending(answer.stopped_campaigns, answer.held)
        self._claiming.kick()

    async def run(self, *, until_idle: bool = False) -> None:
        """Runs until `stop`, or with `until_idle` until there is nothing left to do."""
        settling = asyncio.create_task(self._settling.run(), name="settle")
        claiming = asyncio.create_task(self._claiming.run(until_idle=until_idle), name="claim")
        sending = asyncio.create_task(self._sending.run(), name="send")
        looking = asyncio.create_task(self._look(), name="look")
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        tasks = (claiming, sending, looking, settling)
        try:
            await asyncio.wait((*tasks, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (claiming, looking, stopping):
                task.cancel()
            await asyncio.gather(claiming, looking, stopping, return_exceptions=True)
            await self._sending.drain(self._drain_seconds)
            sending.cancel()
            self._settling.close()
            await asyncio.gather(sending, return_exceptions=True)
            await asyncio.wait((settling,), timeout=LAST_SETTLE_SECONDS)
            if not settling.done():
                settling.cancel()
                await asyncio.gather(settling, return_exceptions=True)
                self._log("unsettled", level="warning", rows=self._settling.unsettled)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.hand.look_for_slow(asyncio.get_running_loop().time())
