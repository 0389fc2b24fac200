"""Names of campaigns at Tab, with the script that bash is given and bash itself."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from wacampaign.cli.completion import campaign_names
from wacampaign.cli.options import CampaignArgument, CampaignsArgument, OptionalCampaign
from wacampaign.core.words import short_id

#: Seconds until bash has answered on a machine that is busy.
PATIENCE_SECONDS = 30.0
#: Seconds for one completion there. Other commands wait longer for a REST address that is silent.
COMPLETION_SECONDS = 14.0
NAMES = (
    "Plain_1", "Spring offer (north) & more", "100% *off*", "at: ten", "Größe 東京", "it's here",
    "two; rm -rf ~", "dear $HOME", "e\x1b[2Jvil", "twice", "twice",
)  # fmt: skip


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A folder with a program `wacampaign`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "wacampaign"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m wacampaign "$@"\n')
    program.chmod(0o755)
    return folder


class Bash:
    """An interactive bash that has the completion script."""

    def __init__(self, bin_folder: Path, environment: dict[str, str]) -> None:
        where = {"PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(bin_folder)}
        env = os.environ | environment | where | {"PS1": "", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        env |= {"INPUTRC": os.devnull, "PYTHONPATH": str(Path(__file__).parents[2])}
        env.pop("COLUMNS")
        source = {"_WACAMPAIGN_COMPLETE": "source_bash"}
        script = subprocess.run(
            ["wacampaign"], env=env | source, capture_output=True, text=True, check=True
        )
        (bin_folder / "completion").write_text(script.stdout)
        self._folder = bin_folder
        leader, follower = pty.openpty()
        self._terminal = leader
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            stdin=follower, stdout=follower, stderr=follower, env=env, cwd=bin_folder,
            start_new_session=True,
        )  # fmt: skip
        os.close(follower)
        self.type("bind 'set enable-bracketed-paste off'; stty cols 500\r")
        self.type(f"source {shlex.quote(str(bin_folder / 'completion'))}; echo rea''dy\r")
        self.until("ready")

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def until(self, wanted: str) -> str:
        """What is on the terminal when `wanted` has come."""
        shown, until = b"", time.monotonic() + PATIENCE_SECONDS
        while wanted.encode() not in shown:
            left = until - time.monotonic()
            assert left > 0, f"{wanted!r} did not come: {shown.decode(errors='replace')!r}"
            if select.select([self._terminal], [], [], left)[0]:
                shown += os.read(self._terminal, 65536)
        return shown.decode(errors="replace")

    def words_after_tab(self, line: str) -> list[str]:
        """The words that the command would get, were it run after Tab."""
        # Ctrl-A: to the line's beginning, where a command goes that prints its words.
        self.type(f"{line}\t\x01printf '%s\\n' \x05 > words; echo do''ne\r")
        self.until("done\r\n")
        return (self._folder / "words").read_text("utf-8").splitlines()

    def completes(self, line: str, wanted: list[str]) -> list[str]:
        """As `words_after_tab`; tried again, as the deadline passes on a machine that is busy."""
        for _ in range(9):
            if (words := self.words_after_tab(line)) == wanted:
                break
        return words

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_puts_each_name_in_as_one_word(
    bin_folder: Path, environment: dict[str, str], sql: psycopg.Connection[Any]
) -> None:
    for name in NAMES:
        sql.execute("insert into campaigns (name, status) values (%s, 'paused')", (name,))
    (bin_folder / "100% xoffx").touch()  # which an unquoted star would name
    bash = Bash(bin_folder, environment)
    try:
        for typed, name in {
            "Pl": "Plain_1",
            "Spr": "Spring offer (north) & more",
            "Spring\\ of": "Spring offer (north) & more",
            '"Spring of': "Spring offer (north) & more",
            "'Spring of": "Spring offer (north) & more",
            "100": "100% *off*",
            "at": "at: ten",
            "at\\:": "at: ten",
            "Gr": "Größe 東京",
            "two": "two; rm -rf ~",
        }.items():
            wanted = ["wacampaign", "pause", name]
            assert bash.completes(f"wacampaign pause {typed}", wanted) == wanted
        # After what stands before it, and where several campaigns may be named.
        wanted = ["wacampaign", "restart-stuck", "Plain_1", "--dry-run", NAMES[1]]
        assert bash.completes("wacampaign restart-stuck Plain_1 --dry-run Spr", wanted) == wanted
        # What the shell would make something else of stays as it was typed.
        for typed in ("dear", "it", "e", "twi", "nothing"):
            assert bash.words_after_tab(f"wacampaign pause {typed}")[-1] == typed
    finally:
        bash.close()


def complete(
    environment: dict[str, str], words: str, **more: str
) -> subprocess.CompletedProcess[str]:
    asked = {
        "COMP_WORDS": words.replace(" ", "\n"),
        "COMP_CWORD": str(words.count(" ")),
        "_WACAMPAIGN_COMPLETE": "complete_bash",
    }
    root = {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [sys.executable, "-m", "wacampaign"],
        env=os.environ | root | environment | asked | more,
        capture_output=True, text=True, timeout=COMPLETION_SECONDS,
    )  # fmt: skip


def test_an_id_is_completed(environment: dict[str, str], sql: psycopg.Connection[Any]) -> None:
    row = sql.execute("insert into campaigns (name, status) values ('x', 'paused') returning id")
    (one,) = row.fetchone() or ("",)
    # On a machine that is busy the deadline may pass.
    for _ in range(9):
        if words := complete(environment, f"wacampaign pause {str(one)[:5]}").stdout.split():
            break
    assert words == [short_id(str(one))]


@pytest.mark.parametrize(
    "away",
    [
        {"DATABASE_URL": "postgresql://worker:hunter2hunter2@127.0.0.1:9/postgres"},
        {"DATABASE_URL": "postgresql://worker:hunter2hunter2@127.0.0.1:{port}/postgres"},
        {"DATABASE_URL": "nonsense"},
        {"SUPABASE_URL": "http://127.0.0.1:{port}", "SUPABASE_SERVICE_KEY": "x" * 40},
    ],
    ids=["closed", "silent", "nonsense", "silent over REST"],
)
def test_a_database_that_is_away_costs_little_and_says_nothing(
    environment: dict[str, str], away: dict[str, str], silent_port: int
) -> None:
    given = {name: value.format(port=silent_port) for name, value in away.items()}
    done = complete(environment, "wacampaign pause Pl", **{"DATABASE_URL": ""} | given)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("redirected", "wanted"),
    [("", True), (">/dev/full", False), ("| head -c0", False), (">&-", False)],
)
def test_a_terminal_of_another_alphabet_or_none_gets_no_traceback(
    environment: dict[str, str], sql: psycopg.Connection[Any], redirected: str, wanted: bool
) -> None:
    row = sql.execute("insert into campaigns (name, status) values ('東京', 'paused') returning id")
    (one,) = row.fetchone() or ("",)
    asked = {"COMP_WORDS": "wacampaign\npause\n", "COMP_CWORD": "2"}
    asked |= {"_WACAMPAIGN_COMPLETE": "complete_bash", "PYTHONIOENCODING": "iso-8859-1"}
    command = f"{shlex.quote(sys.executable)} -m wacampaign {redirected}"
    for _ in range(9):  # on a machine that is busy the deadline may pass
        done = subprocess.run(
            ["bash", "-c", command], env=os.environ | environment | asked,
            capture_output=True, timeout=COMPLETION_SECONDS,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        if done.stdout or not wanted:
            break
    assert done.stdout.decode() == (f"{short_id(str(one))}\n" if wanted else "")


def test_no_database_is_started_for_it(environment: dict[str, str], tmp_path: Path) -> None:
    done = complete(environment, "wacampaign pause Pl", DATABASE_URL="")
    assert (done.stdout.strip(), done.stderr) == ("", "")
    assert not (tmp_path / "home").exists()


def test_commands_and_options_ask_no_database() -> None:
    code = """
import os, sys
os.environ |= {"_WACAMPAIGN_COMPLETE": "complete_bash", "COMP_WORDS": "wacampaign\\npause\\n--y",
               "COMP_CWORD": "2"}
from wacampaign.cli.app import app
try:
    app(prog_name="wacampaign")
finally:
    print([name for name in ("psycopg", "supabase", "httpx", "asyncio", "rich")
           if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["--yes", "[]"]


def test_each_argument_that_names_campaigns_completes_them() -> None:
    for argument in (CampaignArgument, OptionalCampaign, CampaignsArgument):
        (option,) = argument.__metadata__  # type: ignore[attr-defined]
        assert option.autocompletion is campaign_names
