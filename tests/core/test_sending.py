# ruff: noqa: ARG001, ARG002, ARG005 - fakes take what the real ones take
"""The sending stage by a clock that the test sets: slots, the fence's age, who may use the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from wacampaign.core.callback_data import row_and_claim
from wacampaign.core.engine.credentials import CredentialsCache
from wacampaign.core.engine.in_flight import (
    LEAST_KEPT,
    PROMPT_SECONDS,
    SLOW_REQUESTS_STALL,
    SLOW_SECONDS,
    InFlight,
)
from wacampaign.core.engine.ports import (
    ClaimAnswer,
    ClaimedRow,
    HttpAnswer,
    SendingNumber,
    SettleAnswer,
    Settlement,
    Withheld,
)
from wacampaign.core.engine.sending import Sending
from wacampaign.core.engine.settling import Settling
from wacampaign.core.engine.waiting import Waiting
from wacampaign.core.outcomes import Outcome, Verdict

CLAIM = "00000000-0000-0000-0000-000000000001"


class FakeQueue:
    """The database, as far as the sending stage asks it."""

    idle_poll_seconds = 1.0

    def __init__(self) -> None:
        self.begun = 0
        self.given_up = False
        self.released: list[str] = []
        self.settled: list[Settlement] = []

    async def begin(self, worker_id: UUID, claim_id: str) -> frozenset[str] | None:
        self.begun += 1
        return None if self.given_up else frozenset()

    async def release(self, worker_id: UUID, rows: Sequence[ClaimedRow]) -> int:
        self.released += [row.id for row in rows]
        return len(rows)

    async def settle(self, worker_id: UUID, batch: Sequence[Settlement]) -> SettleAnswer:
        self.settled += batch
        return SettleAnswer(len(batch))

    async def sending(self, number_ids: Sequence[str]) -> list[SendingNumber]:
        template = {
            "language": "en",
            "components": [{"type": "BODY", "text": "Hello"}],
        }
        return [SendingNumber(n, "1234", "token", {("c", "hello"): template}) for n in number_ids]


class FakeJournal:
    def __init__(self) -> None:
        self.open: set[str] = set()

    def begun(self, rows: Sequence[ClaimedRow]) -> None:
        self.open |= {row.id for row in rows}

    def answered(self, row: ClaimedRow, verdict: Verdict) -> None:
        self.open.discard(row.id)

    def settled(self, rows: Sequence[ClaimedRow]) -> None:
        self.open -= {row.id for row in rows}


class FakeSender:
    """Sends at once, after what the test puts in between."""

    def __init__(self) -> None:
        self.sent = 0
        self.bodies: list[bytes] = []
        self.edges: list[str] = []
        self.before: Callable[[], None] = lambda: None

    async def post(
        self,
        phone_number_id: str,
        token: str,
        body: bytes,
        may_leave: Callable[[], bool],
        edge: str = "messages",
    ) -> HttpAnswer:
        self.edges.append(edge)
        self.before()
        if not may_leave():
            raise Withheld("the claim is too old to be acted on")
        self.sent += 1
        self.bodies.append(body)
        return HttpAnswer(200, b'{"messages":[{"id":"wamid.%d"}]}' % self.sent)


class Stage:
    """One sending stage, its neighbours and its clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.queue: Any = FakeQueue()
        self.journal = FakeJournal()
        self.sender = FakeSender()
        self.waiting = Waiting()
        self.in_flight = InFlight(400)
        self.said: list[str] = []
        worker = uuid4()

        def log(event: str, *, level: str = "info", **fields: object) -> None:
            self.said.append(event)

        self.settling = Settling(
            self.queue, worker, self.in_flight, self.journal, log, lambda answer: None
        )
        self.sending = Sending(
            self.queue,
            self.sender,
            CredentialsCache(self.queue, None),
            self.journal,
            worker,
            self.waiting,
            self.in_flight,
            self.settling,
            log,
            clock=lambda: self.now,
        )

    def claim(self, *slots: float, phone: str = "999000000000001") -> list[ClaimedRow]:
        """Rows with slots so many seconds from now."""
        rows = [
            ClaimedRow(str(uuid4()), CLAIM, "c", "n", "hello", phone, {}, self.now + s)
            for s in slots
        ]
        self.sending.take(ClaimAnswer(rows, None, [], {"n": 80.0}))
        return rows

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - conditions of several objects
                await asyncio.sleep(0.001)


def play(scene: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        stage = Stage()
        running = [
            asyncio.create_task(stage.sending.run()),
            asyncio.create_task(stage.settling.run()),
        ]
        try:
            await scene(stage)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    asyncio.run(whole())


def test_a_row_whose_slot_passed_goes_back_and_is_not_sent() -> None:
    """It was sent at once, into the slots of others."""

    async def scene(stage: Stage) -> None:
        rows = stage.claim(-2.0, -0.5)
        await stage.until(lambda: len(stage.queue.released) == 2)
        assert stage.queue.released == [row.id for row in rows]
        assert (stage.sender.sent, stage.waiting.rows) == (0, 0)

    play(scene)


def test_a_message_names_its_row_and_its_claim() -> None:
    """So that a later status says which attempt it tells of."""

    async def scene(stage: Stage) -> None:
        [row] = stage.claim(0.0)
        await stage.until(lambda: stage.sender.sent == 1)
        [body] = stage.sender.bodies
        data = json.loads(body)["biz_opaque_callback_data"]
        assert row_and_claim(data) == (row.id, CLAIM)

    play(scene)


@pytest.mark.parametrize(
    "phone",
    [
        "whatsapp:+447700900123",
        "00447700900123",
        "447700900123.0",
        "+44 7700 900123",
        "+447700900123",
    ],
)
def test_a_row_of_another_program_is_read_as_create_reads_phones(phone: str) -> None:
    """It went out raw, and Meta answered 131009."""

    async def scene(stage: Stage) -> None:
        stage.claim(0.0, phone=phone)
        await stage.until(lambda: stage.sender.sent == 1)
        assert json.loads(stage.sender.bodies[0])["to"] == "+447700900123"

    play(scene)


@pytest.mark.parametrize(
    ("phone", "reason"),
    [
        ("9876543210", "a number with country code 98 has"),
        ("07700900123", "begins with 0"),
        ("+49 171 3920012/3", "two numbers?"),
        ("nan", "letters"),
        ("", "no phone number"),
    ],
)
def test_what_is_no_number_never_reaches_meta(phone: str, reason: str) -> None:
    async def scene(stage: Stage) -> None:
        stage.claim(0.0, phone=phone)
        await stage.until(lambda: stage.queue.settled)
        verdict = stage.queue.settled[0].verdict
        assert (stage.sender.sent, verdict.outcome, verdict.code) == (0, Outcome.FAILED, None)
        assert verdict.text.startswith("not sent: the recipient's phone cannot be sent to: ")
        assert reason in verdict.text
        assert verdict.hold_scope is None  # its own fault: no other row waits for it

    play(scene)


def test_a_country_code_that_is_unknown_here_is_left_to_meta() -> None:
    async def scene(stage: Stage) -> None:
        stage.claim(0.0, phone="999000000000001")
        await stage.until(lambda: stage.sender.sent == 1)
        assert json.loads(stage.sender.bodies[0])["to"] == "+999000000000001"

    play(scene)


def test_a_row_held_back_at_the_last_instant_takes_no_other_with_it() -> None:
    """It counted as two, so its claim was forgotten and the last row went back unsent."""

    async def scene(stage: Stage) -> None:
        pauses = iter([16.0])
        stage.sender.before = lambda: setattr(stage, "now", stage.now + next(pauses, 0.0))
        first, _ = stage.claim(0.0, 20.0)
        await stage.until(lambda: stage.queue.released == [first.id])
        stage.now += 4.0
        await stage.until(lambda: stage.sender.sent == 1)
        assert stage.queue.released == [first.id]

    play(scene)


def test_a_process_that_stood_still_gives_its_slots_up() -> None:
    async def scene(stage: Stage) -> None:
        stage.claim(0.0, 1.0)
        await stage.until(lambda: stage.sender.sent == 1)
        stage.now += 34.0  # stopped, or the machine slept
        await stage.until(lambda: len(stage.queue.released) == 1)
        assert (stage.sender.sent, stage.queue.begun) == (1, 1)

    play(scene)


def test_a_fence_grows_old_and_is_asked_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.claim(0.0, 20.0)
        await stage.until(lambda: stage.sender.sent == 1)
        stage.now += 20.0
        await stage.until(lambda: stage.sender.sent == 2)
        assert stage.queue.begun == 2

    play(scene)


def test_nothing_leaves_when_the_old_claim_was_given_up() -> None:
    async def scene(stage: Stage) -> None:
        stage.claim(0.0, 20.0)
        await stage.until(lambda: stage.sender.sent == 1)
        stage.queue.given_up = True
        stage.now += 20.0
        await stage.until(lambda: "claim_lost" in stage.said)
        assert stage.sender.sent == 1
        assert stage.queue.released == []  # they are somebody else's

    play(scene)


def test_a_worker_that_stands_still_at_the_last_instant_sends_nothing() -> None:
    """Between the journal and the connection: 6 were sent 10 to 40 ms after waking."""

    async def scene(stage: Stage) -> None:
        def stand_still() -> None:
            stage.now += 34.0

        stage.sender.before = stand_still
        [row] = stage.claim(0.0)
        await stage.until(lambda: stage.queue.released == [row.id])
        assert stage.sender.sent == 0
        # The journal says that it never left.
        assert stage.journal.open == set()
        assert (stage.in_flight.requests, stage.waiting.rows) == (0, 0)
        assert stage.queue.settled == []  # no retry was used, nothing was written

    play(scene)


def test_one_refused_connection_among_answers_is_no_outage() -> None:
    in_flight = InFlight(400)
    assert in_flight.unreachable(now=10.0, departed=9.0)
    in_flight.reached(now=11.0)
    assert in_flight.down_until is None
    assert not in_flight.unreachable(now=12.0, departed=10.5)
    assert in_flight.down_until is None
    # Nothing was answered since this one departed.
    assert in_flight.unreachable(now=17.0, departed=12.0)


def row_of(number: str, template: str = "t") -> ClaimedRow:
    return ClaimedRow(str(uuid4()), CLAIM, "c", number, template, "999", {}, 0.0)


def fill(in_flight: InFlight, number: str, template: str = "t", *, most: int = 1000) -> int:
    """Sends as many as may go, none of which is answered."""
    sent = 0
    while sent < most and in_flight.may_send(in_flight.lane((number, template)), 0.0):
        in_flight.departs(row_of(number, template), 0.0)
        sent += 1
    return sent


def test_requests_that_hang_leave_room_for_the_other_number() -> None:
    """400 connections for 800 requests: the other number stood still for 10 to 29 s."""
    in_flight = InFlight(400)
    fine = in_flight.lane(("fine", "t"))
    for moment in (0.0, 0.25, 0.5):
        fill(in_flight, "fine", most=60 - fine.busy)
        in_flight.look_for_slow(moment)
    for answered in list(fine.on_wire):
        in_flight.arrives(answered, Verdict(Outcome.SENT, wamid="w"))
    assert fill(in_flight, "hangs") < 400
    assert ("hangs", "t") in in_flight.stalled_lanes(PROMPT_SECONDS)
    assert ("fine", "t") not in in_flight.stalled_lanes(PROMPT_SECONDS)
    assert fill(in_flight, "fine") >= 60
    # A lane that nobody has seen yet gets its turn, too.
    assert fill(in_flight, "new") >= LEAST_KEPT


def test_a_part_of_the_room_that_a_lane_does_not_use_is_lent() -> None:
    """Four busy numbers each got a quarter of the wire and no more, however idle the others were
    at that moment: 320 of 400 requests were on it, and a fifth of the throughput was lost."""
    in_flight = InFlight(400)
    one, other = in_flight.lane(("one", "t")), in_flight.lane(("other", "t"))
    fill(in_flight, "one", most=200)
    fill(in_flight, "other", most=200)
    in_flight.look_for_slow(0.0)
    assert (one.kept, other.kept) == (200, 200)
    for answered in list(other.on_wire):
        in_flight.arrives(answered, Verdict(Outcome.SENT, wamid="w"))
    assert not in_flight.may_send(one, PROMPT_SECONDS), "it may be about to hang"
    assert fill(in_flight, "one") == 50
    assert ("one", "t") not in in_flight.stalled_lanes(0.0), "full, but it moves"
    assert fill(in_flight, "other") >= 150
    assert in_flight.requests <= 400


def test_one_lane_that_hangs_leaves_room_for_the_others_of_its_number() -> None:
    in_flight = InFlight(400)
    fill(in_flight, "n", "fine", most=40)
    in_flight.look_for_slow(0.0)
    fill(in_flight, "n", "hangs")
    assert fill(in_flight, "n", "fine") >= 30


def test_slow_requests_give_their_room_back() -> None:
    in_flight = InFlight(400)
    assert fill(in_flight, "hangs") == 400
    in_flight.look_for_slow(SLOW_SECONDS + 1)
    assert in_flight.room == 400
    assert in_flight.lane(("hangs", "t")).slow >= SLOW_REQUESTS_STALL
    assert fill(in_flight, "fine") == 400
    # Never more than twice the limit: each has a connection.
    assert in_flight.requests == 800
