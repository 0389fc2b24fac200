"""What a terminal shows of the monitor is what the page says; and each look is one call."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.docs.panes import LOCALES, PAGE, PANE, SHOWN, SIZES, captured

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
RENEW = "python -m tests.docs.panes renews it"


def written() -> dict[tuple[str, int, int, str], str]:
    return {
        (found["scene"], int(found["width"]), int(found["height"]), found["locale"]): found["text"]
        for found in PANE.finditer(PAGE.read_text("utf-8"))
    }


def test_the_page_has_each_state_in_each_terminal() -> None:
    wanted = {(scene, *size, locale) for scene in SHOWN for size in SIZES for locale in LOCALES}
    assert written().keys() == wanted, RENEW


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_panes_are_current(width: int, height: int, locale: str) -> None:
    pages = written()
    with ThreadPoolExecutor(3) as several:
        shown = several.map(lambda scene: captured(scene, width, height, locale), SHOWN)
        for scene, (pane, calls) in zip(SHOWN, shown, strict=True):
            assert pane == pages[scene, width, height, locale], RENEW
            # To find the campaign, and to take what waits, once; then one call a look.
            assert calls["find"] == 1
            assert all(n == 1 for name, n in calls.items() if name != "stats"), calls
            assert pane.isascii() or locale == "UTF-8"
