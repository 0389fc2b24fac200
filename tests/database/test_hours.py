"""When sending hours begin and end: the database's arithmetic and ours, against each minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.database.backends import Connection
from wacampaign.core.daily_window import Hours, read_hours
from wacampaign.core.phone_zones import zone_sets

ZONES = sorted({zone for zones in zone_sets() for zone in zones})
#: Where clocks are set: at midnight, by half an hour, in the other half of the year.
ODD = ("Africa/Cairo", "Australia/Lord_Howe", "America/Santiago", "America/New_York", "Asia/Beirut")
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 1)).map(
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
#: Three nights in which New York's and Cairo's clocks are set.
SET = st.sampled_from(
    [
        datetime(2026, 3, 8, 4, tzinfo=UTC),
        datetime(2026, 11, 1, 3, tzinfo=UTC),
        datetime(2026, 4, 23, 20, tzinfo=UTC),
    ]
)
MINUTES = st.integers(0, 1439)
SOME_ZONES = st.lists(st.sampled_from((*ODD, *ODD, *ZONES)), min_size=1, max_size=3, unique=True)


def is_open(hours: Hours, zones: list[str], at: datetime) -> bool:
    clocks = [at.astimezone(ZoneInfo(zone)).strftime("%H:%M") for zone in zones]
    opens, closes = hours.opens_at, hours.closes_at
    if opens < closes:
        return all(opens <= clock < closes for clock in clocks)
    return all(clock >= opens or clock < closes for clock in clocks)


def next_change(hours: Hours, zones: list[str], at: datetime) -> datetime | None:
    """Minute by minute."""
    now, minute = is_open(hours, zones, at), at.replace(second=0)
    for n in range(1, 2 * 1440 + 1):
        then = minute + timedelta(minutes=n)
        if at < then < at + timedelta(days=2) and is_open(hours, zones, then) != now:
            return then
    return None


@pytest.mark.timeout(300)  # it asserts nothing about time
def test_hours_begin_and_end_when_the_clocks_show_it(sql: Connection) -> None:
    @settings(max_examples=150, derandomize=True, database=None)
    @given(SOME_ZONES, MINUTES, MINUTES, MOMENTS | SET)
    @example(["America/New_York"], 150, 1200, datetime(2026, 3, 8, 6, tzinfo=UTC))
    @example(["America/New_York"], 1200, 97, datetime(2026, 11, 1, 3, tzinfo=UTC))
    @example(["Australia/Lord_Howe"], 105, 130, datetime(2026, 4, 4, 12, tzinfo=UTC))
    @example(["Asia/Kolkata"], 1260, 1440, datetime(2026, 4, 4, 15, 29, 59, tzinfo=UTC))
    @example(
        ["Pacific/Kiritimati", "Pacific/Honolulu"], 540, 1200, datetime(2026, 4, 4, tzinfo=UTC)
    )
    def check(zones: list[str], opens: int, closes: int, at: datetime) -> None:
        if opens == closes:
            return
        hours = Hours(opens, closes or 1440)
        wanted = is_open(hours, zones, at), next_change(hours, zones, at)
        row = sql.execute(
            "select wacampaign_hours_open(%(z)s, %(o)s, %(c)s, %(a)s),"
            " wacampaign_hours_change(%(z)s, %(o)s, %(c)s, %(a)s)",
            {"z": zones, "o": hours.opens_at, "c": hours.closes_at, "a": at},
        ).fetchone()
        assert row == wanted
        assert (hours.are_now(zones, at), hours.change_after(zones, at)) == wanted

    check()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("09:00-20:00", "09:00-20:00"),
        ("9:00 - 20:30", "09:00-20:30"),
        ("20:00-02:00", "20:00-02:00"),
        ("18:00-24:00", "18:00-24:00"),
        ("18:00-00:00", "18:00-24:00"),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, shown: str) -> None:
    assert str(read_hours(text)) == shown


@pytest.mark.parametrize("text", ["", "9-20", "09:00", "09:60-20:00", "24:00-25:00", "00:00-24:00"])
def test_what_is_no_pair_of_times_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as|as in|whole day"):
        read_hours(text)
