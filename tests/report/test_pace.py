"""Outcomes over time in a limited number of stretches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wacampaign.core.investigation.model import Pace
from wacampaign.report.pace import stretches

START = datetime(2025, 11, 10, 12, 35, tzinfo=UTC)


def at(seconds: int) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def test_a_short_run_keeps_its_own_width_and_shows_empty_stretches() -> None:
    shown = stretches([Pace(at(0), 60, 5, 1), Pace(at(180), 60, 0, 2, 3)], 120)
    assert [one.begin for one in shown] == [START + timedelta(minutes=n) for n in range(4)]
    assert [one.total for one in shown] == [6, 0, 0, 5]
    assert {one.seconds for one in shown} == {60}


def test_a_long_gap_becomes_one_pause() -> None:
    shown = stretches([Pace(at(0), 60, 5, 0), Pace(at(86_400), 60, 0, 2)], 120)
    assert [one.pause for one in shown] == [False, True, False]
    assert shown[1].begin == START + timedelta(minutes=1)
    assert shown[1].seconds == 86_400 - 60


@pytest.mark.parametrize("pace", [[], [Pace(at(0), 60, 0, 0)], [Pace("yesterday", 60, 1, 1)]])
def test_no_outcomes_are_no_stretches(pace: list[Pace]) -> None:
    assert stretches(pace, 120) == ()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 99), st.integers(0, 9)), max_size=300),
    st.sampled_from((24, 120)),
)
def test_sums_are_kept_in_order_and_within_the_limit(
    outcomes: list[tuple[int, int, int]], most: int
) -> None:
    pace = [Pace(at(when), 60, sent, failed, 1) for when, sent, failed in outcomes]
    shown = stretches(pace, most)
    assert len(shown) <= most
    assert sum(one.sent for one in shown) == sum(one.sent for one in pace)
    assert sum(one.failed for one in shown) == sum(one.failed for one in pace)
    assert sum(one.in_doubt for one in shown) == len(pace)
    for one, after in pairwise(shown):
        assert one.begin + timedelta(seconds=one.seconds) == after.begin
