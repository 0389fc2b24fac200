"""How long the reading commands take on a queue of a million rows, and in how much memory.

    python -m bench.commands [--rows 1000000]

Each command is a fresh process, its start and imports included, over a direct connection to
PostgreSQL from the wheel. The queue holds three campaigns of so many rows: one all sent, with its
messages; one all failed, half of the rows accepted first; one all waiting, said to be completed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from bench.surroundings import Postgres, database_environment, describe_machine, postgres
from bench.table import Target

#: Runs of each command after one that is not counted: the median is reported.
_RUNS: Final = 5
#: Seconds and megabytes that each command may take.
_WANTED: Final = {"queue-stats": 0.5, "failures": 1.0}
_MEMORY_MB: Final = 150
_NUMBER: Final = "00000000-0000-4000-8000-0000000000aa"
_TEXT: Final = '{"error":{"message":"(#131026) Message undeliverable","code":131026}}'
#: Campaign → its rows: status, message id, text. `g` counts them.
_CAMPAIGNS: Final = {
    "sent": ("'sent'", "'wamid.' || g", "null"),
    "failed": (
        "'failed'",
        "case when g % 2 = 0 then 'wamid.failed.' || g end",
        f"case g % 3 when 0 then '{_TEXT}' when 1 then '(#135000) Generic' else 'timeout' end",
    ),
    "waiting": ("'ready'", "null", "null"),
}
_COMMANDS: Final = (
    ("queue-stats", "sent"),
    ("queue-stats", "failed"),
    ("queue-stats", "waiting"),
    ("failures", "failed"),
    ("audit", "sent"),
    ("audit", "failed"),
    ("restart-stuck --dry-run", "waiting"),
)


@dataclass(frozen=True)
class Run:
    """One command on one campaign: median seconds from start to end, peak memory in MB."""

    command: str
    campaign: str
    seconds: float
    peak_mb: float

    def line(self) -> str:
        return f"| {self.command} | all {self.campaign} | {self.seconds:.2f} | {self.peak_mb:.0f} |"


def fill(database: str, rows: int) -> None:
    """The three campaigns, as an older program may have left them."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "insert into whatsapp_numbers (id, number, phone_number_id, max_send_rate_per_sec)"
            " values (%s, '99900', '10001', 60)",
            (_NUMBER,),
        )
        for name, (status, wamid, text) in _CAMPAIGNS.items():
            connection.execute(
                "insert into campaigns (name, whatsapp_number_id, template_names,"
                " total_contacts, status) values (%s, %s, '{a,b}', %s, 'completed')",
                (name, _NUMBER, rows),
            )
            connection.execute(
                "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone,"
                " payload, status, whatsapp_message_id, error_message)"
                " select k.id, k.whatsapp_number_id, chr(97 + g % 2), '999' || lpad(g::text, 12,"
                " '0'), jsonb_build_object('var1', 'Customer ' || g, 'var2', '10 %'), "
                f"{status}, {wamid}, {text} from campaigns k, generate_series(1, {rows}) g"
                f" where k.name = '{name}'".encode()
            )
        connection.execute(
            "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
            " template_name, campaign_id, whatsapp_message_id) select whatsapp_number_id, phone,"
            " 'outgoing', 'template', template_name, campaign_id, whatsapp_message_id"
            " from send_queue where whatsapp_message_id is not null"
        )
        connection.execute("vacuum analyze")


def measure_commands(server: Postgres, rows: int) -> list[Run]:
    """Fills a database and runs each command on it."""
    database = server.new_database()
    fill(database, rows)
    found = []
    with tempfile.TemporaryDirectory(prefix="wa-bench-") as folder:
        ours = ("WACAMPAIGN", "SUPABASE", "DATABASE", "META_", "WHATSAPP")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        environment = kept | database_environment(database) | {"WACAMPAIGN_HOME": folder}
        for command, campaign in _COMMANDS:
            words = [sys.executable, "-m", "wacampaign", *command.split(), campaign]
            runs = [_run(words, environment, Path(folder)) for _ in range(_RUNS + 1)][1:]
            seconds = statistics.median(one for one, _ in runs)
            found.append(Run(command, campaign, seconds, max(peak for _, peak in runs)))
    server.drop(database)
    return found


def _run(words: list[str], environment: dict[str, str], folder: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of one process."""
    began = time.perf_counter()
    process = subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):  # 3: the audit's finding
        sys.exit(f"{' '.join(words[3:])} ended with exit code {process.returncode}")
    # Linux counts in KiB, macOS in bytes.
    return seconds, used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


def command_targets(runs: list[Run], rows: int) -> list[Target]:
    """The slowest campaign of each command against what is wanted."""
    found = []
    for command, limit in _WANTED.items():
        slowest = max(one.seconds for one in runs if one.command == command)
        found.append(
            Target(
                f"`{command}`, {rows:,} rows a campaign",
                f"≤ {limit:g} s",
                f"{slowest:.2f} s",
                slowest <= limit,
            )
        )
    peak = max(one.peak_mb for one in runs)
    found.append(
        Target("their peak memory", f"≤ {_MEMORY_MB} MB", f"{peak:.0f} MB", peak <= _MEMORY_MB)
    )
    return found


def show_commands(runs: list[Run], rows: int) -> None:
    """The table, then the targets."""
    print(f"\nCommands on campaigns of {rows:,} rows, start of the process included:\n")
    print("| command | campaign | seconds | peak MB |\n|---|---|---|---|")
    for one in runs:
        print(one.line())
    print("\n| target | wanted | found | |\n|---|---|---|---|")
    for target in command_targets(runs, rows):
        print(target.line())


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows: int = parser.parse_args().rows
    with postgres() as server:
        machine = describe_machine(server)
        runs = measure_commands(server, rows)
    print(f"Machine: {machine}.")
    show_commands(runs, rows)


if __name__ == "__main__":
    main()
