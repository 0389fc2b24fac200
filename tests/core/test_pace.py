"""The pace and the end of a campaign, from its first second on, after a pause and an outage."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.campaigns import campaign_at
from wacampaign.core.campaign.forecast import alternatives
from wacampaign.core.campaign.pace import BARS, GAP_SECONDS, SETTLED_SECONDS, read_pace
from wacampaign.core.campaign.state import Campaign


def paced(recent: list[list[int]], bars: list[list[int]] | None = None) -> dict[str, Any]:
    return {"recent": recent, "bars": bars or []}


def running(recent: list[list[int]], run_seconds: float, *, ready: int = 20_000) -> Campaign:
    counts = dict.fromkeys(
        ("pending", "ready", "retry_later", "processing", "in_doubt", "sent", "failed"), 0
    )
    number = {"display_name": None, "rate": 80, "configured_rate": 80}
    return campaign_at(
        counts=counts | {"ready": ready}, pace=paced(recent), run_seconds=run_seconds, number=number
    )


def test_a_steady_minute_is_its_rate() -> None:
    pace = read_pace(paced([[ago, 80, 79] for ago in range(60)]), 3600)
    assert pace.now == pytest.approx(80)
    assert pace.minute == pytest.approx(80, rel=0.02)
    assert pace.accepted == pytest.approx(79, rel=0.02)


def test_what_fails_is_done_too() -> None:
    campaign = running([[ago, 80, 0] for ago in range(60)], 3600)
    assert campaign.rate_per_second == pytest.approx(80, rel=0.02)
    assert campaign.eta_seconds == pytest.approx(250, rel=0.02)


@pytest.mark.parametrize(
    "recent",
    [
        [[0, 1, 1]],
        [[1, 1, 1]],
        [[0, 4, 4], [2, 1, 1]],
        [[2, 4, 4], [4, 1, 1]],
        [[0, 40, 40], [1, 80, 80], [3, 4, 4], [5, 1, 1]],
    ],
)
def test_the_ramps_few_messages_do_not_make_hours_of_four_minutes(recent: list[list[int]]) -> None:
    eta = running(recent, recent[-1][0] + 0.5).eta_seconds
    assert eta is not None
    assert 240 < eta < 420


def test_a_young_stretch_goes_over_into_its_own_pace() -> None:
    """Meta's answers allow 20 a second of 80: after a quarter of a minute that is what counts."""
    seconds = SETTLED_SECONDS + 1
    campaign = running([[ago, 20, 20] for ago in range(seconds)], seconds)
    assert campaign.eta_seconds == pytest.approx(1000, rel=0.05)


@pytest.mark.parametrize("seconds", [16, 22, 30, 45, 59, 74])
def test_the_ramp_of_a_stretch_is_no_pace_of_the_rest(seconds: int) -> None:
    """Eight seconds of the ramp, then 80 a second: the end is told by the 80."""
    recent = [[ago, 80 if ago < seconds - 8 else 2, 2] for ago in range(min(seconds, 60))]
    campaign = running(recent, seconds)
    assert campaign.eta_seconds == pytest.approx(250, rel=0.01)


def test_rows_that_come_one_by_one_have_an_end_all_the_same() -> None:
    campaign = running([[0, 1, 1], [9, 1, 1], [18, 1, 1]], 19, ready=10)
    assert campaign.eta_seconds == pytest.approx(60, rel=0.2)
    campaign = running([[0, 3, 3], [10, 1, 1]], 15.5, ready=10)
    assert campaign.eta_seconds is not None


def test_meta_lowers_the_rate_and_the_end_is_told_by_it() -> None:
    number = {"display_name": None, "rate": 20, "configured_rate": 80, "throughput": 1000}
    counts = dict.fromkeys(
        ("pending", "ready", "retry_later", "processing", "in_doubt", "sent", "failed"), 0
    )
    campaign = campaign_at(
        counts=counts | {"ready": 20_000},
        pace=paced([[ago, 80, 80] for ago in range(60)]),
        run_seconds=300,
        number=number,
    )
    assert campaign.eta_seconds == 1000
    # 1,000 a second is no way out while Meta takes less than 80.
    assert alternatives(campaign) == []


def test_after_a_pause_only_the_new_run_counts() -> None:
    recent = [[ago, 80, 80] for ago in range(5)] + [[ago, 10, 10] for ago in range(5, 60)]
    campaign = running(recent, 4.5)
    assert campaign.rate_per_second == pytest.approx(80, rel=0.2)


def test_a_second_that_began_before_the_run_did_is_part_of_it() -> None:
    assert not read_pace(paced([[1, 23, 23]]), 0.4).stands
    assert read_pace(paced([[2, 23, 23]]), 0.4).stands


def test_after_an_outage_only_what_came_since_counts() -> None:
    back = [[ago, 80, 80] for ago in range(6)]
    before = [[ago, 80, 80] for ago in range(6 + GAP_SECONDS, 40)]
    campaign = running(back + before, 3600)
    assert campaign.rate_per_second == pytest.approx(80, rel=0.15)


def test_in_an_outage_there_is_no_rate_and_no_end() -> None:
    campaign = running([[ago, 80, 80] for ago in range(GAP_SECONDS + 1, 60)], 3600)
    assert campaign.rate_per_second == 0
    assert campaign.eta_seconds is None


def test_what_does_not_run_has_no_rate() -> None:
    campaign = campaign_at(
        status="paused", pace=paced([[ago, 175, 175] for ago in range(60)]), run_seconds=None
    )
    assert campaign.rate_per_second == 0
    assert campaign.eta_seconds is None


def test_two_campaigns_on_one_number_share_its_rate() -> None:
    number = {"display_name": None, "rate": 80, "sharing": 2}
    counts = dict.fromkeys(
        ("pending", "ready", "retry_later", "processing", "in_doubt", "sent", "failed"), 0
    )
    campaign = campaign_at(
        counts=counts | {"ready": 400}, pace=paced([[0, 1, 1]]), run_seconds=0.5, number=number
    )
    assert campaign.eta_seconds == pytest.approx(10, rel=0.15)


@pytest.mark.parametrize(
    ("run_seconds", "slowest"), [(3600.0, 10), (300.0, 10), (170.0, 80), (80.0, 80)]
)
def test_the_range_of_the_end_is_of_this_run(run_seconds: float, slowest: int) -> None:
    """Ten a second until it was paused, for as long as 170 s ago; 80 a second since."""
    bars = [[ago, 80 * 15] for ago in range(11)] + [[ago, 10 * 15] for ago in range(11, 40)]
    pace = read_pace(paced([[ago, 80, 80] for ago in range(60)], bars), run_seconds)
    assert pace.extremes == (slowest, 80)


def test_a_run_of_less_than_a_whole_minute_has_no_range() -> None:
    bars = [[ago, 80 * 15] for ago in range(40)]
    assert read_pace(paced([[0, 80, 80]], bars), 70.0).extremes is None


@pytest.mark.parametrize(
    ("bars", "highest"),
    [
        # The bar that has not ended, and the one in which it began: neither is a whole one.
        ([[0, 600], [1, 150]], None),
        ([[0, 600], [1, 1200], [2, 150]], 80),
        # It stood in between: where it stopped and began again is a part of a bar.
        ([[0, 600], [1, 300], [3, 300], [4, 900], [5, 150]], 60),
        ([[0, 0], [1, 1200], [2, 150]], 80),
        ([[0, 600]], None),
        ([], None),
    ],
)
def test_the_highest_is_of_a_whole_quarter_minute(
    bars: list[list[int]], highest: float | None
) -> None:
    recent = [[1, 80, 80]]
    assert read_pace(paced(recent, bars), 45.0).highest == highest


def test_what_has_ended_was_never_as_slow_as_its_last_part_of_a_bar() -> None:
    assert read_pace(paced([], [[1, 300], [2, 150]]), None).highest is None
    assert read_pace(paced([], [[2, 300], [3, 1200], [4, 150]]), None).highest == 80


seconds_of_a_minute = st.lists(
    st.tuples(st.integers(0, 59), st.integers(0, 500), st.integers(0, 500)), max_size=60
).map(lambda found: sorted({ago: [ago, n, min(n, sent)] for ago, n, sent in found}.values()))


@given(seconds_of_a_minute, st.one_of(st.none(), st.floats(0, 1e7)))
def test_no_rate_is_more_than_what_was_done(
    recent: list[list[int]], run_seconds: float | None
) -> None:
    bars = [[i, 15] for i in range(0, BARS, 7)]
    pace = read_pace(paced(recent, bars), run_seconds)
    done = sum(n for _, n, _ in recent)
    assert len(pace.bars) == BARS
    assert 0 <= pace.accepted <= pace.minute <= done
    assert 0 <= pace.now <= done
    assert pace.stands == (pace.minute == 0)
    assert pace.expected(80) >= 0
