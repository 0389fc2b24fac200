"""What workers do, and what becomes of them: claims, kills, lost answers, leases, journals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.store.machine.world import VERDICTS, Claim, Worker, World
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.ports import ClaimedRow, Settlement
from wacampaign.core.engine.settling import Settling
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.operations.known_outcomes import _recover
from wacampaign.store import workers as stored_workers
from wacampaign.store.work_queue import WorkQueue

STAGES = (*("claimed",) * 3, "lost", "begun", *("sent",) * 2, "settled")
#: What an outcome makes of a row that its worker holds: status, and whether it is in doubt.
BECOMES = {
    Outcome.SENT: [("sent", False)],
    Outcome.FAILED: [("failed", False)],
    Outcome.RETRY: [("ready", False), ("failed", False)],
    Outcome.WAIT: [("ready", False)],
    Outcome.IN_DOUBT: [("processing", True)],
}


class _NoJournal:
    """Settling's journal: this model keeps its own."""

    def settled(self, rows: Any) -> None: ...

    def begun(self, rows: Any) -> None: ...

    def answered(self, row: Any, verdict: Any) -> None: ...


def silent(event: str, *, level: str = "info", **fields: object) -> None: ...


class Workers(World):
    """The rules of workers, in the way that the worker keeps them."""

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
                self.run(stored_workers.Workers(self.store).reap([]))

    def register(self) -> Worker:
        worker = Worker(self.new_id())
        self.run(stored_workers.Workers(self.store).register(worker.id, "host", 1, "0"))
        self.workers.append(worker)
        return worker

    def claim(self, worker: Worker, limit: int, lost: bool) -> Claim:
        claim = Claim(self.new_id(), limit, known=not lost)
        before = self.states()
        answer = self.run(WorkQueue(self.store).claim(worker.id, claim.id, limit))
        for row in answer.rows:
            state = before[row.id]
            assert not state.doubt
            assert state.status == "ready"
            assert self.status_of(state.campaign) == "running"
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
        rows = self.run(WorkQueue(self.store).claim(worker.id, claim.id, claim.limit)).rows
        if claim.seen:
            assert {row.id for row in rows} <= claim.seen
        else:
            self.take(claim, rows)

    def begin(self, worker: Worker, claim: Claim) -> None:
        stopped = self.run(WorkQueue(self.store).begin(worker.id, str(claim.id)))
        if stopped is None:
            claim.rows = {}
            return
        claim.begun = True
        unwanted = [row for row in claim.rows.values() if row.campaign_id in stopped]
        states = self.states()
        for row in claim.rows.values():
            state = states.get(row.id)
            if state and row.campaign_id not in stopped and state.status == "processing":
                assert state.doubt or self.status_of(state.campaign) == "running"
        for row in unwanted:
            del claim.rows[row.id]
        self.give_back(worker, unwanted)

    def send(self, worker: Worker, claim: Claim, answers: list[str]) -> None:
        for answer in answers[: len(claim.rows)] if claim.begun else ():
            row = claim.rows.pop(next(iter(claim.rows)))
            worker.journal.begun.add((row.id, row.claim_id))
            verdict = VERDICTS.get(answer, VERDICTS["lost"])
            if answer.startswith("accepted"):
                wamid = self.meta_accepts(row.id, row.claim_id)
                if answer == "accepted":
                    verdict = Verdict(Outcome.SENT, wamid=wamid)
            worker.answered(row, verdict)

    def send_and_be_killed(self, worker: Worker, claim: Claim, data: st.DataObject) -> None:
        """Between the POST and the answer: the journal knows the beginning only."""
        row = claim.rows.pop(next(iter(claim.rows)))
        worker.journal.begun.add((row.id, row.claim_id))
        if data.draw(st.booleans(), label="accepted"):
            self.meta_accepts(row.id, row.claim_id)
        self.die(worker)

    def settle(self, worker: Worker, repeated: bool) -> None:
        batch, worker.unsettled = worker.unsettled, []
        before = self.states()
        for _ in range(1 + repeated):
            self.settle_as_workers_do(worker, batch)
        after = self.states()
        for one in batch:
            was = before.get(one.row.id)
            if was and (was.status, was.doubt, was.claim) == (
                "processing",
                False,
                one.row.claim_id,
            ):
                now, may_be = after[one.row.id], BECOMES[one.verdict.outcome]
                assert (now.status, now.doubt) in may_be and now.wamid == one.verdict.wamid
        worker.settled += batch
        for one in batch:
            if one.verdict.wamid is not None:
                self.delivered.add(one.row.id)
                self.told.setdefault(one.row.id, set()).add(one.verdict.wamid)

    def settle_as_workers_do(self, worker: Worker, batch: list[Settlement]) -> None:
        settling = Settling(
            WorkQueue(self.store),
            worker.id,
            InFlight(10),
            _NoJournal(),
            silent,
            lambda _answer: None,
        )
        for one in batch:
            settling.put(one)
        settling.close()
        self.run(settling.run())

    def settle_again_much_later(self, worker: Worker) -> None:
        before = self.states()
        answer = self.run(WorkQueue(self.store).settle(worker.id, worker.settled))
        assert answer.settled == 0
        assert self.states() == before

    def settle_with_a_foreign_claim(self, worker: Worker, claim: Claim) -> None:
        row = next(iter(claim.rows.values()))
        forged = ClaimedRow(
            row.id, str(self.new_id()), row.campaign_id, row.number_id, row.template, "", {}, 0.0
        )
        before = self.states()
        verdict = Verdict(Outcome.SENT, wamid="wamid.forged")
        answer = self.run(WorkQueue(self.store).settle(worker.id, [Settlement(forged, verdict)]))
        assert (answer.settled, answer.lost) == (0, {row.id})
        assert self.states() == before

    def release(self, worker: Worker, claim: Claim, data: st.DataObject) -> None:
        rows = list(claim.rows.values())[: data.draw(st.integers(1, len(claim.rows)))]
        for row in rows:
            del claim.rows[row.id]
        self.give_back(worker, rows)

    def give_back(self, worker: Worker, rows: list[ClaimedRow]) -> None:
        before = self.states()
        for _ in range(2):
            self.run(WorkQueue(self.store).release(worker.id, rows))
        after = self.states()
        for row in rows:
            was = before.get(row.id)
            held = was and (was.status, was.doubt, was.claim) == ("processing", False, row.claim_id)
            assert after.get(row.id) == was or (held and after[row.id].status == "ready")
            assert not held or after[row.id].status == "ready"

    def is_silent(self, worker: Worker) -> None:
        self.sql.execute(
            "update wacampaign_workers set last_beat_at = now() - interval '1 minute' "
            "where id = %s",
            [worker.id],
        )

    def die(self, worker: Worker) -> None:
        self.workers.remove(worker)
        self.dead.append(worker)
        self.is_silent(worker)

    def stand_still_too_long(self, worker: Worker) -> None:
        """Given up as dead, and then it goes on as if nothing had been."""
        self.is_silent(worker)
        self.run(stored_workers.Workers(self.store).reap([]))

    def lease_runs_out(self, worker: Worker) -> None:
        self.sql.execute(
            "update wacampaign_claims set lease_until = now() - interval '1 second' "
            "where worker_id = %s",
            [worker.id],
        )
        self.run(stored_workers.Workers(self.store).heartbeat(worker.id, 0))

    def say_goodbye(self, worker: Worker) -> None:
        self.run(stored_workers.Workers(self.store).goodbye(worker.id))
        self.workers.remove(worker)
        self.dead.append(worker)

    def read_a_journal(self, data: st.DataObject, _answers: list[str]) -> None:
        if not self.dead:
            return
        again, rebooted = data.draw(st.booleans()), data.draw(st.booleans())
        dead = data.draw(st.sampled_from(self.dead), label="dead")
        dead.journal.complete &= not rebooted
        for _ in range(1 + again):
            self.read_journal_of(dead)
        self.dead.remove(dead)

    def read_journal_of(self, dead: Worker) -> None:
        before = self.states()
        told = self.run(_recover(self.store, self.new_id(), dead.journal))
        known = [
            row
            for row, now in self.states().items()
            if before[row].status == "processing" or before[row].doubt
            if now.status in ("ready", "failed") and not now.doubt
        ]
        assert len(known) >= told["unsent"] + told["failed"]
        for fact in dead.journal.answers.values():
            if fact.wamid is not None:
                self.delivered.add(fact.row_id)
                self.told.setdefault(fact.row_id, set()).add(fact.wamid)
