"""A database that was away for longer than every deadline works again within 5 s of its return."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from tests.servers import SECRET_KEY, wait_until
from tests.store.outages import Proxy, Way, postgres_proxy, rest_proxy
from wacampaign.logs import set_up_logs
from wacampaign.problems import Busy, Problem, Unreachable
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.rest import RestTransport
from wacampaign.store.store import Store
from wacampaign.store.transport import Transport
from wacampaign.store.workers import Workers

#: Seconds within which everything has to work again: the invariant (issue 6, row 13a).
BACK_SECONDS = 5.0
#: Deadlines of the transports under test, in seconds.
CALL_SECONDS = 3.0
#: Longer than each of them, and long enough for a doubling back-off to pass 5 s.
AWAY_SECONDS = 12.0


@pytest.fixture(params=["postgres", "supabase"])
def behind_proxy(
    request: pytest.FixtureRequest, database: str
) -> Iterator[tuple[Transport, Proxy]]:
    if request.param == "postgres":
        with postgres_proxy(database) as (url, proxy):
            yield PostgresTransport(url, call_seconds=CALL_SECONDS), proxy
    else:
        with rest_proxy(request.getfixturevalue("rest_url")) as (url, proxy):
            yield RestTransport(url, SECRET_KEY, call_seconds=CALL_SECONDS), proxy


@pytest.mark.parametrize("way", ["refused", "silent"])
def test_rows_go_out_again_within_5_s_of_the_databases_return(
    behind_proxy: tuple[Transport, Proxy], way: Way
) -> None:
    transport, proxy = behind_proxy

    async def play() -> float:
        store = Store(transport, patience_seconds=1)
        worker = uuid4()
        away: list[Problem] = []
        await Workers(store).register(worker, "here", 1, "0")
        # Several at once, so that more than one connection is open when it happens.
        await asyncio.gather(*(Workers(store).heartbeat(worker, n) for n in range(4)))
        proxy.set(way)
        stop = asyncio.Event()

        async def beat() -> None:
            # Four callers, as in a worker: none of them may get a connection that hangs.
            while not stop.is_set():
                try:
                    await Workers(store).heartbeat(worker, 0)
                    if proxy_is_back.is_set():
                        answered.append(time.monotonic())
                        return
                except (Unreachable, Busy) as problem:
                    away.append(problem)
                    await asyncio.sleep(0.2)

        proxy_is_back = asyncio.Event()
        answered: list[float] = []
        beats = [asyncio.create_task(beat()) for _ in range(4)]
        await asyncio.sleep(AWAY_SECONDS)
        proxy.set("open")
        back = time.monotonic()
        proxy_is_back.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*beats)
        stop.set()
        await store.close()
        assert away
        return max(answered) - back

    assert asyncio.run(play()) < BACK_SECONDS


def active(sql: psycopg.Connection[object], which: str) -> bool:
    """Whether the server has such a connection besides the asking one."""
    found = f"select 1 from pg_stat_activity where {which} and pid <> pg_backend_pid()"
    return sql.execute(found.encode()).fetchone() is not None


def test_an_address_that_never_answers_is_given_up_in_time(database: str) -> None:
    with postgres_proxy(database) as (url, proxy):
        proxy.set("silent")

        async def play() -> None:
            transport = PostgresTransport(url, connect_seconds=0.5, again_seconds=0.1)
            with pytest.raises(Unreachable, match=r"within 0\.5 s"):
                await transport.call("schema_version", {})
            await transport.close()

        asyncio.run(play())


def test_connections_that_the_server_ended_fail_no_call(
    database: str, sql: psycopg.Connection[object]
) -> None:
    """After `pg_terminate_backend` or a restart each kept connection is looked at, not used."""

    async def play() -> None:
        transport = PostgresTransport(database)
        await asyncio.gather(*(transport.call("schema_version", {}) for _ in range(4)))
        sql.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name = 'wacampaign'"
        )
        ours = "datname = current_database() and application_name = 'wacampaign'"
        wait_until(lambda: not active(sql, ours), what="ended")
        await asyncio.gather(*(transport.call("schema_version", {}) for _ in range(4)))
        await transport.close()

    asyncio.run(play())


def test_a_call_that_is_given_up_is_given_up_on_the_server_too(
    database: str, sql: psycopg.Connection[object]
) -> None:
    # What a sequence has given is seen though the call that took it is rolled back.
    sql.execute("create sequence calls")
    sql.execute(
        "create or replace function public.wacampaign_schema_version() returns jsonb"
        " language plpgsql as"
        " $$ begin perform nextval('public.calls'), pg_sleep(600); return null; end $$"
    )

    async def play() -> None:
        transport = PostgresTransport(database, call_seconds=0.3)
        # One that is late already when its connection is there may never reach the server.
        while sql.execute("select is_called from calls").fetchone() != (True,):
            with pytest.raises(Unreachable, match=r"within 0\.3 s"):
                await transport.call("schema_version", {})
        asked = "query like '%schema_version%' and state = 'active'"
        await asyncio.to_thread(wait_until, lambda: not active(sql, asked), 20, "given up")
        await transport.close()

    asyncio.run(play())


def test_waking_works_again_after_an_outage(database: str, sql: psycopg.Connection[object]) -> None:
    with postgres_proxy(database) as (url, proxy):

        async def woken(transport: PostgresTransport) -> None:
            """A NOTIFY ends a wait that would last for ever."""
            waiting = asyncio.create_task(transport.wait_for_work(600))
            while not waiting.done():
                sql.execute("notify wacampaign")
                await asyncio.wait({waiting}, timeout=0.1)

        async def play() -> None:
            transport = PostgresTransport(url)
            async with asyncio.timeout(30):
                await woken(transport)
                proxy.set("refused")
                await transport.wait_for_work(0.5)
                proxy.set("open")
                await transport.wait_for_work(0)
                await woken(transport)
            await transport.close()

        asyncio.run(play())


def test_a_librarys_raw_lines_reach_neither_log_nor_screen(
    capfd: pytest.CaptureFixture[str], database: str
) -> None:
    """psycopg_pool wrote "error connecting in 'pool-1': …" every few seconds."""
    log = io.StringIO()
    handler = set_up_logs(log)
    try:
        with postgres_proxy(database) as (url, proxy):

            async def play() -> None:
                transport = PostgresTransport(url)
                await transport.call("schema_version", {})
                proxy.set("refused")
                for _ in range(3):
                    with pytest.raises(Unreachable):
                        await transport.call("schema_version", {})
                await transport.close()

            asyncio.run(play())
        logging.getLogger("psycopg").warning("query cancellation failed: raw")
        logging.getLogger("psycopg.pool").warning("error connecting in 'pool-1': raw")
    finally:
        logging.getLogger().removeHandler(handler)
    assert log.getvalue() == ""
    assert capfd.readouterr() == ("", "")
