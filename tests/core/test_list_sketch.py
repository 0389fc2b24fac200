"""A list is told again by its recipients, whatever their order and number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.list_sketch import MARKS, sketch
from wacampaign.core.phone_set import PhoneSet

PHONES = st.sets(st.integers(10**9, 10**15 - 1), max_size=600)


def share(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """As `wacampaign_repeated_by` counts it."""
    both = sorted(set(one) | set(other))
    if len(one) == MARKS or len(other) == MARKS:
        both = both[:MARKS]
    return sum(mark in one and mark in other for mark in both) / max(1, len(both))


@given(PHONES, st.randoms())
def test_order_and_repeats_are_of_no_importance(phones: set[int], random: object) -> None:
    shuffled = sorted(phones, key=lambda _: random.random())  # type: ignore[attr-defined]
    listed = PhoneSet()
    for line, phone in enumerate(shuffled + shuffled[:9], start=1):
        listed.add(str(phone), line)
    assert sketch(listed) == sketch(phones)
    assert list(sketch(phones)) == sorted(sketch(phones))


@given(PHONES, PHONES)
def test_the_share_of_short_lists_is_exact(one: set[int], other: set[int]) -> None:
    one, other = set(list(one)[:MARKS]), set(list(other)[:MARKS])
    both = one | other
    if len(one) < MARKS and len(other) < MARKS:
        expected = len(one & other) / max(1, len(both))
        assert abs(share(sketch(one), sketch(other)) - expected) < 1e-9


def test_neighbouring_numbers_are_no_likeness() -> None:
    """Lists of one series: a half in both."""
    first, second = range(919000000000, 919000100000), range(919000050000, 919000150000)
    assert abs(share(sketch(first), sketch(second)) - 1 / 3) < 0.1
    assert share(sketch(first), sketch(first)) == 1
    more = [*first, *range(919000200000, 919000202000)]
    assert share(sketch(first), sketch(more)) > 0.9
