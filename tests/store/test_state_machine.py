"""Any order of claims, kills, lost answers, repairs, other programs: the invariants hold.

A model of Meta counts what it accepted; the rules are what workers, people and other programs may
do, in the way that each does it (`machine/`). The database is the real one. After the last step a
person looks at `queue-stats` and does what it names, until nothing is left.
"""

from __future__ import annotations

import sys

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from tests.store.machine.invariants import Invariants
from tests.store.machine.world import FOREIGN_KEYS

#: Shrinking a failure takes minutes, as each attempt is a campaign's life; run it by hand.
PHASES = (Phase.explicit, Phase.generate)
#: What Meta did with a message, and what the worker came to know of it.
ANSWERS = ("accepted", "accepted, answer lost", "lost on the way", "refused", "throttled", "again")
MANY_ANSWERS = st.lists(st.sampled_from((*ANSWERS, *ANSWERS, "opaque")), min_size=1, max_size=5)
EVENTS = (
    *("work",) * 6,
    *("go_on",) * 9,
    *("trouble",) * 3,
    *("read_a_journal",) * 2,
    *("statuses_come",) * 4,
    *("time_passes",) * 3,
    *("complete",) * 2,
    *("a_person",) * 3,
    *("repair",) * 3,
    *("another_program",) * 5,
)


class Campaigns(Invariants):
    """One rule, so that what is common is frequent and each run meets everything."""

    @initialize()
    def fill(self) -> None:
        self.fill_anew()

    @rule(data=st.data(), event=st.sampled_from(EVENTS), answers=MANY_ANSWERS)
    def next_event(self, data: st.DataObject, event: str, answers: list[str]) -> None:
        getattr(self, event)(data, answers)
        if event != "another_program":
            self.nobody_else_leaves_orphans()

    def teardown(self) -> None:
        try:
            # Not after a failure: that is what is to be told.
            if sys.exc_info()[0] is None:
                self.find_the_way_out()
                self.seen = self.states()
                self.nothing_is_sent_twice()
                self.what_was_told_is_kept()
        finally:
            self.close()


@pytest.mark.timeout(600)  # as long as a busy machine takes; it asserts nothing about time
def test_any_order_of_events(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as sql:
        for statement in FOREIGN_KEYS:
            sql.execute(statement.encode())
    run_state_machine_as_test(
        lambda: Campaigns(database),
        settings=settings(
            max_examples=30,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )
