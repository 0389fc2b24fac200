"""What the guard's triggers cost the backend's bulk statements.

    python -m bench.guard_cost [--rows 100000] [--rounds 5]

Each statement of `STATEMENTS` over all rows of a campaign, in a transaction that is rolled back,
with the guard's triggers off and on by turns. Our counting triggers are on both times. Prints
seconds: median and least. On the wheel's server, or the one that WACAMPAIGN_TEST_POSTGRES names.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Final

import psycopg

from bench.surroundings import postgres
from tests.database.backends import CAMPAIGNS, NUMBER

TRIGGERS: Final = ("row", "told", "deleted")
#: Name, what the rows are before it, and the statement: the backend's own (backend-contract.md).
STATEMENTS: Final = {
    "“Retry failed” (`failed` to `ready`)": (
        "failed",
        "update send_queue set status = 'ready', retry_count = 0, error_message = null,"
        " next_retry_at = null, updated_at = now() where campaign_id = %s and status = 'failed'",
    ),
    "`ready` to `processing`, the old processor": (
        "ready",
        "update send_queue set status = 'processing', updated_at = now()"
        " where campaign_id = %s and status = 'ready'",
    ),
    "`processing` to `sent`, the same": (
        "processing",
        "update send_queue set status = 'sent', sent_at = now(), updated_at = now(),"
        " whatsapp_message_id = 'wamid.' || id where campaign_id = %s and status = 'processing'",
    ),
    "`delete`": ("sent", "delete from send_queue where campaign_id = %s"),
}


def fill(connection: psycopg.Connection[tuple[object, ...]], rows: int, status: str) -> str:
    """A campaign with so many rows of that status; returns its id."""
    campaign = CAMPAIGNS["running"]
    connection.execute("delete from send_queue")
    connection.execute(
        "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone, payload,"
        " status, retry_count, created_at, updated_at)"
        " select %s, %s, 'hello', '9990' || g, '{\"var1\": \"x\"}', %s, 0, now(), now()"
        " from generate_series(1, %s) g",
        (campaign, NUMBER, status, rows),
    )
    connection.execute("vacuum analyze send_queue")
    return campaign


def measure(
    connection: psycopg.Connection[tuple[object, ...]], statement: str, campaign: str, *, on: bool
) -> float:
    """Seconds of the statement; nothing of it stays."""
    with connection.transaction(force_rollback=True):
        for name in TRIGGERS:
            state = "enable" if on else "disable"
            connection.execute(
                f"alter table send_queue {state} trigger wacampaign_guard_{name}".encode()
            )
        begun = time.perf_counter()
        connection.execute(statement.encode(), (campaign,))
        return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with postgres() as server:
        url = server.new_database()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "insert into whatsapp_numbers (id, number) values (%s, '9990')", (NUMBER,)
            )
            connection.execute(
                "insert into campaigns (id, name, status) values (%s, 'guarded', 'running')",
                (CAMPAIGNS["running"],),
            )
            print(f"PostgreSQL {server.scalar('show server_version')}, {given.rows:,} rows")
            print("| statement | off: median (least) | on: median (least) |\n|---|---|---|")
            for name, (status, statement) in STATEMENTS.items():
                campaign = fill(connection, given.rows, status)
                taken: dict[bool, list[float]] = {False: [], True: []}
                for _ in range(given.rounds):
                    for on in taken:
                        taken[on].append(measure(connection, statement, campaign, on=on))
                cells = [f"{statistics.median(t):.1f} s ({min(t):.1f} s)" for t in taken.values()]
                print(f"| {name} | {' | '.join(cells)} |", flush=True)
        server.drop(url)


if __name__ == "__main__":
    main()
