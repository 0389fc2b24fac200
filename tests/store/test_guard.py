"""The guarantees hold where others write, too: the backend's cron, its UI, a person with SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.campaigns import (
    accepted,
    add_campaign,
    add_number,
    as_found,
    counts,
    past_ramp,
    run,
    run_on,
    worker,
)
from tests.servers import wait_until
from wacampaign.core.campaign.stuck import Kind, examine
from wacampaign.core.engine.ports import ClaimAnswer, ClaimedRow, KnownOutcome, Settlement
from wacampaign.core.outcomes import Outcome, Scope, Verdict
from wacampaign.problems import SchemaMissing
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.failed_rows import FailedRows
from wacampaign.store.store import Store
from wacampaign.store.stuck import StuckCampaigns
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]

#: The cron's statement, word by word, but for the age: five minutes there, nothing here.
CRON = (
    "update send_queue set status = 'ready', updated_at = now()"
    " where status = 'processing' and updated_at < now() + interval '1 second'"
)
#: The UI's "Retry failed".
RETRY = "update send_queue set status = 'ready', error_message = null where status = 'failed'"
RUN_AGAIN = "update campaigns set status = 'running'"
DOUBT = Verdict(Outcome.IN_DOUBT, text="no answer within 30 s")
REFUSED = Verdict(Outcome.FAILED, code=131026, text="undeliverable")


async def begun(store: Store, me: UUID, limit: int = 10) -> ClaimAnswer:
    """A claim whose first message may be on its way."""
    claim = await WorkQueue(store).claim(me, uuid4(), limit)
    assert claim.rows
    assert await WorkQueue(store).begin(me, claim.rows[0].claim_id) is not None
    return claim


async def sending(store: Store, rows: int = 20) -> tuple[str, UUID]:
    """A campaign past its ramp, five of its rows sent, and its worker."""
    campaign = await add_campaign(store, await add_number(store), rows)
    me = await worker(store)
    assert await past_ramp(store, me, campaign) == 5
    return campaign, me


async def kill(store: Store, sql: Connection, me: UUID) -> None:
    sql.execute(
        "update wacampaign_workers set last_beat_at = now() - interval '1 hour' where id = %s",
        (me,),
    )
    await Workers(store).reap([])


def states(sql: Connection, rows: list[ClaimedRow]) -> set[tuple[Any, ...]]:
    return set(
        sql.execute(
            "select status, in_doubt_since is not null, error_code from send_queue"
            " where id = any(%s::uuid[])",
            ([row.id for row in rows],),
        ).fetchall()
    )


def told(sql: Connection, kind: str) -> list[Any]:
    return sql.execute(
        "select row_count, detail -> 'tried', actor from wacampaign_events where kind = %s"
        " order by id",
        (kind,),
    ).fetchall()


@contextmanager
def acting_as(sql: Connection, role: str) -> Iterator[None]:
    """As the backend's roles write: `authenticated`, or a plain login role with table grants."""
    for table in ("send_queue", "campaigns"):
        sql.execute(f"alter table {table} disable row level security".encode())
        sql.execute(f"grant select, insert, update, delete on {table} to {role}".encode())
    sql.execute(f"set role {role}".encode())
    try:
        yield
    finally:
        sql.execute("reset role")


@pytest.fixture(params=["postgres", "authenticated", "plain login"])
def other(request: pytest.FixtureRequest, sql: Connection) -> Iterator[Connection]:
    """A connection of another program."""
    if request.param == "postgres":
        yield sql
        return
    role = request.param
    if role == "plain login":
        role = "backend_of_the_tests"
        exists = sql.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone()
        if not exists:
            sql.execute(f"create role {role} login".encode())
    with psycopg.connect(sql.info.dsn, autocommit=True) as connection, acting_as(sql, role):
        sql.execute("reset role")
        connection.execute("set application_name = 'whatsapp-cron'")
        connection.execute(f"set role {role}".encode())
        yield connection


# --- nothing is sent twice ------------------------------------------------------------------------


def test_the_cron_resets_what_a_killed_worker_had_begun(
    open_test_store: OpenStore, sql: Connection, other: Connection
) -> None:
    """47 of 400 recipients got it twice: the reset between the request and the kill."""

    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me)
        assert other.execute(CRON.encode()).rowcount == 10
        assert states(sql, claim.rows) == {("processing", False, None)}
        await kill(store, sql, me)
        assert states(sql, claim.rows) == {("processing", True, None)}
        assert other.execute(CRON.encode()).rowcount == 10
        assert states(sql, claim.rows) == {("processing", True, None)}
        next_claim = await WorkQueue(store).claim(await worker(store), uuid4(), 100)
        assert {row.id for row in claim.rows}.isdisjoint(row.id for row in next_claim.rows)
        assert (await counts(store, campaign))["in_doubt"] == 10
        # One event a statement.
        tried = {"processing to ready": 10}
        assert [event[:2] for event in told(sql, "kept_back")] == [(10, tried), (10, tried)]

    run(open_test_store, scenario)


def test_who_tried_it_is_written_down(sql: Connection, database: str) -> None:
    async def scenario(store: Store) -> None:
        await sending(store)
        await begun(store, await worker(store))
        with acting_as(sql, "authenticated"):
            sql.execute("set application_name = 'whatsapp-cron'")
            sql.execute(CRON.encode())
        ((_, _, actor),) = told(sql, "kept_back")
        assert actor == "postgres as authenticated, whatsapp-cron"
        # Over REST the token's role is known.
        with sql.transaction():
            sql.execute("set local role service_role")
            sql.execute('set local request.jwt.claims = \'{"role": "service_role"}\'')
            sql.execute(CRON.encode())
        assert "service_role over REST (service_role)" in told(sql, "kept_back")[-1][2]

    run_on(database, scenario)


def test_a_live_workers_answer_is_written_after_the_cron(
    open_test_store: OpenStore, other: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me)
        other.execute(CRON.encode())
        answer = await WorkQueue(store).settle(me, accepted(claim.rows))
        assert (answer.settled, answer.lost) == (10, frozenset())
        assert (await Campaigns(store).audit(campaign))["accepted"] == 15

    run(open_test_store, scenario)


def test_what_was_sent_stays_sent(
    open_test_store: OpenStore, sql: Connection, other: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, _ = await sending(store)
        for status in ("ready", "pending", "processing"):
            other.execute(
                "update send_queue set status = %s, whatsapp_message_id = null"
                " where status = 'sent'",
                (status,),
            )
        other.execute("update send_queue set whatsapp_message_id = 'x' where status = 'sent'")
        # A webhook's writer sets it failed, and the UI retries that.
        sql.execute(
            "update send_queue set status = 'failed', error_message = '(#131026) undeliverable'"
            " where phone = '999000000000000' and status = 'sent'"
        )
        other.execute(RETRY.encode())
        audit = await Campaigns(store).audit(campaign)
        assert (audit["accepted"], audit["failed"], audit["without_id"]) == (4, 1, 0)
        row = sql.execute(
            "select error_message, whatsapp_message_id like 'wamid.%' from send_queue"
            " where status = 'failed'"
        ).fetchone()
        assert row == ("(#131026) undeliverable", True)
        claim = await WorkQueue(store).claim(await worker(store), uuid4(), 100)
        assert len(claim.rows) == 15

    run(open_test_store, scenario)


def test_failed_by_another_and_retried_while_its_message_is_on_its_way(
    open_test_store: OpenStore, sql: Connection, other: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me)
        sql.execute("update send_queue set status = 'failed' where status = 'processing'")
        assert states(sql, claim.rows) == {("failed", True, None)}
        sent, unsent, refused, *more = claim.rows
        other.execute(RETRY.encode())
        assert states(sql, claim.rows) == {("processing", True, None)}
        sql.execute("update send_queue set status = 'failed' where status = 'processing'")
        assert (await FailedRows(store).retry(campaign, 0, "test"))["rows"] == 0
        # Its worker lives, and has answers: none is lost for what the other wrote.
        assert (await WorkQueue(store).settle(me, accepted([sent]))).lost == {sent.id}
        facts = [
            KnownOutcome(sent.id, sent.claim_id, "sent", "wamid.1"),
            KnownOutcome(unsent.id, unsent.claim_id, "unsent"),
            KnownOutcome(refused.id, refused.claim_id, "failed", None, 131026, "undeliverable"),
        ]
        for _ in range(2):
            await WorkQueue(store).recover(me, facts)
        assert states(sql, [sent, unsent, refused]) == {("failed", False, None)}
        # Those that certainly were not sent may be tried again, and no other.
        assert (await FailedRows(store).retry(campaign, 0, "test"))["rows"] == 2
        again = {row.id for row in (await WorkQueue(store).claim(me, uuid4(), 100)).rows}
        assert {unsent.id, refused.id} <= again
        assert again.isdisjoint({sent.id, *(row.id for row in more)})

    run(open_test_store, scenario)


def test_a_doubt_is_not_taken_away(open_test_store: OpenStore, other: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me)
        await WorkQueue(store).settle(me, [Settlement(row, DOUBT) for row in claim.rows[:4]])
        for change in (
            "in_doubt_since = null, in_doubt_cause = null",
            "claim_id = null, worker_id = null",
            "status = 'pending', claim_id = null, in_doubt_since = null",
            "status = 'ready', retry_count = 0, next_retry_at = null",
        ):
            other.execute(f"update send_queue set {change} where status = 'processing'".encode())
        kept = await counts(store, campaign)
        assert (kept["in_doubt"], kept["processing"], kept["ready"]) == (4, 6, 5)
        assert (await WorkQueue(store).settle(me, accepted(claim.rows[4:]))).settled == 6

    run(open_test_store, scenario)


@pytest.mark.parametrize("said", ["sent", "failed"])
def test_a_doubt_is_not_taken_away_in_several_statements(
    open_test_store: OpenStore, sql: Connection, other: Connection, said: str
) -> None:
    async def scenario(store: Store) -> None:
        _campaign, me = await sending(store)
        claim = await begun(store, me)
        # What somebody says of rows whose messages are on their way, takes back, and tries again.
        other.execute(
            f"update send_queue set status = '{said}' where status = 'processing'".encode()
        )
        await kill(store, sql, me)
        ids = [row.id for row in claim.rows]
        for change in (
            "in_doubt_since = null",
            "in_doubt_since = null, in_doubt_cause = null, claim_id = null",
            "status = 'failed', in_doubt_since = null",
            "status = 'sent', in_doubt_since = null",
            "status = 'failed'",
            "status = 'ready', error_message = null",
            "status = 'ready', in_doubt_since = null, claim_id = null",
        ):
            other.execute(
                f"update send_queue set {change} where id = any(%s::uuid[])".encode(), (ids,)
            )
        again = await WorkQueue(store).claim(await worker(store), uuid4(), 100)
        assert not {row.id for row in again.rows} & set(ids)
        assert {doubt for _, doubt, _ in states(sql, claim.rows)} == {True}

    run(open_test_store, scenario)


def test_what_a_person_assumed_sent_is_not_sent_again(
    open_test_store: OpenStore, sql: Connection, other: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me)
        await kill(store, sql, me)
        seen = await StuckCampaigns(store).look([campaign])
        (stuck,) = examine(seen, "assume-sent")
        await StuckCampaigns(store).resolve_doubt(
            campaign, "assume_sent", stuck.campaign.in_doubt, "test", seen_at=seen.at
        )
        assert {status for status, _, _ in states(sql, claim.rows)} == {"sent"}
        ids = [row.id for row in claim.rows]
        for status in ("failed", "ready"):
            other.execute(
                "update send_queue set status = %s, in_doubt_since = null"
                " where id = any(%s::uuid[])",
                (status, ids),
            )
        again = await WorkQueue(store).claim(await worker(store), uuid4(), 100)
        assert not {row.id for row in again.rows} & set(ids)

    run(open_test_store, scenario)


def test_a_doubt_made_ready_while_no_guard_stood(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me)
        await WorkQueue(store).settle(me, [Settlement(row, DOUBT) for row in claim.rows])
        as_found(sql, CRON)
        (found,) = examine(await StuckCampaigns(store).look([campaign]), "hold")
        assert Kind.DOUBT_WAITING in found.kinds
        assert (found.campaign.in_doubt, found.campaign.left) == (10, 5)
        handed_out = await WorkQueue(store).claim(me, uuid4(), 100)
        assert len(handed_out.rows) == 5
        assert states(sql, claim.rows) == {("processing", True, None)}
        as_found(sql, CRON)
        mended = await StuckCampaigns(store).mend_rows(campaign, "test")
        assert mended["in_doubt"] == 10
        assert states(sql, claim.rows) == {("processing", True, None)}

    run(open_test_store, scenario)


def test_a_person_who_insists_may(sql: Connection, open_test_store: OpenStore) -> None:
    """By counting `revision` up, as wacampaign does. No statement of another program does that."""

    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me)
        await WorkQueue(store).settle(me, [Settlement(row, DOUBT) for row in claim.rows])
        sql.execute(
            "update send_queue set status = 'ready', revision = coalesce(revision, 0) + 1,"
            " in_doubt_since = null where status = 'processing'"
        )
        assert (await counts(store, campaign))["ready"] == 15
        assert told(sql, "kept_back") == []

    run(open_test_store, scenario)


def test_bulk_writes_that_touch_nothing_guarded_never_call_the_guard(
    sql: Connection, open_test_store: OpenStore
) -> None:
    def calls() -> int:
        (n,) = sql.execute(
            "select coalesce(sum(calls), 0) from pg_stat_xact_user_functions"
            " where funcname like 'wacampaign\\_guard%'"
        ).fetchone() or (0,)
        return int(n)

    async def scenario(store: Store) -> None:
        await sending(store)
        sql.execute("set track_functions = 'pl'")
        # One transaction: after each the server may hand its figures on, and they begin at 0 again.
        with sql.transaction():
            sql.execute("update send_queue set status = 'failed' where status = 'ready'")
            sql.execute(RETRY.encode())
            sql.execute("update send_queue set status = 'processing' where status = 'ready'")
            sql.execute("update send_queue set status = 'failed' where status = 'processing'")
            sql.execute("update send_queue set retry_count = retry_count + 1")
            assert calls() == 0
            sql.execute("update send_queue set status = 'ready' where status = 'sent'")
            assert calls() > 0

    run(open_test_store, scenario)


# --- orphans --------------------------------------------------------------------------------------


def test_a_stale_claim_is_no_claim(open_test_store: OpenStore, sql: Connection) -> None:
    """Processing for ever, and no command saw it: a row of another program with an old claim_id."""

    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        held = await begun(store, me, 3)
        stale = "status = 'processing', claim_id = gen_random_uuid()"
        sql.execute(f"update send_queue set {stale} where status = 'ready'".encode())
        closed = uuid4()
        sql.execute(
            "insert into wacampaign_claims (id, worker_id, claimed_at, lease_until, closed_at)"
            " values (%s, %s, now(), now(), now())",
            (closed, me),
        )
        found = await counts(store, campaign)
        assert (found["processing"], found["in_doubt"], found["ready"]) == (3, 12, 0)
        (stuck,) = examine(await StuckCampaigns(store).look([campaign]), "hold")
        assert [(c.n, c.becomes) for c in stuck.changes] == [(12, "in doubt")]
        assert len(await StuckCampaigns(store).sample(campaign, "in_doubt", 20)) == 12
        idle = await WorkQueue(store).claim(me, uuid4(), 10)
        assert [work.in_flight for work in idle.campaigns] == [3]
        assert (await StuckCampaigns(store).mend_rows(campaign, "test"))["in_doubt"] == 12
        assert (await WorkQueue(store).settle(me, accepted(held.rows))).settled == 3
        assert (await counts(store, campaign))["in_doubt"] == 12
        done = await StuckCampaigns(store).resolve_doubt(
            campaign, "assume_sent", 12, "test", seen_at="infinity"
        )
        assert done["rows"] == 12
        assert (await WorkQueue(store).complete(campaign, "test")).completed

    run(open_test_store, scenario)


def test_another_program_that_takes_a_row_has_no_claim(
    open_test_store: OpenStore, sql: Connection, other: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me)
        await WorkQueue(store).settle(me, [Settlement(row, REFUSED) for row in claim.rows])
        other.execute(RETRY.encode())
        other.execute("update send_queue set status = 'processing' where status = 'ready'")
        claims = sql.execute("select count(claim_id) from send_queue where status = 'processing'")
        assert claims.fetchone() == (0,)
        assert (await counts(store, campaign))["in_doubt"] == 15

    run(open_test_store, scenario)


# --- evidence -------------------------------------------------------------------------------------


def test_a_later_failure_outlives_the_journal(open_test_store: OpenStore, sql: Connection) -> None:
    """`failed` #131026 of a webhook became `sent` by a journal, and the code was gone."""

    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me, 2)
        await kill(store, sql, me)
        other = claim.rows[1]
        sql.execute(
            "update send_queue set status = 'failed', error_code = 131026,"
            " error_message = '(#131026) undeliverable', in_doubt_since = null,"
            " whatsapp_message_id = case when id = %s then 'wamid.hook' end"
            " where status = 'processing'",
            (other.id,),
        )
        facts = [
            KnownOutcome(row.id, row.claim_id, "sent", wamid)
            for row, wamid in zip(claim.rows, ("wamid.journal", "wamid.hook"), strict=True)
        ]
        for _ in range(2):
            await WorkQueue(store).recover(await worker(store), facts)
        rows = sql.execute(
            "select status, error_code, whatsapp_message_id, in_doubt_since from send_queue"
            " where error_code is not null order by whatsapp_message_id"
        ).fetchall()
        assert rows == [
            ("failed", 131026, "wamid.hook", None),
            ("failed", 131026, "wamid.journal", None),
        ]
        assert (await Campaigns(store).audit(campaign))["duplicates"] == 0
        assert (await FailedRows(store).retry(campaign, 131026, "test"))["rows"] == 0

    run(open_test_store, scenario)


@pytest.mark.parametrize("how", ["settle", "recover"])
def test_one_wamid_twice_where_messages_need_one(
    open_test_store: OpenStore, sql: Connection, how: str
) -> None:
    """`messages.whatsapp_message_id` is not null in the operator's database: the batch failed."""

    async def scenario(store: Store) -> None:
        sql.execute("alter table messages alter whatsapp_message_id set not null")
        campaign, me = await sending(store)
        claim = await begun(store, me, 4)
        if how == "settle":
            batch = accepted(claim.rows)
            batch[3] = Settlement(batch[3].row, batch[2].verdict)
            assert (await WorkQueue(store).settle(me, batch)).settled == 4
        else:
            await kill(store, sql, me)
            facts = [
                KnownOutcome(row.id, row.claim_id, "sent", f"wamid.{n // 2}")
                for n, row in enumerate(claim.rows)
            ]
            assert (await WorkQueue(store).recover(await worker(store), facts))["sent"] == 4
        assert (await counts(store, campaign))["sent"] == 9
        ids = sql.execute("select count(*), count(whatsapp_message_id) from messages").fetchone()
        assert ids == ((8, 8) if how == "settle" else (7, 7))

    run(open_test_store, scenario)


# --- a person decides -----------------------------------------------------------------------------


def test_a_resent_row_in_doubt_anew_is_not_resent_in_the_next_step(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me)
        await WorkQueue(store).settle(me, [Settlement(row, DOUBT) for row in claim.rows])
        facts = await StuckCampaigns(store).look([campaign])
        (seen,) = examine(facts, "resend")
        step = {
            "campaign_id": campaign,
            "action": "resend",
            "actor": "test",
            "seen_at": seen.seen_at,
            "seen_claims": list(seen.campaign.nobodys.claims),
            "limit": 4,
        }
        first = await store.call("resolve_doubt", expected=10, **step)
        assert (first["rows"], first["left"]) == (4, 6)
        again = await begun(store, me, 4)
        await WorkQueue(store).settle(me, [Settlement(row, DOUBT) for row in again.rows])
        # The answer was lost, so the same step comes once more; then the others.
        rows = [(await store.call("resolve_doubt", expected=10, **step))["rows"] for _ in range(3)]
        assert rows == [4, 2, 0]
        assert states(sql, again.rows) == {("processing", True, None)}
        assert (await counts(store, campaign))["in_doubt"] == 4

    run(open_test_store, scenario)


def test_what_a_dead_worker_had_begun_was_seen_before_it_was_in_doubt(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me)
        sql.execute("update wacampaign_workers set last_beat_at = now() - interval '1 hour'")
        database = StuckCampaigns(store)
        (seen,) = examine(await database.look([campaign]), "resend")
        claims = seen.campaign.nobodys.claims
        assert (seen.campaign.in_doubt, claims) == (10, [claim.rows[0].claim_id])
        await Workers(store).reap([])
        done = await database.resolve_doubt(
            campaign, "resend", 10, "t", seen_at=seen.seen_at, seen_claims=claims
        )
        assert (done["rows"], done["left"]) == (10, 0)

    run(open_test_store, scenario)


# --- completion -----------------------------------------------------------------------------------


def test_nothing_else_completes_it(
    open_test_store: OpenStore, sql: Connection, other: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        complete = "update campaigns set status = 'completed', end_time = now()"
        state = "select status, end_time from campaigns"
        # Each in turn is all that is left: rows ready, rows held by a worker.
        assert other.execute(complete.encode()).rowcount == 1
        assert sql.execute(state).fetchone() == ("running", None)
        claim = await begun(store, me, 100)
        other.execute(complete.encode())
        assert sql.execute(state).fetchone() == ("running", None)
        assert [n for n, _, _ in told(sql, "completion_kept_back")] == [15, 15]
        await WorkQueue(store).settle(me, accepted(claim.rows))
        other.execute(complete.encode())
        row = sql.execute(state).fetchone()
        assert row is not None
        assert row[0] == "completed"
        assert row[1] is not None
        assert (await Campaigns(store).audit(campaign))["ok"]

    run(open_test_store, scenario)


def test_deleted_rows_are_counted_and_nothing_waits_for_them(
    open_test_store: OpenStore, sql: Connection, other: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me, 6)
        sent = claim.rows[0]
        other.execute(
            "delete from send_queue where id = any(%s::uuid[])", ([r.id for r in claim.rows],)
        )
        other.execute("delete from send_queue where status = 'ready'")
        assert (await WorkQueue(store).settle(me, accepted([sent]))).lost == {sent.id}
        # Meta's answer for a row that is gone: known to the audit and to the inbox, once.
        for _ in range(2):
            await WorkQueue(store).recover(
                me, [KnownOutcome(sent.id, sent.claim_id, "sent", "wamid.gone")]
            )
        inbox = sql.execute(
            "select user_phone from messages where whatsapp_message_id = 'wamid.gone'"
        ).fetchall()
        assert inbox == [(sent.phone,)]
        told_once = sql.execute(
            "select detail ->> 'wamid' from wacampaign_events where kind = 'answer_without_row'"
        ).fetchall()
        assert told_once == [("wamid.gone",)]
        verdict = await WorkQueue(store).complete(campaign, "test")
        assert (verdict.completed, verdict.never_enqueued) == (True, 0)
        note = sql.execute("select type, message from notifications").fetchone()
        assert note == ("warning", "5 sent, 0 failed, 15 deleted")
        audit = await Campaigns(store).audit(campaign)
        assert (audit["lost"], audit["deleted"], audit["duplicates"]) == (15, 15, 0)
        assert not audit["ok"]
        assert sorted(o["rows"] for o in audit["others"]) == [6, 9]

    run(open_test_store, scenario)


def test_a_campaign_deleted_with_its_rows(
    open_test_store: OpenStore, sql: Connection, other: Connection
) -> None:
    async def scenario(store: Store) -> None:
        sql.execute(
            "alter table send_queue add foreign key (campaign_id) references campaigns"
            " on delete cascade"
        )
        campaign = await add_campaign(store, await add_number(store), 5)
        me = await worker(store)
        claim = await begun(store, me)
        other.execute("delete from campaigns where id = %s", (campaign,))
        await WorkQueue(store).settle(me, accepted(claim.rows))
        row = claim.rows[0]
        for _ in range(2):
            await WorkQueue(store).recover(
                me, [KnownOutcome(row.id, row.claim_id, "sent", "wamid.gone")]
            )
            # A row of which nothing at all is known.
            await WorkQueue(store).recover(
                me, [KnownOutcome(str(UUID(int=7)), row.claim_id, "sent", "wamid.7")]
            )
        events = sql.execute(
            "select kind, row_count, campaign_id::text from wacampaign_events"
            " where kind in ('rows_deleted', 'answer_without_row') order by id"
        ).fetchall()
        assert events == [
            ("rows_deleted", 5, campaign),
            ("answer_without_row", 1, campaign),
            ("answer_without_row", 1, None),
        ]

    run(open_test_store, scenario)


def test_an_emptied_queue_is_told(sql: Connection, open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        campaign, _ = await sending(store)
        sql.execute("truncate send_queue")
        audit = await Campaigns(store).audit(campaign)
        assert (audit["deleted"], audit["lost"], audit["count_drift"]) == (20, 20, 0)

    run(open_test_store, scenario)


# --- where no trigger fires -----------------------------------------------------------------------


@pytest.mark.parametrize("place", ["database", "login", "login of another database's"])
def test_no_worker_works_where_it_is_set_that_no_trigger_fires(
    open_test_store: OpenStore, sql: Connection, place: str
) -> None:
    """`session_replication_role = replica`, which a restore or a copy left on its login."""
    name = sql.info.dbname
    sql.execute(
        "do $$ begin create role reads_the_log login; exception when duplicate_object then null;"
        " end $$"
    )
    set_to, free = {
        "database": (f"alter database {name} set session_replication_role = replica", False),
        "login": (f"alter role postgres in database {name} set session_replication_role to"
                  " 'replica'", False),
        # It may not write the queue.
        "login of another database's": (
            f"alter role reads_the_log in database {name} set session_replication_role = replica",
            True),
    }[place]  # fmt: skip
    me = uuid4()

    async def before(store: Store) -> dict[str, Any]:
        await Workers(store).register(me, "host", 1, "v")
        return await Workers(store).heartbeat(me, 0)

    assert run(open_test_store, before)["guarded"] is True
    sql.execute(set_to.encode())

    async def after(store: Store) -> bool:
        return bool((await Workers(store).heartbeat(me, 0))["guarded"])

    assert run(open_test_store, after) is free

    async def another(store: Store) -> None:
        await Workers(store).register(uuid4(), "host", 2, "v")

    if free:
        run(open_test_store, another)
        return
    with pytest.raises(SchemaMissing, match="the guard is missing or switched off") as refused:
        run(open_test_store, another)
    assert refused.value.suggestion == "wacampaign doctor"


# --- the guard never fails the other's statement --------------------------------------------------


def test_a_fault_of_the_guards_own_fails_nobody(
    open_test_store: OpenStore, sql: Connection, other: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        claim = await begun(store, me)
        sql.execute("alter table wacampaign_events add check (kind = 'created') not valid")
        assert other.execute(CRON.encode()).rowcount == 10
        assert states(sql, claim.rows) == {("processing", False, None)}
        other.execute("update campaigns set status = 'paused'")
        other.execute("delete from send_queue where status = 'ready'")
        assert (await counts(store, campaign))["ready"] == 0

    run(open_test_store, scenario)


# --- locks and runs of restart-stuck --------------------------------------------------------------


def test_a_paused_campaign_with_pending_rows_needs_one_run(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 9)
        sql.execute("update send_queue set status = 'pending'")
        sql.execute("update campaigns set status = 'paused'")
        (token,) = sql.execute("select wacampaign_state_seen(id) from campaigns").fetchone() or (
            "",
        )
        answer = await StuckCampaigns(store).restart(campaign, token, "test", "why")
        assert (answer["changed"], answer["left"]) == (True, 9)
        assert (await StuckCampaigns(store).mend_rows(campaign, "test"))["pending"] == 9

    run(open_test_store, scenario)


def test_mending_waits_for_no_row_that_a_worker_takes(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """It held the counts and waited for a row; the claim held the row and waited for the counts."""

    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 6)
        sql.execute(
            "update send_queue set whatsapp_message_id = 'wamid.' || id where phone < %s",
            ("999000000000003",),
        )
        with psycopg.connect(sql.info.dsn) as claiming:
            claiming.execute("select 1 from send_queue order by id limit 1 for update")
            mended = await asyncio.wait_for(StuckCampaigns(store).mend_rows(campaign, "test"), 20)
            assert mended["accepted"] == 2
            claiming.rollback()
        assert (await StuckCampaigns(store).mend_rows(campaign, "test"))["accepted"] == 1

    run(open_test_store, scenario)


def test_a_hold_locks_the_campaigns_it_may_pause_before_it_writes_a_row(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """Two faults at once: each held its own rows, and waited for the other's campaign."""

    async def scenario(store: Store) -> None:
        number = await add_number(store)
        mine = await add_campaign(store, number, 5)
        await add_campaign(store, number, 5)
        me = await worker(store)
        claim = await WorkQueue(store).claim(me, uuid4(), 5, campaign_ids=[mine])
        fault = Verdict(
            Outcome.WAIT, code=133010, text="not registered", hold_scope=Scope.NUMBER, hold_after=1
        )
        with psycopg.connect(sql.info.dsn) as settling:
            # As another worker's settle of the other campaign does.
            settling.execute("select 1 from campaigns where id <> %s for no key update", (mine,))
            task = asyncio.create_task(
                WorkQueue(store).settle(
                    me, [Settlement(row, fault, "not registered") for row in claim.rows]
                )
            )
            waits = "select 1 from pg_locks where not granted"
            await asyncio.to_thread(
                wait_until, lambda: sql.execute(waits).fetchone(), 20, "it waits"
            )
            free = "select 1 from send_queue where id = any(%s::uuid[]) for update nowait"
            with sql.transaction():
                assert sql.execute(free, ([row.id for row in claim.rows],)).fetchall()
            settling.rollback()
        await asyncio.wait_for(task, 20)
        paused = sql.execute("select count(*) from campaigns where status = 'paused'").fetchone()
        assert paused == (2,)

    run(open_test_store, scenario)
