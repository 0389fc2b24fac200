"""A late answer makes nobody's slot later: what is known of the database's clock only narrows."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wacampaign.core.engine.database_clock import DRIFT, UNSURE_SECONDS, DatabaseClock

#: The database's clock minus ours, in seconds: epoch seconds against seconds since boot.
APART = 1_795_000_000.0


def ask(
    clock: DatabaseClock, now: float, there: float, back: float, *, work: float = 0.0, apart: float
) -> float:
    """One call at `now` whose request, work and answer take so long. Returns when it was over."""
    began = now + there + apart
    end = now + there + work + back
    clock.learn(sent=now, received=end, began=began, at=began + work)
    return end


def error(clock: DatabaseClock, now: float, apart: float) -> float:
    here = clock.here(now + apart)
    assert here is not None
    return here - now


def test_nothing_is_known_before_the_first_call() -> None:
    assert DatabaseClock().here(APART) is None


def test_a_quick_call_tells_the_offset() -> None:
    clock = DatabaseClock()
    now = ask(clock, 100.0, 0.001, 0.001, apart=APART)
    assert abs(error(clock, now, APART)) < 0.0011


def test_an_answer_that_is_late_moves_nothing() -> None:
    """Its slots have passed; taken by its arrival, they would be those of other workers."""
    clock = DatabaseClock()
    now = ask(clock, 100.0, 0.001, 0.001, apart=APART)
    now = ask(clock, now + 1, 0.001, 1.5, apart=APART)
    assert abs(error(clock, now, APART)) < 0.003


def test_a_call_that_waits_in_the_database_says_as_much_as_a_quick_one() -> None:
    clock = DatabaseClock()
    now = ask(clock, 100.0, 0.001, 0.001, work=2.0, apart=APART)
    assert abs(error(clock, now, APART)) < 0.0011


def test_late_answers_alone_place_no_slot() -> None:
    clock = DatabaseClock()
    now = 100.0
    for _ in range(5):
        now = ask(clock, now, 0.001, 1.5, apart=APART)
        assert clock.here(APART + now) is None
    now = ask(clock, now, 0.001, 0.001, apart=APART)
    assert abs(error(clock, now, APART)) < 0.0011


@pytest.mark.parametrize("step", [-3600.0, -1.0, 0.5, 3600.0])
def test_a_clock_that_was_set_is_believed_at_the_next_call(step: float) -> None:
    clock = DatabaseClock()
    now = ask(clock, 100.0, 0.001, 0.001, apart=APART)
    now = ask(clock, now + 1, 0.001, 0.001, apart=APART + step)
    assert abs(error(clock, now, APART + step)) < 0.0011


def test_a_clock_set_in_the_middle_of_a_call_says_nothing() -> None:
    clock = DatabaseClock()
    now = ask(clock, 100.0, 0.001, 0.001, apart=APART)
    clock.learn(sent=now, received=now + 0.01, began=now + APART, at=now + APART + 5)
    assert abs(error(clock, now, APART)) < 0.0011


delays = st.floats(0.0, 2.0)


@example(calls=[(0.0, 0.0, 0.0, 0.0), (0.84765625, 0.8600494421572014, 0.0, 0.0)], drift=DRIFT)
@given(
    calls=st.lists(st.tuples(delays, delays, delays, st.floats(0.0, 60.0)), min_size=1),
    drift=st.floats(-DRIFT, DRIFT),
)
def test_the_truth_is_always_between_the_bounds(
    calls: list[tuple[float, float, float, float]], drift: float
) -> None:
    """Any delays, in any order, on clocks that drift apart as far as clocks do."""
    clock = DatabaseClock()
    now = 100.0

    def there(moment: float) -> float:
        return moment + APART + drift * moment

    narrowest, heard = float("inf"), now
    for way, work, back, pause in calls:
        sent, began = now, now + way
        at, received = began + work, began + work + back
        clock.learn(sent=sent, received=received, began=there(began), at=there(at))
        # Wrong by no more than half of what it doubts; a float of epoch seconds has 0.24 µs.
        aged = narrowest + 2 * DRIFT * (received - heard)
        narrowest = min(aged, way + back + 2 * DRIFT * (received - sent))
        assert clock.doubt <= narrowest + 1e-5
        heard = received
        if clock.doubt <= UNSURE_SECONDS:
            here = clock.here(there(received))
            assert here is not None
            assert abs(here - received) <= clock.doubt / 2 + 1e-5
        now = received + pause
