"""How quickly `fix-media` plans, repairs and undoes, over psycopg.

    python bench/repairs.py [--rows 1000000]

The header media of a failed campaign in a fresh embedded database; the command line as it is,
under Supabase's limit of 8 s a statement.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from wacampaign.sandbox.process import SandboxProcess
from wacampaign.settings import Settings
from wacampaign.store.embedded import start_embedded
from wacampaign.store.schema import prepare_embedded

_NUMBER, _WABA, _TOKEN = "200000000000001", "100000000000001", "bench-token"
_FILL = """
insert into whatsapp_numbers (number, phone_number_id, waba_id, access_token, last_updated)
    values ('442079460000', %(number)s, %(waba)s, %(token)s, now());
insert into templates (whatsapp_number_id, name, language, status, category, components)
    select id, 'bench', 'en', 'APPROVED', 'MARKETING', '[{"type": "HEADER", "format": "IMAGE"},
        {"type": "BODY", "text": "Hello {{1}}, {{2}}"}]' from whatsapp_numbers;
insert into campaigns (id, name, whatsapp_number_id, template_names, total_contacts, status)
    select '5a5c39a6-0000-4000-8000-000000000001', 'bench', id, '{bench}', %(rows)s, 'paused'
    from whatsapp_numbers;
insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone, payload, status,
                        retry_count, error_message)
    select '5a5c39a6-0000-4000-8000-000000000001', n.id, 'bench', (919000000001 + i)::text,
        jsonb_build_object('var1', 'https://media.example.org/uploads/1a40c955-5883/header.jpg',
            'var2', 'Customer ' || i, 'var3', i %% 20 || ' percent on everything'),
        case when i %% 10 = 0 then 'ready' else 'failed' end, 0,
        case when i %% 10 <> 0 then '(#135000) Generic user error' end
    from whatsapp_numbers n, generate_series(1, %(rows)s) as i;
"""


def _measured(what: str, arguments: list[str], folder: str, environment: dict[str, str]) -> float:
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "wacampaign", "fix-media", "bench", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{what} ended with exit code {process.returncode}")
    # Linux counts in KiB, macOS in bytes.
    peak = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    print(f"{what}: {seconds:.2f} s, peak memory {peak:.0f} MB", flush=True)
    return seconds


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows: int = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="wa-bench-") as folder, SandboxProcess() as sandbox:
        settings = Settings(home=Path(folder, "home"))
        prepare_embedded(settings)
        url = start_embedded(settings.home)
        with psycopg.connect(url, autocommit=True, client_encoding="utf8") as connection:
            filling = psycopg.ClientCursor(connection)
            filling.execute(
                _FILL, {"number": _NUMBER, "waba": _WABA, "token": _TOKEN, "rows": rows}
            )
            connection.execute("vacuum analyze send_queue")
        sandbox.control.put_waba(_WABA, _TOKEN)
        sandbox.control.put_number(_NUMBER, waba_id=_WABA)
        media = sandbox.control.put_media(_NUMBER, _jpeg(), "image/jpeg")
        environment = os.environ | {
            "DATABASE_URL": f"{url}&options=-c%20statement_timeout%3D8s",
            "WHATSAPP_API_URL": sandbox.url,
        }
        repair = ["--media-id", str(media), "--yes"]
        _measured("plan", [*repair[:2], "--dry-run"], folder, environment)
        _measured(
            "plan of one code",
            [*repair[:2], "--code", "135000", "--dry-run"],
            folder,
            environment,
        )
        seconds = _measured("repair", repair, folder, environment)
        print(f"  {rows / seconds:,.0f} rows/s")
        _measured("the same again", repair, folder, environment)
        with psycopg.connect(url) as connection:
            found = connection.execute("select id::text from wacampaign_repairs").fetchone()
        assert found is not None
        seconds = _measured("undo", ["--undo", found[0], "--yes"], folder, environment)
        print(f"  {rows / seconds:,.0f} rows/s")


def _jpeg() -> bytes:
    """The smallest picture that is one."""
    return bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")


if __name__ == "__main__":
    main()
