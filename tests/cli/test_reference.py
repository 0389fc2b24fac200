"""Every command explains itself, and `docs/reference/commands.md` is what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from wacampaign.cli.reference import helps, markdown

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"


@pytest.mark.parametrize(("path", "text"), list(helps()), ids=[path for path, _ in helps()])
def test_help_has_an_example_of_its_own_command(path: str, text: str) -> None:
    examples = [line.strip() for line in text.splitlines() if line.startswith("  Example: ")]
    assert examples
    assert all(line.startswith(f"Example: {path}") for line in examples)


def test_the_reference_is_current() -> None:
    assert PAGE.read_text("utf-8") == markdown(), (
        "run: python -m wacampaign.cli.reference > docs/reference/commands.md"
    )
