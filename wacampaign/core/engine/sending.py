"""Second stage: each row at its slot, through the fence, onto the wire, and its answer judged."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Final
from uuid import UUID

from wacampaign.core.engine.attempt import Attempts
from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.credentials import Credentials, CredentialsCache, Unusable
from wacampaign.core.engine.fence import Fence
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.judgement import NoAnswer, hold_reason, judge_failure
from wacampaign.core.engine.number_pace import NumberPaces
from wacampaign.core.engine.ports import (
    ClaimAnswer,
    ClaimedRow,
    DatabaseAway,
    EventLog,
    Journal,
    Queue,
    Sender,
    Settlement,
    Withheld,
)
from wacampaign.core.engine.returning import Returning
from wacampaign.core.engine.settling import Settling
from wacampaign.core.engine.turns import wait_for
from wacampaign.core.engine.waiting import HeldClaim, Waiting
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.core.words import short_id

#: Shortest pause between two looks at the slots, in seconds: 200 a second are smooth enough.
TICK_SECONDS: Final = 0.005
#: Milliseconds a row waits when its number or template cannot be used, until the next look.
UNUSABLE_WAIT_MS: Final = 5_000


class Sending:
    """Dispatches claimed rows; runs until cancelled. `drain` stops it in order."""

    def __init__(
        self,
        queue: Queue,
        sender: Sender,
        credentials: CredentialsCache,
        journal: Journal,
        worker_id: UUID,
        waiting: Waiting,
        in_flight: InFlight,
        settling: Settling,
        log: EventLog,
        *,
        clock: Callable[[], float] = boot_seconds,
    ) -> None:
        self._credentials = credentials
        self._journal = journal
        self._waiting = waiting
        self._in_flight = in_flight
        self._settling = settling
        self._log = log
        self._clock = clock
        self._paces = NumberPaces()
        self._attempts = Attempts(sender, self._paces, in_flight, log, clock)
        self._returning = Returning(queue, worker_id, journal, log)
        self._fence = Fence(queue, worker_id, waiting, clock)
        self._on_wire: dict[asyncio.Task[None], ClaimedRow] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()
        self._draining = False
        self._failure: BaseException | None = None

    @property
    def chores(self) -> frozenset[asyncio.Task[None]]:
        """What is under way beside the messages: fences, and rows given back."""
        return frozenset(self._chores)

    @property
    def unreleased(self) -> int:
        """Rows that were not sent and that the database still takes for ours."""
        return self._returning.unreturned

    def take(self, answer: ClaimAnswer) -> None:
        """The rows of one claim, and how they may leave, from the claiming stage."""
        rows, now = answer.rows, self._clock()
        self._paces.learn(answer.rates, answer.alone_at)
        self._credentials.learn(answer.campaigns)
        if not rows:
            return
        self._waiting.add_claim(rows)
        in_time: list[ClaimedRow] = []
        late: list[ClaimedRow] = []
        for row in rows:
            (late if self._paces.missed(row.number_id, row.due, now) else in_time).append(row)
        if in_time:
            self._waiting.put(in_time)
            pause = min(row.due for row in in_time) - now - self._fence.lead_seconds
            asyncio.get_running_loop().call_later(pause, self._ask_fence, rows[0].claim_id)
            for sender in {row.sender for row in in_time}:
                if not isinstance(self._credentials.cached(*sender), Credentials):
                    self._chore(self._fetch_credentials(*sender))
            self._arrived.set()
        if late:
            self._give_back(late, late=True)

    async def _fetch_credentials(self, number_id: str, campaign_id: str, template: str) -> None:
        # Ahead of the slots. If it fails, each row asks again, and says what became of it.
        with contextlib.suppress(DatabaseAway):
            credentials = await self._credentials.fetch(number_id, campaign_id, template)
            if isinstance(credentials, Credentials):
                self._paces.share(number_id, credentials.phone_number_id)

    def stop_sending(
        self, campaigns: frozenset[str], held: tuple[tuple[str, str | None], ...] = ()
    ) -> None:
        """What waits of these campaigns, or of these numbers and templates, is released."""
        if not campaigns and not held:
            return
        self._release(
            self._waiting.withdraw(
                lambda row: (
                    row.campaign_id in campaigns
                    or row.lane in held
                    or (row.number_id, None) in held
                )
            )
        )

    def _ask_fence(self, claim_id: str) -> None:
        """Asks whether this claim may begin, unless that is being asked."""
        claim = self._waiting.claims.get(claim_id)
        if claim is not None and not claim.asking and not self._draining:
            claim.asking = True
            self._chore(self._pass_fence(claim_id, claim))

    async def _pass_fence(self, claim_id: str, claim: HeldClaim) -> None:
        try:
            stopped = await self._fence.ask(claim_id, claim)
        except DatabaseAway:
            # Nothing of it was sent; the lease gives its rows back if we cannot.
            self._release(self._waiting.withdraw_claim(claim_id))
            return
        if stopped is None:
            lost = self._waiting.withdraw_claim(claim_id)
            self._in_flight.moved.set()
            self._log("claim_lost", level="warning", rows=len(lost), told=0)
            return
        parked, claim.parked = claim.parked, []
        self._waiting.put(parked)
        self.stop_sending(stopped)
        self._arrived.set()

    def _release(self, rows: list[ClaimedRow]) -> None:
        """These rows go back now: they are not to be sent."""
        if rows:
            self._in_flight.moved.set()
            self._chore(self._returning.release(rows))

    async def run(self) -> None:
        """Launches rows as their slots come."""
        returning = asyncio.create_task(self._returning.run(), name="return")
        returning.add_done_callback(self._chore_done)
        try:
            while True:
                if self._failure is not None:
                    raise self._failure
                self._launch(self._clock())
                self._arrived.clear()
                due = self._waiting.next_due()
                # Slots that have come wait here when the wire is full or the database is behind.
                pause = 1.0 if due is None else max(TICK_SECONDS, due - self._clock())
                await wait_for(self._arrived, min(pause, 1.0))
        finally:
            returning.cancel()
            await asyncio.gather(returning, return_exceptions=True)

    def _launch(self, now: float) -> None:
        departing: list[tuple[ClaimedRow, HeldClaim, Credentials]] = []
        late: list[ClaimedRow] = []
        unsent: list[ClaimedRow] = []
        stuck: set[tuple[str, str]] = set()
        backed_up = self._settling.backed_up
        for row in self._waiting.take_due(now, stuck):
            claim = self._waiting.claims.get(row.claim_id)
            lane = self._in_flight.lane(row.lane)
            if self._paces.missed(row.number_id, row.due, now):
                late.append(row)
            elif claim is None or lane.blocked or lane.stalled:
                unsent.append(row)
            elif not claim.holds(now):
                claim.parked.append(row)
                self._ask_fence(row.claim_id)
            elif (
                backed_up
                or not self._in_flight.may_send(lane, now)
                or not self._paces.turn(row.number_id, now)
            ):
                stuck.add(row.lane)
            else:
                self._waiting.leaves(row)
                self._in_flight.departs(row, now)
                credentials = self._credentials.cached(*row.sender)
                if isinstance(credentials, Credentials):
                    departing.append((row, claim, credentials))
                else:
                    self._start(row, self._fetch_and_send(row, claim))
        if late:
            self._give_back(late, late=True)
        if unsent:
            self._give_back(unsent, late=False)
        if departing:
            self._begin([row for row, _, _ in departing])
            for row, claim, credentials in departing:
                self._start(row, self._send(row, claim, credentials))

    def _give_back(self, rows: list[ClaimedRow], *, late: bool) -> None:
        """Rows that wait no longer go back with the next batch. `late`: their slots passed, so they
        are claimed anew with slots to come."""
        for row in rows:
            self._waiting.leaves(row)
        self._in_flight.moved.set()
        self._returning.gather(rows, late=late)

    def _begin(self, rows: list[ClaimedRow]) -> None:
        """Writes the journal before anything leaves: after a kill, what is not in it never left.

        Raises `OSError` if it cannot be written; then these rows go back.
        """
        try:
            self._journal.begun(rows)
        except OSError:
            for row in rows:
                self._in_flight.recalled(row)
            self._release(rows)
            raise

    def _start(self, row: ClaimedRow, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._on_wire[task] = row
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        row = self._on_wire.pop(task)
        if task.cancelled():
            # Before its POST: the POST itself turns a cancellation into a verdict.
            self._finish(row, judge_failure(NoAnswer.NOT_SENT, "the worker stopped"))
        elif (error := task.exception()) is not None:
            # Never seen, and so perhaps sent.
            self._log("bug", level="error", row=row.id, error=repr(error))
            self._finish(row, judge_failure(NoAnswer.MAYBE_SENT, f"a fault of ours: {error!r}"))

    async def _fetch_and_send(self, row: ClaimedRow, claim: HeldClaim) -> None:
        """The first message of a number, or a number or template that cannot be used."""
        try:
            credentials = await self._credentials.fetch(*row.sender)
        except DatabaseAway as away:
            verdict = Verdict(Outcome.WAIT, text=f"not sent: {away}", wait_ms=UNUSABLE_WAIT_MS)
            self._finish(row, verdict)
            return
        if isinstance(credentials, Unusable):
            self._finish(
                row,
                Verdict(
                    Outcome.WAIT,
                    text=f"not sent: {credentials.reason}",
                    wait_ms=UNUSABLE_WAIT_MS,
                    hold_scope=credentials.scope,
                ),
            )
            return
        try:
            self._begin([row])
        except OSError as error:
            self._fail(error)
            return
        await self._send(row, claim, credentials)

    async def _send(self, row: ClaimedRow, claim: HeldClaim, credentials: Credentials) -> None:
        try:
            verdict = await self._attempts.send(row, claim, credentials)
        except Withheld as error:
            # The connection, or this process, took longer than the slot; the journal says so.
            self._journal.answered(row, judge_failure(NoAnswer.NOT_SENT, str(error)))
            self._in_flight.recalled(row)
            self._returning.gather([row], late=True)
        else:
            self._finish(row, verdict)

    def _finish(self, row: ClaimedRow, verdict: Verdict) -> None:
        self._journal.answered(row, verdict)
        self._in_flight.arrives(row, verdict)
        reason = None
        if verdict.hold_scope is not None:
            credentials = self._credentials.cached(*row.sender)
            number = credentials.phone_number_id if isinstance(credentials, Credentials) else None
            reason = hold_reason(verdict, short_id(row.campaign_id), row.template, number)
            if self._in_flight.lane(row.lane).blocked:
                # Before the number is resumed, somebody changes its token or template: read anew.
                self._credentials.forget(row.number_id)
        self._settling.put(Settlement(row, verdict, reason))
        if self._in_flight.requests == 0 and self._waiting.rows == 0:
            # Nothing is under way that could join the batch (as in each step of the ramp).
            self._settling.hurry()

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chore_done)

    def _chore_done(self, task: asyncio.Task[None]) -> None:
        self._chores.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """What does not heal by itself ends `run`, and with it the worker, in order."""
        self._failure = self._failure or error
        self._arrived.set()
        self._in_flight.moved.set()

    async def drain(self, seconds: float) -> None:
        """Releases what was not sent, waits for answers, gives up on them after `seconds`."""
        self._draining = True
        self._release(self._waiting.withdraw(lambda _row: True))
        self._returning.hurry()
        if self._on_wire:
            await asyncio.wait(set(self._on_wire), timeout=seconds)
        for task in list(self._on_wire):
            task.cancel()
        if self._on_wire:
            await asyncio.wait(set(self._on_wire), timeout=1.0)
        self._chore(self._returning.flush())
