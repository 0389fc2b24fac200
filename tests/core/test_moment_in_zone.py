"""Times that are typed for a moment to come, where clocks are set."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from wacampaign.core.moment_in_zone import read_moment


@pytest.fixture(autouse=True)
def in_london(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/London")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("zone", "where"), [(None, "here"), ("Europe/London", "in Europe/London")])
def test_an_hour_that_is_skipped_or_comes_twice_says_what_can_be_typed(
    zone: str | None, where: str
) -> None:
    """Here and by a zone's name alike: the clock shows the same."""
    with pytest.raises(ValueError) as skipped:
        read_moment("2099-03-29 01:30", zone)
    assert str(skipped.value) == (
        f"never comes {where}, as clocks are set forward over it: 02:30 does"
    )
    with pytest.raises(ValueError) as twice:
        read_moment("2099-10-25 01:30", zone)
    assert str(twice.value) == (
        f"comes twice {where}, as clocks are set back:"
        " write 2099-10-25T01:30+01:00 or 2099-10-25T01:30+00:00"
    )
    for offset, hour in (("+01:00", 0), ("+00:00", 1)):
        at = read_moment(f"2099-10-25T01:30{offset}").at
        assert at.astimezone(UTC) == datetime(2099, 10, 25, hour, 30, tzinfo=UTC)
