"""docs/reference/alerts.md against the program: every kind, every field, every event."""

from __future__ import annotations

import re

from tests.docs.pages import DOCS, ROOT, section, table_rows
from wacampaign.core.alerts.alert import Alert, AlertKind

PAGE = (DOCS / "reference" / "alerts.md").read_text("utf-8")


def test_every_kind_is_told() -> None:
    assert [row[0] for row in table_rows(section(PAGE, "Kinds"))] == list(AlertKind)


def test_every_field_is_told() -> None:
    alert = Alert("1", "new", "k", "held", "error", "t", "s", "c", "2026-11-26T20:00:00Z")
    assert [row[0] for row in table_rows(section(PAGE, "JSON"))] == list(alert.as_json("host"))


def test_every_event_of_the_log_is_told() -> None:
    written = set()
    for module in (ROOT / "wacampaign" / "alerting").glob("*.py"):
        text = module.read_text("utf-8")
        written |= set(re.findall(r"_log\(\s*\"(\w+)\"", text))
        for line in re.findall(r"event = (.+)", text):
            written |= set(re.findall(r"\"(\w+)\"", line))
    assert {row[0] for row in table_rows(section(PAGE, "In the log"))} == written
