"""The database's rules, the same over a direct connection and over Supabase's REST."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.campaigns import (
    accepted,
    add_campaign,
    add_number,
    counts,
    past_ramp,
    run,
    run_on,
    worker,
)
from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.ports import ClaimAnswer, KnownOutcome, Settlement
from wacampaign.core.outcomes import Outcome, Scope, Verdict
from wacampaign.problems import NoSuchCampaign, Refused
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


async def placed(
    queue: WorkQueue, worker: UUID, limit: int, *, claim_id: UUID | None = None, **when: int
) -> ClaimAnswer:
    """A claim, asked for again until a quick call has told where the database's clock stands."""
    claim_id = claim_id or uuid4()
    while True:
        answer = await queue.claim(worker, claim_id, limit, **when)
        if not any(math.isinf(row.due) for row in answer.rows):
            return answer


def test_ramp_then_full_rate_then_completed_once(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 30)
        me = await worker(store)
        sizes = []
        while True:
            claim = await WorkQueue(store).claim(me, uuid4(), 100)
            if not claim.rows:
                break
            sizes.append(len(claim.rows))
            # Nothing more of a step is handed out while its answers are awaited.
            if sum(sizes) < 6:
                assert (await WorkQueue(store).claim(me, uuid4(), 100)).rows == []
            assert await WorkQueue(store).begin(me, claim.rows[0].claim_id) == frozenset()
            answer = await WorkQueue(store).settle(me, accepted(claim.rows))
            assert answer.settled == len(claim.rows)
        assert sizes == [1, 4, 25]
        verdicts = [await WorkQueue(store).complete(campaign, "test") for _ in range(2)]
        assert [v.completed for v in verdicts] == [True, False]
        assert verdicts[1].status == "completed"
        audit = await Campaigns(store).audit(campaign)
        assert (audit["rows"], audit["accepted"], audit["ok"]) == (30, 30, True)

    run(open_test_store, scenario)


def test_the_same_claim_id_returns_the_same_rows(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store, rate=100)
        campaign = await add_campaign(store, number, 40)
        me = await worker(store)
        await past_ramp(store, me, campaign)
        claim_id = uuid4()
        first = await WorkQueue(store).claim(me, claim_id, 10)
        again = await WorkQueue(store).claim(me, claim_id, 10)
        assert [row.id for row in first.rows] == [row.id for row in again.rows]
        assert len(first.rows) == 10
        assert (await counts(store, campaign))["processing"] == 10

    run(open_test_store, scenario)


def test_settling_twice_writes_once(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 5)
        me = await worker(store)
        claim = await WorkQueue(store).claim(me, uuid4(), 10)
        batch = accepted(claim.rows)
        first = await WorkQueue(store).settle(me, batch)
        again = await WorkQueue(store).settle(me, batch)
        assert (first.settled, again.settled, again.lost) == (1, 0, frozenset())
        assert sql.execute("select count(*) from messages").fetchone() == (1,)
        shown = sql.execute("select total_sent from campaigns where id = %s", [campaign])
        assert shown.fetchone() == (1,)

    run(open_test_store, scenario)


def test_a_foreign_or_late_claim_writes_nothing(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 5)
        me, other = await worker(store), await worker(store)
        claim = await WorkQueue(store).claim(me, uuid4(), 10)
        batch = accepted(claim.rows)
        for one in batch:
            one.row.claim_id = str(uuid4())
        foreign = await WorkQueue(store).settle(other, batch)
        assert (foreign.settled, len(foreign.lost)) == (0, 1)
        assert (await counts(store, campaign))["processing"] == 1

    run(open_test_store, scenario)


def test_a_dead_workers_rows_are_told_apart(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 100)
        dead = await worker(store)
        await past_ramp(store, dead, campaign)
        begun = await WorkQueue(store).claim(dead, uuid4(), 10)
        await WorkQueue(store).begin(dead, begun.rows[0].claim_id)
        unsent = await WorkQueue(store).claim(dead, uuid4(), 20)
        given_up = await Workers(store).reap([str(dead)])
        assert given_up == {"released": 20, "in_doubt": 10}
        left = await counts(store, campaign)
        assert (left["in_doubt"], left["ready"], left["processing"]) == (10, 85, 0)
        # The dead one, back again, can neither begin nor write.
        assert await WorkQueue(store).begin(dead, unsent.rows[0].claim_id) is None
        late = await WorkQueue(store).settle(dead, accepted(begun.rows))
        assert (late.settled, len(late.lost)) == (0, 10)
        assert (await counts(store, campaign))["in_doubt"] == 10
        # What was never sent is handed out again; what is in doubt is not.
        me = await worker(store)
        handed = await WorkQueue(store).claim(me, uuid4(), 100)
        assert not {row.id for row in handed.rows} & {row.id for row in begun.rows}
        assert len(handed.rows) == 85

    run(open_test_store, scenario)


def test_evidence_turns_doubt_into_fact(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 8)
        dead = await worker(store)
        await past_ramp(store, dead, campaign)
        claim = await WorkQueue(store).claim(dead, uuid4(), 10)
        await WorkQueue(store).begin(dead, claim.rows[0].claim_id)
        await Workers(store).reap([str(dead)])
        assert {row.id for row in claim.rows} == {
            r for r, _ in await Workers(store).doubts(str(dead))
        }
        a, b, c = claim.rows
        facts = [
            KnownOutcome(a.id, a.claim_id, "sent", f"wamid.{a.id}"),
            KnownOutcome(b.id, b.claim_id, "failed", None, 131026, "undeliverable"),
            KnownOutcome(c.id, c.claim_id, "unsent"),
        ]
        me = await worker(store)
        told = await WorkQueue(store).recover(me, facts)
        assert (told["sent"], told["failed"], told["unsent"]) == (1, 1, 1)
        again = await WorkQueue(store).recover(me, facts)
        assert (again["sent"], again["failed"], again["unsent"]) == (0, 0, 0)
        left = await counts(store, campaign)
        assert (left["sent"], left["failed"], left["ready"], left["in_doubt"]) == (6, 1, 1, 0)
        assert sql.execute("select count(*) from messages").fetchone() == (6,)

    run(open_test_store, scenario)


def test_a_number_of_any_length_ends_no_worker(database: str, sql: Connection) -> None:
    # Not over the tests' REST server, which is JavaScript: it makes null of such a number.
    async def scenario(store: Store) -> None:
        await add_campaign(store, await add_number(store), 3)
        sql.execute('update send_queue set payload = \'{"var1": 1e400, "var2": -1e9000}\'')
        claim = await WorkQueue(store).claim(await worker(store), uuid4(), 1)
        assert claim.rows[0].payload["var2"] == -(10**9000)

    run_on(database, scenario)


def test_rows_that_wait_hold_up_nobody(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 150)
        sql.execute(
            "update send_queue set next_retry_at = now() + interval '1 hour' where id in "
            "(select id from send_queue order by created_at, id limit 100)"
        )
        left = await counts(store, campaign)
        assert (left["ready"], left["retry_later"]) == (50, 100)
        me = await worker(store)
        sent = await past_ramp(store, me, campaign)
        claim = await WorkQueue(store).claim(me, uuid4(), 100)
        sent += (await WorkQueue(store).settle(me, accepted(claim.rows))).settled
        assert sent == 50
        verdict = await WorkQueue(store).complete(campaign, "test")
        assert not verdict.completed
        assert verdict.counts.retry_later == 100
        assert verdict.waits_until is not None
        empty = await WorkQueue(store).claim(me, uuid4(), 100)
        assert empty.rows == []
        assert empty.next_ms is not None
        assert 3_000_000 < empty.next_ms <= 3_600_000

    run(open_test_store, scenario)


def test_pause_holds_from_the_next_claim_on(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 20)
        me = await worker(store)
        await past_ramp(store, me, campaign)
        claim = await WorkQueue(store).claim(me, uuid4(), 5)
        assert (await Campaigns(store).set_status(campaign, "pause", "test"))["changed"]
        assert not (await Campaigns(store).set_status(campaign, "pause", "test"))["changed"]
        assert (await WorkQueue(store).claim(me, uuid4(), 5)).rows == []
        # A claim that has not begun learns of it at the fence.
        assert await WorkQueue(store).begin(me, claim.rows[0].claim_id) == frozenset({campaign})
        assert await WorkQueue(store).release(me, claim.rows) == 5
        assert (await counts(store, campaign))["ready"] == 15
        await Campaigns(store).set_status(campaign, "resume", "test")
        # The ramp begins again.
        assert len((await WorkQueue(store).claim(me, uuid4(), 5)).rows) == 1

    run(open_test_store, scenario)


def test_two_workers_share_one_numbers_rate(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store, rate=40)
        campaign = await add_campaign(store, number, 300)
        me, other = await worker(store), await worker(store)
        await past_ramp(store, me, campaign)
        # Slots of half a second, so that few come while this machine does something else.
        sql.execute("update whatsapp_numbers set max_send_rate_per_sec = 2")
        mine = await WorkQueue(store).claim(me, uuid4(), 500, ahead_ms=20_000)
        theirs = await WorkQueue(store).claim(other, uuid4(), 500, ahead_ms=20_000)
        assert 20 < len(mine.rows) <= 40  # twenty seconds ahead, less what the ramp used
        assert len(theirs.rows) < 40
        # Every slot of the number is handed out once: 500 ms lie between any two, whoever has them.
        gaps = [
            gap
            for (gap,) in sql.execute(
                "select extract(epoch from lease_until - lag(lease_until) over "
                "(order by lease_until))::float from send_queue where status = 'processing'"
            )
            if gap is not None
        ]
        assert min(gaps) > 0.4999

    run(open_test_store, scenario)


def test_a_slot_that_passed_stays_in_the_past(open_test_store: OpenStore, sql: Connection) -> None:
    """Cut at 0, slots that had passed were all due now, and their rows sent at once."""

    async def scenario(store: Store) -> None:
        number = await add_number(store, rate=100)
        campaign = await add_campaign(store, number, 100)
        me, claim_id, queue = await worker(store), uuid4(), WorkQueue(store)
        await past_ramp(store, me, campaign)
        await queue.claim(me, claim_id, 10)
        sql.execute(
            "update send_queue set lease_until = lease_until - interval '5 s' where claim_id = %s",
            [claim_id],
        )
        again = await placed(queue, me, 10, claim_id=claim_id)
        slots = [row.due for row in again.rows]
        assert max(slots) < boot_seconds() - 3
        assert max(slots) - min(slots) > 0.08

    run(open_test_store, scenario)


def test_a_new_worker_leaves_time_to_those_who_thought_they_were_alone(
    open_test_store: OpenStore,
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store, rate=100)
        campaign = await add_campaign(store, number, 100)
        me, queue = await worker(store), WorkQueue(store)
        await past_ramp(store, me, campaign)
        first = await placed(queue, me, 1, beside_ms=2_000)
        assert first.alone_at is not None
        assert first.rows[0].due < boot_seconds() + 1
        new = await worker(store)
        asked = boot_seconds()
        second = await placed(queue, new, 1, ahead_ms=3_000, beside_ms=2_000)
        assert second.alone_at is None
        assert second.rows[0].due > asked + 1
        assert (await WorkQueue(store).claim(me, uuid4(), 1, ahead_ms=4_000)).alone_at is None

    run(open_test_store, scenario)


def test_throttling_slows_the_number_and_uses_up_no_retry(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store, rate=100)
        campaign = await add_campaign(store, number, 100)
        me = await worker(store)
        await past_ramp(store, me, campaign)
        claim = await WorkQueue(store).claim(me, uuid4(), 10)
        throttled = Verdict(Outcome.WAIT, code=130429, text="x", wait_ms=1000, slow_number=True)
        await WorkQueue(store).settle(me, [Settlement(row, throttled) for row in claim.rows])
        (rate,) = sql.execute("select round(rate) from wacampaign_buckets").fetchone() or (0,)
        assert rate == 70  # once, though ten answers said so
        shown = sql.execute("select last_stable_rate_per_sec from whatsapp_numbers").fetchone()
        assert shown == (70,)
        retries = sql.execute("select max(retry_count) from send_queue").fetchone()
        assert retries == (0,)
        # A second of silence first.
        await WorkQueue(store).claim(me, uuid4(), 10)
        (first,) = sql.execute(
            "select extract(epoch from min(q.lease_until) - interval '120 s'"
            " - max(b.rate_changed_at))::float"
            " from send_queue q, wacampaign_buckets b where q.status = 'processing'"
        ).fetchone() or (0,)
        assert first >= 1
        # The recovery, step by step: a twentieth of the configured rate every five seconds.
        sql.execute("update wacampaign_buckets set rate_changed_at = now() - interval '11 seconds'")
        steps = (
            "select floor(extract(epoch from clock_timestamp() - rate_changed_at) / 5)::int"
            " from wacampaign_buckets"
        )
        (least,) = sql.execute(steps).fetchone() or (0,)
        number_now = (await store.call("numbers"))[0]
        (most,) = sql.execute(steps).fetchone() or (0,)
        assert least >= 2
        assert 70 + 5 * least <= number_now["rate"] <= 70 + 5 * most
        sql.execute(
            "update wacampaign_buckets set rate_changed_at = now() - interval '2 minutes', "
            "next_slot_at = now()"
        )
        assert len((await WorkQueue(store).claim(me, uuid4(), 10)).rows) == 10
        assert sql.execute("select rate from wacampaign_buckets").fetchone() == (None,)

    run(open_test_store, scenario)


def test_three_opaque_answers_pause_the_campaign(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 50)
        me = await worker(store)
        opaque = Verdict(
            Outcome.FAILED,
            code=135000,
            text="(#135000) Generic user error",
            hold_scope=Scope.TEMPLATE,
            hold_after=3,
            hold_cumulative=True,
        )
        burned = 0
        for _ in range(10):
            claim = await WorkQueue(store).claim(me, uuid4(), 50)
            if not claim.rows:
                break
            answer = await WorkQueue(store).settle(
                me, [Settlement(row, opaque, "135000 on hello") for row in claim.rows]
            )
            burned += answer.settled
        assert burned == 3
        assert answer.stopped_campaigns == {campaign}
        state = sql.execute("select status, pause_reason from campaigns").fetchone()
        assert state == ("paused", "135000 on hello")
        left = await counts(store, campaign)
        assert (left["failed"], left["ready"]) == (3, 47)
        note = sql.execute("select type, message, related_entity_id::text from notifications")
        assert note.fetchone() == ("error", "135000 on hello", campaign)
        kinds = {kind for (kind,) in sql.execute("select kind from wacampaign_events")}
        assert {"held", "paused"} <= kinds
        # Resuming lifts the hold, and the ramp tries one.
        await Campaigns(store).set_status(campaign, "resume", "test")
        assert len((await WorkQueue(store).claim(me, uuid4(), 50)).rows) == 1

    run(open_test_store, scenario)


def test_a_wait_for_the_same_cause_is_prolonged_and_told_once(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 50)

        def hold(reason: str, seconds: int | None, code: int | None = None) -> None:
            given = [campaign, number, code, reason, seconds]
            sql.execute(
                "select wacampaign_hold('number', %s, %s, 'hello', %s, %s, %s, null)", given
            )

        def holds() -> list[tuple[Any, ...]]:
            return sql.execute(
                "select reason, extract(epoch from held_until - created_at) > 90"
                " from wacampaign_holds order by created_at"
            ).fetchall()

        for seconds in (60, 60, 120, 60):
            hold("no answer", seconds)
        assert holds() == [("no answer", True)]
        # Another cause, and one that a person has to end, are told.
        hold("another answer", 600)
        hold("no answer", 6000, 2)
        hold("no answer", None)
        assert holds() == [
            ("no answer", True),
            ("another answer", True),
            ("no answer", True),
            ("no answer", None),
        ]
        # One that is over is not the one that begins.
        sql.execute("delete from wacampaign_holds where held_until is null")
        sql.execute("update wacampaign_holds set held_until = now() - interval '1 second'")
        hold("no answer", 60)
        assert len(holds()) == 4
        kinds = sql.execute("select count(*) from wacampaign_events where kind = 'held'").fetchone()
        assert kinds == (5,)

    run(open_test_store, scenario)


def test_one_template_held_does_not_stop_the_other(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store, templates=("good", "bad"))
        campaign = await add_campaign(store, number, 40, templates=("good", "bad"))
        me = await worker(store)
        fault = Verdict(Outcome.WAIT, code=132015, text="paused", hold_scope=Scope.TEMPLATE)
        sent = 0
        for _ in range(12):
            claim = await WorkQueue(store).claim(me, uuid4(), 50)
            if not claim.rows:
                break
            sent += sum(row.template == "good" for row in claim.rows)
            batch = [
                Settlement(row, fault, "template bad is paused")
                if row.template == "bad"
                else accepted([row])[0]
                for row in claim.rows
            ]
            await WorkQueue(store).settle(me, batch)
        assert sent == 20
        assert sql.execute("select status from campaigns").fetchone() == ("running",)
        # Now nothing but held rows is left: the guard pauses, with the reason.
        verdict = await WorkQueue(store).complete(campaign, "test")
        assert (verdict.completed, verdict.status) == (False, "paused")
        reason = sql.execute("select pause_reason from campaigns").fetchone()
        assert reason == ("template bad is paused",)

    run(open_test_store, scenario)


def test_contacts_never_enqueued_keep_a_campaign_open(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 5, total=12, start=False)
        # The backend starts what it has filled without asking us.
        sql.execute("update campaigns set status = 'running', pause_reason = null")
        me = await worker(store)
        await past_ramp(store, me, campaign)
        verdict = await WorkQueue(store).complete(campaign, "test")
        assert (verdict.completed, verdict.never_enqueued) == (False, 7)
        assert (await Campaigns(store).audit(campaign))["lost"] == 7

    run(open_test_store, scenario)


def test_rows_in_doubt_complete_after_ten_minutes_with_a_note(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 6)
        me = await worker(store)
        await past_ramp(store, me, campaign)
        claim = await WorkQueue(store).claim(me, uuid4(), 10)
        doubt = Verdict(Outcome.IN_DOUBT, text="no answer within 30 s")
        await WorkQueue(store).settle(me, [Settlement(claim.rows[0], doubt)])
        verdict = await WorkQueue(store).complete(campaign, "test")
        assert not verdict.completed
        assert verdict.counts.in_doubt == 1
        assert verdict.in_doubt_until is not None
        sql.execute(
            "update send_queue set in_doubt_since = now() - interval '11 minutes' "
            "where in_doubt_since is not null"
        )
        sql.execute("update wacampaign_runs set last_settled_at = now() - interval '11 minutes'")
        verdict = await WorkQueue(store).complete(campaign, "test")
        assert verdict.completed
        note = sql.execute("select type, message from notifications").fetchone()
        assert note == ("warning", "5 sent, 0 failed, 1 in doubt")
        assert (await counts(store, campaign))["in_doubt"] == 1

    run(open_test_store, scenario)


def test_a_retry_backs_off_and_ends(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        await add_campaign(store, number, 1)
        me = await worker(store)
        again = Verdict(Outcome.RETRY, code=131000, text="x", wait_ms=10_000, max_retries=2)
        waits = []
        for _ in range(3):
            claim = await WorkQueue(store).claim(me, uuid4(), 10)
            await WorkQueue(store).settle(me, [Settlement(claim.rows[0], again)])
            row = sql.execute(
                "select status, retry_count, extract(epoch from next_retry_at - updated_at)::float "
                "from send_queue"
            ).fetchone()
            assert row is not None
            waits.append(row)
            sql.execute(
                "update send_queue set next_retry_at = now() where next_retry_at is not null"
            )
        assert [(w[0], w[1]) for w in waits] == [("ready", 1), ("ready", 2), ("failed", 2)]
        assert 7.5 <= waits[0][2] <= 12.5
        assert 15 <= waits[1][2] <= 25

    run(open_test_store, scenario)


def test_refusals_have_their_own_words(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        with pytest.raises(NoSuchCampaign):
            await Campaigns(store).set_status(str(uuid4()), "start", "test")
        number = await add_number(store)
        campaign = await add_campaign(store, number, 1)
        await Campaigns(store).set_status(campaign, "cancel", "test")
        with pytest.raises(Refused):
            await Campaigns(store).set_status(campaign, "resume", "test")
        me = await worker(store)
        assert (await WorkQueue(store).claim(me, uuid4(), 5)).rows == []

    run(open_test_store, scenario)


def test_one_message_id_for_two_rows_spoils_only_its_row(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 20)
        me = await worker(store)
        await past_ramp(store, me, campaign)
        claim = await WorkQueue(store).claim(me, uuid4(), 10)
        batch = accepted(claim.rows)
        batch[3] = Settlement(batch[3].row, Verdict(Outcome.SENT, wamid=batch[2].verdict.wamid))
        answer = await WorkQueue(store).settle(me, batch)
        assert answer.settled == 10
        assert (await counts(store, campaign))["sent"] == 15
        told = sql.execute("select count(*) from wacampaign_events where kind = 'message_id_twice'")
        assert told.fetchone() == (1,)

    run(open_test_store, scenario)
