"""How fast and in how much memory `wacampaign create` checks and writes a large list.

    python bench/create_rate.py [--rows 1000000] [--check-only]

On the embedded database, in a temporary folder. Prints rows a second of the check alone (the first
pass over the file: processor time of one core, in a process of its own), then of the whole command
(its start and both passes included), with the peak memory of each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from wacampaign.settings import Settings
from wacampaign.store.opening import open_store
from wacampaign.store.schema import prepare_embedded

_NUMBER = "200000000000001"
_TEMPLATE = {
    "name": "bench",
    "language": "en",
    "status": "APPROVED",
    "category": "MARKETING",
    "components": [{"type": "BODY", "text": "Hello {{1}}, {{2}}"}],
}


async def _add_number(settings: Settings) -> None:
    store = open_store(settings)
    try:
        added = await store.call(
            "number_add",
            phone_number_id=_NUMBER,
            waba_id="1",
            number=_NUMBER,
            display_name="bench",
            verified_name=None,
            quality_rating=None,
            access_token=None,
            rate=1000,
            actor="bench",
        )
        templates = json.dumps([_TEMPLATE])
        await store.call("put_templates", number_id=added["id"], templates=templates, actor="bench")
    finally:
        await store.close()


def _write_list(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("phone,name,offer\n")
        for i in range(rows):
            file.write(f"{919000000001 + i},Customer {i},{5 + i % 20} % on everything\n")


#: The check alone, as `create` makes it: the command's plan needs the template, this its shape.
_CHECK: Final = """
import json, sys, time
from pathlib import Path
from wacampaign.core.columns.choice import choose_columns
from wacampaign.core.columns.reading import ListReading, row_reading
from wacampaign.core.columns.wanted import wanted_by
from wacampaign.core.template.row_check import RowCheck
from wacampaign.core.template.shape import shape_of
from wacampaign.intake.contacts import survey

components = json.loads(sys.argv[2])
shape = shape_of(components)
wanted = wanted_by(shape)

def choose(layout):
    chosen = choose_columns(wanted, layout.header, layout.phone_scores)
    row = row_reading(wanted, chosen, RowCheck(components, shape))
    return ListReading(chosen.phone, (row,))

began = time.process_time()
surveyed = survey(Path(sys.argv[1]), choose, write_rejected=False)
print(surveyed.accepted, time.process_time() - began)
"""


def _peak(used: resource.struct_rusage) -> float:
    """MB. Linux counts in KiB, macOS in bytes."""
    return used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _check_alone(path: Path, rows: int) -> None:
    arguments = [sys.executable, "-c", _CHECK, str(path), json.dumps(_TEMPLATE["components"])]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    answer = process.stdout.read() if process.stdout else ""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    accepted, seconds = answer.split() if process.returncode == 0 else ("0", "0")
    if int(accepted) != rows:
        sys.exit(f"the check took {accepted} of {rows} rows")
    print(
        f"check alone: {rows:,} rows in {float(seconds):.1f} s of one core: "
        f"{rows / float(seconds):,.0f} rows/s, peak memory {_peak(used):.0f} MB"
    )


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--check-only", action="store_true")
    options = parser.parse_args()
    rows: int = options.rows
    if options.check_only:
        with tempfile.TemporaryDirectory(prefix="wa-bench-") as folder:
            _write_list(path := Path(folder, "list.csv"), rows)
            _check_alone(path, rows)
        return
    with tempfile.TemporaryDirectory(prefix="wa-bench-") as folder:
        settings = Settings(home=Path(folder, "home"))
        prepare_embedded(settings)
        asyncio.run(_add_number(settings))
        path = Path(folder, "list.csv")
        _write_list(path, rows)
        _check_alone(path, rows)
        command = [sys.executable, "-m", "wacampaign", "create", "--csv", str(path)]
        command += ["--number", _NUMBER, "--template", "bench", "--yes", "--json"]
        environment = os.environ | {
            "WACAMPAIGN_HOME": str(settings.home),
            "WACAMPAIGN_STORE": "embedded",
        }
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"create ended with exit code {process.returncode}")
        print(
            f"whole command: {rows:,} rows ({path.stat().st_size / 1e6:.0f} MB) in "
            f"{seconds:.1f} s: "
            f"{rows / seconds:,.0f} rows/s, peak memory {_peak(used):.0f} MB, "
            f"processor {used.ru_utime + used.ru_stime:.1f} s"
        )


if __name__ == "__main__":
    main()
