"""How long others wait while `wacampaign db migrate` runs on a filled database.

    python -m bench.migration postgresql://postgres@/postgres?host=/tmp/pg [--rows 1500000]

On an installed PostgreSQL, with its defaults: makes a database of the backend's tables there, with
that many rows (half of them sent, one in fifty failed), migrates it, and drops it again. Beside it
one reader selects a row by its id and one writer updates a row, each every 5 ms. Prints the longest
waits of both, before the migration and during it.
"""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import psycopg

from tests.database.backends import CAMPAIGNS, NUMBER, make_backend
from tests.servers import SUPABASE_ROLES
from wacampaign.store import schema

#: Seconds between two statements of the reader, and of the writer.
EVERY = 0.005
#: Seconds for which both are measured before the migration.
BEFORE = 10.0
READ = "select status from send_queue where id = %s"
WRITE = "update send_queue set retry_count = 1 - retry_count where id = %s"


@dataclass
class Waits:
    """What one of the two waited, in seconds a statement."""

    statement: str
    taken: list[float] = field(default_factory=list)

    def run(self, url: str, row: object, end: threading.Event) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not end.is_set():
                begun = time.perf_counter()
                connection.execute(self.statement.encode(), (row,))
                self.taken.append(time.perf_counter() - begun)
                time.sleep(EVERY)

    def told(self) -> str:
        """Longest, 99.9th hundredth, and how many took longer than 100 ms."""
        taken = sorted(self.taken)
        late = sum(one > 0.1 for one in taken)
        high = taken[int(len(taken) * 0.999)]
        return f"{taken[-1] * 1000:,.0f} | {high * 1000:,.0f} | {late:,} of {len(taken):,}"


def fill(connection: psycopg.Connection[tuple[object, ...]], rows: int) -> None:
    """The queue of a backend that has sent for a while."""
    campaigns = list(CAMPAIGNS.values())
    connection.execute(
        "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone, payload,"
        " status, retry_count, error_message, created_at, updated_at, sent_at,"
        " whatsapp_message_id)"
        " select (%(campaigns)s::uuid[])[1 + g %% 5], %(number)s, 'hello', '9990' || g,"
        " jsonb_build_object('var1', 'https://example.org/a.mp4', 'var2', 'Customer ' || g),"
        " s, 0, case when s = 'failed' then '(#131026) Message undeliverable' end, now(), now(),"
        " case when s = 'sent' then now() end, case when s = 'sent' then 'wamid.bench.' || g end"
        " from (select g, case when g %% 50 = 0 then 'failed' when g %% 2 = 0 then 'ready'"
        "   else 'sent' end as s from generate_series(1, %(rows)s) g) as made",
        {"campaigns": campaigns, "number": NUMBER, "rows": rows},
    )
    connection.execute("vacuum analyze send_queue")
    connection.execute("checkpoint")


def measured(url: str, rows: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        make_backend(connection, later=True)
        fill(connection, rows)
        (row,) = connection.execute(
            "select id from send_queue where status = 'ready' limit 1"
        ).fetchone() or (None,)
    print("| | longest ms | 99.9 % ms | over 100 ms |\n|---|---|---|---|")
    for when in ("before", "during"):
        waits = {"reader": Waits(READ), "writer": Waits(WRITE)}
        end = threading.Event()
        threads = [threading.Thread(target=one.run, args=(url, row, end)) for one in waits.values()]
        for thread in threads:
            thread.start()
        begun = time.perf_counter()
        if when == "before":
            time.sleep(BEFORE)
        else:
            left = schema.migrate(url)
            assert left == [], left
        took = time.perf_counter() - begun
        end.set()
        for thread in threads:
            thread.join()
        for who, one in waits.items():
            print(f"| {who}, {when} ({took:,.0f} s) | {one.told()} |")
    left = schema.check(url)
    print("counts:", left or "exact")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="a database of the server, as somebody who may create others")
    parser.add_argument("--rows", type=int, default=1_500_000)
    given = parser.parse_args()
    name = f"bench_migration_{datetime.now(UTC):%H%M%S}"
    with psycopg.connect(given.url, autocommit=True) as server:
        server.execute(SUPABASE_ROLES.encode())
        server.execute(f"create database {name}".encode())
        version = server.info.parameter_status("server_version")
        print(f"PostgreSQL {version}, {given.rows:,} rows, {datetime.now(UTC):%Y-%m-%d}")
        try:
            measured(urlsplit(given.url)._replace(path=f"/{name}").geturl(), given.rows)
        finally:
            server.execute(f"drop database {name} with (force)".encode())


if __name__ == "__main__":
    main()
