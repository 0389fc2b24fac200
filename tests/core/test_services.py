"""What is printed for process managers, in odd folders too."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.servers import node
from wacampaign.core.engine.deadlines import USUAL_DEADLINES
from wacampaign.core.services.pm2_file import pm2_file
from wacampaign.core.services.service import Installed, Service, receiver, worker
from wacampaign.core.services.systemd_units import systemd_unit, unit_name
from wacampaign.webhook import run as receiver_run
from wacampaign.webhook import server as receiver_server

USUAL = Installed(
    program=("/srv/wacampaign/.venv/bin/wacampaign",),
    folder=Path("/srv/wacampaign"),
    home=Path("/var/lib/wacampaign"),
    env_file=None,
    user="root",  # the one that is on every machine
    embedded=False,
)
HOW_TOS = Path(__file__).parents[2] / "docs" / "how-to"
#: Each character means something to JavaScript, to systemd or to a terminal.
ODD = replace(
    USUAL,
    folder=Path('/srv/it\'s "5 %h" $HOME \\ \u202e`${x}`'),
    home=Path('/var/lib/a "b" %n'),
    env_file=Path("/srv/$HOME/a b.env"),
)
SERVICES = (worker(), receiver(9000))
INSTALLED = pytest.mark.parametrize("installed", [USUAL, ODD], ids=["usual", "odd"])


@INSTALLED
def test_node_reads_the_file_as_it_was_meant(installed: Installed, tmp_path: Path) -> None:
    file = tmp_path / "ecosystem.config.cjs"
    file.write_text(pm2_file(installed, SERVICES))
    # Not taken for an ES module by what lies beside it.
    (tmp_path / "package.json").write_text('{"type": "module"}')
    read = subprocess.run(
        [node(), "-p", f"JSON.stringify(require({json.dumps(str(file))}).apps)"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    apps = json.loads(read.stdout)
    assert [app["name"] for app in apps] == ["wacampaign-worker", "wacampaign-webhook"]
    more = [] if installed.env_file is None else ["--env-file", str(installed.env_file)]
    assert [app["args"] for app in apps] == [
        ["run-worker", *more],
        ["webhook", "--port", "9000", *more],
    ]
    for app in apps:
        assert (app["cwd"], app["script"]) == (str(installed.folder), installed.program[0])
        assert not {"log_date_format", "log_type", "time"} & app.keys(), "PM2 loses lines with it"
        assert 0 not in app["stop_exit_codes"], "PM2 takes a SIGKILL for 0"


def test_a_script_with_a_blank_keeps_its_arguments() -> None:
    spaced = replace(USUAL, program=("/srv/a b/wacampaign",))
    text = pm2_file(spaced, SERVICES[:1])
    assert 'script: "/usr/bin/env",' in text
    assert 'args: ["/srv/a b/wacampaign", "run-worker"],' in text


def test_each_process_may_come_to_its_own_end() -> None:
    (kill_ms,) = set(re.findall(r"kill_timeout: (\d+)", pm2_file(USUAL, SERVICES)))
    (stop_s,) = {
        found[1]
        for service in SERVICES
        if (found := re.search(r"TimeoutStopSec=(\d+)", systemd_unit(USUAL, service)))
    }
    receivers_end = receiver_server.SHUTDOWN_SECONDS + receiver_run.GOODBYE_SECONDS
    longest = max(USUAL_DEADLINES.end, receivers_end)
    assert longest < int(kill_ms) / 1000 == int(stop_s)


@INSTALLED
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_unit_has_what_it_needs(installed: Installed, service: Service) -> None:
    unit = configparser.RawConfigParser(strict=False, delimiters="=")
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(systemd_unit(installed, service))
    found = unit["Service"]
    assert found["Type"] == "notify"
    assert found["Restart"] == "always"
    assert (found["RestartPreventExitStatus"], found["SuccessExitStatus"]) == ("78", "130")
    assert found["ProtectSystem"] == "strict"
    if installed is USUAL:
        assert found["ExecStart"].startswith("/srv/wacampaign/.venv/bin/wacampaign ")
        assert found["ReadWritePaths"] == "/var/lib/wacampaign"
        assert found["ProtectHome"] == "true"
    else:
        assert found["ExecStart"].endswith(' --env-file "/srv/$HOME/a b.env"')
        assert found["ExecStart"][0] == ":", "no variable is put in"
        assert found["ReadWritePaths"] == '"/var/lib/a \\"b\\" %%n"'
        assert found["WorkingDirectory"].startswith('/srv/it\'s "5 %%h" $HOME')


def test_people_s_folders_stay_where_something_of_ours_lies() -> None:
    at_home = replace(USUAL, folder=Path("/home/anna/wacampaign"))
    assert "ProtectHome=read-only" in systemd_unit(at_home, worker())


def test_the_embedded_server_outlives_the_worker() -> None:
    unit = systemd_unit(replace(USUAL, embedded=True), worker())
    assert "KillMode=process" in unit
    assert "PrivateTmp" not in unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "a program"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    odd = replace(ODD, program=(str(program),))
    files = []
    for service in SERVICES:
        files.append(tmp_path / unit_name(service))
        files[-1].write_text(systemd_unit(odd, service))
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, files)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


@pytest.mark.parametrize(
    ("page", "language", "printed"),
    [
        ("run-under-pm2.md", "js", pm2_file(USUAL, SERVICES[:1])),
        ("run-under-systemd.md", "ini", systemd_unit(replace(USUAL, user="wacampaign"), worker())),
    ],
    ids=["pm2", "systemd"],
)
def test_how_tos_show_what_is_printed(page: str, language: str, printed: str) -> None:
    text = (HOW_TOS / page).read_text("utf-8")
    (shown,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert shown == printed
