"""Repairs of header media: exactly the planned rows, interrupted, undone, one at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number
from tests.servers import wait_until
from tests.store.test_failures import fail, run, status_of
from wacampaign.problems import Busy, Refused
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.repairs import Begun, Repairs, RepairSurvey, Targets
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]

#: Where the transport makes no difference.
DIRECT = pytest.mark.parametrize("open_test_store", ["postgres"], indirect=True)

OLD = "https://media.example.org/old.mp4?signature=1"
NEW = "3000000000000001"
#: What no repair may change: names, order of digits, nesting, other people's keys.
OTHERS = {"var2": "Ravi ₹ 1.50", "var10": "", "Var1": "kept", "": [1.0, None], "x": {"var1": "in"}}

SNAPSHOT = (
    "select id::text, payload::text, status, retry_count, error_code, error_message,"
    " next_retry_at, whatsapp_number_id::text, whatsapp_message_id from send_queue order by id"
)

# One process that repairs in small steps, a line of its input for each, to be killed in the middle.
REPAIR = """
import asyncio, sys, uuid
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.repairs import Repairs, Targets
from wacampaign.store.store import Store
url, campaign, number, new = sys.argv[1:]
async def main():
    repairs = Repairs(Store(PostgresTransport(url)))
    begun = await repairs.begin(uuid.uuid4(), campaign, kind="media_id", what="w", command="c",
        code=None, actor="a@h", targets=Targets([("hello", number, new)]))
    async for _ in repairs.steps(begun.id, limit=10):
        sys.stdin.readline()
asyncio.run(main())
"""


def snapshot(sql: Connection) -> list[Any]:
    return sql.execute(SNAPSHOT.encode()).fetchall()


async def seed(store: Store, sql: Connection, rows: int = 40) -> tuple[str, str]:
    """Ready rows, some failed with 135000, one accepted, in doubt, processing, pending, shifted."""
    number = await add_number(store)
    campaign = await add_campaign(store, number, rows)
    sql.execute("update send_queue set payload = %s", (json.dumps({"var1": OLD, **OTHERS}),))
    fail(sql, campaign, rows // 4, code=135000, text="Generic user error")
    fail(sql, campaign, 2, code=131026, text="Message undeliverable")
    fail(sql, campaign, 1, code=131053, wamid="wamid.")
    for change in (
        "status = 'processing', in_doubt_since = now()",
        "status = 'processing', claim_id = gen_random_uuid(), worker_id = gen_random_uuid()",
        "status = 'pending'",
        "status = 'sent', whatsapp_message_id = 'wamid.sent'",
        'payload = \'{"var1": "Ravi", "var2": "shifted"}\'',
        'payload = \'{"var2": "no header"}\'',
        'payload = \'{"var1": null, "var2": "blank"}\'',
    ):
        sql.execute(
            f"update send_queue set {change} where id = (select id from send_queue where"
            " status = 'ready' and payload ->> 'var1' like 'https%%' order by id limit 1)".encode()
        )
    return campaign, number


def begin(
    repairs: Repairs,
    campaign: str,
    number: str,
    *,
    media: str = NEW,
    actor: str = "a@h",
    command: str = "c",
    code: int | None = None,
    number_to: str | None = None,
) -> Any:
    return repairs.begin(
        uuid4(),
        campaign,
        kind="media_id",
        what="media_id " + media,
        command=command,
        code=code,
        actor=actor,
        targets=Targets([("hello", number, media)], number_to),
    )


async def repair(repairs: Repairs, begun: Begun, *, limit: int = 7) -> int:
    done = 0
    async for rows, _ in repairs.steps(begun.id, limit=limit):
        done += rows
    await repairs.finish(begun.id, "a@h")
    return done


async def undo(repairs: Repairs, repair_id: str) -> int:
    await repairs.undo_begin(repair_id, "a@h")
    done = 0
    async for rows, _ in repairs.undo_steps(repair_id, limit=7):
        done += rows
    await repairs.undo_finish(repair_id, "a@h")
    return done


def start_repair(database: str, campaign: str, number: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", REPAIR, database, campaign, number, NEW], stdin=subprocess.PIPE
    )


def total(survey: RepairSurvey, key: str) -> int:
    return survey.count(key)


def test_exactly_the_planned_rows_and_back(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign, number = await seed(store, sql)
        repairs, targets = Repairs(store), Targets([("hello", number, NEW)])
        before = snapshot(sql)
        survey = await repairs.survey(campaign, None, targets)
        assert [total(survey, k) for k in ("change", "already", "no_media", "accepted")] == [
            34,
            0,
            1,
            1,
        ]
        assert [(m.media, m.many) for m in survey.media] == [(1, False)]
        assert len(survey.samples) == 5
        begun = await begin(repairs, campaign, number)
        assert await repair(repairs, begun) == 34
        after = snapshot(sql)
        changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert len(changed) == 34
        for was, now in changed:
            assert was[2] in ("ready", "failed")
            assert was[8] is None
            assert now[2:7] == ("ready", 0, None, None, None)
            old = {k: v for k, v in json.loads(was[1]).items() if k != "var1"}
            assert json.loads(now[1]) == {"var1": NEW, **old}
        # The same bytes, though jsonb alone would read them as equal.
        assert all("1.0, null" in b[1] for a, b in changed if "1.0" in a[1])
        again = await repairs.survey(campaign, None, targets)
        assert (total(again, "change"), total(again, "already")) == (0, 34)
        assert (await Campaigns(store).audit(campaign))["count_drift"] == 0

        fates = (await repairs.undo_survey(begun.id)).fates
        assert {f.fate for f in fates} == {"restorable"}
        assert await undo(repairs, begun.id) == 34
        assert snapshot(sql) == before
        assert await undo(repairs, begun.id) == 0
        kinds = [e["kind"] for e in await store.call("events_of", campaign_id=campaign, limit=50)]
        assert [k for k in kinds if k.startswith("repair")][:3] == [
            "repair_begun",
            "repaired",
            "repair_undone",
        ]
        assert (await Campaigns(store).audit(campaign))["count_drift"] == 0

    run(open_test_store, scenario)


@DIRECT
def test_one_code_alone(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign, number = await seed(store, sql)
        sql.execute(
            "update send_queue set error_code = null, error_message = '(#135000) Generic'"
            " where id in (select id from send_queue where error_code = 135000 limit 3)"
        )
        repairs = Repairs(store)
        survey = await repairs.survey(campaign, 135000, Targets([("hello", number, NEW)]))
        assert total(survey, "change") == 10
        assert await repair(repairs, await begin(repairs, campaign, number, code=135000)) == 10
        left = sql.execute("select count(*) from send_queue where payload ->> 'var1' = %s", (NEW,))
        assert left.fetchone() == (10,)

    run(open_test_store, scenario)


@DIRECT
def test_undo_leaves_what_was_sent_failed_or_repaired_since(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, number = await seed(store, sql)
        repairs = Repairs(store)
        before = {row[0]: row for row in snapshot(sql)}
        begun = await begin(repairs, campaign, number)
        await repair(repairs, begun)
        ids = [
            r[0]
            for r in sql.execute(
                "select row_id::text from wacampaign_repair_rows where repair_id = %s and"
                " old_status = 'ready' order by row_id",
                (begun.id,),
            )
        ]
        sql.execute(
            "update send_queue set status = 'sent', whatsapp_message_id = 'w.' || id"
            " where id = any(%s::uuid[])",
            (ids[:3],),
        )
        sql.execute(
            "update send_queue set status = 'processing', claim_id = gen_random_uuid()"
            " where id = %s::uuid",
            (ids[3],),
        )
        sql.execute(
            "update send_queue set status = 'failed', error_code = 131026 where id = %s::uuid",
            (ids[4],),
        )
        sql.execute(
            'update send_queue set payload = payload || \'{"var1": "77"}\' where id = %s::uuid',
            (ids[5],),
        )
        known = {row[0]: row for row in snapshot(sql)}
        fates = (await repairs.undo_survey(begun.id)).fates
        found: dict[str, int] = {}
        for f in fates:
            found[f.fate] = found.get(f.fate, 0) + f.n
        assert found == {"restorable": 29, "sent": 3, "processing": 1, "changed": 1}
        assert await undo(repairs, begun.id) == 29
        for row in snapshot(sql):
            if row[0] in (*ids[:4], ids[5]):
                assert row == known[row[0]]
            elif row[0] == ids[4]:  # never sent again by an undo alone
                assert row[1:5] == (before[row[0]][1], "failed", 0, 131026)
            else:
                assert row == before[row[0]]

    run(open_test_store, scenario)


def test_killed_in_the_middle_and_repeated(
    database: str, open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 900)
        sql.execute("update send_queue set payload = %s", (json.dumps({"var1": OLD, **OTHERS}),))
        fail(sql, campaign, 300, code=135000, text="Generic user error")
        before = snapshot(sql)

        def connected() -> set[int]:
            return {
                pid
                for (pid,) in sql.execute(
                    "select pid from pg_stat_activity where datname = current_database()"
                    " and backend_type = 'client backend'"
                )
            }

        others = connected()
        process = start_repair(database, campaign, number)
        assert process.stdin is not None
        # Not enough for all rows: it does not come to an end before it is killed.
        process.stdin.write(b"\n" * 80)
        process.stdin.flush()

        def recorded() -> int:
            row = sql.execute("select count(*) from wacampaign_repair_rows").fetchone()
            assert row is not None
            return int(row[0])

        try:
            wait_until(lambda: recorded() >= 50, what="some rows are repaired")
        finally:
            process.kill()
            process.communicate()
        # The server does to the end what it was asked before.
        wait_until(lambda: connected() <= others, what="its connection is gone")
        some = recorded()
        assert 50 <= some < 900
        repairs = Repairs(store)
        # Another operator waits, whatever he wants.
        with pytest.raises(Busy):
            await begin(repairs, campaign, number, actor="b@h")
        with pytest.raises(Busy):
            await begin(repairs, campaign, number, media="99", command="d")
        begun = await begin(repairs, campaign, number)
        assert begun.continued
        assert await repair(repairs, begun, limit=300) == 900 - begun.rows
        assert recorded() == 900
        now = sql.execute(
            "select count(*) from send_queue where payload ->> 'var1' = %s and status = 'ready'",
            (NEW,),
        ).fetchone()
        assert now == (900,)
        assert await undo(repairs, begun.id) == 900
        assert snapshot(sql) == before

    run(open_test_store, scenario)


@DIRECT
def test_a_dead_repair_blocks_nobody_for_ever(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign, number = await seed(store, sql)
        repairs = Repairs(store)
        first = await begin(repairs, campaign, number)
        async for _ in repairs.steps(first.id, limit=5):
            break
        sql.execute("update wacampaign_repairs set beat_at = now() - interval '61 seconds'")
        second = await begin(repairs, campaign, number, media="88", command="d", actor="b@h")
        assert not second.continued
        with pytest.raises(Refused):
            async for _ in repairs.steps(first.id):
                pass
        await repair(repairs, second)
        media = sql.execute(
            "select distinct payload ->> 'var1' from send_queue where status = 'ready'"
        )
        assert {row[0] for row in media} == {"88", "Ravi"}
        # What the first one did is still known, and the second one's undo gives it back.
        await undo(repairs, second.id)
        await undo(repairs, first.id)
        left = sql.execute(
            "select count(*) from send_queue where payload ->> 'var1' in ('88', %s)", (NEW,)
        )
        assert left.fetchone() == (0,)

    run(open_test_store, scenario)


@DIRECT
def test_moved_to_another_number_and_back(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number, other = await add_number(store), await add_number(store)
        campaign = await add_campaign(store, number, 10)
        sql.execute("update send_queue set payload = %s", (json.dumps({"var1": OLD}),))
        fail(sql, campaign, 4, code=135000)
        repairs, before = Repairs(store), snapshot(sql)
        begun = await begin(repairs, campaign, number, number_to=other)
        assert await repair(repairs, begun) == 10
        assert {row[7] for row in snapshot(sql)} == {other}

        def sender() -> Any:
            return sql.execute(
                "select whatsapp_number_id::text from campaigns where id = %s", (campaign,)
            ).fetchone()

        assert sender() == (other,)
        await undo(repairs, begun.id)
        assert snapshot(sql) == before
        assert sender() == (number,)
        assert (await Campaigns(store).audit(campaign))["count_drift"] == 0

    run(open_test_store, scenario)


@DIRECT
def test_restart_only_of_what_is_over_and_has_rows(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, number := await add_number(store), 5)
        sql.execute("update send_queue set payload = %s", (json.dumps({"var1": OLD}),))
        fail(sql, campaign, 5, code=135000)
        assert (await WorkQueue(store).complete(campaign, "test")).completed
        repairs = Repairs(store)
        assert not await repairs.restart(campaign, "a@h")
        await repair(repairs, await begin(repairs, campaign, number))
        assert status_of(sql, campaign) == ("completed", True)
        assert await repairs.restart(campaign, "a@h")
        assert status_of(sql, campaign) == ("running", False)
        assert not await repairs.restart(campaign, "a@h")
        await Campaigns(store).set_status(campaign, "cancel", "test")
        assert not await repairs.restart(campaign, "a@h")
        with pytest.raises(Refused):
            await begin(repairs, campaign, number)

    run(open_test_store, scenario)


@DIRECT
def test_uploads_are_remembered_for_28_days(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)

        async def known() -> Any:
            answer = await store.call("remembered_upload", number_id=number, sha256="ab")
            return answer["media_id"]

        assert await known() is None
        for _ in range(2):
            await store.call(
                "remember_upload",
                number_id=number,
                media_id="1",
                sha256="ab",
                file_name="a.mp4",
                file_type="video",
                mime_type="video/mp4",
                file_size=3,
            )
        assert sql.execute("select count(*) from media_library").fetchone() == (1,)
        assert await known() == "1"
        sql.execute("update media_library set created_at = now() - interval '28 days'")
        assert await known() is None

    run(open_test_store, scenario)


@DIRECT
def test_everybodys_own_media_are_counted(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, number := await add_number(store), 1500)
        sql.execute(
            "update send_queue set payload = jsonb_build_object('var1', 'https://x.example/' || id)"
        )
        survey = await Repairs(store).survey(campaign, None, Targets([("hello", number, NEW)]))
        assert [(m.media, m.many) for m in survey.media] == [(1000, True)]
        assert total(survey, "change") == 1500

    run(open_test_store, scenario)
