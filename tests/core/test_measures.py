"""What a worker measures: times in classes, what binds each number, the report of a while."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.engine.binding import Binds
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.latency import Latency
from wacampaign.core.engine.measures import Measures, Report
from wacampaign.core.engine.pace_look import PaceLook
from wacampaign.core.engine.ports import ClaimedRow
from wacampaign.core.engine.waiting import Waiting
from wacampaign.core.outcomes import Outcome, Verdict

SENT = Verdict(Outcome.SENT, wamid="wamid.1")


def row(n: int, due: float, number: str = "n1") -> ClaimedRow:
    return ClaimedRow(str(n), "claim", "campaign", number, "t", "15550100001", {}, due)


@given(st.lists(st.floats(0.001, 50), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_percentile_is_at_most_a_quarter_too_high(durations: list[float], share: float) -> None:
    latency = Latency()
    for seconds in durations:
        latency.note(seconds)
    found = latency.percentile(share)
    exact = sorted(durations)[max(0, -int(-share * len(durations) // 1) - 1)]
    assert found is not None
    assert 0.99 * exact <= found <= 1.26 * exact
    assert latency.count == len(durations)


def test_what_is_older_than_two_turns_is_forgotten() -> None:
    latency = Latency()
    latency.note(5.0)
    latency.turn()
    assert latency.percentile(0.5) == pytest.approx(5, rel=0.25)
    latency.turn()
    assert latency.percentile(0.5) is None
    latency.note(0.1)
    assert latency.percentile(0.95) == pytest.approx(0.1, rel=0.25)
    assert latency.count == 2


def test_a_report_is_of_the_time_since_the_last_one() -> None:
    measures = Measures()
    report = Report(measures)
    measures.answered(SENT, 0.3, 10.0)
    measures.answered(Verdict(Outcome.FAILED, code=131026), 0.3, 10.0)
    measures.answered(Verdict(Outcome.IN_DOUBT), 30.0, 40.0)
    measures.called(0.02, True)
    measures.called(9.0, False)
    first = report.facts(in_flight=2, away_since=None, memory_bytes=2**20)
    assert first["done_per_second"] > first["accepted_per_second"] > 0
    assert first["answers_p95_ms"] < 500, "no answer came to the third"
    assert first["database_p50_ms"] < 30
    assert first["last_code"] == 131026
    assert first["memory_mb"] == 1.0
    assert measures.database_failures == 1
    second = report.facts(in_flight=0, away_since=None, memory_bytes=None)
    assert second["done_per_second"] == 0.0


class Looked:
    """A worker's stages, looked at."""

    def __init__(self) -> None:
        self.waiting, self.in_flight = Waiting(), InFlight(4)
        self._look = PaceLook(self.waiting, self.in_flight)

    def binds(
        self, now: float, *, asking: bool = False, backed_up: bool = False
    ) -> dict[str, Binds]:
        self._look.look(now, asking=asking, backed_up=backed_up)
        return self.in_flight.measures.waits.take()


def test_slots_to_come_are_the_rate() -> None:
    looked = Looked()
    looked.waiting.put([row(1, 100.1), row(2, 100.0, "n2")])
    assert looked.binds(99.0) == {"n1": Binds.RATE, "n2": Binds.RATE}


def test_a_slot_that_has_come_waits_for_answers() -> None:
    looked = Looked()
    looked.waiting.put([row(1, 100.0)])
    assert looked.binds(101.0) == {"n1": Binds.ANSWERS}


def test_a_message_that_is_about_to_go_waited_for_its_time() -> None:
    looked = Looked()
    looked.waiting.put([row(1, 100.0)])
    assert looked.binds(100.9) == {"n1": Binds.RATE}
    for n in range(2, 6):
        looked.in_flight.departs(row(n, 0.0), 100.0)
    assert looked.binds(100.05) == {"n1": Binds.ANSWERS}


def test_a_full_wire_waits_for_answers() -> None:
    looked = Looked()
    for n in range(4):
        looked.in_flight.departs(row(n, 0.0), 100.0)
    assert looked.binds(100.5, asking=True) == {"n1": Binds.ANSWERS}


def test_a_claim_under_way_and_outcomes_that_wait_are_the_database() -> None:
    looked = Looked()
    one = row(1, 100.0)
    looked.in_flight.departs(one, 100.0)
    assert looked.binds(100.5, asking=True) == {"n1": Binds.DATABASE}
    assert looked.binds(100.5) == {"n1": Binds.NOTHING}
    looked.in_flight.arrives(one, SENT)
    assert looked.binds(105.0, asking=True) == {"n1": Binds.DATABASE}, "seen a moment ago"
    assert looked.binds(200.0, asking=True) == {}
    looked.waiting.put([row(2, 300.0)])
    assert looked.binds(299.0, backed_up=True) == {"n1": Binds.DATABASE}


def test_an_api_that_is_away_is_the_api() -> None:
    looked = Looked()
    looked.waiting.put([row(1, 100.0)])
    assert looked.in_flight.unreachable(100.0, 99.0)
    assert looked.binds(101.0) == {"n1": Binds.API_AWAY}
    assert looked.in_flight.down_since == 100.0
    looked.in_flight.reached(102.0)
    assert looked.in_flight.down_since is None
