"""What a doctor hears of a server, on the distribution's as well, which compiles queries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg

from tests.core.test_doctor import MACHINE
from wacampaign.core.doctor.database_checks import database_checks
from wacampaign.core.doctor.facts import Database, Failed
from wacampaign.core.doctor.model import Examined
from wacampaign.core.preflight.model import Check
from wacampaign.store.doctor import Diagnosis
from wacampaign.store.store import Store

SQL = psycopg.Connection[Any]


async def jit_check(store: Store) -> Examined:
    server, _ = await Diagnosis(store).server()
    nothing = Failed("not asked", no_schema=True)
    facts = Database(1.0, 0.0, 0.1, server, await Diagnosis(store).schema(), nothing)
    (found,) = [one for one in database_checks(facts, MACHINE) if one.id == "jit"]
    return found


def test_whether_the_server_compiles_queries_is_looked_at(
    open_test_store: Callable[[], Store], sql: SQL
) -> None:
    row = sql.execute("select current_setting('jit') = 'on' and pg_jit_available()").fetchone()
    assert row is not None

    async def look() -> None:
        store = open_test_store()
        try:
            server, _ = await Diagnosis(store).server()
            assert server.jit is row[0]
            assert (await jit_check(store)).verdict is Check.OK
            sql.execute("alter function wacampaign_claim reset jit")
            found = await jit_check(store)
            assert found.verdict is (Check.WARN if row[0] else Check.OK)
            if row[0]:
                assert "wacampaign_claim" in found.text
                sql.execute(found.fix.encode())
                assert (await jit_check(store)).verdict is Check.OK
        finally:
            await store.close()

    asyncio.run(look())
