"""How fast and in how much memory `wacampaign create` writes a large list.

    python bench/create_rate.py [--rows 1000000]

On the embedded database, in a temporary folder. Prints rows a second (the whole command, its start
and both passes over the file included) and the peak memory of the command's process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows: int = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="wa-bench-") as folder:
        settings = Settings(home=Path(folder, "home"))
        prepare_embedded(settings)
        asyncio.run(_add_number(settings))
        path = Path(folder, "list.csv")
        _write_list(path, rows)
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
        # Linux counts in KiB, macOS in bytes.
        peak = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
        print(
            f"{rows:,} rows ({path.stat().st_size / 1e6:.0f} MB) in {seconds:.1f} s: "
            f"{rows / seconds:,.0f} rows/s, peak memory {peak:.0f} MB, "
            f"processor {used.ru_utime + used.ru_stime:.1f} s"
        )


if __name__ == "__main__":
    main()
