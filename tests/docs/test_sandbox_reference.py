"""docs/reference/sandbox.md names each fault and each request, and its commands work."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import wacampaign.sandbox.control
from tests.docs.pages import DOCS, blocks, section
from tests.servers import free_port
from wacampaign.cli.app import app
from wacampaign.sandbox.faults import ACTIONS, Fault
from wacampaign.sandbox.known_faults import KNOWN, OPTION_WORDS
from wacampaign.sandbox.process import SandboxProcess
from wacampaign.sandbox.webhook_settings import WebhookSettings

PAGE = (DOCS / "reference" / "sandbox.md").read_text("utf-8")
CURL = re.compile(r"curl -s http://127\.0\.0\.1:8788/_sandbox/(\S+) -d '(.+)'")


def test_every_request_is_named() -> None:
    source = Path(wacampaign.sandbox.control.__file__).read_text("utf-8")
    there = set(re.findall(r'case "((?:GET|POST|DELETE) [\w/]+)"', source))
    named = {
        request
        for line in PAGE.splitlines()
        for request in re.findall(r"`((?:GET|POST|DELETE) [a-z/]+)`", line.partition(" | ")[0])
    }
    assert named == there


def test_actions_and_settings_are_named() -> None:
    actions = section(PAGE, "How it answers")
    assert set(re.findall(r"^\| `(\w+)` \|", actions, re.MULTILINE)) == set(ACTIONS)
    names = [field.name for field in dataclasses.fields(WebhookSettings)]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
    set_by_people = {"action", "seed", "id", "matched", "applied", "_dice"}
    fields = {field.name for field in dataclasses.fields(Fault)} - set_by_people
    assert {name for name in fields if f"`{name}`" not in PAGE} == set()


def test_the_examples_work(sandbox: SandboxProcess) -> None:
    examples = [found for block in blocks(PAGE) for found in CURL.findall(block.text)]
    assert len(examples) == 5
    for path, body in examples:
        assert sandbox.control._call("POST", path, json.loads(body))


def test_each_fault_has_a_command() -> None:
    typed = {words[4] for command in commands() if (words := command.split())[3] == "set"}
    named = {word for word in typed if not word.isdecimal()}
    assert named == {known.name for known in KNOWN} | {"FAULT"}
    assert "135000" in typed
    # And each option is shown by some command, or named beside it.
    shown = section(PAGE, "Faults")
    options = {words.split()[0] for words in OPTION_WORDS.values()}
    assert [option for option in options if option not in shown] == []


def test_the_commands_work(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no .env is

    def run(words: list[str]) -> Result:
        return CliRunner().invoke(app, words, env={"WHATSAPP_API_URL": sandbox.url})

    sandbox.control.webhook(f"http://127.0.0.1:{free_port()}/", "secret")
    for command in commands():
        if "FAULT" in command or command.endswith("--drop-held"):
            continue  # to clear one, it has to be in force: below
        done = run(shlex.split(command)[1:])
        assert done.exit_code == 0, f"{command}: {done.stderr}"
        if "fault set" in command:
            clear = done.stdout.splitlines()[-1].split(" ")[2:]
            assert run(clear).exit_code == 0
    assert sandbox.control.faults() + sandbox.control.situations() == []


def commands() -> list[str]:
    """All that the page lets a person type, in its tables and blocks."""
    found = re.findall(r"`(wacampaign sandbox fault [^`]+)`", PAGE)
    found += [
        line
        for block in blocks(PAGE)
        for line in block.text.splitlines()
        if line.startswith("wacampaign ")
    ]
    assert len(found) > len(KNOWN)
    return found
