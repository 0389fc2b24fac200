"""Second stage: each row at its slot, through the fence, onto the wire, and its answer judged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Final
from uuid import UUID

from wacampaign.core.cards import Card, Cards, Missing
from wacampaign.core.error_table import explain
from wacampaign.core.hand import Hand
from wacampaign.core.judgement import Transport, judge_answer, judge_failure
from wacampaign.core.outcome import Outcome, Scope, Verdict
from wacampaign.core.ports import (
    ClaimedRow,
    DatabaseAway,
    EventLog,
    Evidence,
    Journal,
    MaybeSent,
    NotSent,
    Queue,
    Sender,
    Settlement,
)
from wacampaign.core.settling import Settling
from wacampaign.core.template_message import PayloadMismatch
from wacampaign.core.waiting import PUNCTUAL_SECONDS, HeldClaim, Waiting

#: Seconds before its first slot at which a claim begins: hides the fence's round trip, and keeps
#: small what would be in doubt if the machine were lost now.
BEGIN_LEAD_SECONDS: Final = 0.1
#: Shortest pause between two looks at the slots, in seconds: 200 a second are smooth enough.
TICK_SECONDS: Final = 0.005
#: Seconds after its slot at which a row is no longer sent: far inside the lease of 120 s, so that
#: a process that stood still (suspended, swapped out) gives its rows back instead.
LATEST_SECONDS: Final = 45.0
#: Longest pause between two attempts to give rows back while the database is away, in seconds.
LONGEST_PAUSE_SECONDS: Final = 10.0
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
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._cards = cards
        self._journal = journal
        self._worker_id = worker_id
        self._hand = hand
        self._log = log
        self._settling: Settling | None = None
        self._waiting = Waiting()
        self._blocked = False
        self._on_wire: dict[asyncio.Task[None], ClaimedRow] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()
        self._draining = False
        self._unreleased = 0
        self._failure: BaseException | None = None

    def settle_with(self, settling: Settling) -> None:
        """The next stage."""
        self._settling = settling

    @property
    def on_wire(self) -> list[ClaimedRow]:
        """Rows whose answer is not here yet."""
        return list(self._on_wire.values())

    @property
    def unreleased(self) -> int:
        """Rows that were not sent and that the database still takes for ours."""
        return self._unreleased

    def take(self, rows: list[ClaimedRow]) -> None:
        """Rows of one claim, from the claiming stage."""
        claim = self._waiting.add_claim(rows)
        asyncio.get_running_loop().call_at(
            claim.first_due - BEGIN_LEAD_SECONDS, self._ask_fence, rows[0].claim_id
        )
        self._arrived.set()

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
            self._release(unsent)

    async def run(self) -> None:
        """Launches rows as their slots come."""
        loop = asyncio.get_running_loop()
        while True:
            if self._failure is not None:
                raise self._failure
            now = loop.time()
            self._launch(now)
            self._arrived.clear()
            self._hand.moved.clear()
            due = self._waiting.next_due()
            # Slots that have come wait here when the wire is full or the database is behind.
            self._blocked = due is not None and due <= now
            if self._blocked:
                await self._first(self._hand.moved, pause=0.05)
            elif due is None:
                await self._first(self._arrived, pause=1.0)
            else:
                await self._first(self._arrived, pause=max(TICK_SECONDS, due - loop.time()))

    async def _first(self, event: asyncio.Event, *, pause: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await event.wait()

    def _launch(self, now: float) -> None:
        assert self._settling is not None
        departing: list[tuple[ClaimedRow, Card]] = []
        unsent: list[ClaimedRow] = []
        while (due := self._waiting.next_due()) is not None and due <= now:
            if not self._hand.may_send(now) or self._settling.backed_up:
                break
            row = self._waiting.pop()
            claim = self._waiting.claims.get(row.claim_id)
            lane = self._hand.lane(row.lane)
            if claim is None or lane.blocked or lane.stalled or now - row.due > LATEST_SECONDS:
                unsent.append(row)
            elif not claim.begun:
                claim.parked.append(row)
            elif self._waiting.takes_turn(row, now):
                if now - due > PUNCTUAL_SECONDS and not self._blocked:
                    # This process was held up.
                    self._waiting.move(row.number_id, now - due)
                self._waiting.leaves(row)
                card = self._cards.at_hand(row.number_id, row.template)
                self._hand.waiting -= 1
                self._hand.departs(row, now)
                if isinstance(card, Card):
                    departing.append((row, card))
                else:
                    self._start(row, self._send_without_card(row))
        if departing:
            # Written before anything leaves: after a kill, what is not in the journal never left.
            try:
                self._journal.begun([row for row, _ in departing])
            except OSError:
                for row, _ in departing:
                    self._hand.recalled(row)
                self._release([*unsent, *(row for row, _ in departing)])
                raise
            for row, card in departing:
                self._start(row, self._send(row, card))
        if unsent:
            self._release(unsent)

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

    async def _send_without_card(self, row: ClaimedRow) -> None:
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
            self._release([row])
            self._fail(error)
            return
        await self._send(row, card)

    async def _send(self, row: ClaimedRow, card: Card) -> None:
        try:
            body = card.template.body(row.phone, row.payload, row.id)
        except PayloadMismatch as mismatch:
            verdict = mismatch.verdict
        else:
            try:
                status, answer = await self._sender.post(card.phone_number_id, card.token, body)
                verdict = judge_answer(status, answer, card.phone_number_id)
                self._hand.reached()
            except NotSent as error:
                verdict = judge_failure(Transport.NOT_SENT, str(error))
                if self._hand.unreachable(asyncio.get_running_loop().time()):
                    self._log("api_unreachable", level="warning", error=error)
            except MaybeSent as error:
                verdict = judge_failure(Transport.MAYBE_SENT, str(error))
            except asyncio.CancelledError:
                # The deadline of the drain: the request was out, its answer is not waited for.
                verdict = judge_failure(Transport.MAYBE_SENT, "the worker stopped")
        self._finish(row, verdict)

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
        if verdict.code is None:
            return f"{verdict.text} ({where})"
        return f"{explain(verdict.code, row.campaign_id[:8])} ({where})"

    def _ask_fence(self, claim_id: str) -> None:
        claim = self._waiting.claims.get(claim_id)
        if claim is not None and not claim.asked and not self._draining:
            claim.asked = True
            self._chore(self._begin(claim_id, claim))

    async def _begin(self, claim_id: str, claim: HeldClaim) -> None:
        for attempt in range(5):
            try:
                stopped = await self._queue.begin(self._worker_id, claim_id)
                break
            except DatabaseAway:
                if attempt == 4:
                    # Nothing of it was sent; the lease gives its rows back if we cannot.
                    self._release(self._waiting.withdraw(lambda row: row.claim_id == claim_id))
                    return
                await asyncio.sleep(0.2 * 2**attempt)
        if stopped is None:
            # The claim was given up meanwhile: its rows are somebody else's.
            gone = self._waiting.withdraw(lambda row: row.claim_id == claim_id)
            self._waiting.claims.pop(claim_id, None)
            self._hand.waiting -= len(gone)
            self._hand.moved.set()
            self._log("claim_lost", level="warning", rows=len(gone), told=0)
            return
        claim.begun = True
        self.stop_sending(stopped)
        parked, claim.parked = claim.parked, []
        self._waiting.put(parked)
        late = asyncio.get_running_loop().time() - claim.first_due
        if late > 0:
            for number in {row.number_id for row in parked}:
                self._waiting.move(number, late)
        self._arrived.set()

    def _release(self, rows: list[ClaimedRow]) -> None:
        self._hand.waiting -= len(rows)
        self._hand.moved.set()
        for row in rows:
            self._waiting.leaves(row)
        self._chore(self._give_back(rows))

    async def _give_back(self, rows: list[ClaimedRow]) -> None:
        self._unreleased += len(rows)
        pause = 0.2
        while True:
            try:
                released = await self._queue.release(self._worker_id, rows)
                if released < len(rows):
                    # Their claim was given up, and they stand in doubt; but they never left.
                    unsent = [Evidence(row.id, row.claim_id, "unsent") for row in rows]
                    await self._queue.recover(self._worker_id, unsent)
                break
            except DatabaseAway as away:
                self._log("database_away", level="warning", doing="release", error=away)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        self._unreleased -= len(rows)
        self._log("released", rows=released)

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
            self._release(rows)
        if self._on_wire:
            await asyncio.wait(set(self._on_wire), timeout=seconds)
        for task in list(self._on_wire):
            task.cancel()
        if self._on_wire:
            await asyncio.wait(set(self._on_wire), timeout=1.0)
        if self._chores:
            await asyncio.wait(set(self._chores), timeout=5.0)
        for chore in list(self._chores):
            chore.cancel()
