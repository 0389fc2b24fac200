"""docs/reference/monitor.md names each field of a line, and none that there is not."""

from __future__ import annotations

import re
from typing import Any

from tests.cli.test_monitor import CAMPAIGN, DELIVERY, ENDED, WORKER, stats
from tests.docs.pages import ROOT
from wacampaign.cli.screens.campaign_json import campaign_json
from wacampaign.cli.screens.monitor_lines import change_lines, progress_line
from wacampaign.core.campaign.binding_limit import LimitKind

PAGE = (ROOT / "docs" / "reference" / "monitor.md").read_text("utf-8")
SECTION = PAGE.partition("### Fields of a line")[2]
PROGRESS, CHANGES, JSON = re.split(r"\n\| told at once|\nAn object of", SECTION)
BUDGET: dict[str, Any] = {
    "used": 1, "limit": 100_000, "left": 99_999, "source": "meta",
    "frees_at": "2026-11-23T18:05:00Z",
}  # fmt: skip
MOVING = CAMPAIGN | {
    "delivery": DELIVERY,
    "budget": BUDGET,
    "scheduled_start_time": "2026-11-24T08:00:00+00:00",
    "number": CAMPAIGN["number"] | {"id": "n"},
    "pace": {
        "recent": [[ago, 70, 70] for ago in range(60)],
        "bars": [[ago, 1050] for ago in range(12)],
    },
    "run_seconds": 180.0,
}


def fields(line: str) -> set[str]:
    return set(re.findall(r" ([a-z_0-9]+)=", line)) - {"level", "event"}


def first_cells(table: str) -> set[str]:
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([a-z_0-9]+)`", row)}


def test_each_field_of_progress() -> None:
    given = stats(MOVING, worker={"facts": {"binds": {"n": "rate"}}})
    (campaign,) = given.campaigns
    assert fields(progress_line(given.at, campaign)) == first_cells(PROGRESS)
    for kind in LimitKind:
        assert f"`{kind.value}`" in PROGRESS


def test_each_change() -> None:
    told = dict(re.findall(r"\| (`event=.*?) \| (.*?) \|$", CHANGES, re.MULTILINE))
    documented = {
        name: set(re.findall(r"`([a-z_]+)`", text))
        for names, text in told.items()
        for name in re.findall(r"event=(\w+)", names)
    }
    before = stats(CAMPAIGN)
    paused = CAMPAIGN | {"status": "paused", "pause_reason": "wrong picture"}
    lost = stats(paused | {"delivery": DELIVERY}, worker={"alive": False})
    none = stats()
    none = type(none)(none.at, [], none.workers)
    lines = [
        *change_lines(None, before),
        *change_lines(before, lost),
        *change_lines(before, none),
        *change_lines(before, stats(CAMPAIGN | ENDED | {"delivery": DELIVERY})),
    ]
    seen: dict[str, set[str]] = {}
    for line in lines:
        kind = re.search(r" event=(\w+)", line)
        assert kind is not None
        seen.setdefault(kind[1], set()).update(fields(line) - {"campaign"})
    seen["finished"] -= first_cells(PROGRESS) - {"sent", "failed", "in_doubt", "state"}
    assert seen == documented
    assert WORKER["host"] in " ".join(lines)


def test_the_keys_of_json_that_are_explained_are_there() -> None:
    (campaign,) = stats(MOVING).campaigns
    shown = campaign_json(campaign)
    named = re.findall(r"`([a-z_]+)`", JSON.partition("One call")[0])
    inner = {*shown["pace"], *shown["findings"][0], "kind", "text", "null", "at"}
    assert set(named) - inner <= shown.keys()
    assert {"eta_range_seconds", "limit", "trends", "attention"} <= set(named)
