"""What a page lets a person type works, and prints what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import name
from tests.docs.typed import play, typed_pages


@pytest.mark.parametrize("page", typed_pages(), ids=name)
def test_a_page_that_is_typed(page: Path) -> None:
    for one, _ in play(page):
        assert one.is_current, (
            "python -m tests.docs.typed renews it\n--- page\n"
            f"{one.written}--- printed\n{one.printed}"
        )
