"""Output that a page shows is what the command prints today."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.captures import Capture, captured_pages, play
from tests.docs.pages import name
from tests.servers import PostgresServer


@pytest.mark.parametrize("page", captured_pages(), ids=name)
def test_captured_output_is_current(page: Path, postgres: PostgresServer) -> None:
    for one in play(page, postgres):
        assert one.is_current, (
            f"python -m tests.docs.captures renews it ({one.scene})\n--- page\n{one.written}"
            f"--- printed\n{one.printed}"
        )


@pytest.mark.parametrize(
    ("written", "printed", "current"),
    [
        ("a 1 s\nb\n", "a 25 s\nb\n", True),
        ("a\nb\n", "a\nc\n", False),
        ("a\n…\nc\n", "a\nx\ny\nc\n", True),
        ("a\n…\n", "a\nx\n", True),
        ("a\n…\nc\n", "a\nx\n", False),
        ("a\n", "a\nx\n", False),
        ("at 2026-11-10T15:46:00Z\n", "at 2025-01-01 09:00\n", True),
        ("3 rows\n", "4 rows\n", False),
        ("undo: fix-media ID --undo 2a527d68\n", "undo: fix-media ID --undo 6231196\n", True),
        ("resume film (2a527d68)\n", "resume film (abcdefab)\n", True),
    ],
)
def test_a_difference_is_seen(written: str, printed: str, current: bool) -> None:
    assert Capture("any", written, printed).is_current is current
