"""The queue processor: three stages with bounded hands between them, and an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from wacampaign.core.boot_clock import boot_seconds
from wacampaign.core.cards import Cards
from wacampaign.core.claiming import Claiming
from wacampaign.core.deadlines import Deadlines
from wacampaign.core.hand import Hand
from wacampaign.core.ports import ClaimedRow, EventLog, Journal, Queue, Sender, SettleAnswer
from wacampaign.core.sending import Sending
from wacampaign.core.settling import Settling
from wacampaign.core.turns import give_up

#: Requests in flight at most: Meta's highest throughput (1,000/s) at its usual 0.35 s an answer
#: needs 350 (whatsapp-cloud-api 2.1).
LIMIT_IN_FLIGHT: Final = 400
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
        deadlines: Deadlines | None = None,
        may_claim: Callable[[], bool] = lambda: True,
    ) -> None:
        self.hand = Hand(limit_in_flight)
        self._log = log
        self._deadlines = deadlines or Deadlines()
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
        return self._may_claim() and (down is None or boot_seconds() >= down)

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
            await give_up(claiming, looking, stopping)
            await self._sending.drain(self._deadlines.drain)
            self._settling.close()
            last = {settling, *self._sending.chores}
            _, left = await asyncio.wait(last, timeout=self._deadlines.last_write)
            await give_up(sending, *last)
            if left:
                self._log(
                    "unsettled",
                    level="warning",
                    rows=self._settling.unsettled,
                    unreleased=self._sending.unreleased or None,
                )
        # All are looked at: what nobody looks at is reported once more when the process ends.
        ended = [task for task in tasks if task.done() and not task.cancelled()]
        errors = [error for task in ended if (error := task.exception()) is not None]
        if errors:
            raise errors[0]

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.hand.look_for_slow(boot_seconds())
