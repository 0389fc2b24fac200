"""Several workers on one number while every core burns: the fullest second, and the average."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import contacts
from bench.surroundings import NUMBERS
from wacampaign.sandbox.client import SandboxControl

#: Messages a second of the number: Meta's first level, and what 5 % over it is.
RATE = 80
MOST = 84
#: What the average must reach, from the sixth message (the ramp is over) to the last.
LEAST_AVERAGE = 78.0
_RAMP = 5


@dataclass(frozen=True)
class Pace:
    """One run: workers, messages in the fullest second, messages a second on average."""

    workers: int
    most: int
    average: float

    @property
    def line(self) -> str:
        """For people."""
        ok = "ok" if self.most <= MOST and self.average >= LEAST_AVERAGE else "MISSED"
        return (
            f"| {self.workers} at {RATE}/s, every core burning | {self.most} "
            f"(≤ {MOST}) | {self.average:.1f}/s (≥ {LEAST_AVERAGE:.0f}) | {ok} |"
        )


@contextmanager
def _burning(cores: int) -> Iterator[None]:
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def measure_pace(
    database: str,
    campaigns: list[str],
    workers: int,
    rows: int,
    cores: int,
    environment: dict[str, str],
    home: Path,
    control: SandboxControl,
) -> Pace:
    """Sends `rows` messages of the first campaign's number with `workers` processes."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("update whatsapp_numbers set max_send_rate_per_sec = %s", [RATE])
    contacts.change_status(database, campaigns[:1], "start")
    running: list[subprocess.Popen[bytes]] = []
    with _burning(cores):
        try:
            for i in range(workers):
                with (home / f"worker-{i}.log").open("wb") as log:
                    running.append(
                        subprocess.Popen(
                            [sys.executable, "-m", "wacampaign", "run-worker", "--until-idle"],
                            env=environment,
                            stdout=log,
                            stderr=subprocess.STDOUT,
                            cwd=home,
                        )
                    )
            while control.totals()["accepted"] < rows:
                if any(one.poll() not in (None, 0) for one in running):
                    raise SystemExit(f"a worker ended, see {home}")
                time.sleep(0.5)
        finally:
            for one in running:
                one.terminate()
                one.wait()
    times = sorted(
        message["time"]
        for message in control.accepted()
        if message["phone_number_id"] == NUMBERS[0]
    )
    return Pace(workers, _fullest(times), (len(times) - _RAMP - 1) / (times[-1] - times[_RAMP]))


def _fullest(times: list[float]) -> int:
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most
