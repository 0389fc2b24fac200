"""Ways round the guard that somebody found who had not made it: older copies of rows written back,
rows deleted and entered again, and the guard itself switched off."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.campaigns import OpenStore, accepted, counts, run, worker
from tests.store.test_guard import DOUBT, begun, kill, sending, told
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.engine.ports import ClaimedRow, KnownOutcome, Settlement
from wacampaign.problems import SchemaMissing
from wacampaign.store import schema
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

Connection = psycopg.Connection[Any]

#: As supabase-js writes it with `upsert(rows)`, or an import in the table editor: all columns.
UPSERT = """
insert into send_queue select * from {copy}
on conflict (id) do update set
    status = excluded.status, revision = excluded.revision, claim_id = excluded.claim_id,
    worker_id = excluded.worker_id, claimed_at = excluded.claimed_at,
    in_doubt_since = excluded.in_doubt_since, in_doubt_cause = excluded.in_doubt_cause,
    whatsapp_message_id = excluded.whatsapp_message_id, sent_at = excluded.sent_at,
    error_message = excluded.error_message, next_retry_at = excluded.next_retry_at
"""


def keep_copy(sql: Connection, name: str) -> None:
    sql.execute(f"create table {name} as select * from send_queue".encode())


def upsert(sql: Connection, name: str) -> None:
    sql.execute(UPSERT.format(copy=name).encode())


async def given_back(store: Store, sql: Connection) -> None:
    """Rows that were claimed and given back have counted their revision up."""
    me = await worker(store)
    claim = await WorkQueue(store).claim(me, uuid4(), 20)
    await WorkQueue(store).release(me, claim.rows)
    assert sql.execute("select max(revision) > 0 from send_queue").fetchone() == (True,)


async def answer(store: Store, me: UUID, rows: list[ClaimedRow]) -> None:
    """As a worker does: outcomes, and as evidence those that were not taken as such."""
    batch = accepted(rows)
    lost = (await WorkQueue(store).settle(me, batch)).lost
    facts = [
        KnownOutcome(one.row.id, one.row.claim_id, "sent", one.verdict.wamid)
        for one in batch
        if one.row.id in lost
    ]
    await WorkQueue(store).recover(me, facts)


def test_an_older_copy_of_rows_in_doubt_is_written_back(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """Any other revision counted as our own write: all were sent again, and `audit` was ok."""

    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        keep_copy(sql, "before")
        await given_back(store, sql)
        keep_copy(sql, "between")
        await given_back(store, sql)
        claim = await begun(store, me)
        await WorkQueue(store).settle(me, [Settlement(row, DOUBT) for row in claim.rows[:5]])
        # Also one after the other: neither brings the row to where the next looks like ours.
        for copy in ("before", "between", "before", "between"):
            upsert(sql, copy)
        kept = await counts(store, campaign)
        assert (kept["in_doubt"], kept["processing"], kept["ready"]) == (5, 5, 5)
        again = {
            row.id for row in (await WorkQueue(store).claim(await worker(store), uuid4(), 100)).rows
        }
        assert again.isdisjoint({row.id for row in claim.rows})
        assert sum(n for n, _, _ in told(sql, "kept_back")) >= 10
        assert (await WorkQueue(store).settle(me, accepted(claim.rows[5:]))).settled == 5

    run(open_test_store, scenario)


def test_an_older_copy_of_rows_that_wait_changes_no_revision(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """Else the copy of a copy could count as ours later."""

    async def scenario(store: Store) -> None:
        await sending(store)
        keep_copy(sql, "before")
        await given_back(store, sql)
        query = "select id, revision from send_queue order by id"
        is_now = sql.execute(query).fetchall()
        upsert(sql, "before")
        assert sql.execute(query).fetchall() == is_now
        assert told(sql, "kept_back") == []

    run(open_test_store, scenario)


def test_rows_deleted_while_in_doubt_and_entered_again(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """66 of 300 recipients got a second message, though the database knew the ids."""

    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        keep_copy(sql, "before")
        claim = await begun(store, me)
        answered, doubtful = claim.rows[:4], claim.rows[4:]
        sql.execute("delete from send_queue where status = 'processing'")
        # Meta's answer for some comes before they are entered again, for one after it.
        await answer(store, me, answered[:3])
        sql.execute(
            "insert into send_queue select * from before"
            " where id not in (select id from send_queue)"
        )
        await answer(store, me, answered[3:])
        await kill(store, sql, me)
        again = {
            row.id for row in (await WorkQueue(store).claim(await worker(store), uuid4(), 100)).rows
        }
        assert again.isdisjoint({row.id for row in claim.rows})
        kept = await counts(store, campaign)
        assert (kept["sent"], kept["in_doubt"]) == (5 + 4, len(doubtful))
        assert (10, {"deleted and entered again": 10}) in [t[:2] for t in told(sql, "kept_back")]

    run(open_test_store, scenario)


def test_sent_rows_deleted_and_entered_again_are_found_by_the_audit(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """60 recipients got two messages, and it said: ok, none sent twice."""

    async def scenario(store: Store) -> None:
        campaign, me = await sending(store, 11)
        keep_copy(sql, "before")
        claim = await begun(store, me)
        await WorkQueue(store).settle(me, accepted(claim.rows))
        assert (await WorkQueue(store).complete(campaign, "test")).completed
        sql.execute("delete from send_queue")
        cleared = await Campaigns(store).audit(campaign)
        assert cleared["unowned"] == 0, "the messages of deleted rows are nobody's second"
        sql.execute("insert into send_queue select * from before where status = 'ready'")
        sql.execute("update campaigns set status = 'running'")
        while rows := (await WorkQueue(store).claim(me, uuid4(), 100)).rows:
            await WorkQueue(store).begin(me, rows[0].claim_id)
            await WorkQueue(store).settle(me, accepted(rows))
        audit = await Campaigns(store).audit(campaign)
        assert (audit["unowned"], audit["ok"]) == (len(claim.rows), False)

    run(open_test_store, scenario)


@pytest.mark.parametrize("how", ["disable", "enable replica"])
def test_no_worker_works_while_the_guard_is_off(
    open_test_store: OpenStore, sql: Connection, database: str, how: str
) -> None:
    """420 of 700 recipients got it twice; nothing said that the trigger was off, and `db migrate`
    and `db check` sent people from one to the other."""

    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        assert (await Workers(store).heartbeat(me, 0))["guarded"]
        sql.execute(f"alter table send_queue {how} trigger wacampaign_guard_row".encode())
        assert not (await Workers(store).heartbeat(me, 0))["guarded"]
        with pytest.raises(SchemaMissing, match="guard") as refused:
            await worker(store)
        assert "db migrate" in str(refused.value.suggestion)
        (one,) = (await Campaigns(store).stats([campaign])).campaigns
        assert "wacampaign doctor" in {f.command for f in findings_of(one)}

    run(open_test_store, scenario)
    assert schema.migrate(database) == []
    run(open_test_store, heard_again)


async def heard_again(store: Store) -> None:
    assert (await Workers(store).heartbeat(await worker(store), 0))["guarded"]
