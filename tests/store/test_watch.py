"""What `stats` tells those who watch: pace, errors by the minute, the ramp, the run, workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg

from tests.campaigns import accepted, add_campaign, add_number, past_ramp, run, worker
from wacampaign.core.campaign.worker_state import NO_FACTS
from wacampaign.core.engine.ports import Settlement
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


async def claimed(store: Store, me: UUID, n: int) -> list[Any]:
    rows = (await WorkQueue(store).claim(me, uuid4(), n)).rows
    assert len(rows) == n
    await WorkQueue(store).begin(me, rows[0].claim_id)
    return rows


def test_what_was_done_lately(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        me = await worker(store)
        campaign = await add_campaign(store, await add_number(store), 40)
        (before,) = (await Campaigns(store).stats([campaign])).campaigns
        assert before.ramp is not None
        assert before.pace.stands
        await past_ramp(store, me, campaign)
        rows = await claimed(store, me, 20)
        refused = Verdict(Outcome.FAILED, code=131026, text="undeliverable")
        slower = Verdict(Outcome.WAIT, code=130429, text="slower", wait_ms=60_000)
        batch = [Settlement(row, refused) for row in rows[:4]]
        batch += [Settlement(row, slower) for row in rows[4:6]]
        await WorkQueue(store).settle(me, batch + accepted(rows[6:]))
        (now,) = (await Campaigns(store).stats([campaign])).campaigns
        assert now.ramp is None
        assert not now.pace.stands
        assert sum(now.pace.bars) * 15 == 5 + 18, "what waits for another try is not done"
        assert {(trend.code, trend.count) for trend in now.trends} == {(131026, 4), (130429, 2)}
        assert now.run_began_at is not None
        assert now.run_seconds is not None
        assert now.run_seconds < 60
        assert [event["kind"] for event in now.events][-1] == "started"
        # Of many, what nobody reads of many is left out.
        (among,) = (await Campaigns(store).stats()).campaigns
        assert among.events == ()
        assert among.pace.bars == now.pace.bars

    run(open_test_store, scenario)


def test_programs_of_an_earlier_version_find_their_rate(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        me = await worker(store)
        campaign = await add_campaign(store, await add_number(store), 40)
        await past_ramp(store, me, campaign)
        answer = await store.call("stats", campaign_ids=[campaign])
        assert answer["campaigns"][0]["rate_per_second"] > 0

    run(open_test_store, scenario)


def test_a_run_begins_anew(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        me = await worker(store)
        campaign = await add_campaign(store, await add_number(store), 40)
        await past_ramp(store, me, campaign)
        sql.execute("update wacampaign_runs set began_at = began_at - interval '1 day'")
        (old,) = (await Campaigns(store).stats([campaign])).campaigns
        assert old.run_seconds is not None
        assert old.run_seconds > 86_000
        await Campaigns(store).set_status(campaign, "pause", "test")
        (paused,) = (await Campaigns(store).stats([campaign])).campaigns
        assert paused.run_seconds is None
        assert paused.rate_per_second == 0
        await Campaigns(store).set_status(campaign, "resume", "test")
        (new,) = (await Campaigns(store).stats([campaign])).campaigns
        assert new.run_seconds is not None
        assert new.run_seconds < 60
        assert new.ramp is not None

    run(open_test_store, scenario)


def test_what_a_worker_measured(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        me = await worker(store)
        number = await add_number(store)
        campaign = await add_campaign(store, number, 40)
        facts = {"in_flight": 7, "answers_p50_ms": 310.5, "binds": {number: "rate"}, "new": 1}
        await Workers(store).measured(me, facts)
        stats = await Campaigns(store).stats([campaign])
        (one,) = stats.workers
        assert one.in_flight == 7
        assert one.facts.answers_p50_ms == 310.5
        (seen,) = stats.campaigns
        # Before its first messages nothing but the ramp binds.
        assert seen.limit is not None
        assert seen.limit.kind == "ramp"
        await past_ramp(store, me, campaign)
        (seen,) = (await Campaigns(store).stats([campaign])).campaigns
        assert seen.limit is not None
        assert seen.limit.kind == "rate"
        # What was measured a minute ago says nothing of now.
        sql.execute("update wacampaign_workers set measured_at = measured_at - interval '1 minute'")
        (seen,) = (await Campaigns(store).stats([campaign])).campaigns
        assert seen.limit is None

    run(open_test_store, scenario)


def test_numbers_that_could_send_it_too(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store, phone_number_id="201"), 4)
        other = await add_number(store, phone_number_id="202")
        await add_number(store, phone_number_id="203", templates=("another",))
        (seen,) = (await Campaigns(store).stats([campaign])).campaigns
        assert [spare.phone_number_id for spare in seen.spare_numbers] == ["202"]
        await add_campaign(store, other, 4)
        (seen,) = (await Campaigns(store).stats([campaign])).campaigns
        assert seen.spare_numbers == ()

    run(open_test_store, scenario)


#: What a worker of another version may say of itself.
STRANGE_FACTS = [
    "null", "[]", "5", '"x"', '{"binds": []}', '{"binds": {"NUMBER": []}}', '{"binds": "abc"}',
    '{"in_flight": "abc"}', '{"in_flight": 1e30}', '{"in_flight": [1]}', '{"in_flight": 1.5}',
    '{"done_per_second": "x", "answers_p50_ms": [], "database_p50_ms": {}, "memory_mb": true}',
    '{"api_away_seconds": "x"}', f'{{"last_code": {"9" * 400}, "answers_p50_ms": 1e300}}',
]  # fmt: skip


def test_facts_of_another_shape_are_none(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        me = await worker(store)
        number = await add_number(store)
        campaign = await add_campaign(store, number, 5)
        await past_ramp(store, me, campaign)
        for said in STRANGE_FACTS:
            facts = said.replace("NUMBER", number)
            await store.call("measured", worker_id=str(me), facts=facts)
            stats = await Campaigns(store).stats(None)
            (one,) = stats.workers
            assert replace(one.facts, binds={}) == NO_FACTS, said
            assert one.binds(number) is None, said
            assert 0 <= one.in_flight <= 1_000_000, said

    run(open_test_store, scenario)
