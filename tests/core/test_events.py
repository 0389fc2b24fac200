"""Who hears what happens in a worker."""

from __future__ import annotations

from wacampaign.core.engine.events import Events


class Heard:
    """A subscriber that keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, object]]] = []

    def __call__(self, event: str, *, level: str = "info", **fields: object) -> None:
        self.events.append((event, level, fields))


class Broken:
    """A subscriber whose work always fails."""

    def __call__(self, event: str, *, level: str = "info", **fields: object) -> None:
        raise OSError(f"no room for {event} {level} {len(fields)}")


def test_all_subscribers_hear_the_same() -> None:
    lines, alerts = Heard(), Heard()
    events = Events(lines, alerts)
    events("settled", rows=3)
    events("held", level="warning", campaign="c")
    assert lines.events == alerts.events
    assert lines.events == [
        ("settled", "info", {"rows": 3}),
        ("held", "warning", {"campaign": "c"}),
    ]


def test_a_subscriber_that_fails_stops_nobody_and_is_told_once() -> None:
    before, after = Heard(), Heard()
    events = Events(before, Broken(), after)
    for _ in range(3):
        events("settled")
    assert sorted(before.events, key=str) == sorted(after.events, key=str)
    told = [fields for event, _, fields in after.events if event == "subscriber_failed"]
    assert [(fields["subscriber"], str(fields["error"])) for fields in told] == [
        ("Broken", "no room for settled info 0")
    ]
    assert [event for event, _, _ in after.events].count("settled") == 3
