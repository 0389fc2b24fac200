"""The queue processor: three stages with bounded queues between them, and an orderly end."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.claiming import Claiming
from wacampaign.core.engine.credentials import CredentialsCache
from wacampaign.core.engine.deadlines import Deadlines
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.pace_look import PaceLook
from wacampaign.core.engine.ports import EventLog, Journal, Queue, Sender, SettleAnswer
from wacampaign.core.engine.sending import Sending
from wacampaign.core.engine.settling import Settling
from wacampaign.core.engine.turns import give_up
from wacampaign.core.engine.waiting import Waiting

#: Seconds between two looks for slow requests, and for what the pace waits for.
LOOK_SECONDS: Final = 0.25


class Processor:
    """Claims, sends and settles until stopped, or until no running campaign has work left.

    `stop`, once set, ends the run in order: no new claims, answers awaited and written, the rest
    released.
    """

    def __init__(
        self,
        queue: Queue,
        sender: Sender,
        journal: Journal,
        log: EventLog,
        worker_id: UUID,
        in_flight: InFlight,
        stop: asyncio.Event,
        *,
        fallback_token: str | None = None,
        campaign_ids: Sequence[str] | None = None,
        deadlines: Deadlines | None = None,
        may_claim: Callable[[], bool] = lambda: True,
    ) -> None:
        self._in_flight = in_flight
        self._stop = stop
        self._log = log
        self._deadlines = deadlines or Deadlines()
        self._may_claim = may_claim
        waiting = Waiting()
        self._pace_look = PaceLook(waiting, in_flight)
        self._settling = Settling(queue, worker_id, in_flight, journal, log, self._on_settled)
        self._sending = Sending(
            queue,
            sender,
            CredentialsCache(queue, fallback_token),
            journal,
            worker_id,
            waiting,
            in_flight,
            self._settling,
            log,
        )
        self._claiming = Claiming(
            queue,
            worker_id,
            waiting,
            in_flight,
            log,
            self._sending.take,
            campaign_ids=campaign_ids,
            may_claim=self._may_go_on,
        )

    @property
    def all_settled(self) -> bool:
        """Whether the database has every outcome, and every row back that was not sent."""
        return self._settling.unsettled == 0 and self._sending.unreleased == 0

    def _may_go_on(self) -> bool:
        down = self._in_flight.down_until
        return self._may_claim() and (down is None or boot_seconds() >= down)

    def _on_settled(self, answer: SettleAnswer) -> None:
        self._sending.stop_sending(answer.stopped_campaigns, answer.held)
        self._claiming.kick()

    async def run(self, *, until_idle: bool = False) -> None:
        """Runs until `stop` is set, or with `until_idle` until there is nothing left to do."""
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
        # All of them: asyncio reports each error that was not looked at when the process ends.
        ended = [task for task in tasks if task.done() and not task.cancelled()]
        errors = [error for task in ended if (error := task.exception()) is not None]
        if errors:
            raise errors[0]

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = boot_seconds()
            self._in_flight.look_for_slow(now)
            self._pace_look.look(
                now, asking=self._claiming.asking, backed_up=self._settling.backed_up
            )
