"""The lines of a preflight on the screen."""

from __future__ import annotations

import io

from wacampaign.cli.screens.preflight import show_lines
from wacampaign.core.preflight.model import Check, Line


def test_a_long_id_keeps_its_distance_from_the_text() -> None:
    out = io.StringIO()
    lines = [
        Line("media", Check.OK, "1 file is sound"),
        Line("marketing_endpoint", Check.FAIL, "Meta refuses them " * 6, "do this"),
    ]
    show_lines(lines, out)
    texts = out.getvalue().splitlines()
    at = texts[0].index("1 file")
    assert texts[1][at - 1 : at + 4] == " Meta"
    assert len(texts) > 3
    assert all(text[:at].strip() == "" for text in texts[2:])
