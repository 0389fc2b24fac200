"""When an offer ends: each way to write it means one moment, or is refused."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.template.moments import milliseconds_of, moment_of


@pytest.fixture(autouse=True)
def a_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine five and a half hours before UTC."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    moment_of.cache_clear()
    yield
    os.environ.pop("TZ", None)
    monkeypatch.undo()
    time.tzset()
    moment_of.cache_clear()


HERE = datetime(2030, 1, 31, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2030-01-31 18:00",
        " 2030-01-31T18:00:00 ",
        "2030-1-31 18:00",
        "2030-01-31 6:00 PM",
        "2030-01-31 18:00+05:30",
        "2030-01-31T12:30Z",
        "2030-01-31 12:30:00.000 UTC",
        "2030-01-31T07:30:00-0500",
        "31.01.2030 18:00",
        "31.1.2030, 18:00",
        "31/01/2030 18:00",
        "1/31/2030 6:00 PM",
        "1896093000",
        "1896093000000",
    ],
)
def test_each_way_to_write_it_means_the_same(text: str) -> None:
    assert moment_of(text) == HERE
    assert milliseconds_of(text, HERE - timedelta(minutes=1)) == "1896093000000"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no moment"),
        ("tomorrow", "no moment"),
        ("2030-01-31", "no time of day"),
        ("31.01.2030", "no time of day"),
        ("3/5/2030 18:00", "2030-05-03 or 2030-03-05"),
        ("2030-02-30 18:00", "no day or time"),
        ("2030-01-31 25:00", "no day or time"),
        ("2030-01-31 13:00 PM", "no moment"),
        ("31/31/2030 10:00", "no day or time"),
        ("18960930", "no moment"),
        ("18:00", "no moment"),
    ],
)
def test_what_may_mean_another_moment_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        moment_of(text)


def test_what_is_over_is_refused_and_read_back() -> None:
    with pytest.raises(ValueError, match="is over: it means 2030-01-31 18:00 IST"):
        milliseconds_of("2030-01-31 12:30Z", HERE)


@given(
    at=st.datetimes(datetime(2002, 1, 1), datetime(2200, 1, 1)),
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_a_moment_with_its_offset_is_read_exactly(at: datetime, minutes: int) -> None:
    moment = at.replace(second=0, microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    assert moment_of(moment.isoformat(sep=" ")) == moment
    assert moment_of(f"{round(moment.timestamp() * 1000):013}") == moment


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    try:
        assert moment_of(text).tzinfo is not None
    except ValueError as why:
        assert str(why)
