"""Every command that an error or a finding names can be typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import wacampaign
from wacampaign.cli.app import app
from wacampaign.core.errors.table import error_table

COMMAND = re.compile(r"\bwacampaign ([a-z][a-z0-9-]+)")


def known_commands() -> set[str]:
    import typer.main

    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def named() -> Iterator[tuple[str, str]]:
    for entry in error_table().entries.values():
        for command in COMMAND.findall(entry.next_step):
            yield f"error {entry.code}", command
    package = Path(wacampaign.__file__).parent
    for path in sorted(package.rglob("*.py")) + sorted(package.rglob("*.sql")):
        # Only what is written for people: in quotes, after the tool's name.
        for line in path.read_text("utf-8").splitlines():
            if line.lstrip().startswith(("#", "--", '"""')) or "wacampaign " not in line:
                continue
            if line.lstrip().startswith("from wacampaign import"):
                continue
            for command in COMMAND.findall(line):
                yield f"{path.name}: {line.strip()}", command


@pytest.mark.parametrize("command", sorted({command for _, command in named()}))
def test_the_command_exists(command: str) -> None:
    where = [place for place, name in named() if name == command]
    assert command in known_commands(), where[:5]
