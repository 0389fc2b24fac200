"""A pooler between: it works or is refused by name, and nothing stays on its connections."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number
from tests.store.pgbouncer import PGBOUNCER, pgbouncer
from wacampaign.problems import Misconfigured
from wacampaign.store import schema
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.connecting import in_transaction_mode
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

needs_pgbouncer = pytest.mark.skipif(
    PGBOUNCER is None, reason="no PgBouncer: apt install pgbouncer"
)


def left_behind(sql: psycopg.Connection[Any], url: str) -> dict[str, Any]:
    """What the pooler's connections to the server hold of a session."""
    found: dict[str, Any] = {}
    for number in range(6):
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as one:
            row = one.execute(
                "select array(select pg_listening_channels()), current_setting('search_path'),"
                " (select count(*) from pg_prepared_statements), current_setting('lock_timeout')"
            ).fetchone()
            assert row is not None
            found[f"connection {number}"] = row
    locks = sql.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone()
    return found | {"advisory locks": locks}


async def work(url: str) -> dict[str, Any]:
    """A worker's calls, several at once, with its listener."""
    transport = PostgresTransport(url)
    store = Store(transport)
    waiting = asyncio.create_task(transport.wait_for_work(600))
    try:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 50)
        worker = uuid4()
        await Workers(store).register(worker, "here", 1, "0")
        await asyncio.gather(*(Workers(store).heartbeat(worker, 0) for _ in range(8)))
        claim = await WorkQueue(store).claim(worker, uuid4(), 50)
        assert claim.rows
        await WorkQueue(store).begin(worker, claim.rows[0].claim_id)
        await WorkQueue(store).release(worker, claim.rows)
        assert (await Campaigns(store).audit(campaign))["ok"]
        return {"woken": waiting.done(), "listener": transport._listener}
    finally:
        waiting.cancel()
        await store.close()


@needs_pgbouncer
@pytest.mark.parametrize("pool_size", [1, 2, 5])
def test_a_transaction_pooler_is_polled_and_nothing_stays_behind(
    database: str, sql: psycopg.Connection[Any], pool_size: int
) -> None:
    with pgbouncer(database, "transaction", pool_size) as url:
        clean = left_behind(sql, url)
        asyncio.run(work(url))

        async def listen() -> None:
            transport = PostgresTransport(url)
            await transport.wait_for_work(0)
            assert transport._listener is not None
            await asyncio.wait_for(transport._listener, 20)  # it sees that it cannot, and ends
            await transport.close()

        asyncio.run(listen())
        assert schema.check(url) == []
        with pytest.raises(Misconfigured, match="transaction mode") as caught:
            schema.migrate(url)
        assert "5432" in caught.value.suggestion
        assert caught.value.exit_code == 78
        assert left_behind(sql, url) == clean


@needs_pgbouncer
def test_a_session_pooler_wakes_and_migrates(database: str, sql: psycopg.Connection[Any]) -> None:
    with pgbouncer(database, "session", 20) as url:

        async def woken() -> None:
            transport = PostgresTransport(url)
            waiting = asyncio.create_task(transport.wait_for_work(600))
            async with asyncio.timeout(20):
                while not waiting.done():
                    sql.execute("notify wacampaign")
                    await asyncio.wait({waiting}, timeout=0.1)
            await transport.close()

        asyncio.run(work(url))
        asyncio.run(woken())
        assert schema.migrate(url) == []
        for session in list(left_behind(sql, url).values())[:-1]:
            assert session[0] == []


def test_the_address_says_that_it_is_a_transaction_pooler(database: str) -> None:
    """Prisma's word for it: no LISTEN is tried, whatever the connection looks like."""

    async def play() -> None:
        transport = PostgresTransport(f"{database}&pgbouncer=true&connection_limit=1")
        assert await transport.call("schema_version", {})
        await transport.wait_for_work(0)
        assert transport._listener is not None
        await asyncio.wait_for(transport._listener, 10)
        await transport.close()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("pids", "shared"),
    [
        ([1, 1, 2, 1, 2, 2, 1], False),  # a session each
        ([1, 1, 1, 1, 1, 1, 1], True),  # one process, or the one used last
        ([1, 2, 1, 2, 1, 2, 1], True),  # two in turn
        ([1, 2, 3, 1, 2, 3, 1], True),  # three in turn
        ([1, 2, 3, 4, 5, 6, 7], True),  # any
    ],
)
def test_the_kind_of_a_pooler_is_told_by_its_server_processes(
    pids: list[int], shared: bool
) -> None:
    assert in_transaction_mode(pids) is shared
