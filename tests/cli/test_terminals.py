"""Colours and signs follow the terminal: real ones, by their names and locales."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Seeded
from tests.pm2 import install_command
from tests.terminal import Terminal

#: Sets a colour, of the eight, the sixteen, the 256 or the millions.
COLOUR = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
COMMANDS = (
    "wacampaign queue-stats",
    "wacampaign preflight market_1",
    "wacampaign monitor --once",
    "wacampaign start market_1",
    "wacampaign create --csv list.csv --number 200000000000001 --template hello --dry-run",
)


def printed(environment: dict[str, str], folder: Path, **more: str) -> str:
    """What the commands write to a terminal of 80 columns, raw; nothing is inherited."""
    if not (folder / ".venv").exists():
        install_command(folder)
    (folder / "list.csv").write_text("phone,name\n+447700900001,Ann\n")
    settings = {k: v for k, v in environment.items() if k not in ("COLUMNS", "NO_COLOR")}
    path = f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    terminal = Terminal(
        "; ".join(COMMANDS), folder, settings | {"PATH": path, "HOME": str(folder)} | more
    )
    try:
        terminal.until_its_end()
    finally:
        terminal.close()
    assert "Traceback" not in terminal.raw
    assert "market_1" in terminal.raw
    return terminal.raw


@pytest.mark.usefixtures("seeded")
def test_colours(environment: dict[str, str], tmp_path: Path) -> None:
    utf8 = {"LANG": "C.UTF-8"}
    for term in ("xterm-256color", "xterm-16color", "xterm"):
        assert COLOUR.search(printed(environment, tmp_path, TERM=term, **utf8)), term
    mono = printed(environment, tmp_path, TERM="xterm-mono", COLORTERM="truecolor", **utf8)
    none = printed(environment, tmp_path, TERM="xterm-256color", NO_COLOR="1", **utf8)
    dumb = printed(environment, tmp_path, TERM="dumb", **utf8)
    for raw in (mono, none, dumb):
        assert not COLOUR.search(raw)
    assert "→" in mono
    assert "\x1b" not in dumb
    assert dumb.isascii()


def test_an_error_is_broken_at_its_words_and_its_command_stays_whole(
    environment: dict[str, str], tmp_path: Path, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    """By the terminal's own columns, also where stdout goes into a file."""
    sql.execute("update campaigns set status = 'paused', start_time = null")
    install_command(tmp_path)
    settings = {k: v for k, v in environment.items() if k != "COLUMNS"}
    settings |= {"PATH": f"{tmp_path / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    settings |= {"HOME": str(tmp_path), "LANG": "C.UTF-8", "TERM": "xterm"}
    pause = "wacampaign pause market_1 --until '2099-01-01 09:00' --yes"

    def told(command: str) -> list[str]:
        terminal = Terminal(command, tmp_path, settings, columns=40)
        try:
            terminal.until_its_end()
        finally:
            terminal.close()
        return terminal.printed.splitlines()

    short = seeded.campaign_id[:8]
    error = f"error: market_1 ({short}) was never started, so it cannot go on"
    step = f"→ wacampaign start {short} --at TIME"
    shown = [f"error: market_1 ({short}) was never", "  started, so it cannot go on", step]
    assert told(pause) == shown
    assert told(f"{pause} > file") == shown
    assert told(f"{pause} 2> file; cat file") == [error, step]
    assert told("wacampaign daily-window market_1 nine --dry-run")[-2:] == [
        "→ such as:",
        "  wacampaign daily-window market_1 09:00-20:00",
    ]
    # What fits no line, but is copied, is broken by the terminal alone.
    last = told("wacampaign pause market_1 --until 'the day after tomorrow'")[-1]
    assert re.fullmatch(r'→ wacampaign pause market_1 --until "[-\d]{10} \d\d:\d\d"', last)
    # One object to its end, whatever the terminal.
    (line,) = told(f"{pause} --json")
    assert json.loads(line)["error"]["message"] == error.removeprefix("error: ")


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(
    ("locale", "ascii_only"),
    [
        ({}, True),
        ({"LANG": "C"}, True),
        ({"LANG": "POSIX"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "C.UTF-8"}, False),
    ],
)
def test_signs(
    environment: dict[str, str], tmp_path: Path, locale: dict[str, str], ascii_only: bool
) -> None:
    raw = printed(environment, tmp_path, TERM="xterm-256color", **locale)
    assert raw.isascii() is ascii_only
    assert COLOUR.search(raw)
    assert ("-> wacampaign" in raw) is ascii_only


def test_a_file_gets_what_its_encoding_holds(
    environment: dict[str, str], seeded: Seeded, tmp_path: Path
) -> None:
    install_command(tmp_path)
    path = f"{tmp_path / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    given = environment | {"PATH": path, "HOME": str(tmp_path), "LANG": "C"}
    terminal = Terminal("wacampaign queue-stats > out", tmp_path, given)
    terminal.until_its_end()
    terminal.close()
    out = (tmp_path / "out").read_text("utf-8")
    assert seeded.campaign_id[:8] in out
    assert "→ wacampaign run-worker" in out
