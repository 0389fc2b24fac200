"""Prints the findings about header media as Markdown: `python -m tests.docs.media_findings`.

`docs/reference/media-findings.md` is this output; a test compares the two.
"""

from __future__ import annotations

from typing import Final

from wacampaign.core.media.codes import CODES
from wacampaign.core.media.report import Severity

_HEAD: Final = """\
# Findings about header media

<!-- Made by `python -m tests.docs.media_findings` from wacampaign/core/media: edit that. -->

What `fix-media`, `preflight` and `investigate-135000` say of a video, image or document for a
template's header, in the order in which it is looked at. With each comes its evidence (the host,
the HTTP status, the size).

- fail: Meta refuses such a medium, or it cannot be known to arrive. `fix-media` does not take it,
  and the preflight keeps the campaign from starting.
- warn: it may go well.
- ok: looked at, and in order.

A link is fetched as a stranger would: without cookies or token, from public addresses only
([0009](../explanation/decisions/0009-media-is-fetched-as-a-stranger.md)).
"""


def markdown() -> str:
    """The whole page."""
    counts = {one: sum(code.severity is one for code in CODES.values()) for one in Severity}
    rows = [
        f"| `{name}` | {code.severity.value} | {code.text} | {code.source} |"
        for name, code in CODES.items()
    ]
    summary = ", ".join(f"{n} {one.value}" for one, n in counts.items())
    table = ("| finding | | means | says who |", "|---|---|---|---|", *rows, "")
    return "\n".join((_HEAD, f"{len(CODES)} findings: {summary}.", "", *table))


if __name__ == "__main__":
    print(markdown(), end="")
