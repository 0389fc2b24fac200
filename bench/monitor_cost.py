"""`python -m bench.monitor_cost`: what an open monitor costs while rows are being done.

CPU of its process as a share of one core, bytes that it writes to the terminal, calls of the
database and what each takes there; with so many rows in the queue, on one campaign and on all.
"""

from __future__ import annotations

import argparse
import os
import pty
import select
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import psycopg

from bench import contacts
from bench.surroundings import Postgres, database_environment, postgres

#: Seconds until a monitor has drawn its first frames and read its keys' library.
_START_SECONDS: Final = 5.0
#: Rows done each half second, as a number at 80/s does.
_DONE: Final = 40
_ROWS_DONE: Final = """
update public.send_queue set status = 'sent', sent_at = now(), whatsapp_message_id = 'wamid.' || id
where id in (select id from public.send_queue where campaign_id = %s and status = 'ready'
             order by created_at, id limit %s)
"""


@dataclass(frozen=True)
class MonitorCost:
    """Per cent of a core; bytes and calls a second; milliseconds a call."""

    cpu: float
    bytes_a_second: float
    calls_a_second: float
    call_ms: float
    memory_mb: float


def measure(
    database: str, campaigns: list[str], arguments: list[str], size: tuple[int, int], seconds: float
) -> MonitorCost:
    """An open monitor over so many `seconds`; `size`: rows and columns of its terminal."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, size)
    with (
        tempfile.TemporaryDirectory(prefix="wa-") as home,
        psycopg.connect(database, autocommit=True) as connection,
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", "wacampaign", "monitor", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=home,
            env={
                **os.environ,
                **database_environment(database),
                "WACAMPAIGN_HOME": str(Path(home)),
                "TERM": "xterm-256color",
                "PYTHONUTF8": "1",
            },
        )
        os.close(slave)
        watched = psutil.Process(process.pid)
        try:
            _play(master, connection, campaigns[0], _START_SECONDS)
            before, calls = watched.cpu_times(), _calls(connection)
            began = time.monotonic()
            written = _play(master, connection, campaigns[0], seconds)
            lasted = time.monotonic() - began
            after, later = watched.cpu_times(), _calls(connection)
            memory = watched.memory_info().rss / 1024**2
        finally:
            os.write(master, b"q")
            process.wait(30)
            os.close(master)
    cpu = after.user + after.system - before.user - before.system
    n = later[0] - calls[0]
    return MonitorCost(
        100 * cpu / lasted, written / lasted, n / lasted, (later[1] - calls[1]) / max(n, 1), memory
    )


def _play(
    master: int, connection: psycopg.Connection[tuple[object, ...]], campaign: str, seconds: float
) -> int:
    """Reads what the monitor writes, and does rows meanwhile; bytes read."""
    read, end, due = 0, time.monotonic() + seconds, 0.0
    while time.monotonic() < end:
        if time.monotonic() >= due:
            connection.execute(_ROWS_DONE, [campaign, _DONE])
            due = time.monotonic() + 0.5
        if select.select([master], [], [], 0.05)[0]:
            read += len(os.read(master, 65536))
    return read


def _calls(connection: psycopg.Connection[tuple[object, ...]]) -> tuple[int, float]:
    """Calls of `wacampaign_stats` and their milliseconds, by the server's own count."""
    connection.execute("select pg_sleep(1.1)")  # backends hand in their counts once a second
    row = connection.execute(
        "select calls, total_time from pg_stat_user_functions where funcname = 'wacampaign_stats'"
    ).fetchone()
    return (int(str(row[0])), float(str(row[1]))) if row else (0, 0.0)


def _measure_all(server: Postgres, rows: int, seconds: float) -> None:
    with psycopg.connect(server.server.url("postgres"), autocommit=True) as connection:
        connection.execute("alter system set track_functions = 'all'")
        connection.execute("select pg_reload_conf()")
    database = server.new_database()
    campaigns = contacts.fill(database, rows)
    contacts.change_status(database, campaigns, "start")
    print(f"{rows:,} rows; a monitor that looks every 2 s, over {seconds:g} s")
    for label, arguments in (("one campaign", [campaigns[0]]), ("all campaigns", [])):
        for size in ((24, 80), (40, 140), (15, 60)):
            cost = measure(database, campaigns, arguments, size, seconds)
            print(
                f"  {label:<14} {size[1]:>3}x{size[0]}: {cost.cpu:.2f} % of a core,"
                f" {cost.bytes_a_second:,.0f} bytes/s, {cost.calls_a_second:.2f} calls/s"
                f" of {cost.call_ms:.1f} ms, {cost.memory_mb:.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    chosen = parser.parse_args()
    with postgres() as one_server:
        _measure_all(one_server, chosen.rows, chosen.seconds)
