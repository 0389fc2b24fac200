"""Every code of Meta's reference has an entry, and the entries obey the rules of the queue."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.errors import ErrorEntry, Handling, explain, lookup
from wacampaign.core.errors.table import error_table
from wacampaign.core.outcomes import Outcome, Scope

ERRORS = error_table().entries
THROTTLING = [4, 80007, 130429, 131048, 131056, 131057, 131064, 133016, 613]
TRANSIENT = [1, 2, 131000, 131016, 133004, 429]
RECIPIENT = [
    *(131026, 131047, 131049, 131050, 130472, 130403, 131021, 131030, 131062),
    *(137000, 131051, 131052, 131060, 130497),
]
PAYLOAD = [
    *(100, 131008, 131009, 131053, 132000, 132001, 132005, 132007, 132008, 132012, 132015),
    *(132016, 132018, 132068, 132069, 131061, 131063, 131055, 134100, 134101, 134102, 134103),
    135000,
]
SENDER = [
    *(33, 131037, 131045, 133010, 133006, 131058, 131042, 131044, 131031, 368, 134011, 131005),
    *(0, 190, 3, 10, 102, 104, 803, *range(200, 300)),
]
NOT_SENDING = [
    *(133000, 133005, 133008, 133009, 133015),
    *(2388001, 2388012, 2388091, 2388093, 2388103, 2494100, 2388019, 2388039, 2388040, 2388047),
    *(
        2388072,
        2388073,
        2388293,
        2388299,
        2388005,
        2388023,
        2388024,
        2388043,
        200005,
        200006,
        200007,
    ),
    *(1752041, 2593079, 2593085, 2593107, 2593108, 131020, 131041, 131059),
    *range(131201, 131216),
    *range(138000, 138027),
    *range(139000, 139007),
    *range(139100, 139104),
    *range(147001, 147006),
    *range(2494164, 2494180),
]
LEGACY = [1026, 470, 471, 1013, 131014]
HEALTH = [141002, 141006, 141010, 141014]
ALL = [*THROTTLING, *TRANSIENT, *RECIPIENT, *PAYLOAD, *SENDER, *NOT_SENDING, *LEGACY, *HEALTH]

WAITS = {Handling.SLOW_NUMBER, Handling.SLOW_PAIR}
PAUSES = {Handling.PAUSE_TEMPLATE, Handling.PAUSE_NUMBER, Handling.PAUSE_ACCOUNT}
#: What the hand-written steps may name.
COMMANDS = {
    *("templates", "number", "failures", "retry-failed", "resume", "cancel"),
    *("investigate-135000", "fix-media", "doctor"),
}


def test_the_table_has_exactly_the_known_codes() -> None:
    assert len(ALL) == len(set(ALL))
    assert set(ERRORS) == set(ALL)


@pytest.mark.parametrize("code", ALL)
def test_each_entry_is_sound(code: int) -> None:
    entry = ERRORS[code]
    assert entry.code == code
    assert entry.title and len(entry.title) <= 60
    assert entry.next_step and not entry.next_step.endswith(".")
    assert entry.worker_action and "{" not in entry.worker_action
    named = re.findall(r"wacampaign ([a-z0-9-]+)", entry.next_step)
    assert set(named) <= COMMANDS
    own = re.search(r"--code (\d+)", entry.next_step)
    assert own is None or code in (int(own[1]), 131014)
    # A row that is not failed must be kept from coming back at once, by a hold or by waiting.
    if not entry.burns_row:
        assert entry.wait_ms >= 1_000
        assert entry.handling in WAITS or entry.hold_after == 1
    assert (entry.max_retries > 0) is (entry.handling is Handling.RETRY)
    assert entry.hold_scope not in (Scope.RECIPIENT, Scope.PAIR)
    assert entry.hold_seconds is None or entry.hold_after is not None


def test_pauses_hold_at_the_first_answer_and_counts_at_the_fifth() -> None:
    for entry in ERRORS.values():
        if entry.handling in PAUSES:
            assert entry.hold_after == 1
        elif entry.handling is Handling.COUNT_PAUSE and entry.code != 135000:
            assert (entry.hold_after, entry.hold_cumulative) == (5, False)


def test_135000_is_never_retried_and_held_after_three_in_all() -> None:
    entry = ERRORS[135000]
    assert (entry.outcome, entry.scope) == (Outcome.FAILED, Scope.TEMPLATE)
    assert (entry.hold_after, entry.hold_cumulative, entry.hold_seconds) == (3, True, None)
    assert entry.retryable
    assert "wacampaign investigate-135000 CAMPAIGN" in entry.next_step


@pytest.mark.parametrize(
    ("code", "seconds"), [(131057, 60), (134101, 600), (131048, None), (132015, None)]
)
def test_length_of_holds(code: int, seconds: int | None) -> None:
    assert ERRORS[code].hold_seconds == seconds


@pytest.mark.parametrize("code", [*SENDER, 131048, 131057, 131064, 132001, 132015, 134101])
def test_faults_that_say_nothing_about_the_row_keep_it(code: int) -> None:
    assert ERRORS[code].outcome is Outcome.WAIT


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((code, True) for code in (135000, 131053, 131000, 190, 131031, 131030, 132000)),
        *((code, False) for code in (131026, 131049, 131050, 130472, 132018, 132016)),
    ],
)
def test_what_a_person_may_try_again(code: int, expected: bool) -> None:
    assert ERRORS[code].retryable is expected


@pytest.mark.parametrize(
    ("code", "status"), [(3, 500), (131045, 500), (134102, 500), (132001, 404)]
)
def test_misleading_statuses_are_documented_and_final(code: int, status: int) -> None:
    assert ERRORS[code].http_status == status
    assert ERRORS[code].outcome is not Outcome.RETRY


def test_old_codes_are_their_successors() -> None:
    for old, new in {470: 131047, 471: 131048, 1013: 131026, 1026: 131026, 131014: 131053}.items():
        assert ERRORS[old] == replace(ERRORS[new], code=old)


def test_refusals_without_a_known_code_go_by_status() -> None:
    assert lookup(999999, 429).handling is Handling.SLOW_NUMBER
    assert lookup(999999, 400).handling is Handling.COUNT_PAUSE
    assert lookup(131026, 500) is ERRORS[131026]


@pytest.mark.parametrize("status", [404, 429, 500])
def test_a_row_that_failed_without_a_code_may_have_been_sent(status: int) -> None:
    assert not lookup(None, status).retryable


@given(st.none() | st.integers(), st.integers())
def test_lookup_never_fails(code: int | None, status: int) -> None:
    entry = lookup(code, status)
    assert isinstance(entry, ErrorEntry)
    assert entry.code == (-1 if code is None else code)


def test_explain_names_the_campaign() -> None:
    line = explain(135000, "3d824b99")
    assert line.startswith("135000 Generic user error: ")
    assert "wacampaign investigate-135000 3d824b99" in line
    assert explain(999999).startswith("999999 Unknown error: ")


def test_a_medium_is_put_right_for_the_rows_that_wait_too() -> None:
    """`fix-media --code` takes failed rows only: of those that fail afterwards there are none."""
    for entry in ERRORS.values():
        assert not re.search(r"fix-media \S+ [^;:]*--code", entry.next_step), entry.code
