"""Slots and tolerance: however late rows are within it, no second is too full."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.engine.number_pace import NumberPaces, most_in_a_second, tolerance_seconds


def fullest(times: list[float]) -> int:
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


@given(rate=st.integers(1, 1000), seed=st.integers(0, 1000))
def test_rows_within_their_tolerance_fill_no_second(rate: int, seed: int) -> None:
    """Any number of workers: each row leaves by itself, at any moment that its slot allows."""
    dice = random.Random(seed)
    late = tolerance_seconds(rate)
    slots = [i / rate for i in range(3 * rate)]
    times = sorted(slot + late * dice.choice((0.0, 1.0, dice.random())) for slot in slots)
    assert fullest(times) <= most_in_a_second(rate)
    if rate >= 20:
        assert most_in_a_second(rate) <= rate * 1.05


def test_eighty_a_second() -> None:
    assert most_in_a_second(80) == 84
    # What is left of 5 % is for the way.
    assert tolerance_seconds(80) == pytest.approx(0.02)
    assert math.floor(80 * (1 + tolerance_seconds(80))) + 1 == 82


def test_a_row_leaves_in_its_slot_or_not_at_all() -> None:
    paces = NumberPaces()
    paces.learn({"n": 80.0}, None)
    assert paces.takes("n", slot=10.0, now=10.0)
    assert paces.takes("n", slot=10.0125, now=10.03)
    assert paces.missed("n", slot=10.025, now=10.06)
    assert not paces.takes("n", slot=10.025, now=10.06)


def test_one_worker_never_passes_the_limit_whatever_the_slots_say() -> None:
    """As after a clock was set: slots that were handed out before lie among those after."""
    paces = NumberPaces()
    paces.learn({"n": 80.0}, None)
    left = [i / 160 for i in range(480) if paces.takes("n", slot=i / 160, now=i / 160)]
    assert fullest(left) == 84


def test_a_lowered_rate_counts_from_its_claim_on() -> None:
    paces = NumberPaces()
    paces.learn({"n": 80.0}, None)
    assert sum(paces.takes("n", i / 80, i / 80) for i in range(80)) == 80
    paces.learn({"n": 40.0}, None)
    assert not paces.takes("n", 1.0, 1.0)
    assert paces.takes("n", 1.6, 1.6)


@pytest.mark.parametrize("rate", [0.5, 1, 5, 10])
def test_slow_numbers_have_time_for_a_connection(rate: float) -> None:
    assert tolerance_seconds(rate) > 0.03
    assert tolerance_seconds(rate) < 1 / rate


def test_a_worker_that_is_alone_catches_up_with_nothing() -> None:
    """Late rows leave at their number's pace, not at once; those of a second ago not at all."""
    paces = NumberPaces()
    paces.learn({"n": 80.0}, 10.0)
    slots = [9.0 + i / 80 for i in range(80)]
    left = []
    for tick in range(600):
        now = 10.005 + tick / 1000
        while slots and paces.missed("n", slots[0], now):
            slots.pop(0)
        while slots and slots[0] <= now and paces.turn("n", now):
            assert paces.takes("n", slots.pop(0), now)
            left.append(now)
    assert 40 <= len(left) <= 0.6 * 80 + 4
    assert fullest(left) <= 84


def test_the_word_that_a_worker_is_alone_grows_old() -> None:
    paces = NumberPaces()
    paces.learn({"n": 80.0}, 10.0)
    assert not paces.missed("n", 10.0, 10.5)
    assert not paces.missed("n", 11.5, 11.9)
    assert paces.missed("n", 11.5, 12.1)
    paces.learn({"n": 80.0}, None)
    assert paces.missed("n", 10.0, 10.1)


def test_two_rows_of_one_phone_number_share_its_pace() -> None:
    paces = NumberPaces()
    paces.learn({"a": 80.0, "b": 80.0}, 10.0)
    paces.share("a", "1234")
    paces.share("b", "1234")
    left = 0
    for tick in range(500):
        now = 10.0 + tick / 1000
        for row in ("a", "b"):
            left += paces.turn(row, now) and paces.takes(row, now - 0.1, now)
    assert left <= 0.5 * 80 + 4
