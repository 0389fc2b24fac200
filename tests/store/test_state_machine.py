"""Any order of claims, kills, lost answers, repairs: the invariants hold after every step.

A model of Meta counts what it accepted; the rules are what workers and people may do, in the way
that the worker does it (fence before the first message, evidence for what a lost claim could not
write). The database is the real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.campaigns import add_number, phone
from wacampaign.core.hand import Hand
from wacampaign.core.outcome import Outcome, Scope, Verdict
from wacampaign.core.ports import ClaimedRow, Evidence, Settlement
from wacampaign.core.settling import Settling
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.store import Store
from wacampaign.worker.journal import DeadJournal
from wacampaign.worker.recovery import _recover

Answer = TypeVar("Answer")

#: Shrinking a failure takes minutes, as each attempt is a campaign's life; run it by hand.
PHASES = (Phase.explicit, Phase.generate)
TABLES = (
    "send_queue, campaigns, messages, notifications, wacampaign_workers, wacampaign_claims, "
    "wacampaign_counts, wacampaign_lanes, wacampaign_buckets, wacampaign_holds, "
    "wacampaign_events, wacampaign_pace"
)
#: Milliseconds of each wait: what is due depends on events, not on the speed of this machine.
AN_HOUR = 3_600_000
#: What Meta did with a message, and what the worker came to know of it.
ANSWERS = ("accepted", "accepted, answer lost", "lost on the way", "refused", "throttled", "again")
MANY_ANSWERS = st.lists(st.sampled_from((*ANSWERS, *ANSWERS, "opaque")), min_size=1, max_size=5)
EVENTS = (
    *("work",) * 6,
    *("go_on",) * 9,
    *("trouble",) * 3,
    *("read_a_journal",) * 2,
    *("time_passes",) * 3,
    *("complete",) * 2,
    *("a_person",) * 2,
)
STAGES = (*("claimed",) * 3, "lost", "begun", *("sent",) * 2, "settled")
PEOPLE = (*("pause",) * 3, *("resend",) * 4, *("enqueue",) * 2, "cancel", *("resume",) * 6)
VERDICTS = {
    "refused": Verdict(Outcome.FAILED, code=131026, text="undeliverable"),
    "throttled": Verdict(Outcome.WAIT, code=130429, text="too fast", wait_ms=AN_HOUR),
    "again": Verdict(Outcome.RETRY, code=131000, text="again", wait_ms=AN_HOUR, max_retries=2),
    "opaque": Verdict(
        Outcome.FAILED,
        code=135000,
        text="Generic user error",
        hold_scope=Scope.TEMPLATE,
        hold_after=3,
        hold_cumulative=True,
    ),
    "lost": Verdict(Outcome.IN_DOUBT, text="no answer, may have been sent"),
}


@dataclass
class Claim:
    """A claim as its worker knows it: rows that it has not sent yet."""

    id: UUID
    limit: int
    rows: dict[str, ClaimedRow] = field(default_factory=dict)
    #: All rows it ever had.
    seen: set[str] = field(default_factory=set)
    known: bool = True
    begun: bool = False


@dataclass
class Worker:
    id: UUID
    claims: dict[UUID, Claim] = field(default_factory=dict)
    unsettled: list[Settlement] = field(default_factory=list)
    settled: list[Settlement] = field(default_factory=list)
    #: The journal, as a kill leaves it.
    journal: DeadJournal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = DeadJournal(str(self.id), [], complete=True)


class _NoJournal:
    """Settling's journal: this model keeps its own."""

    def settled(self, rows: Any) -> None: ...

    def begun(self, rows: Any) -> None: ...

    def answered(self, row: Any, verdict: Any) -> None: ...


def silent(event: str, *, level: str = "info", **fields: object) -> None: ...


class Campaigns(RuleBasedStateMachine):
    """Two campaigns on one number, up to four workers, one Meta."""

    def __init__(self, database: str) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.store = Store(PostgresTransport(database))
        self.sql = psycopg.connect(database, autocommit=True)
        self.workers: list[Worker] = []
        self.dead: list[Worker] = []
        self.accepted: dict[str, list[str]] = {}
        #: Row → messages that may be accepted, where a person said "send it again".
        self.resent: dict[str, int] = {}
        self.delivered: set[str] = set()
        self.campaigns: list[str] = []
        self.rows = 0
        self.ids = 0

    def new_id(self) -> UUID:
        """The same in each repetition of a run, as the database orders rows by their ids."""
        self.ids += 1
        return UUID(int=self.ids)

    def run(self, work: Awaitable[Answer]) -> Answer:
        async def wait() -> Answer:
            return await work

        return self.loop.run(wait())

    def teardown(self) -> None:
        self.run(self.store.close())
        self.loop.close()
        self.sql.close()

    @initialize()
    def fill(self) -> None:
        self.sql.execute(f"truncate {TABLES}, whatsapp_numbers, templates cascade")
        self.number = self.run(add_number(self.store, rate=100_000, templates=("one", "two")))
        for n in (6, 30):
            campaign = str(self.new_id())
            self.campaigns.append(campaign)
            self.run(
                self.store.call(
                    "create",
                    id=campaign,
                    name="test",
                    number_id=self.number,
                    templates=["one", "two"],
                    total=n,
                    invalid=0,
                    actor="test",
                )
            )
            self.enqueue(campaign, n)
            self.run(self.store.call("filled", campaign_id=campaign, actor="test"))
            self.run(self.store.set_status(campaign, "start", "test"))
        self.time_passes()

    # --- what is picked from ----------------------------------------------------------------

    def campaign(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self.campaigns), label="campaign")

    def states(self) -> dict[str, tuple[str, bool, str | None, str]]:
        return {
            str(row): (status, doubt, wamid, str(campaign))
            for row, status, doubt, wamid, campaign in self.sql.execute(
                "select id, status, in_doubt_since is not null, whatsapp_message_id, campaign_id "
                "from send_queue"
            )
        }

    def status_of(self, campaign: str) -> str:
        row = self.sql.execute("select status from campaigns where id = %s", [campaign]).fetchone()
        assert row is not None
        return str(row[0])

    # --- one rule, so that what is common is frequent and each run meets everything --------------

    @rule(data=st.data(), event=st.sampled_from(EVENTS), answers=MANY_ANSWERS)
    def next_event(self, data: st.DataObject, event: str, answers: list[str]) -> None:
        getattr(self, event)(data, answers)

    def work(self, data: st.DataObject, answers: list[str]) -> None:
        """A claim, and as many steps with it as a worker gets to."""
        stage = data.draw(st.sampled_from(STAGES), label="stage")
        if len(self.workers) < 3 and (not self.workers or data.draw(st.booleans(), label="new")):
            self.register()
        worker = data.draw(st.sampled_from(self.workers), label="worker")
        claim = self.claim(worker, data.draw(st.integers(1, 6), label="limit"), stage == "lost")
        if stage in ("begun", "sent", "settled") and claim.rows:
            self.begin(worker, claim)
        if stage in ("sent", "settled"):
            self.send(worker, claim, answers)
        if stage == "settled":
            self.settle(worker, False)

    def go_on(self, data: st.DataObject, answers: list[str]) -> None:
        """Some worker does what it could do next with some claim, however old."""
        claims = [(w, c) for w in self.workers for c in w.claims.values() if c.rows or not c.known]
        claims += [(w, c) for w in self.workers for c in list(w.claims.values())[-1:]]
        if not claims:
            self.work(data, answers)
            return
        worker, claim = data.draw(st.sampled_from(claims), label="claim")
        steps: list[Callable[[], object]] = [lambda: self.repeat_a_claim(worker, claim)]
        if claim.rows:
            steps.append(lambda: self.begin(worker, claim))
            steps.append(lambda: self.release(worker, claim, data))
            steps.append(lambda: self.settle_with_a_foreign_claim(worker, claim))
        if claim.begun and claim.rows:
            steps += [lambda: self.send(worker, claim, answers)] * 3
            steps.append(lambda: self.send_and_be_killed(worker, claim, data))
        if worker.unsettled:
            twice = data.draw(st.booleans(), label="twice")
            steps += [lambda: self.settle(worker, twice)] * 3
        if worker.settled:
            steps.append(lambda: self.settle_again_much_later(worker))
        data.draw(st.sampled_from(steps), label="step")()

    def trouble(self, data: st.DataObject, answers: list[str]) -> None:
        if not self.workers:
            return
        worker = data.draw(st.sampled_from(self.workers), label="worker")
        how = data.draw(st.sampled_from(("killed", "reaped", "still", "still", "lease", "goodbye")))
        if how in ("still", "lease"):
            (self.stand_still_too_long if how == "still" else self.lease_runs_out)(worker)
            for claim in worker.claims.values():
                # It goes on where it was, as if nothing had happened.
                if claim.rows and not claim.begun:
                    self.begin(worker, claim)
                if claim.rows:
                    self.send(worker, claim, answers)
        elif how == "goodbye":
            self.say_goodbye(worker)
        else:
            self.die(worker)
            if how == "reaped":
                self.run(self.store.reap([]))

    def a_person(self, data: st.DataObject, _answers: list[str]) -> None:
        what = data.draw(st.sampled_from(PEOPLE), label="what")
        if what == "resend":
            self.a_person_sends_a_doubt_again(data)
        elif what == "enqueue":
            self.enqueue_more(data, 2)
        else:
            self.change(data, what)

    # --- workers ----------------------------------------------------------------------------

    def register(self) -> None:
        worker = Worker(self.new_id())
        self.run(self.store.register(worker.id, "host", 1, "0"))
        self.workers.append(worker)

    def claim(self, worker: Worker, limit: int, lost: bool) -> Claim:
        claim = Claim(self.new_id(), limit, known=not lost)
        before = self.states()
        answer = self.run(self.store.claim(worker.id, claim.id, limit))
        for row in answer.rows:
            status, doubt, _, campaign = before[row.id]
            # What may be claimed is ready, or was given back by this very call.
            assert not doubt
            assert status == "ready"
            assert self.status_of(campaign) == "running"
        assert len(answer.rows) <= limit
        worker.claims[claim.id] = claim
        if not lost:
            self.take(claim, answer.rows)
        return claim

    def take(self, claim: Claim, rows: list[ClaimedRow]) -> None:
        claim.known = True
        claim.rows = {row.id: row for row in rows}
        claim.seen |= set(claim.rows)

    def repeat_a_claim(self, worker: Worker, claim: Claim) -> None:
        rows = self.run(self.store.claim(worker.id, claim.id, claim.limit)).rows
        if claim.seen:
            assert {row.id for row in rows} <= claim.seen
        else:
            self.take(claim, rows)

    def begin(self, worker: Worker, claim: Claim) -> None:
        stopped = self.run(self.store.begin(worker.id, str(claim.id)))
        if stopped is None:
            claim.rows = {}
            return
        claim.begun = True
        unwanted = [row for row in claim.rows.values() if row.campaign_id in stopped]
        states = self.states()
        for row in claim.rows.values():
            status, doubt, _, campaign = states[row.id]
            if campaign not in stopped and status == "processing" and not doubt:
                assert self.status_of(campaign) == "running"
        for row in unwanted:
            del claim.rows[row.id]
        self.run(self.store.release(worker.id, unwanted))

    def send(self, worker: Worker, claim: Claim, answers: list[str]) -> None:
        for answer in answers[: len(claim.rows)] if claim.begun else ():
            row = claim.rows.pop(next(iter(claim.rows)))
            worker.journal.begun.add((row.id, row.claim_id))
            verdict = VERDICTS.get(answer, VERDICTS["lost"])
            if answer.startswith("accepted"):
                wamid = f"wamid.{self.new_id()}"
                self.accepted.setdefault(row.id, []).append(wamid)
                if answer == "accepted":
                    verdict = Verdict(Outcome.SENT, wamid=wamid)
            worker.unsettled.append(Settlement(row, verdict, "a reason"))
            worker.journal.answers[row.id, row.claim_id] = Evidence(
                row.id,
                row.claim_id,
                str(verdict.outcome),
                verdict.wamid,
                verdict.code,
                verdict.text,
            )

    def send_and_be_killed(self, worker: Worker, claim: Claim, data: st.DataObject) -> None:
        """Between the POST and the answer: the journal knows the beginning only."""
        row = claim.rows.pop(next(iter(claim.rows)))
        worker.journal.begun.add((row.id, row.claim_id))
        if data.draw(st.booleans(), label="accepted"):
            self.accepted.setdefault(row.id, []).append(f"wamid.{self.new_id()}")
        self.die(worker)

    def settle(self, worker: Worker, repeated: bool) -> None:
        batch, worker.unsettled = worker.unsettled, []
        for _ in range(1 + repeated):
            self.settle_as_workers_do(worker, batch)
        worker.settled += batch
        self.delivered |= {one.row.id for one in batch if one.verdict.outcome is Outcome.SENT}

    def settle_as_workers_do(self, worker: Worker, batch: list[Settlement]) -> None:
        settling = Settling(
            self.store, worker.id, Hand(10), _NoJournal(), silent, lambda _answer: None
        )
        for one in batch:
            settling.put(one)
        settling.close()
        self.run(settling.run())

    def settle_again_much_later(self, worker: Worker) -> None:
        before = self.states()
        answer = self.run(self.store.settle(worker.id, worker.settled))
        assert answer.settled == 0
        assert self.states() == before

    def settle_with_a_foreign_claim(self, worker: Worker, claim: Claim) -> None:
        row = next(iter(claim.rows.values()))
        forged = ClaimedRow(
            row.id, str(self.new_id()), row.campaign_id, row.number_id, row.template, "", {}, 0.0
        )
        before = self.states()
        verdict = Verdict(Outcome.SENT, wamid="wamid.forged")
        answer = self.run(self.store.settle(worker.id, [Settlement(forged, verdict)]))
        assert (answer.settled, answer.lost) == (0, {row.id})
        assert self.states() == before

    def release(self, worker: Worker, claim: Claim, data: st.DataObject) -> None:
        rows = list(claim.rows.values())[: data.draw(st.integers(1, len(claim.rows)))]
        for row in rows:
            del claim.rows[row.id]
        for _ in range(2):
            self.run(self.store.release(worker.id, rows))

    def die(self, worker: Worker) -> None:
        self.workers.remove(worker)
        self.dead.append(worker)
        self.sql.execute(
            "update wacampaign_workers set last_beat_at = now() - interval '1 minute' "
            "where id = %s",
            [worker.id],
        )

    def stand_still_too_long(self, worker: Worker) -> None:
        """Given up as dead, and then it goes on as if nothing had been."""
        self.sql.execute(
            "update wacampaign_workers set last_beat_at = now() - interval '1 minute' "
            "where id = %s",
            [worker.id],
        )
        self.run(self.store.reap([]))

    def lease_runs_out(self, worker: Worker) -> None:
        self.sql.execute(
            "update wacampaign_claims set lease_until = now() - interval '1 second' "
            "where worker_id = %s",
            [worker.id],
        )
        self.run(self.store.heartbeat(worker.id, 0))

    def say_goodbye(self, worker: Worker) -> None:
        self.run(self.store.goodbye(worker.id))
        self.workers.remove(worker)
        self.dead.append(worker)

    def read_a_journal(self, data: st.DataObject, _answers: list[str]) -> None:
        if not self.dead:
            return
        if not self.workers:
            self.register()
        again, rebooted = data.draw(st.booleans()), data.draw(st.booleans())
        dead = data.draw(st.sampled_from(self.dead), label="dead")
        dead.journal.complete &= not rebooted
        for _ in range(1 + again):
            self.run(_recover(self.store, self.workers[-1].id, dead.journal))
        self.dead.remove(dead)
        for fact in dead.journal.answers.values():
            if fact.outcome == "sent":
                self.delivered.add(fact.row_id)

    # --- people, and time -------------------------------------------------------------------

    def change(self, data: st.DataObject, action: str) -> None:
        possible = {"pause": ("running",), "resume": ("paused",), "cancel": ("running", "paused")}
        campaigns = [c for c in self.campaigns if self.status_of(c) in possible[action]]
        if campaigns:
            campaign = data.draw(st.sampled_from(campaigns), label="campaign")
            assert self.run(self.store.set_status(campaign, action, "test"))["changed"]

    def complete(self, data: st.DataObject, _answers: list[str]) -> None:
        long_after = data.draw(st.booleans(), label="long after")
        campaign = self.campaign(data)
        if long_after:
            self.run(self.store.reap([]))
            self.sql.execute(
                "update send_queue set in_doubt_since = now() - interval '11 minutes' "
                "where in_doubt_since is not null"
            )
            self.sql.execute("update campaigns set last_settled_at = now() - interval '11 minutes'")
        running = self.status_of(campaign) == "running"
        verdict = self.run(self.store.complete(campaign, "test"))
        counts = verdict.counts
        undone = sum(counts[name] for name in ("pending", "ready", "retry_later", "processing"))
        assert verdict.completed == (
            running and undone == 0 and (counts["in_doubt"] == 0 or long_after)
        )

    def enqueue_more(self, data: st.DataObject, n: int) -> None:
        campaign = self.campaign(data)
        if self.status_of(campaign) not in ("running", "paused"):
            return
        self.enqueue(campaign, n)
        self.sql.execute(
            "update campaigns set total_contacts = total_contacts + %s where id = %s", [n, campaign]
        )

    def enqueue(self, campaign: str, n: int) -> None:
        rows = [str(self.new_id()) for _ in range(n)]
        for _ in range(2):
            self.run(
                self.store.call(
                    "enqueue",
                    campaign_id=campaign,
                    number_id=self.number,
                    ids=rows,
                    phones=[phone(i) for i in range(n)],
                    templates=["one" if i % 2 else "two" for i in range(n)],
                    payloads=["{}"] * n,
                )
            )
        self.rows += n

    def a_person_sends_a_doubt_again(self, data: st.DataObject) -> None:
        doubts = sorted(row for row, state in self.states().items() if state[1])
        if doubts:
            row = data.draw(st.sampled_from(doubts), label="row")
            self.resent[row] = len(self.accepted.get(row, [])) + 1
            self.sql.execute(
                "update send_queue set status = 'ready', claim_id = null, worker_id = null, "
                "in_doubt_since = null, in_doubt_cause = null where id = %s",
                [row],
            )

    def time_passes(self, *_: object) -> None:
        """Retries are due, slots are free, the ramps are over."""
        self.sql.execute(
            "update send_queue set next_retry_at = now() where next_retry_at is not null"
        )
        self.sql.execute(
            "update wacampaign_buckets set next_slot_at = now() - interval '1 s', rate = null"
        )
        self.sql.execute(
            "insert into wacampaign_lanes (campaign_id, whatsapp_number_id, template_name, "
            "run_accepted) select c.id, n.id, t.name, 5 from campaigns c, whatsapp_numbers n, "
            "templates t where t.whatsapp_number_id = n.id "
            "on conflict (campaign_id, whatsapp_number_id, template_name) "
            "do update set run_accepted = 5"
        )

    # --- what holds at every moment -----------------------------------------------------------

    @invariant()
    def nothing_is_sent_twice_or_lost(self) -> None:
        if not self.campaigns:
            return
        states = self.states()
        assert len(states) == self.rows
        for row, wamids in self.accepted.items():
            allowed = self.resent.get(row, 1)
            status, doubt, wamid, _ = states[row]
            assert len(wamids) <= allowed, f"row {row} was accepted {len(wamids)} times"
            if len(wamids) == allowed:
                # Never a row that somebody could send again.
                assert status in ("sent", "processing"), f"row {row} was accepted and is {status}"
            if row in self.delivered and row not in self.resent:
                assert (status, doubt, wamid) == ("sent", False, wamids[0])
        assert "wamid.forged" not in {state[2] for state in states.values()}
        for row, (status, _, wamid, _) in states.items():
            if status == "sent":
                assert wamid in self.accepted[row]

    @invariant()
    def counts_are_right(self) -> None:
        drift = self.sql.execute(
            "select * from (select campaign_id, status, sum(n) as n from wacampaign_counts "
            "group by 1, 2 having sum(n) <> 0) as kept "
            "full join (select campaign_id, status, count(*) as n from send_queue group by 1, 2) "
            "as real using (campaign_id, status) where kept.n is distinct from real.n"
        ).fetchall()
        assert drift == []
        for campaign in self.campaigns:
            found = self.sql.execute(
                "select wacampaign_row_counts(%s), "
                "(select count(*) from send_queue where campaign_id = %s), "
                "(select count(*) from wacampaign_events "
                "where campaign_id = %s and kind = 'completed')",
                [campaign] * 3,
            ).fetchone()
            assert found is not None
            counts, rows, completions = found
            assert min(counts.values()) >= 0
            assert sum(counts.values()) == rows
            if self.status_of(campaign) == "completed":
                assert completions == 1
                # What a person sends again after that is his to see to.
                left = counts["ready"] + counts["retry_later"]
                assert left == 0 or self.resent
                assert counts["pending"] == counts["processing"] == 0 or self.resent
            else:
                assert completions == 0


def test_any_order_of_events(database: str) -> None:
    run_state_machine_as_test(
        lambda: Campaigns(database),
        settings=settings(
            max_examples=40,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )
