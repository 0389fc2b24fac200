"""Failed rows: counted, paged and tried again, the same over both transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number, counts, run, run_on
from wacampaign.problems import NoSuchCampaign, Refused
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.failed_rows import FailedRows
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


def fail(
    sql: Connection,
    campaign: str,
    n: int,
    *,
    code: int | None = None,
    text: str | None = None,
    wamid: str | None = None,
) -> None:
    """The next n ready rows of the campaign fail."""
    sql.execute(
        "update send_queue set status = 'failed', retry_count = 2, error_code = %s,"
        " error_message = %s, next_retry_at = now(), claim_id = gen_random_uuid(),"
        " whatsapp_message_id = %s::text || id where id in (select id from send_queue"
        " where campaign_id = %s and status = 'ready' order by id limit %s)",
        (code, text, wamid, campaign, n),
    )


def events(sql: Connection, campaign: str) -> list[tuple[int, Any]]:
    return sql.execute(
        "select row_count, detail from wacampaign_events where campaign_id = %s"
        " and kind = 'retried' order by id",
        (campaign,),
    ).fetchall()


def status_of(sql: Connection, campaign: str) -> Any:
    return sql.execute(
        "select status, end_time is not null from campaigns where id = %s", (campaign,)
    ).fetchone()


def test_failures_by_code_whoever_wrote_them(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 20)
        other = await add_campaign(store, await add_number(store), 5)
        fail(sql, other, 5, code=135000)
        fail(sql, campaign, 3, code=135000, text="Generic user error")
        fail(sql, campaign, 2, text="(#135000) Generic user error")  # the old backend's
        fail(sql, campaign, 2, code=131049, text="later", wamid="wamid.")
        fail(sql, campaign, 1, text="Request timeout after 30000 ms")
        assert [
            (f["code"], f["count"], f["accepted"])
            for f in await FailedRows(store).by_code(campaign)
        ] == [
            (135000, 5, 0),
            (131049, 2, 2),
            (0, 1, 0),
        ]
        texts = [f["text"] for f in await FailedRows(store).by_code(campaign)]
        assert texts == ["Generic user error", "later", "Request timeout after 30000 ms"]
        # In pages, each row once.
        seen: list[str] = []
        while page := await FailedRows(store).page(
            campaign, 135000, after=seen[-1] if seen else None, limit=2
        ):
            assert len(page) <= 2
            seen += [row["id"] for row in page]
        assert len(seen) == len(set(seen)) == 5
        with pytest.raises(NoSuchCampaign):
            await FailedRows(store).by_code("00000000-0000-0000-0000-00000000000a")

    run(open_test_store, scenario)


def test_retry_takes_what_was_never_accepted_and_nothing_else(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 20)
        fail(sql, campaign, 4, code=131000, wamid="wamid.")  # accepted, failed by a webhook
        fail(sql, campaign, 7, code=131000, text="Something went wrong")
        fail(sql, campaign, 2, code=131026)
        sql.execute(
            "update send_queue set status = 'processing', in_doubt_since = now(),"
            " error_code = 131000 where id in (select id from send_queue"
            " where campaign_id = %s and status = 'ready' order by id limit 1)",
            (campaign,),
        )
        steps, after = [], None
        while True:
            answer = await FailedRows(store).retry(campaign, 131000, "test", after=after, limit=3)
            steps.append(answer["rows"])
            after = answer["last"]
            if after is None:
                break
        assert steps == [3, 3, 1]
        assert await counts(store, campaign) == {
            "pending": 0,
            "ready": 13,
            "retry_later": 0,
            "processing": 0,
            "in_doubt": 1,
            "sent": 0,
            "failed": 6,
        }
        left = sql.execute(
            "select count(*) from send_queue where status = 'ready' and (retry_count <> 0"
            " or coalesce(error_code::text, error_message, next_retry_at::text, claim_id::text)"
            " is not null)"
        ).fetchone()
        assert left == (0,)
        assert [(n, e["codes"], e["was"]) for n, e in events(sql, campaign)] == [
            (n, [131000], "running") for n in steps
        ]
        again = await FailedRows(store).retry(campaign, 131000, "test")
        assert (again["rows"], again["last"], again["reopened"]) == (0, None, False)
        assert len(events(sql, campaign)) == 3
        audit = await Campaigns(store).audit(campaign)
        assert (audit["count_drift"], audit["ok"]) == (0, True)

    run(open_test_store, scenario)


def test_a_completed_campaign_runs_again_only_if_there_is_something(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 5)
        fail(sql, campaign, 5, code=135000)
        assert (await WorkQueue(store).complete(campaign, "test")).completed
        assert (await FailedRows(store).retry(campaign, 131000, "test"))["rows"] == 0
        assert status_of(sql, campaign) == ("completed", True)
        answer = await FailedRows(store).retry(campaign, 135000, "test")
        assert (answer["rows"], answer["reopened"], answer["status"]) == (5, True, "running")
        assert status_of(sql, campaign) == ("running", False)
        assert events(sql, campaign)[0][1]["was"] == "completed"
        shown = sql.execute("select total_failed from campaigns where id = %s", (campaign,))
        assert shown.fetchone() == (0,)
        assert not (await WorkQueue(store).complete(campaign, "test")).completed

    run(open_test_store, scenario)


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_paused_stays_paused_and_cancelled_is_refused(
    open_test_store: OpenStore, sql: Connection, action: str
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 5)
        fail(sql, campaign, 2, code=135000)
        await Campaigns(store).set_status(campaign, action, "test")
        if action == "cancel":
            with pytest.raises(Refused):
                await FailedRows(store).retry(campaign, 135000, "test")
            assert (await counts(store, campaign))["failed"] == 2
        else:
            assert (await FailedRows(store).retry(campaign, 135000, "test"))["status"] == "paused"
            assert status_of(sql, campaign) == ("paused", False)

    run(open_test_store, scenario)


def test_a_page_and_a_step_cost_what_they_hand_out(sql: Connection, database: str) -> None:
    """By the index, without sorting, whatever else has failed."""

    async def seed(store: Store) -> str:
        return await add_campaign(store, await add_number(store), 20_000)

    campaign = run_on(database, seed)
    fail(sql, campaign, 10_000, code=131026)
    fail(sql, campaign, 9_000, code=135000)

    def scans() -> tuple[int, int]:
        row = sql.execute(
            "select seq_scan, idx_tup_fetch from pg_stat_xact_user_tables"
            " where relid = 'send_queue'::regclass"
        ).fetchone()
        assert row is not None
        return row[0], row[1]

    with sql.transaction():
        before = scans()
        sql.execute("select wacampaign_failed_rows(%s, 135000, null, 100)", (campaign,))
        sql.execute("select wacampaign_retry_failed(%s, 135000, null, 100, 'test')", (campaign,))
        after = scans()
    assert after[0] == before[0]
    assert after[1] - before[1] <= 400
