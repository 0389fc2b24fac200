"""Where would I change X? Each answer is a file that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ANSWERS = re.findall(r"^\| (.+?) \| `(wacampaign/[^`]+)`(.*) \|$", PAGE, re.MULTILINE)


def test_seventeen_questions_are_answered() -> None:
    assert len(ANSWERS) == 17


@pytest.mark.parametrize(("question", "place", "more"), ANSWERS)
def test_an_answer_is_there(question: str, place: str, more: str) -> None:
    files = re.findall(r"`([a-z_]+\.py)`", more)
    for path in [ROOT / place / file for file in files] or [ROOT / place]:
        assert path.is_file(), question


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:wacampaign|tests|docs)/[^`*]+)`", PAGE)))
)
def test_what_it_names_exists(path: str) -> None:
    assert (ROOT / path).exists()
