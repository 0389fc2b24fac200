"""The order of the ids is the order of the rows, whatever the clock does."""

from __future__ import annotations

from uuid import UUID

from wacampaign.intake.row_ids import RowIds


def test_ids_are_version_7_and_hold_the_time() -> None:
    (one,) = RowIds(lambda: 1_700_000_000_123_456_789).take(1)
    parsed = UUID(one)
    assert str(parsed) == one
    assert (parsed.version, parsed.variant) == (7, "specified in RFC 4122")
    assert parsed.int >> 80 == 1_700_000_000_123


def test_ids_rise_over_batches_and_a_clock_set_back() -> None:
    times = iter([5_000_000_000, 5_000_000_000, 1_000_000_000, 6_000_000_000])
    source = RowIds(lambda: next(times))
    ids = [one for _ in range(4) for one in source.take(3_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 12_000


def test_the_counter_carries_from_one_part_into_the_other() -> None:
    source = RowIds(lambda: 0)
    source._counter = (5 << 30) - 2
    ids = source.take(4)
    assert ids == sorted(ids)
    assert [UUID(one).version for one in ids] == [7] * 4


def test_two_sources_in_the_same_millisecond_differ() -> None:
    def ids() -> set[str]:
        return set(RowIds(lambda: 0).take(10_000))

    assert not ids() & ids()
