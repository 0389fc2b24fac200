"""docs/reference/sandbox.md names every request of the control API, and its examples work."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import wacampaign.sandbox.control
from tests.docs.pages import DOCS, blocks
from wacampaign.sandbox.faults import ACTIONS, Fault
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
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(ACTIONS)
    names = [field.name for field in dataclasses.fields(WebhookSettings)]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
    set_by_people = {"action", "seed", "id", "matched", "applied", "_dice"}
    fields = {field.name for field in dataclasses.fields(Fault)} - set_by_people
    assert {name for name in fields if f"`{name}`" not in PAGE} == set()


def test_the_examples_work(sandbox: SandboxProcess) -> None:
    examples = [found for block in blocks(PAGE) for found in CURL.findall(block.text)]
    assert len(examples) == 9
    for path, body in examples:
        assert sandbox.control._call("POST", path, json.loads(body))
