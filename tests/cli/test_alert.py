"""`wacampaign alert test`: each address, and whether it took the alert."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.alerting.listener import alert_listener
from tests.servers import free_port


def alert_test(home: Path, urls: str, *more: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WACAMPAIGN", "SUPABASE"))}
    return subprocess.run(
        [sys.executable, "-m", "wacampaign", "alert", "test", *more],
        env=kept
        | {"WACAMPAIGN_ALERT_URLS": urls, "WACAMPAIGN_HOME": str(home), "PYTHONIOENCODING": "utf-8"}
        | {"PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_each_address_and_the_exit_code(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/T0KEN-OF-THE-ADDRESS"
    with alert_listener() as listener:
        ran = alert_test(tmp_path, listener.url)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout == "1  http://127.0.0.1/***  taken\n→ wacampaign monitor\n"
        (got,) = listener.took
        assert (got["what"], got["kind"], got["campaign"]) == ("test", "test", None)

        ran = alert_test(tmp_path, f"{nowhere}, {listener.url}", "--json")
        assert ran.returncode == 3
        answer = json.loads(ran.stdout)
        assert answer["schema_version"] == 1
        assert answer["addresses"] == [
            {
                "address": "http://127.0.0.1/***",
                "taken": False,
                "problem": "cannot be reached (ConnectError)",
            },
            {"address": "http://127.0.0.1/***", "taken": True, "problem": None},
        ]

        listener.answers = [404]
        ran = alert_test(tmp_path, listener.url)
        assert ran.returncode == 3
        assert "answered 404 Not Found" in ran.stdout
        assert "1 of 1 did not take the test alert" in ran.stderr
    ran = alert_test(tmp_path, nowhere)
    assert ran.returncode == 69
    assert "error: no address took the test alert" in ran.stderr
    assert "T0KEN" not in ran.stdout + ran.stderr
    ran = alert_test(tmp_path, "")
    assert ran.returncode == 78
    assert "WACAMPAIGN_ALERT_URLS is not set" in ran.stderr
