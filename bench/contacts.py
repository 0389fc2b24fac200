"""Campaigns to measure with: filled by SQL, a million rows in seconds."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import psycopg

from bench.surroundings import NUMBERS, RATE, TEMPLATE, TOKEN, WABA
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.store import Store

#: Rows an INSERT, as a backend writes them: rows of one batch have one `created_at`.
_BATCH = 5_000

_ROWS = """
insert into public.send_queue
    (campaign_id, whatsapp_number_id, template_name, phone, payload, status)
select %(campaign)s, %(number)s, %(template)s, '999' || lpad((%(first)s + i)::text, 12, '0'),
       jsonb_build_object('var1', 'person ' || i), 'ready'
from generate_series(0, %(rows)s - 1) as i
"""


def fill(database: str, rows: int) -> list[str]:
    """One campaign a number with its share of `rows`, not started. Returns the campaigns' ids.

    Row ids are random, as the backend's are. The tables are vacuumed and analysed afterwards, as
    autovacuum does within a minute or so: it would do it in the middle of the measurement.
    """
    numbers = asyncio.run(_add_numbers(database))
    campaigns = []
    with psycopg.connect(database, autocommit=True) as connection:
        first = 0
        for i, number in enumerate(numbers):
            share = rows // len(numbers) + (i < rows % len(numbers))
            campaign = asyncio.run(_create(database, number, share))
            campaigns.append(campaign)
            while share > 0:
                part = min(share, _BATCH)
                connection.execute(
                    _ROWS,
                    {
                        "campaign": campaign,
                        "number": number,
                        "template": TEMPLATE,
                        "first": first,
                        "rows": part,
                    },
                )
                first += part
                share -= part
        connection.execute("vacuum (analyze)")
    asyncio.run(_close_lists(database, campaigns))
    return campaigns


async def _add_numbers(database: str) -> list[str]:
    from tests.campaigns import add_number

    store = Store(PostgresTransport(database))
    try:
        return [
            await add_number(
                store,
                rate=RATE,
                phone_number_id=number,
                waba_id=WABA,
                token=TOKEN,
                templates=(TEMPLATE,),
            )
            for number in NUMBERS
        ]
    finally:
        await store.close()


async def _create(database: str, number: str, rows: int) -> str:
    store = Store(PostgresTransport(database))
    campaign = str(uuid4())
    try:
        await store.call(
            "create",
            id=campaign,
            name=f"bench {campaign[:8]}",
            number_id=number,
            templates=[TEMPLATE],
            total=rows,
            invalid=0,
            actor="bench",
        )
    finally:
        await store.close()
    return campaign


async def _close_lists(database: str, campaigns: list[str]) -> None:
    """All contacts are in: the campaigns may be started."""
    store = Store(PostgresTransport(database))
    try:
        for campaign in campaigns:
            await store.call("filled", campaign_id=campaign, actor="bench")
    finally:
        await store.close()


def change_status(database: str, campaigns: list[str], action: str) -> None:
    """start or pause. A start begins a new run, with its ramp."""

    async def change() -> None:
        store = Store(PostgresTransport(database))
        try:
            for campaign in campaigns:
                await Campaigns(store).set_status(campaign, action, "bench")
        finally:
            await store.close()

    asyncio.run(change())


def waiting(database: str) -> int:
    """Rows that can still be sent."""
    with psycopg.connect(database) as connection:
        row: Any = connection.execute(
            "select count(*) from public.send_queue where status = 'ready'"
        ).fetchone()
        return int(row[0])


def check_sent(database: str, accepted: int) -> None:
    """Fails unless the database has as many rows sent as the sandbox accepted messages."""
    with psycopg.connect(database) as connection:
        row: Any = connection.execute(
            "select count(*) filter (where status = 'sent'),"
            " count(*) filter (where status in ('processing', 'failed')) from public.send_queue"
        ).fetchone()
    if row[0] != accepted or row[1] != 0:
        raise AssertionError(f"{accepted} accepted, {row[0]} sent, {row[1]} unclear or failed")
