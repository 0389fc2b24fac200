"""The nights of incident.md, replayed against the real worker."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg

from tests.servers import wait_until
from tests.worker.rig import Rig
from wacampaign.core.words import short_id
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue

Connection = psycopg.Connection[Any]


def test_10_november_the_oldest_hundred_wait(rig: Rig, sql: Connection) -> None:
    """FIN NEW DATA: completed in nine seconds with 10,807 rows left. Not again."""
    rows, waiting = 10_807, 100
    number = rig.number("874163789109558", rate=3000)
    campaign = rig.campaign(number, rows, start=False, name="FIN NEW DATA")
    sql.execute(
        "update send_queue set next_retry_at = now() + interval '1 hour' where id in "
        "(select id from send_queue order by created_at, id limit %s)",
        [waiting],
    )
    rig.ask(lambda store: Campaigns(store).set_status(campaign, "start", "test"))
    first = rig.start_worker()
    rig.wait_accepted(3_000)
    # A restart in the middle, as at 15:03 that day.
    assert rig.stop(first) == [0]
    assert rig.stats(campaign)["counts"]["in_doubt"] == 0
    second = rig.start_worker()
    wait_until(lambda: rig.stats(campaign)["counts"]["sent"] == rows - waiting, 60, "the rest")

    def guard_has_spoken() -> bool:
        return "not complete: 100 rows wait until" in rig.log_of(second)

    wait_until(guard_has_spoken, 20, "the guard says why it is not complete")
    assert rig.stats(campaign)["status"] == "running"
    assert rig.stats(campaign)["counts"]["retry_later"] == waiting
    # Their time comes.
    sql.execute("update send_queue set next_retry_at = now() where next_retry_at is not null")
    wait_until(lambda: rig.stats(campaign)["status"] == "completed", 30, "completed")
    assert rig.stop(second) == [0]
    totals = rig.sandbox.control.totals()
    assert (totals["accepted"], totals["recipients"]) == (rows, rows)
    assert rig.audit(campaign)["ok"]
    completions = sql.execute(
        "select count(*) from wacampaign_events where kind = 'completed'"
    ).fetchone()
    assert completions == (1,)


def test_two_workers_complete_a_campaign_once(rig: Rig, sql: Connection) -> None:
    number = rig.number("874163789109558")
    campaign = rig.campaign(number, 200)
    workers = [rig.start_worker("--until-idle") for _ in range(2)]
    assert [rig.finished(worker) for worker in workers] == [0, 0]
    assert rig.stats(campaign)["status"] == "completed"
    completions = sql.execute(
        "select actor from wacampaign_events where kind = 'completed'"
    ).fetchall()
    ids = sql.execute("select id::text from wacampaign_workers").fetchall()
    # Named as in its log.
    assert len(completions) == 1
    assert completions[0] in [(f"worker {short_id(id_)}",) for (id_,) in ids]


def test_completing_at_the_same_moment_happens_once(database: str, sql: Connection) -> None:
    async def race() -> None:
        store = Store(PostgresTransport(database))
        from tests.campaigns import add_campaign, add_number

        number = await add_number(store)
        campaign = await add_campaign(store, number, 1)
        sql.execute("update send_queue set status = 'failed'")
        others = [Store(PostgresTransport(database)) for _ in range(8)]
        verdicts = await asyncio.gather(
            *(WorkQueue(one).complete(campaign, "race") for one in others)
        )
        assert sorted(verdict.completed for verdict in verdicts) == [False] * 7 + [True]
        for one in (store, *others):
            await one.close()

    asyncio.run(race())


#: `wacampaign run-worker` that is told of its work or stands still: what it looks for by itself it
#: would find minutes later.
NO_SECOND_LOOK = """
import wacampaign.core.engine.claiming as claiming, wacampaign.store.postgres as postgres
assert claiming.BUSY_POLL_SECONDS < 1 < postgres.IDLE_POLL_SECONDS
claiming.BUSY_POLL_SECONDS = postgres.IDLE_POLL_SECONDS = 600
from wacampaign.__main__ import main
main()
"""


def test_bajaj_market_2_burns_at_most_three(rig: Rig, sql: Connection) -> None:
    """2,093 of 2,093 failed with 135000. Now: three, a pause, a reason, a notification."""
    number = rig.number("875062729021816", templates=("10_nov_2025_temp_bajaj1",))
    rig.sandbox.control.add_fault("error", phone_number_id="875062729021816", code=135000)
    campaign = rig.campaign(
        number, 2_093, name="Bajaj_market_2", templates=("10_nov_2025_temp_bajaj1",)
    )
    worker = rig.start_worker("--until-idle", program=("-c", NO_SECOND_LOOK))
    assert rig.finished(worker) == 0
    stats = rig.stats(campaign)
    assert stats["status"] == "paused"
    assert stats["counts"]["failed"] <= 3
    assert stats["counts"]["ready"] == 2_093 - stats["counts"]["failed"]
    assert stats["errors"] == [{"code": 135000, "count": stats["counts"]["failed"]}]
    assert rig.sandbox.control.totals()["message_requests"] <= 3
    assert "135000" in stats["pause_reason"]
    assert f"wacampaign investigate-135000 {campaign[:8]}" in stats["pause_reason"]
    note = sql.execute("select type, title, message from notifications").fetchone()
    assert note is not None
    assert note[:2] == ("error", "Campaign paused: Bajaj_market_2")
    # From the start of the campaign to its pause, by the database's clock.
    seconds = sql.execute(
        "select extract(epoch from p.at - w.at)::float from wacampaign_events p, "
        "wacampaign_events w where p.kind = 'paused' and w.kind = 'worker_started'"
    ).fetchone()
    assert seconds is not None
    assert seconds[0] < 2  # the limit; measured a quarter of that
    # And it waited for nothing: neither for its next look, nor after the last failure.
    paused_with = sql.execute(
        "select count(*) from wacampaign_events p, send_queue q"
        " where p.kind = 'paused' and q.status = 'failed' and p.xmin = q.xmin"
    ).fetchone()
    assert paused_with is not None
    assert paused_with[0] >= 1  # more, where the last failures were settled together
    assert rig.log_of(worker).count("event=held ") == 1


def test_135000_in_the_middle_of_a_run(rig: Rig) -> None:
    number = rig.number("875062729021816", rate=400)
    campaign = rig.campaign(number, 2_093)
    began = time.time()
    worker = rig.start_worker("--until-idle")
    rig.wait_accepted(500)
    rig.sandbox.control.add_fault("error", phone_number_id="875062729021816", code=135000)
    assert rig.finished(worker) == 0
    stats = rig.stats(campaign)
    assert stats["status"] == "paused"
    # What was in flight, which the API sees only a part of: the rest is on its way there or back,
    # and what came while the API stood still.
    control = rig.sandbox.control
    in_flight = control.totals()["max_in_flight"]
    stall = max((end - start for start, end in control.stalls() if start > began), default=0.0)
    assert 3 <= stats["counts"]["failed"] <= 3 + 2 * in_flight + 400 * stall
    assert stats["counts"]["processing"] == stats["counts"]["in_doubt"] == 0
