"""Orders of events that nobody has in mind, against the database's functions."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.campaigns import accepted, add_campaign, add_number, counts, past_ramp, run_on, worker
from wacampaign.core.engine.ports import DatabaseAway, KnownOutcome, Settlement
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

Connection = psycopg.Connection[Any]
ELEVEN_MINUTES_AGO = "clock_timestamp() - interval '11 minutes'"


async def waiting_for_locks(sql: Connection, n: int) -> None:
    """Returns when so many connections wait for a lock."""
    question = (
        "select count(*) from pg_stat_activity "
        "where datname = current_database() and wait_event_type = 'Lock'"
    )
    while sql.execute(question).fetchone() != (n,):  # noqa: ASYNC110 - the database's event
        await asyncio.sleep(0)


def deadlocks(sql: Connection) -> int:
    sql.execute("select pg_stat_force_next_flush()")
    row = sql.execute(
        "select deadlocks from pg_stat_database where datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_rows_that_the_old_backend_left_in_flight_hold_up_no_completion(
    database: str, sql: Connection
) -> None:
    """They are in doubt and nobody's work, so the guard has to be asked about the campaign."""

    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 4)
        # As the backend leaves it when it is stopped in the middle: no claim, no settling.
        sql.execute(
            f"update send_queue set status = 'processing', updated_at = {ELEVEN_MINUTES_AGO} "
            "where id in (select id from send_queue order by id limit 1)"
        )
        sql.execute("update send_queue set status = 'sent' where status = 'ready'")
        answer = await WorkQueue(store).claim(await worker(store), uuid4(), 10)
        (work,) = answer.campaigns
        assert (work.unsent, work.in_flight) == (0, 0)
        verdict = await WorkQueue(store).complete(campaign, "test")
        assert verdict.completed
        assert verdict.counts.in_doubt == 1

    run_on(database, scenario)


def test_what_a_live_backend_holds_keeps_its_campaign_open(database: str, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 1)
        sql.execute("update send_queue set status = 'processing', updated_at = now()")
        assert not (await WorkQueue(store).complete(campaign, "test")).completed

    run_on(database, scenario)


def test_proof_that_a_row_never_left_comes_after_its_campaign_completed(
    database: str, sql: Connection
) -> None:
    """Nobody hands it out any more, so it must not lie there as if somebody would."""

    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 6)
        lost = await worker(store)
        await past_ramp(store, lost, campaign)
        claim = await WorkQueue(store).claim(lost, uuid4(), 10)
        await WorkQueue(store).begin(lost, claim.rows[0].claim_id)
        await Workers(store).reap([str(lost)])
        sql.execute(
            f"update send_queue set in_doubt_since = {ELEVEN_MINUTES_AGO} "
            "where in_doubt_since is not null"
        )
        sql.execute(f"update wacampaign_runs set last_settled_at = {ELEVEN_MINUTES_AGO}")
        assert (await WorkQueue(store).complete(campaign, "test")).completed
        (row,) = claim.rows
        told = await WorkQueue(store).recover(
            await worker(store), [KnownOutcome(row.id, row.claim_id, "unsent")]
        )
        assert told["unsent"] == 1
        left = await counts(store, campaign)
        assert (left["failed"], left["ready"], left["in_doubt"]) == (1, 0, 0)
        text = sql.execute("select error_message from send_queue where status = 'failed'")
        assert "never sent" in str(text.fetchone())
        assert (await Campaigns(store).audit(campaign))["ok"]

    run_on(database, scenario)


def test_evidence_with_a_message_id_that_another_row_has(database: str, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 8)
        lost = await worker(store)
        await past_ramp(store, lost, campaign)
        claim = await WorkQueue(store).claim(lost, uuid4(), 10)
        await WorkQueue(store).begin(lost, claim.rows[0].claim_id)
        await Workers(store).reap([str(lost)])
        taken = sql.execute(
            "select whatsapp_message_id from send_queue where status = 'sent' limit 1"
        ).fetchone()
        assert taken is not None
        wamids = [taken[0], "wamid.new", "wamid.new"]
        facts = [
            KnownOutcome(row.id, row.claim_id, "sent", wamid)
            for row, wamid in zip(claim.rows, wamids, strict=True)
        ]
        told = await WorkQueue(store).recover(await worker(store), facts)
        assert told["sent"] == 3
        assert (await counts(store, campaign))["sent"] == 8
        events = sql.execute(
            "select count(*) from wacampaign_events where kind = 'message_id_twice'"
        )
        assert events.fetchone() == (2,)

    run_on(database, scenario)


@pytest.mark.parametrize("seed", [1, 2])
def test_claims_and_outcomes_of_many_numbers_never_wait_for_each_other_in_a_circle(
    database: str, sql: Connection, seed: int
) -> None:
    """A deadlock is broken by the database after a second in which nothing is sent."""
    dice = random.Random(seed)

    async def scenario(store: Store) -> None:
        numbers = [await add_number(store, rate=100_000) for _ in range(3)]
        campaigns = [await add_campaign(store, number, 1_500) for number in numbers]
        stores = [Store(PostgresTransport(database)) for _ in range(3)]
        me = await worker(store)
        for campaign in campaigns:
            await past_ramp(store, me, campaign)
        before = deadlocks(sql)

        async def work(one: Store, name: UUID) -> None:
            held: list[Any] = []

            async def claim() -> int:
                answer = await WorkQueue(one).claim(name, uuid4(), 60)
                if answer.rows:
                    await WorkQueue(one).begin(name, answer.rows[0].claim_id)
                    held.extend(answer.rows)
                return len(answer.rows)

            async def settle() -> None:
                batch, held[:] = accepted(held), []
                dice.shuffle(batch)
                if batch:
                    await WorkQueue(one).settle(name, batch)

            while (await asyncio.gather(claim(), settle()))[0] or held:
                pass

        names = [await worker(store) for _ in stores]
        await asyncio.gather(*map(work, stores, names))
        for campaign in campaigns:
            assert (await counts(store, campaign))["sent"] == 1_500
        assert deadlocks(sql) == before
        for one in stores:
            await one.close()

    run_on(database, scenario)


def test_the_guard_cleans_up_without_a_deadlock(database: str, sql: Connection) -> None:
    """It gives up dead claims and locks its campaign, in the order in which all others do."""

    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 5)
        dead = await worker(store)
        await WorkQueue(store).claim(dead, uuid4(), 1)
        sql.execute("update wacampaign_workers set stopped_at = now()")
        before = deadlocks(sql)
        with psycopg.connect(database) as settling:
            # As a settle of this campaign does: the campaign, then the queue and its counts.
            settling.execute("select 1 from campaigns for no key update")
            guard = asyncio.create_task(WorkQueue(store).complete(campaign, "test"))
            await waiting_for_locks(sql, 1)
            await asyncio.to_thread(
                settling.execute,
                "update send_queue set status = 'failed' "
                "where id = (select min(id::text)::uuid from send_queue where status = 'ready')",
            )
        verdict = await guard
        assert verdict.counts.ready == 4
        assert deadlocks(sql) == before

    run_on(database, scenario)


def test_the_fence_and_the_reaper_agree(database: str, sql: Connection) -> None:
    """A claim whose fence said yes is never given back as unsent, however close the race."""

    async def scenario(store: Store) -> None:
        number = await add_number(store, rate=100_000)
        campaign = await add_campaign(store, number, 400)
        me = await worker(store)
        await past_ramp(store, me, campaign)
        reaper = Store(PostgresTransport(database))
        fenced, refused = 0, 0
        for attempt in range(60):
            name = await worker(store)
            claim = await WorkQueue(store).claim(name, uuid4(), 3)
            (row, *_) = claim.rows
            # Most go side by side; on some machines the same one then always wins, so each
            # also comes first for certain.
            if attempt % 6 == 0:
                await Workers(reaper).reap([str(name)])
            if attempt % 6 == 1:
                said = await WorkQueue(store).begin(name, row.claim_id)
                await Workers(reaper).reap([str(name)])
            else:
                said, _ = await asyncio.gather(
                    WorkQueue(store).begin(name, row.claim_id), Workers(reaper).reap([str(name)])
                )
            await Workers(store).reap([])
            states = {
                (status, doubt)
                for status, doubt in sql.execute(
                    "select status, in_doubt_since is not null from send_queue where id = any(%s)",
                    [[UUID(one.id) for one in claim.rows]],
                )
            }
            if said is None:
                refused += 1
                assert states == {("ready", False)}
            else:
                fenced += 1
                assert states == {("processing", True)}
        print(f"fenced {fenced}, refused {refused}")
        assert fenced and refused
        await reaper.close()

    run_on(database, scenario)


def test_an_outcome_that_came_too_late_says_which_rows_it_lost(database: str) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 8)
        slow = await worker(store)
        await past_ramp(store, slow, campaign)
        claim = await WorkQueue(store).claim(slow, uuid4(), 10)
        await WorkQueue(store).begin(slow, claim.rows[0].claim_id)
        await Workers(store).reap([str(slow)])
        late = Verdict(Outcome.IN_DOUBT, text="no answer")
        answer = await WorkQueue(store).settle(slow, [Settlement(row, late) for row in claim.rows])
        assert (answer.settled, answer.lost) == (0, frozenset())
        # Who says so had sent them: no journal of his is asked whether he did.
        assert await Workers(store).doubts(str(slow)) == []
        assert (await counts(store, campaign))["in_doubt"] == 3

    run_on(database, scenario)


def test_the_same_claim_from_two_connections_at_once(database: str, sql: Connection) -> None:
    """A lost answer is asked for again while the first call still waits for the number's lock."""

    async def scenario(store: Store) -> None:
        number = await add_number(store, rate=100)
        campaign = await add_campaign(store, number, 60)
        me = await worker(store)
        await past_ramp(store, me, campaign)
        claim_id = uuid4()
        with psycopg.connect(database) as lock:
            lock.execute("select 1 from wacampaign_buckets for update")
            calls = [
                asyncio.create_task(WorkQueue(store).claim(me, claim_id, 10)) for _ in range(3)
            ]
            await waiting_for_locks(sql, 3)
        answers = await asyncio.gather(*calls)
        assert {len(answer.rows) for answer in answers} == {10}
        assert (await counts(store, campaign))["processing"] == 10

    run_on(database, scenario)


def test_the_database_away_is_the_cores_own_word(database: str) -> None:
    async def scenario(store: Store) -> None:
        await store.close()
        away = Store(PostgresTransport(database + "_gone"), patience_seconds=0)
        with pytest.raises(DatabaseAway):
            await WorkQueue(away).begin(uuid4(), str(uuid4()))

    run_on(database, scenario)
