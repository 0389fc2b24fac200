"""Pictures of the monitor in pages, drawn again; `python -m tests.docs.pictures` renews them.

A fenced `text` block after `<!-- picture: SCENE 80x24 -->` (or `… 80x24 ascii`) is the frame that
the live screen draws of that scene.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.docs.pages import pages
from wacampaign.cli.screens.monitor import frame
from wacampaign.cli.screens.monitor_layout import Staleness, View
from wacampaign.core.campaign.state import read_stats

PICTURE: Final = re.compile(
    r"<!-- picture: (?P<scene>\w+) (?P<width>\d+)x(?P<height>\d+)(?P<ascii> ascii)? -->\n"
    r"```text\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_ID: Final = "4e72e450-0c1d-4f5e-9a3b-7d2c1b0a9f8e"
_SMOOTH: Final = [[ago, 1_200 - 3 * (ago * 7 % 11)] for ago in range(1, 46)]
_MINUTE: Final = [[ago, 80, 79] for ago in range(60)]


def _at(clock: str) -> str:
    """That time of today: other days are shown with their date."""
    return f"{datetime.now(UTC):%Y-%m-%d}T{clock}+00:00"


def _counts(**given: int) -> dict[str, int]:
    names = ("pending", "ready", "retry_later", "processing", "in_doubt", "sent", "failed")
    return dict.fromkeys(names, 0) | given


def _delivery(delivered: int, silent: int, undelivered: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "known": True, "delivered": delivered, "read": delivered * 2 // 5, "replied": 84,
        "undelivered": undelivered, "held": 0, "silent": silent, "errors": [],
        "lag": {"p50_seconds": 2.3, "p95_seconds": 48.0}, "contradicted": 0, "waiting": 0,
        "passed_on": silent * 3 // 4, "late": 0,
    } | more  # fmt: skip


def _events(*told: tuple[str, str, str, int | None, str | None]) -> list[dict[str, Any]]:
    names = ("at", "kind", "actor", "rows", "reason")
    return [dict(zip(names, (_at(one[0]), *one[1:]), strict=True)) for one in told]


def _worker(**given: Any) -> dict[str, Any]:
    facts = {
        "done_per_second": 39.6, "accepted_per_second": 39.1, "answers_p50_ms": 212.0,
        "answers_p95_ms": 401.0, "database_p50_ms": 14.0, "database_p95_ms": 31.0,
        "binds": {"n": "rate"}, "api_away_seconds": None, "memory_mb": 112.0, "last_code": 131026,
        "last_code_seconds": 12.0,
    }  # fmt: skip
    return {
        "id": "3f54e0ef-02dd-4966-800b-ef3e96083aeb", "host": "app1", "pid": 4121,
        "version": "0.1.0", "started_at": _at("13:50:00"), "in_flight": 96, "alive": True,
        "beat_age_seconds": 1.0,
    } | given | {"facts": facts | given.get("facts", {})}  # fmt: skip


_SECOND: Final = {"id": "9a01c7d2-02dd-4966-800b-ef3e96083aeb", "host": "app2", "pid": 990}


def _campaign(**given: Any) -> dict[str, Any]:
    return {
        "id": _ID, "name": "Diwali offer UK", "status": "running", "pause_reason": None,
        "total_contacts": 100_000,
        "counts": _counts(ready=36_912, retry_later=203, processing=398, sent=61_804, failed=683),
        "oldest_ready_seconds": 664.0, "rate_per_second": 78.6,
        "errors": [{"code": 131026, "count": 671}, {"code": 131051, "count": 12}],
        "error_minutes": [[131026, ago, 40 - ago] for ago in range(15)] + [[130429, 3, 38]],
        "templates": ["promo_vid_v3"],
        "number": {
            "id": "n", "phone_number_id": "200000000000001", "display_name": "Offers", "rate": 80,
            "configured_rate": 80, "quality_rating": "GREEN", "is_active": True,
            "tier": "TIER_100K", "throughput": 80, "sharing": 1,
        },
        "pace": {"recent": _MINUTE, "bars": _SMOOTH}, "run_seconds": 760.0,
        "run_began_at": _at("14:19:27"), "start_time": _at("14:19:27"), "end_time": None,
        "heard_seconds": 2.0, "delivery": _delivery(57_310, 3_667, 827),
        "holds": [], "never_enqueued": 0, "deleted": 0, "others": [],
        "scheduled_start_time": None, "guarded": True, "next_retry_at": _at("14:33:00"),
        "far_away": "9999-12-30T00:00:00+00:00",
        "spare_numbers": [
            {"phone_number_id": "200000000000002", "display_name": "Offers 2", "rate": 80.0}
        ],
        "events": _events(
            ("14:02:10", "created", "asha@office", 100_000, None),
            ("14:19:27", "started", "asha@office", None, None),
            ("14:28:12", "throttled", "worker", None, "130429: 80/s to 60/s"),
        ),
    } | given  # fmt: skip


Answer = dict[str, Any]


def _answer(*campaigns: Answer, workers: list[Answer] | None = None) -> Answer:
    two = [_worker(), _worker(**_SECOND, facts={"memory_mb": 98.0})]
    return {
        "at": _at("14:32:07"),
        "campaigns": list(campaigns),
        "workers": two if workers is None else workers,
    }


def running() -> Answer:
    """All is well."""
    return _answer(_campaign())


def away() -> Answer:
    """As `running`; then the database went away."""
    return running()


def paused() -> Answer:
    """A colleague paused it."""
    return _answer(
        _campaign(
            status="paused",
            pause_reason="paused by asha@office: wrong picture in the header",
            counts=_counts(ready=37_513, sent=61_804, failed=683),
            run_seconds=None,
        )
    )


def stalled() -> Answer:
    """Both workers were killed a minute ago."""
    lost = {"alive": False, "beat_age_seconds": 71.0}
    return _answer(
        _campaign(pace={"recent": [], "bars": [one for one in _SMOOTH if one[0] > 5]}),
        workers=[_worker(**lost), _worker(**_SECOND, **lost)],
    )


def failing() -> Answer:
    """A fifth of its numbers is not on WhatsApp, and a template fails now."""
    return _answer(
        _campaign(
            counts=_counts(ready=49_001, processing=398, in_doubt=2, sent=40_102, failed=10_497),
            errors=[{"code": 131026, "count": 10_478}, {"code": 135000, "count": 19}],
            error_minutes=[[131026, ago, 820] for ago in range(15)]
            + [[135000, 0, 7], [135000, 1, 12]],
            delivery=_delivery(38_900, 1_202),
        )
    )


def budgeted() -> Answer:
    """Its portfolio has written to as many people as Meta allows a day."""
    budget = {
        "limit": 10_000, "used": 10_000, "left": 0, "source": "meta", "frees_at": _at("18:05:00"),
        "portfolio": "Example Ltd", "tier": "TIER_10K", "numbers": 2, "others": 0,
    }  # fmt: skip
    return _answer(
        _campaign(
            counts=_counts(ready=90_117, sent=9_803, failed=80),
            errors=[{"code": 131026, "count": 80}],
            error_minutes=[],
            pace={"recent": [], "bars": [one for one in _SMOOTH if one[0] > 12]},
            delivery=_delivery(9_412, 391),
            budget=budget,
        ),
        workers=[_worker(in_flight=0, facts={"done_per_second": 0.0, "binds": {}})],
    )


def finished() -> Answer:
    """It has ended."""
    return _answer(
        _campaign(
            status="completed",
            counts=_counts(sent=98_913, failed=1_087),
            errors=[{"code": 131026, "count": 1_075}, {"code": 131051, "count": 12}],
            error_minutes=[],
            end_time=_at("14:31:50"),
            run_seconds=None,
            pace={"recent": [], "bars": [one for one in _SMOOTH if one[0] > 2]},
            delivery=_delivery(95_804, 1_809, 1_300),
        ),
        workers=[_worker(in_flight=0, facts={"done_per_second": 0.0, "binds": {}})],
    )


def several() -> Answer:
    """Nine campaigns: one fails, one runs, the others are paused or drafts."""

    def another(n: int, **given: Any) -> dict[str, Any]:
        plain = {"errors": [], "error_minutes": [], "delivery": None, "events": []}
        return _campaign(**{"id": f"{n}{_ID[1:]}", **plain, **given})

    draft = {
        "status": "paused", "pause_reason": "not started yet", "start_time": None,
        "counts": _counts(ready=5_000),
        "total_contacts": 5_000, "run_seconds": None, "pace": {"recent": [], "bars": []},
    }  # fmt: skip
    fails = failing()["campaigns"][0] | {"id": f"7{_ID[1:]}", "name": "Winter boots DE"}
    held = paused()["campaigns"][0] | {"id": f"8{_ID[1:]}", "name": "Customers of 2024"}
    return _answer(
        *(another(n, **draft, name=f"draft of week {48 + n}") for n in range(6)),
        held,
        fails,
        another(9),
    )


SCENES: Final[dict[str, Callable[[], Answer]]] = {
    scene.__name__: scene
    for scene in (running, away, paused, stalled, failing, budgeted, finished, several)
}


@contextmanager
def _in_utc() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        del os.environ["TZ"]
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def draw(scene: str, width: int, height: int, *, unicode: bool = True) -> str:
    """The frame, without the blanks at its end."""
    with _in_utc():
        stats = read_stats(SCENES[scene]())
        opened = stats.campaigns[0] if len(stats.campaigns) == 1 else None
        verb = {"running": "p pause  ", "paused": "r resume  "}.get(opened.status if opened else "")
        keys = f"q quit  {verb or ''}? help" if opened else "q quit  Enter open  p pause  ? help"
        view = View(
            stats,
            2.0,
            stale=Staleness(14.0) if scene == "away" else None,
            unicode=unicode,
            opened=opened.id if opened else None,
            footer=((keys, "dim"),),
        )
        lines = [line.plain.rstrip() for line in frame(view, width, height)]
    # Empty lines between the last one and the keys say nothing on a page.
    *above, last = lines
    while above and not above[-1]:
        above.pop()
    return "\n".join([*above, *([""] if len(above) < len(lines) - 1 else []), last, ""])


def drawn_again(found: re.Match[str]) -> str:
    """What belongs into a picture's block."""
    width, height = int(found["width"]), int(found["height"])
    return draw(found["scene"], width, height, unicode=not found["ascii"])


def renew(page: Path) -> None:
    """Writes all pictures of a page anew."""

    def block(found: re.Match[str]) -> str:
        head = found[0].partition("```text\n")[0]
        return f"{head}```text\n{drawn_again(found)}```"

    page.write_text(PICTURE.sub(block, page.read_text("utf-8")), "utf-8")


def pictured_pages() -> list[Path]:
    """Pages that hold pictures."""
    return [page for page in pages() if PICTURE.search(page.read_text("utf-8"))]


if __name__ == "__main__":
    for one_page in pictured_pages():
        renew(one_page)
