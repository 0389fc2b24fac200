"""Who takes connections and answers nothing: a person at a terminal is told whom it waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal import Terminal

QUEUE_STATS = f"{sys.executable} -m wacampaign queue-stats"
SAID = "the database has not answered for 5 s; waiting for it on (Ctrl-C ends that)\n"


@pytest.fixture(params=["postgres", "supabase"])
def silent(
    request: pytest.FixtureRequest, environment: dict[str, str], silent_port: int
) -> dict[str, str]:
    there = {**os.environ, "TERM": "xterm", **environment}
    if request.param == "postgres":
        return {**there, "DATABASE_URL": f"postgresql://worker@127.0.0.1:{silent_port}/postgres"}
    there.pop("DATABASE_URL", None)
    address = f"http://127.0.0.1:{silent_port}"
    return {**there, "SUPABASE_URL": address, "SUPABASE_SERVICE_KEY": "x" * 40}


def test_it_is_said_once_and_ctrl_c_ends_it(silent: dict[str, str], tmp_path: Path) -> None:
    screen = Terminal(QUEUE_STATS, tmp_path, silent)
    assert screen.until_lines(1) == SAID
    screen.close()
    assert screen.code == 130
    assert screen.printed.count("has not answered for 5 s") == 1


def test_doctor_says_so_too(silent: dict[str, str], tmp_path: Path) -> None:
    screen = Terminal(f"{sys.executable} -m wacampaign doctor", tmp_path, silent)
    assert screen.until_lines(1) == SAID
    screen.close()


@pytest.mark.usefixtures("seeded")
def test_meta_is_named_by_its_host(
    environment: dict[str, str], silent_port: int, tmp_path: Path
) -> None:
    there = {**os.environ, "TERM": "xterm", **environment}
    there["WHATSAPP_API_URL"] = f"http://127.0.0.1:{silent_port}"
    screen = Terminal(f"{sys.executable} -m wacampaign templates sync", tmp_path, there)
    printed = screen.until_lines(1)
    screen.close()
    assert printed == SAID.replace("the database", "127.0.0.1")


@pytest.mark.parametrize("silent", ["postgres"], indirect=True)
def test_a_program_that_reads_is_told_at_the_end_only(
    silent: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        QUEUE_STATS.split(), cwd=tmp_path, env=silent, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 69
    assert done.stderr.startswith("error: ")
    assert "has not answered for 5 s;" not in done.stderr
