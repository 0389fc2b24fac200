"""What the real PM2 says of a process that was started without the file that we print."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.doctor.rig import Installation
from tests.pm2 import clean_environment
from tests.servers import NODE_MODULES, node, wait_until
from wacampaign.core.preflight.model import Check

Pm2 = Callable[..., None]


@pytest.fixture
def pm2(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pm2]:
    """PM2 with a home of its own (short, as a socket lies there), found by its name."""
    with tempfile.TemporaryDirectory(prefix="pm2-") as home:
        monkeypatch.setenv("PM2_HOME", home)
        path = f"{Path(node()).parent}{os.pathsep}{os.environ['PATH']}"
        environment = clean_environment() | {"PM2_HOME": home, "PATH": path}
        words = [node(), str(NODE_MODULES / "pm2" / "bin" / "pm2")]
        program = installation.program.with_name("pm2")
        program.write_text(f"#!/bin/sh\nexec '{words[0]}' '{words[1]}' \"$@\"\n")

        def run(*arguments: str, **more: str) -> None:
            subprocess.run(
                [*words, *arguments],
                env=environment | more,
                cwd=installation.folder,
                capture_output=True,
                timeout=60,
                check=True,
            )

        try:
            yield run
        finally:
            run("kill")


def test_the_file_that_we_print_is_as_it_is_to_be(installation: Installation, pm2: Pm2) -> None:
    installation.type("wacampaign pm2 > ecosystem.config.cjs")
    pm2("start", "ecosystem.config.cjs", META_ACCESS_TOKEN="EAAx")
    pm2("save")
    assert installation.wrong() == []
    checks = {one.id: one.text for one in installation.examine()}
    assert "wacampaign-worker online" in checks["pm2"]
    assert checks["workers"].startswith("1 worker alive")


def test_a_process_started_by_hand_is_told_of(installation: Installation, pm2: Pm2) -> None:
    assert installation.found("pm2") == [], "no daemon is started for the question"
    assert not (Path(os.environ["PM2_HOME"]) / "pm2.pid").exists()
    installation.program.write_text("#!/bin/sh\nexec sleep 300\n")
    secret = {"META_ACCESS_TOKEN": "EAAx"}
    pm2("start", str(installation.program), "--interpreter", "none", "--", "run-worker", **secret)
    pm2("save")
    found = {one.id: one for one in installation.wrong()}
    assert found.keys() == {"pm2_kill_timeout", "pm2_settings", "pm2_secrets"}
    assert "1,600 ms" in found["pm2_kill_timeout"].text
    assert "META_ACCESS_TOKEN" in found["pm2_secrets"].text
    assert found["pm2_secrets"].verdict is Check.FAIL
    installation.type(found["pm2_secrets"].fix)
    (left,) = installation.found("pm2_secrets")
    assert left.verdict is Check.WARN, "PM2 keeps it in the process's environment"


@pytest.mark.parametrize("name", ["wacampaign-worker", "a name of ours"])
def test_what_is_said_of_a_process_started_by_hand_mends_it(
    installation: Installation, pm2: Pm2, name: str
) -> None:
    how = ("--name", name, "--interpreter", "none", "--log-date-format", "HH:mm")
    secret = {"META_ACCESS_TOKEN": "EAAx"}
    pm2("start", str(installation.program), *how, "--no-autorestart", "--", "run-worker", **secret)
    wrong = installation.wrong()
    assert {one.id for one in wrong} == {
        *("pm2_kill_timeout", "pm2_settings", "pm2_autorestart", "pm2_secrets")
    }
    assert all("as `wacampaign pm2` prints it" in one.fix for one in wrong)
    (command,) = {one.fix.partition(" and then: ")[2] for one in wrong}
    installation.type("wacampaign pm2 > ecosystem.config.cjs")
    installation.type(command)
    assert installation.wrong() == []


def test_a_pm2_that_is_not_found_is_told_of(
    installation: Installation, pm2: Pm2, monkeypatch: pytest.MonkeyPatch
) -> None:
    pm2("ping")
    installation.program.with_name("pm2").unlink()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (found,) = [one for one in installation.examine() if one.id == "pm2"]
    assert found.verdict is Check.SKIPPED
    assert "not found" in found.text


def test_no_daemon_is_started_for_a_pid_that_is_anothers(
    installation: Installation, pm2: Pm2
) -> None:
    pm2("ping")
    home = Path(os.environ["PM2_HOME"])
    os.kill(int((home / "pm2.pid").read_text()), signal.SIGKILL)
    wait_until(lambda: not answers(home / "rpc.sock"), what="the daemon is gone")
    (home / "pm2.pid").write_text(str(os.getpid()))
    assert "pm2" not in {one.id for one in installation.examine()}
    assert (home / "pm2.pid").read_text() == str(os.getpid())


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asking:
        return asking.connect_ex(str(path)) == 0
