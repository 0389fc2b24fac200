"""Every command explains itself, and `docs/reference/commands.md` is what they say."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from wacampaign.cli.app import app
from wacampaign.cli.reference import helps, markdown

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"


@pytest.mark.parametrize(("path", "text"), list(helps()), ids=[path for path, _ in helps()])
def test_help_has_an_example_of_its_own_command(path: str, text: str) -> None:
    examples = [line.strip() for line in text.splitlines() if line.startswith("  Example: ")]
    assert examples
    assert all(line.startswith(f"Example: {path}") for line in examples)


@pytest.mark.parametrize("columns", [60, 80])
def test_no_description_is_cut(columns: int) -> None:
    """Of any command or group: what its list of commands says of one is said whole."""
    for path, command in groups("wacampaign", get_command(app)):
        context = typer.Context(
            command, info_name=path, terminal_width=columns, max_content_width=columns
        )
        text = " ".join(command.get_help(context).split())
        assert re.sub(r"(COMMAND|\]) ?\[ARGS\]\.\.\.", "", text).count("...") == 0, text
        for name, one in command.commands.items():
            if one.hidden:  # an alias stands in no list
                continue
            whole = " ".join(inspect.cleandoc(one.help).split("\n\n")[0].split())
            sentence = re.split(r"(?<=\.) ", whole)[0].removesuffix(".")
            assert f"{name} {sentence}" in text


def groups(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    if (inner := getattr(command, "commands", None)) is not None:
        yield path, command
        for name, one in inner.items():
            yield from groups(f"{path} {name}", one)


def test_the_reference_is_current() -> None:
    assert PAGE.read_text("utf-8") == markdown(), (
        "run: python -m wacampaign.cli.reference > docs/reference/commands.md"
    )
