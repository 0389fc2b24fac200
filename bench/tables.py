"""What a message takes of the disk, before `prune` and after, month by month: `bench.tables`.

    python -m bench.tables [--messages 20000] [--months 8] [--keep 120]

Months of campaigns with their statuses and answers (`bench/month.py`), scaled down. After each the
bodies of webhooks go but for a week's, `prune` runs as of that month's end, and autovacuum's work
is done (`vacuum analyze`, as it comes too late in fast motion). `--keep`: days for `--results` (400
by itself): shorter, so that removal begins within the run. Prints bytes a message table by table,
and the size of all after each month. On the wheel's server, or the one that
WACAMPAIGN_TEST_POSTGRES names.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from bench.month import (
    ANSWERED,
    DELIVERED,
    PHONE_NUMBER_ID,
    READ,
    UNDELIVERED,
    add_campaign,
    tell,
)
from bench.surroundings import postgres
from tests.campaigns import add_number
from wacampaign.core.pruning import FLOOR_DAYS, PruneAges, told_bytes
from wacampaign.operations.prune import PruneDone, carry_out, look
from wacampaign.settings import load_settings
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.store import Store

#: Days of a month, and campaigns in it.
DAYS: Final = 30
CAMPAIGNS: Final = 10
#: Statuses and answers of a hundred messages.
UPDATES_A_HUNDRED: Final = 100 + DELIVERED + READ + UNDELIVERED + ANSWERED
#: Messages a month that the sums are told for.
MILLION: Final = 1_000_000
#: Months after which as many deliveries go as come, by the ages that `prune` has by itself.
YEAR: Final = 12

_SIZES = """
    select c.relname, c.relname like 'wacampaign\\_%',
           pg_table_size(c.oid), pg_indexes_size(c.oid)
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
"""
Sizes = dict[str, tuple[bool, int, int]]


def sizes(connection: psycopg.Connection[Any]) -> Sizes:
    """Of each table: whether it is ours, bytes of rows, bytes of indexes."""
    return {
        name: (ours, rows, indexes)
        for name, ours, rows, indexes in connection.execute(_SIZES.encode()).fetchall()
    }


def total(found: Sizes, *, ours: bool) -> int:
    """Bytes of our tables, or of the backend's."""
    return sum(rows + indexes for mine, rows, indexes in found.values() if mine == ours)


async def _month(
    url: str, home: Path, connection: psycopg.Connection[Any], number: str, given: Any, month: int
) -> PruneDone:
    """One month goes by, a campaign every three days, each followed by `prune`; what that took."""
    done = PruneDone()
    store = Store(PostgresTransport(url))
    settings = load_settings(environ={"DATABASE_URL": url, "WACAMPAIGN_HOME": str(home)})
    try:
        for n in range(CAMPAIGNS):
            # Nobody waits for a month: it lies in the past, and ages are longer by as much.
            later = DAYS * (given.months - month) + DAYS * (CAMPAIGNS - 1 - n) // CAMPAIGNS
            at = datetime.now(UTC) - timedelta(days=later)
            made = add_campaign(connection, number, at, given.messages // CAMPAIGNS)
            await tell(store, settings, at, made, given.updates)
            # The receiver's heartbeat keeps a week's.
            connection.execute(
                "delete from wacampaign_webhooks where taken_at is not null and id not in"
                " (select id from wacampaign_webhooks order by taken_at desc limit %s)",
                (given.messages * 7 // DAYS * UPDATES_A_HUNDRED // 100 // given.updates,),
            )
            connection.execute(
                "update wacampaign_runs set last_heard_at = %s, first_sent_at = %s"
                " where last_heard_at > %s",
                (at, at, at),
            )
            connection.execute("update wacampaign_inbound set taken_at = at where taken_at > at")
            connection.execute("vacuum analyze")
            ages = PruneAges(
                details=FLOOR_DAYS + later, results=given.keep + later, history=400 + later,
                webhooks=36_500,
            )  # fmt: skip
            await carry_out(store, await look(store, home, ages), done, None)
            connection.execute("vacuum analyze")
    finally:
        await store.close()
    return done


def show_tables(found: Sizes, messages: int) -> None:
    """Bytes a message, table by table, the largest first."""
    print("\n| table | bytes a message: rows | indexes |\n|---|---|---|")
    for name, (_, rows, indexes) in sorted(found.items(), key=lambda one: -sum(one[1][1:])):
        if rows + indexes >= messages:
            print(f"| `{name}` | {rows / messages:,.0f} | {indexes / messages:,.0f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--months", type=int, default=8, help="at least 5")
    parser.add_argument("--keep", type=int, default=120)
    parser.add_argument("--updates", type=int, default=3, help="updates a webhook")
    given = parser.parse_args()
    with postgres() as server, tempfile.TemporaryDirectory() as home:
        url = server.new_database()
        print(f"PostgreSQL {server.scalar('show server_version')}, {given.messages:,} messages a")
        print(f"month, results kept {given.keep} days, {given.updates} updates a webhook")
        number = asyncio.run(_number(url))
        grown: list[int] = []
        with psycopg.connect(url, autocommit=True) as connection:
            empty = total(sizes(connection), ours=True)
            for month in range(1, given.months + 1):
                took = asyncio.run(_month(url, Path(home), connection, number, given, month))
                found = sizes(connection)
                if month == 1:
                    show_tables(found, given.messages)
                    print("\n| month | shortened | removed | ours | the backend's |")
                    print("|---|---|---|---|---|")
                grown.append(total(found, ours=True) - empty)
                print(
                    f"| {month} | {took.rows.get('statuses', 0):,} "
                    f"| {took.rows.get('deliveries', 0):,} | {told_bytes(grown[-1])} "
                    f"| {told_bytes(total(found, ours=False))} |",
                    flush=True,
                )
            show_tables(sizes(connection), given.messages)
    show_sums(grown, given.messages, given.keep)


async def _number(url: str) -> str:
    store = Store(PostgresTransport(url))
    try:
        return await add_number(store, phone_number_id=PHONE_NUMBER_ID)
    finally:
        await store.close()


def show_sums(grown: list[int], messages: int, keep: int) -> None:
    """What a million a month come to in a year, by the growth of the months in which nothing was
    removed and something was shortened."""
    last = min(len(grown), keep // DAYS)
    each = (grown[last - 1] - grown[2]) / (last - 3) / messages if last > 3 else float("nan")
    whole = grown[0] / messages
    year = MILLION * (grown[2] / messages + (YEAR - 3) * each)
    print(
        f"\na message before it is shortened: {whole:,.0f} bytes; each kept one after: {each:,.0f}"
    )
    print(f"a million a month, ages as by themselves: {told_bytes(year)} after a year")


if __name__ == "__main__":
    main()
