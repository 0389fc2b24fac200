"""The backend's cron beside the tests: `processing` becomes `ready`, whoever has the rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

#: Its statement (backend-at-work.md, section 3), for rows of any age: the tests are over long
#: before a row is five minutes old.
RESET = (
    "update send_queue set status = 'ready', updated_at = now()"
    " where status = 'processing' and updated_at < now()"
)
#: Seconds between two runs; the cron's own are 300.
EVERY_SECONDS = 1.0


@dataclass
class Cron:
    """How often it ran, how many rows it found, and how often it met a writer in a circle.

    It locks rows in the order in which it finds them, so PostgreSQL may end it or the other one
    (40P01), with our triggers or without; its next run comes.
    """

    runs: int = 0
    rows: int = 0
    circles: int = 0


@contextmanager
def backend_cron(database: str) -> Iterator[Cron]:
    """Runs the statement every second until the end; fails if it ever failed."""
    cron, over = Cron(), threading.Event()
    failures: list[Exception] = []

    def run() -> None:
        try:
            with psycopg.connect(database, autocommit=True) as connection:
                while not over.wait(EVERY_SECONDS):
                    try:
                        cron.rows += connection.execute(RESET).rowcount
                        cron.runs += 1
                    except psycopg.errors.DeadlockDetected:
                        cron.circles += 1
        except psycopg.Error as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="cron")
    thread.start()
    try:
        yield cron
    finally:
        over.set()
        thread.join()
    assert failures == []
