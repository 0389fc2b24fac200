"""The monitor's pictures in pages are what it draws today."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import name
from tests.docs.pictures import PICTURE, SCENES, draw, drawn_again, pictured_pages


@pytest.mark.parametrize("page", pictured_pages(), ids=name)
def test_a_picture_is_current(page: Path) -> None:
    for found in PICTURE.finditer(page.read_text("utf-8")):
        assert found["text"] == drawn_again(found), "python -m tests.docs.pictures renews it"


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 40), (60, 15), (40, 10)])
@pytest.mark.parametrize("unicode", [True, False])
def test_a_scene_fits_and_says_its_state(
    scene: str, width: int, height: int, *, unicode: bool
) -> None:
    text = draw(scene, width, height, unicode=unicode)
    lines = text.splitlines()
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    assert text.isascii() or unicode
    says = {"stalled": "no live worker", "budgeted": "STANDS", "paused": "paused by asha@office",
            "failing": "135000", "finished": "COMPLETED", "away": "WAS RUNNING",
            "several": "running", "running": "ETA"}  # fmt: skip
    assert says[scene] in text
