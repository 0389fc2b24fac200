"""Second stage: each row at its slot, through the fence, onto the wire, and its answer judged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final
from uuid import UUID

from wacampaign.core.boot_clock import boot_seconds
from wacampaign.core.cards import Card, Cards, Missing
from wacampaign.core.error_table import explain
from wacampaign.core.fence import FENCE_SECONDS, Fence
from wacampaign.core.hand import Hand
from wacampaign.core.judgement import Transport, doubt_step, judge_answer, judge_failure
from wacampaign.core.number_pace import NumberPaces
from wacampaign.core.outcome import Outcome, Scope, Verdict
from wacampaign.core.ports import (
    ClaimAnswer,
    ClaimedRow,
    DatabaseAway,
    EventLog,
    Journal,
    MaybeSent,
    NotSent,
    Queue,
    Sender,
    Settlement,
    Unconnected,
    Withheld,
)
from wacampaign.core.returning import Returning
from wacampaign.core.settling import Settling
from wacampaign.core.template_message import PayloadMismatch
from wacampaign.core.turns import wait_for
from wacampaign.core.waiting import HeldClaim, Waiting

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
        cards: Cards,
        journal: Journal,
        worker_id: UUID,
        hand: Hand,
        log: EventLog,
        *,
        fence_seconds: float = FENCE_SECONDS,
        clock: Callable[[], float] = boot_seconds,
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._cards = cards
        self._journal = journal
        self._worker_id = worker_id
        self._hand = hand
        self._log = log
        self._fence_seconds = fence_seconds
        self._clock = clock
        self._settling: Settling | None = None
        self._waiting = Waiting()
        self._paces = NumberPaces()
        self._returning = Returning(queue, worker_id, journal, log)
        self._fence = Fence(queue, worker_id, self._waiting, hand, log, self, clock)
        self._on_wire: dict[asyncio.Task[None], ClaimedRow] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()
        self._draining = False
        self._failure: BaseException | None = None

    def settle_with(self, settling: Settling) -> None:
        """The next stage."""
        self._settling = settling

    @property
    def on_wire(self) -> list[ClaimedRow]:
        """Rows whose answer is not here yet."""
        return list(self._on_wire.values())

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
            asyncio.get_running_loop().call_later(pause, self.ask_fence, rows[0].claim_id)
            for number_id, template in {row.lane for row in in_time}:
                if self._cards.at_hand(number_id, template) is None:
                    self._chore(self._fetch_card(number_id, template))
            self._arrived.set()
        if late:
            self._miss(late)

    async def _fetch_card(self, number_id: str, template: str) -> None:
        # Ahead of the slots. If it fails, each row asks again, and says what became of it.
        with contextlib.suppress(DatabaseAway):
            card = await self._cards.fetch(number_id, template)
            if isinstance(card, Card):
                self._paces.share(number_id, card.phone_number_id)

    def stop_sending(
        self, campaigns: frozenset[str], held: tuple[tuple[str, str | None], ...] = ()
    ) -> None:
        """What waits of these campaigns, or of these numbers and templates, is released."""
        if not campaigns and not held:
            return
        unsent = self._waiting.withdraw(
            lambda row: (
                row.campaign_id in campaigns or row.lane in held or (row.number_id, None) in held
            )
        )
        if unsent:
            self.release(unsent)

    def ask_fence(self, claim_id: str) -> None:
        """Asks whether this claim may begin, unless that is being asked."""
        claim = self._waiting.claims.get(claim_id)
        if claim is not None and not claim.asking and not self._draining:
            claim.asking = True
            self._chore(self._fence.ask(claim_id, claim))

    def open(self, rows: list[ClaimedRow], stopped: frozenset[str]) -> None:
        """The fence of these rows is open, but not for those of stopped campaigns."""
        self._waiting.put(rows)
        self.stop_sending(stopped)
        self._arrived.set()

    def release(self, rows: list[ClaimedRow]) -> None:
        """These rows go back now: they are not to be sent."""
        self._set_down(rows)
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
        assert self._settling is not None
        departing: list[tuple[ClaimedRow, HeldClaim, Card]] = []
        late: list[ClaimedRow] = []
        unsent: list[ClaimedRow] = []
        stuck: set[tuple[str, str]] = set()
        backed_up = self._settling.backed_up
        for row in self._waiting.take_due(now, stuck):
            claim = self._waiting.claims.get(row.claim_id)
            lane = self._hand.lane(row.lane)
            if self._paces.missed(row.number_id, row.due, now):
                late.append(row)
            elif claim is None or lane.blocked or lane.stalled:
                unsent.append(row)
            elif not claim.holds(now, self._fence_seconds):
                claim.parked.append(row)
                self.ask_fence(row.claim_id)
            elif (
                backed_up
                or not self._hand.may_send(lane, now)
                or not self._paces.turn(row.number_id, now)
            ):
                stuck.add(row.lane)
            else:
                self._waiting.leaves(row)
                card = self._cards.at_hand(row.number_id, row.template)
                self._hand.waiting -= 1
                self._hand.departs(row, now)
                if isinstance(card, Card):
                    departing.append((row, claim, card))
                else:
                    self._start(row, self._send_without_card(row, claim))
        if late:
            self._miss(late)
        if unsent:
            self._set_down(unsent)
            self._returning.gather(unsent, late=False)
        if departing:
            # Written before anything leaves: after a kill, what is not in the journal never left.
            try:
                self._journal.begun([row for row, _, _ in departing])
            except OSError:
                for row, _, _ in departing:
                    self._hand.recalled(row)
                self.release([row for row, _, _ in departing])
                raise
            for row, claim, card in departing:
                self._start(row, self._send(row, claim, card))

    def _start(self, row: ClaimedRow, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._on_wire[task] = row
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        row = self._on_wire.pop(task)
        if task.cancelled():
            # Before its POST: the POST itself turns a cancellation into a verdict.
            self._finish(row, judge_failure(Transport.NOT_SENT, "the worker stopped"))
        elif (error := task.exception()) is not None:
            # Never seen, and so perhaps sent.
            self._log("bug", level="error", row=row.id, error=repr(error))
            self._finish(row, judge_failure(Transport.MAYBE_SENT, f"a fault of ours: {error!r}"))

    async def _send_without_card(self, row: ClaimedRow, claim: HeldClaim) -> None:
        """The first message of a number, or a number or template that cannot be used."""
        try:
            card = await self._cards.fetch(row.number_id, row.template)
        except DatabaseAway as away:
            verdict = Verdict(Outcome.WAIT, text=f"not sent: {away}", wait_ms=UNUSABLE_WAIT_MS)
            self._finish(row, verdict)
            return
        if isinstance(card, Missing):
            self._finish(
                row,
                Verdict(
                    Outcome.WAIT,
                    text=f"not sent: {card.reason}",
                    wait_ms=UNUSABLE_WAIT_MS,
                    hold_scope=Scope.NUMBER if card.whole_number else Scope.TEMPLATE,
                ),
            )
            return
        try:
            self._journal.begun([row])
        except OSError as error:
            self._hand.recalled(row)
            self.release([row])
            self._fail(error)
            return
        await self._send(row, claim, card)

    async def _send(self, row: ClaimedRow, claim: HeldClaim, card: Card) -> None:
        departed = self._clock()
        try:
            body = card.template.body(row.phone, row.payload, row.id)
        except PayloadMismatch as mismatch:
            verdict = mismatch.verdict
        else:
            try:
                answer = await self._sender.post(
                    card.phone_number_id, card.token, body, partial(self._may_leave, row, claim)
                )
                verdict = judge_answer(
                    answer.status, answer.body, card.phone_number_id, from_meta=answer.from_meta
                )
                self._hand.reached(self._clock())
            except Withheld as error:
                # A connection, or this process, took longer than the slot; the journal has to know.
                self._journal.answered(row, judge_failure(Transport.NOT_SENT, str(error)))
                self._hand.recalled(row)
                self._miss([row])
                return
            except NotSent as error:
                verdict = judge_failure(Transport.NOT_SENT, str(error))
                if isinstance(error, Unconnected) and self._hand.unreachable(
                    self._clock(), departed
                ):
                    self._log("api_unreachable", level="warning", error=error)
            except MaybeSent as error:
                verdict = judge_failure(Transport.MAYBE_SENT, str(error))
            except asyncio.CancelledError:
                # The deadline of the drain: the request was out, its answer is not waited for.
                verdict = judge_failure(Transport.MAYBE_SENT, "the worker stopped")
        self._finish(row, verdict)

    def _may_leave(self, row: ClaimedRow, claim: HeldClaim) -> bool:
        """The last word before the message's bytes are handed over."""
        now = self._clock()
        return claim.holds(now, self._fence_seconds) and self._paces.takes(
            row.number_id, row.due, now
        )

    def _finish(self, row: ClaimedRow, verdict: Verdict) -> None:
        assert self._settling is not None
        self._journal.answered(row, verdict)
        self._hand.arrives(row, verdict)
        reason = None
        if verdict.hold_scope is not None:
            reason = self._reason(row, verdict)
            if self._hand.lane(row.lane).blocked:
                # Whoever resumes has changed something: read it anew.
                self._cards.forget(row.number_id)
        self._settling.put(Settlement(row, verdict, reason))
        if self._hand.in_flight == 0 and self._hand.waiting == 0:
            # Nothing is under way that could join the batch (as in each step of the ramp).
            self._settling.hurry()

    def _reason(self, row: ClaimedRow, verdict: Verdict) -> str:
        """For the pause reason that people read: what happened, where, and what to do."""
        where = f"template {row.template}"
        card = self._cards.at_hand(row.number_id, row.template)
        if isinstance(card, Card):
            where += f", number id {card.phone_number_id}"
        if verdict.outcome is Outcome.IN_DOUBT:
            return f"{verdict.text} ({where}): {doubt_step(verdict, row.campaign_id[:8])}"
        if verdict.code is None:
            return f"{verdict.text} ({where})"
        return f"{explain(verdict.code, row.campaign_id[:8])} ({where})"

    def _miss(self, rows: list[ClaimedRow]) -> None:
        """Their slots passed: they go back, and are claimed anew with slots to come."""
        self._set_down(rows)
        self._returning.gather(rows, late=True)

    def _set_down(self, rows: list[ClaimedRow]) -> None:
        self._hand.waiting -= len(rows)
        self._hand.moved.set()
        for row in rows:
            self._waiting.leaves(row)

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
        self._hand.moved.set()

    async def drain(self, seconds: float) -> None:
        """Releases what was not sent, waits for answers, gives up on them after `seconds`."""
        self._draining = True
        rows = self._waiting.withdraw(lambda _row: True)
        if rows:
            self.release(rows)
        self._returning.hurry()
        if self._on_wire:
            await asyncio.wait(set(self._on_wire), timeout=seconds)
        for task in list(self._on_wire):
            task.cancel()
        if self._on_wire:
            await asyncio.wait(set(self._on_wire), timeout=1.0)
        self._chore(self._returning.flush())
