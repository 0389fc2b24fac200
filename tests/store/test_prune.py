"""What `prune` takes away, the same over both transports: nothing that anything is known by."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number, past_ramp, run, worker
from tests.store.test_statuses import delivery, logged, take_all
from wacampaign.core.plan import Plan
from wacampaign.core.pruning import PARTS, PruneAges, PruneDue
from wacampaign.core.webhook.updates import StatusUpdate
from wacampaign.operations.prune import PruneDone, PruneSurvey, carry_out, look, prune_plan
from wacampaign.problems import Problem
from wacampaign.store.pruning import Pruning
from wacampaign.store.results import Results
from wacampaign.store.statuses import Statuses
from wacampaign.store.store import Store
from wacampaign.store.workers import Workers

OpenStore = Callable[[], Store]
Sql = psycopg.Connection[Any]

PRICING = {"category": "marketing", "type": "regular", "billable": True, "pricing_model": "PMP"}
#: Every column that says when something happened to what a test has made.
TIMES = {
    "campaigns": ("created_at", "start_time", "end_time"),
    "send_queue": ("sent_at", "actual_sent_at", "claimed_at"),
    "message_status_logs": ("created_at",),
    "wacampaign_runs": ("first_sent_at", "last_settled_at", "last_heard_at"),
    "wacampaign_deliveries": (
        *("sent_at", "failed_at", "delivered_at", "read_at", "first_seen_at", "last_at", "look_at"),
    ),
    "wacampaign_events": ("at",),
    "wacampaign_inbound": ("at", "taken_at"),
    "wacampaign_workers": ("last_beat_at", "stopped_at"),
    "wacampaign_lists": ("kept_at",),
    "wacampaign_webhooks": ("taken_at",),
    "wacampaign_pruned": ("shortened_at", "removing_at", "removed_at"),
}


def grow_old(sql: Sql, days: int) -> None:
    """So many days go by."""
    with sql.transaction():
        sql.execute("alter table send_queue disable trigger user")
        for table, columns in TIMES.items():
            for column in columns:
                sql.execute(
                    f"update {table} set {column} = {column} - make_interval(days => {days})"
                    f" where {column} is not null".encode()
                )
        sql.execute("update wacampaign_deliveries set look_at = null where look_at < now()")
        sql.execute("alter table send_queue enable trigger user")


def answer(wamid: str, phone: str, context: str) -> dict[str, Any]:
    return {
        "wamid": wamid, "at": 1_795_000_500, "phone": phone, "kind": "text", "text": "thanks",
        "context_id": context, "said": {"id": wamid, "type": "text"},
    }  # fmt: skip


async def finished(store: Store, sql: Sql) -> str:
    """A campaign of five that is over: read, delivered, failed, both, silent; two answers."""
    number = await add_number(store)
    campaign = await add_campaign(store, number, 5)
    me = await worker(store)
    assert await past_ramp(store, me, campaign) == 5
    rows = sql.execute("select whatsapp_message_id, phone from send_queue order by 1").fetchall()
    wamids = [row[0] for row in rows]
    told = [
        *((wamids[0], one) for one in ("sent", "delivered", "read")),
        *((wamids[1], one) for one in ("sent", "delivered")),
        *((wamids[2], one) for one in ("sent", "failed")),
        *((wamids[3], one) for one in ("delivered", "failed")),
    ]
    statuses = [
        StatusUpdate(
            wamid, word, 1_795_000_000, code=131026 if word == "failed" else None,
            callback="a" * 73,
            said={"id": wamid, "status": word, "conversation": "c" * 200, "pricing": PRICING},
        )
        for wamid, word in told
    ]  # fmt: skip
    await Statuses(store).take(statuses, "receiver")
    inbound = [answer(f"in.{n}", rows[0][1], wamids[0]) for n in range(2)]
    await store.call("take_inbound", messages=json.dumps(inbound), source="receiver")
    await take_all(store)  # and the log is read through
    await store.call("complete", campaign_id=campaign, actor="test")
    await Workers(store).goodbye(me)
    status = sql.execute("select status from campaigns where id = %s", (campaign,)).fetchone()
    assert status == ("completed",)
    return campaign


async def survey(store: Store, home: Path, **ages: int) -> PruneSurvey:
    return await look(store, home, PruneAges(**ages))


async def prune(store: Store, home: Path, **ages: int) -> dict[str, int]:
    done = PruneDone()
    await carry_out(store, await survey(store, home, **ages), done, None)
    return {part: n for part, n in done.rows.items() if n}


async def known(store: Store, campaign: str) -> tuple[Any, ...]:
    """All that is said of a campaign's messages, by whoever says it."""
    page = await store.call(
        "report_page", campaign_id=campaign, **{"from": "2026-11-20T00:00:00Z"}, after="", limit=100
    )
    return (
        await delivery(store, campaign),
        await Results(store).page(campaign),
        await store.call("audit", campaign_id=campaign),
        page,
    )


def due(found: PruneSurvey | PruneDue) -> dict[str, int]:
    of = found.due if isinstance(found, PruneSurvey) else found
    return {one.part: one.rows for one in of.parts if one.rows}


def test_every_part_is_one_of_the_databases(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        found = await Pruning(store).due(PruneAges())
        assert [one.part for one in found.parts] == [
            one.name for one in sorted(PARTS, key=lambda part: order.index(part.name))
        ]
        for part in PARTS:
            rows, left, _ = await Pruning(store).step(part.name, 45, 500, None)
            assert (rows, left) == (0, False)
            with pytest.raises(Problem):
                least = 0 if part.name == "webhooks" else 44
                await Pruning(store).step(part.name, least, 500, None)
        with pytest.raises(Problem):
            await Pruning(store).step("optouts", 400, 500, None)

    order = [
        *("deliveries", "statuses", "strays", "webhooks", "unreadable", "messages", "replies"),
        *("repairs", "events", "workers", "holds", "lists", "translations"),
    ]
    run(open_test_store, scenario)


def test_metas_words_go_and_nothing_that_is_shown_changes(
    open_test_store: OpenStore, sql: Sql, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await finished(store, sql)
        assert (await survey(store, tmp_path)).is_empty
        grow_old(sql, 44)
        assert (await survey(store, tmp_path)).is_empty
        grow_old(sql, 2)
        before = await known(store, campaign)
        size = "select sum(pg_column_size(d.*)) from wacampaign_deliveries d"
        whole = sql.execute(size).fetchone()
        found = await survey(store, tmp_path)
        assert due(found) == {"statuses": 4, "messages": 2}
        plan: Plan = prune_plan(found)
        assert [step.n for step in plan.steps] == [4, 2]
        assert await prune(store, tmp_path) == {"statuses": 4, "messages": 2}
        assert await known(store, campaign) == before
        less = sql.execute(size).fetchone()
        assert whole and less and less[0] < 0.6 * whole[0]
        words = sql.execute("select said from wacampaign_inbound").fetchall()
        assert words == [(None,), (None,)]
        # Done once, it is not done again; nor does the log bring back what was taken.
        assert (await survey(store, tmp_path)).is_empty
        sql.execute("update wacampaign_logs_read set through_at = now() - interval '2 days'")
        await take_all(store)
        assert await known(store, campaign) == before
        assert (await survey(store, tmp_path)).is_empty

    run(open_test_store, scenario)


def test_counts_outlive_the_deliveries(
    open_test_store: OpenStore, sql: Sql, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await finished(store, sql)
        logged(sql, "wamid.somebody", "sent")  # of a message that is nobody's
        await take_all(store)
        grow_old(sql, 401)
        counted, rows, audit, _ = await known(store, campaign)
        found = await survey(store, tmp_path)
        # One of the answers is the person's last one, and stays.
        assert due(found) == {
            "deliveries": 4, "strays": 1, "messages": 2, "replies": 1, "events": 3, "workers": 1,
        }  # fmt: skip
        kept = ("kept_back", "accepted_twice", "created", "started")
        for kind in kept:
            sql.execute(
                "insert into wacampaign_events (campaign_id, kind, actor, at)"
                " values (%s, %s, 'test', '2020-01-01')",
                (campaign, kind),
            )
        counted, rows, audit, _ = await known(store, campaign)
        taken = await prune(store, tmp_path)
        assert taken.items() >= {"deliveries": 4, "strays": 1, "replies": 1, "workers": 1}.items()
        assert sql.execute("select count(*) from wacampaign_deliveries").fetchone() == (0,)
        kinds = {row[0] for row in sql.execute("select kind from wacampaign_events")}
        assert kinds >= set(kept) and "worker_started" not in kinds
        after = await known(store, campaign)
        assert (after[0], after[2]) == (counted, audit)
        assert {row["state"] for row in after[1]} == {"pruned"}
        gone = {"state", "sent_at", "delivered_at", "read_at", "failed_at", "code", "contradicted"}
        gone |= {"category", "billable", "title", "details"}
        for one, was in zip(after[1], rows, strict=True):
            assert {k: v for k, v in one.items() if k not in gone} == {
                k: v for k, v in was.items() if k not in gone
            }
        assert (await survey(store, tmp_path)).is_empty
        # Neither the backend's log nor a late repetition counts a message once more.
        wamid = rows[0]["wamid"]
        logged(sql, wamid, "delivered", at="2025-01-01")
        sql.execute("delete from wacampaign_logged_statuses")
        sql.execute("update wacampaign_logs_read set through_at = now() - interval '2 days'")
        await take_all(store)
        assert sql.execute("select count(*) from wacampaign_deliveries").fetchone() == (0,)
        await Statuses(store).take([StatusUpdate(wamid, "read", 1_795_000_000)], "receiver")
        assert await delivery(store, campaign) == counted

    run(open_test_store, scenario)


def test_a_row_in_doubt_keeps_its_campaign_and_all_evidence(
    open_test_store: OpenStore, sql: Sql, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await finished(store, sql)
        logged(sql, "wamid.somebody", "sent")
        await take_all(store)
        sql.execute(
            "update wacampaign_deliveries d set whatsapp_number_id = q.whatsapp_number_id"
            " from send_queue q where d.row_id is null"
        )
        sql.execute("alter table send_queue disable trigger wacampaign_guard_row")
        sql.execute(
            "update send_queue set status = 'processing', in_doubt_since = now(),"
            " in_doubt_cause = 'worker_lost', whatsapp_message_id = null"
            " where id in (select id from send_queue where campaign_id = %s limit 1)",
            (campaign,),
        )
        sql.execute("alter table send_queue enable trigger wacampaign_guard_row")
        grow_old(sql, 401)
        found = await survey(store, tmp_path)
        # What is its worker's, its campaign's and its number's stays.
        assert due(found).keys() <= {"messages", "replies", "events"}
        await prune(store, tmp_path)
        assert sql.execute("select count(*) from wacampaign_deliveries").fetchone() == (5,)
        assert sql.execute("select count(*) from wacampaign_workers").fetchone() == (1,)

    run(open_test_store, scenario)


def test_a_campaign_that_was_opened_again_is_done_again(
    open_test_store: OpenStore, sql: Sql, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await finished(store, sql)
        grow_old(sql, 401)
        await prune(store, tmp_path)
        counted = await delivery(store, campaign)
        sql.execute("update campaigns set status = 'running' where id = %s", (campaign,))
        await store.call(
            "enqueue", campaign_id=campaign, number_id=sql.execute(
                "select id::text from whatsapp_numbers").fetchall()[0][0],
            ids=["00000000-0000-4000-8000-00000000000a"], phones=["999000000000077"],
            templates=["hello"], payloads=['{"var1": "x"}'],
        )  # fmt: skip
        me = await worker(store)
        assert await past_ramp(store, me, campaign) == 1
        ((wamid,),) = sql.execute(
            "select whatsapp_message_id from send_queue where phone = '999000000000077'"
        ).fetchall()
        await Statuses(store).take([StatusUpdate(wamid, "delivered", 1_795_000_000)], "receiver")
        assert (await delivery(store, campaign))["delivered"] == counted["delivered"] + 1
        await store.call("complete", campaign_id=campaign, actor="test")
        await Workers(store).goodbye(me)
        assert due(await survey(store, tmp_path)) == {}
        grow_old(sql, 401)
        assert due(await survey(store, tmp_path))["deliveries"] == 1, "of five, four are gone"
        assert (await prune(store, tmp_path))["deliveries"] == 1

    run(open_test_store, scenario)


def test_a_step_takes_no_more_than_it_is_told_and_waits_for_nobody(
    open_test_store: OpenStore, sql: Sql, database: str
) -> None:
    async def scenario(store: Store) -> None:
        await finished(store, sql)
        sql.execute(
            "insert into wacampaign_webhooks (id, received_at, encoding, body, taken_at)"
            " select gen_random_uuid(), now(), 'text', '{}', now() from generate_series(1, 120)"
        )
        grow_old(sql, 401)
        locked = psycopg.connect(database)
        with locked:
            locked.execute("select 1 from wacampaign_deliveries limit 2 for update")
            locked.execute("select 1 from wacampaign_webhooks limit 20 for update")
            assert await Pruning(store).step("webhooks", 7, 50, None) == (50, True, None)
            assert (await Pruning(store).step("webhooks", 7, 100, None))[:2] == (50, False)
            assert (await Pruning(store).step("deliveries", 400, 50, None))[:2] == (2, True)
            assert (await Pruning(store).step("deliveries", 400, 50, None))[:2] == (0, False)
        # It is not done with what somebody held: the next time goes on there.
        assert (await Pruning(store).step("deliveries", 400, 50, None))[:2] == (2, True)
        assert (await Pruning(store).step("deliveries", 400, 50, None))[:2] == (0, False)
        left = sql.execute("select count(*) from wacampaign_deliveries").fetchone()
        assert left == (0,)
        assert (await Pruning(store).step("webhooks", 7, 50, None))[:2] == (20, False)

    run(open_test_store, scenario)


def test_nothing_is_removed_before_the_log_is_read(
    open_test_store: OpenStore, sql: Sql, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        await finished(store, sql)
        sql.execute("update wacampaign_logs_read set through_at = null")
        grow_old(sql, 401)
        found = await survey(store, tmp_path)
        assert found.due.reading and "deliveries" not in due(found)
        assert any("still being read" in note for note in prune_plan(found).notes)
        await prune(store, tmp_path)
        assert sql.execute("select count(*) from wacampaign_deliveries").fetchone() == (4,)

    run(open_test_store, scenario)
