"""Messages a second per number, and the pair limit."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from wacampaign.sandbox.client import SandboxControl
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_WABA_ID
from wacampaign.sandbox.limits import PairLimit, rate_exceeded

Send = Callable[..., httpx.Response]


@pytest.mark.parametrize(
    ("before", "mps", "tolerance", "exceeded"),
    [
        (79, 80, 0.0, False),
        (80, 80, 0.0, True),
        (83, 80, 0.05, False),
        (84, 80, 0.05, True),
        (0, 1, 0.0, False),
        (1_000_000, None, 0.0, False),
    ],
)
def test_rate_exceeded(before: int, mps: int | None, tolerance: float, exceeded: bool) -> None:
    assert rate_exceeded(before, mps, tolerance) is exceeded


def test_a_number_beyond_its_rate(send: Send, control: SandboxControl) -> None:
    control.put_number(DEMO_PHONE_NUMBER_ID, mps=1)
    control.put_number("200000000000002", waba_id=DEMO_WABA_ID)
    for n in range(1000):
        answer = send(to=f"+9199999{n:05}")
        if answer.status_code != 200:
            break
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, 130429)
    assert error["message"] == "(#130429) Rate limit hit"
    assert send(number="200000000000002").status_code == 200  # the limit is the number's
    assert control.rates()[DEMO_PHONE_NUMBER_ID]["max_in_any_second"] == 1
    control.put_number(DEMO_PHONE_NUMBER_ID, mps=None)
    assert send(to="+919999999999").status_code == 200


def test_the_default_rate_is_the_throughput_level(control: SandboxControl) -> None:
    def mps(**fields: object) -> object:
        return control.put_number("9", waba_id=DEMO_WABA_ID, **fields)["mps"]

    assert mps() == 80
    assert mps(throughput="HIGH") == 1000
    assert mps(mps=300) == 300
    assert mps(quality_rating="YELLOW") == 300  # other changes leave it alone
    assert mps(throughput="STANDARD") == 80


def test_the_pair_limit_answers_131056(send: Send, control: SandboxControl) -> None:
    control.put_number(DEMO_PHONE_NUMBER_ID, mps=None)
    codes = []
    for _ in range(46):
        answer = send(to="+919999900001")
        codes.append(None if answer.status_code == 200 else answer.json()["error"]["code"])
    # 45 in 6 s; on a machine that needs longer for them, an earlier one is refused.
    assert codes.count(131056) >= 1
    assert codes[0] is None
    assert send(to="+919999900002").status_code == 200
    control.settings(pair_limit=False)
    assert send(to="+919999900001").status_code == 200


def test_a_burst_borrows_from_the_future() -> None:
    pairs = PairLimit()
    for n in range(20):
        now = n * 0.1
        assert not pairs.exceeded("n", "r", now)
        pairs.accept("n", "r", now)
    assert pairs.exceeded("n", "r", 6.0)
    assert pairs.exceeded("n", "r", 119.9)
    assert not pairs.exceeded("n", "r", 120.0)


def test_one_message_in_six_seconds_is_always_fine() -> None:
    pairs = PairLimit()
    for n in range(100):
        assert not pairs.exceeded("n", "r", n * 6.0)
        pairs.accept("n", "r", n * 6.0)


def test_the_burst_ends_at_45() -> None:
    pairs = PairLimit()
    for _ in range(45):
        assert not pairs.exceeded("n", "r", 1.0)
        pairs.accept("n", "r", 1.0)
    assert pairs.exceeded("n", "r", 1.0)
    assert not pairs.exceeded("n", "other", 1.0)
    assert not pairs.exceeded("other", "r", 1.0)
    # A long burst is remembered although thousands of other pairs have come and gone.
    for n in range(5000):
        pairs.accept("n", f"r{n}", 2.0 + n * 0.05)
    assert pairs.exceeded("n", "r", 1.0 + 45 * 6 - 0.1)
    assert not pairs.exceeded("n", "r", 1.0 + 45 * 6)


def test_pairs_are_forgotten() -> None:
    pairs = PairLimit()
    for n in range(10_000):
        for _ in range(1 + n % 2):  # each second one is a burst, free after 12 s
            pairs.accept("n", f"r{n}", n * 0.1)
    assert len(pairs) <= 200
