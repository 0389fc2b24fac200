"""stdout or stderr closed (`>&-`, as under cron), on a full disk, or without a reader any more:
commands work on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.every_command import lines, set_the_stage

#: Runs each command line in a process of its own, forked from one that has imported the app, with
#: streams as the shell would have left them; prints the exit codes, and what came out on stderr.
_DRIVER = """
import json, os, sys, tempfile

from tests.forked import import_all
from wacampaign.cli.app import app
from wacampaign.meta import client

import_all()
client.BACK_OFF_S = 0.01
how, command_lines = sys.argv[1], json.load(sys.stdin)


def prepare(errors):
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(errors, 2)
    if how == "reader gone":
        read, write = os.pipe()
        os.close(read)
        os.dup2(write, 1)
    else:
        os.dup2(nowhere, 1)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if f"{name} full" in how:
            os.dup2(os.open("/dev/full", os.O_WRONLY), descriptor)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if f"{name} closed" in how:
            os.close(descriptor)
            setattr(sys, name, None)
            setattr(sys, f"__{name}__", None)


results = []
for words in command_lines:
    with tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            code = 99
            try:
                prepare(errors.fileno())
                app([os.fsencode(word).decode("utf-8") for word in words], prog_name="wacampaign")
            except SystemExit as end:
                code = end.code
            finally:
                for stream in (sys.stdout, sys.stderr):
                    try:
                        stream is None or stream.flush()
                    except OSError:
                        code = 120
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        errors.seek(0)
        results.append((code, errors.read().decode()))
json.dump(results, sys.stdout)
"""


@pytest.mark.parametrize(
    "how",
    [
        "stdout closed",
        "stderr closed",
        "stdout closed, stderr closed",
        "reader gone",
        "stderr full",
    ],
)
def test_every_command_has_its_exit_code(
    how: str, database: str, environment: dict[str, str], tmp_path: Path
) -> None:
    table = lines(set_the_stage(database, tmp_path), tmp_path, of_each=1)
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER, how],
        input=json.dumps([words for words, _ in table]),
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert [
        f"{code} instead of {expected}: {words!a} {errors!a}"
        for (words, expected), (code, errors) in zip(table, results, strict=True)
        if code != expected or "Traceback" in errors or "BrokenPipe" in errors
    ] == []


def test_data_that_a_full_disk_swallowed_is_missed(
    database: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """Whoever reads the file later takes it for whole; a change is made all the same."""
    table = lines(set_the_stage(database, tmp_path), tmp_path, of_each=1)
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER, "stdout full"],
        input=json.dumps([words for words, _ in table]),
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    missed = []
    for (words, expected), (code, errors) in zip(table, json.loads(done.stdout), strict=True):
        assert "Traceback" not in errors and "unexpected" not in errors, words
        if "could be written: No space left on device" in errors:
            assert (code, expected) in ((1, 0), (1, 3)), words
            missed.append(words[0])
        else:  # an error, or all that it says stands on stderr or in its own file
            assert code == expected, words
    assert {"list", "audit", "results", "explain", "queue-stats", "pm2", "db"} <= set(missed)
    shell = f"{sys.executable} -m wacampaign optouts add +447700900199 --yes --json > /dev/full"
    entered = subprocess.run(
        ["bash", "-c", shell],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    error = json.loads(entered.stderr.splitlines()[-1])["error"]
    assert (entered.returncode, error["code"], error["changed"]) == (1, "not_told", True)


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_process_that_a_shell_starts_so(
    closing: str, environment: dict[str, str], database: str
) -> None:
    """With all closed, the database's socket must not become the standard output."""
    assert database
    shell = f"{sys.executable} -m wacampaign queue-stats {closing}"
    done = subprocess.run(
        ["bash", "-c", shell],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    if ">" not in closing.replace("2>", ""):
        assert "no campaign is scheduled" in done.stdout


def test_a_change_is_made_though_nobody_reads_about_it(
    database: str, environment: dict[str, str], tmp_path: Path
) -> None:
    stage = set_the_stage(database, tmp_path)
    shell = f"set -o pipefail; {sys.executable} -m wacampaign pause {stage.running} --yes | true"
    done = subprocess.run(
        ["bash", "-c", shell],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    shown = subprocess.run(
        [sys.executable, "-m", "wacampaign", "queue-stats", stage.running, "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=True,
    )
    assert json.loads(shown.stdout)["campaigns"][0]["status"] == "paused"


def test_a_monitor_that_nobody_reads_ends(
    database: str, environment: dict[str, str], tmp_path: Path
) -> None:
    stage = set_the_stage(database, tmp_path)
    shell = (
        f"set -o pipefail; {sys.executable} -m wacampaign monitor {stage.running} --interval 0.5"
        " | head -1"
    )
    done = subprocess.run(
        ["bash", "-c", shell],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "event=progress" in done.stdout
