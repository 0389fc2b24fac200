"""Sending slots: none is given twice, none lies closer to the next than the rate allows."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.servers import wait_until

Connection = psycopg.Connection[Any]

#: Milliseconds of work that a claim takes ahead.
AHEAD_MS = 400


class Database:
    """A worker's calls on one connection, a running campaign on each row of `whatsapp_numbers`."""

    def __init__(self, url: str, phone_numbers: list[tuple[str | None, int]]) -> None:
        self.url = url
        self.sql: Connection = psycopg.connect(url, autocommit=True)
        self.workers = [uuid4(), uuid4()]
        self.numbers = []
        for phone_number_id, rate in phone_numbers:
            number, campaign = uuid4(), uuid4()
            self.numbers.append(number)
            self.sql.execute(
                "insert into whatsapp_numbers (id, number, phone_number_id, max_send_rate_per_sec)"
                " values (%s, %s, %s, %s)",
                (number, number.hex[:14], phone_number_id, rate),
            )
            self.sql.execute(
                "insert into campaigns (id, name, whatsapp_number_id, total_contacts, status)"
                " values (%s, 'c', %s, 1000, 'running')",
                (campaign, number),
            )
            self.sql.execute(
                "insert into wacampaign_lanes (campaign_id, whatsapp_number_id, template_name,"
                " run_accepted) values (%s, %s, 'hello', 100)",
                (campaign, number),
            )
            self.sql.execute(
                "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone,"
                " payload) select %s, %s, 'hello', g, '{}' from generate_series(1, 1000) g",
                (campaign, number),
            )
        for worker in self.workers:
            self.sql.execute("select wacampaign_register(%s, 'h', 1, '0')", (worker,))

    def claim(self, worker: int, limit: int, ahead_ms: int = AHEAD_MS) -> dict[str, Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(
                "select wacampaign_claim(p_worker_id => %s, p_claim_id => %s, p_limit => %s,"
                " p_ahead_ms => %s)",
                (self.workers[worker], uuid4(), limit, ahead_ms),
            ).fetchone()
        assert row is not None
        answer: dict[str, Any] = row[0]
        return answer

    def gaps(self, *numbers: object) -> list[int]:
        """Microseconds between neighbouring slots of these numbers, all claims together."""
        rows = self.sql.execute(
            "select (extract(epoch from lease_until) * 1000000)::bigint from send_queue"
            " where lease_until is not null and whatsapp_number_id = any (%s) order by 1",
            (list(numbers),),
        ).fetchall()
        slots = [slot for (slot,) in rows]
        return [b - a for a, b in pairwise(slots)]

    def waiting_for_locks(self) -> int:
        row = self.sql.execute(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
            " and datname = current_database()"
        ).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def opened(database: str) -> Iterator[Callable[..., Database]]:
    made: list[Database] = []

    def make(*phone_numbers: tuple[str | None, int]) -> Database:
        made.append(Database(database, list(phone_numbers)))
        return made[-1]

    yield make
    for one in made:
        one.sql.close()


def hold_a_counter(url: str) -> Connection:
    """The backend's own transaction: it changed a row, so it holds the row's counters."""
    backend = psycopg.connect(url)
    backend.execute(
        "update send_queue set status = 'failed', error_message = 'stopped' where id ="
        " (select id from send_queue where status = 'ready'"
        " order by created_at desc, id desc limit 1)"
    )
    return backend


def test_slots_that_pass_while_a_claim_waits_are_not_sent_at_once(
    opened: Callable[..., Database],
) -> None:
    database = opened(("1001", 50))
    backend = hold_a_counter(database.url)
    answers: list[dict[str, Any]] = []
    claiming = threading.Thread(target=lambda: answers.append(database.claim(0, 100)))
    claiming.start()
    wait_until(database.waiting_for_locks, what="the claim waits")
    (began,) = database.sql.execute("select clock_timestamp()").fetchone() or (None,)
    # All slots of the claim pass.
    wait_until(
        lambda: (
            database.sql.execute(
                "select clock_timestamp() > %s + interval '1 second'", (began,)
            ).fetchone()
            == (True,)
        )
    )
    backend.rollback()
    backend.close()
    claiming.join()
    (answer,) = answers
    later = database.claim(1, 100, ahead_ms=2000)
    assert answer["rows"]
    assert later["rows"]
    assert min(database.gaps(*database.numbers)) >= 20_000
    # None of them had passed when the claim could go on.
    first = database.sql.execute(
        "select min(lease_until) - interval '120 s' >= %s + interval '1 second' from send_queue",
        (began,),
    ).fetchone()
    assert first == (True,)


def test_a_claim_tells_the_clock_its_slots_count_from(opened: Callable[..., Database]) -> None:
    database = opened(("1001", 300))
    answer = database.claim(0, 50)
    slots = [row["slot_ms"] for row in answer["rows"]]
    stored = database.sql.execute(
        "select extract(epoch from min(lease_until) - interval '120 s')::float from send_queue"
    ).fetchone()
    assert stored is not None
    assert abs(answer["at"] + min(slots) / 1000 - stored[0]) < 0.001
    assert slots == sorted(slots)
    # 1/300 of a second is no whole number of milliseconds.
    assert all(3.333 < b - a < 3.335 for a, b in pairwise(slots))
    assert answer["rates"] == {str(database.numbers[0]): 300}


def test_a_repeated_claim_has_slots_that_have_passed(opened: Callable[..., Database]) -> None:
    database = opened(("1001", 100))
    claim = uuid4()
    call = "select wacampaign_claim(p_worker_id => %s, p_claim_id => %s, p_limit => 5)"
    database.sql.execute(call, (database.workers[0], claim))
    wait_until(
        lambda: (
            database.sql.execute(
                "select max(lease_until) - interval '120 s' < clock_timestamp() from send_queue"
            ).fetchone()
            == (True,)
        )
    )
    (again,) = database.sql.execute(call, (database.workers[0], claim)).fetchone() or ({},)
    assert again["repeated"]
    assert len(again["rows"]) == 5
    assert max(row["slot_ms"] for row in again["rows"]) < 0
    assert again["rates"] == {str(database.numbers[0]): 100}


PHASES = (Phase.explicit, Phase.generate)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["claim", "claim", "claim", "claim", "wait", "throttle", "come back", "late"]
        ),
        st.integers(0, 1),
        st.integers(1, 60),
    ),
    min_size=3,
    max_size=12,
)


@settings(
    max_examples=25, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS)
def test_no_slot_twice_whatever_waits_in_between(
    opened: Callable[..., Database], steps: list[tuple[str, int, int]]
) -> None:
    database = opened((str(uuid4().int)[:15], 80))
    (number,) = database.numbers
    backend: Connection | None = None
    waiting: list[threading.Thread] = []

    def let_go() -> None:
        nonlocal backend
        if backend is not None:
            backend.rollback()
            backend.close()
            backend = None
        for thread in waiting:
            thread.join()
        waiting.clear()

    for what, worker, limit in steps:
        if what == "wait" and backend is None:
            backend = hold_a_counter(database.url)
        elif what == "claim" and backend is not None:
            thread = threading.Thread(target=database.claim, args=(worker, limit))
            thread.start()
            waiting.append(thread)
        elif what == "claim":
            database.claim(worker, limit)
        elif what in ("throttle", "come back"):
            let_go()
            changes = (
                "update wacampaign_buckets set rate_changed_at = now() - interval '2 s'",
                "select wacampaign_slow_numbers(array[%s]::uuid[])",
            )
            if what == "come back":
                changes = (
                    "update wacampaign_buckets set rate_changed_at = now() - interval '11 s'",
                )
            for change in changes:
                database.sql.execute(change, (number,) if "%s" in change else None)
        else:
            let_go()
    let_go()
    database.claim(0, 60)
    # At 80 a second slots are 12.5 ms apart; at any lower rate, more.
    assert all(gap >= 12_500 for gap in database.gaps(number))
    database.sql.execute("update campaigns set status = 'paused'")


def test_one_phone_number_in_two_rows_has_one_rate(opened: Callable[..., Database]) -> None:
    """Pasted with white space, and with another rate: the lower one holds for both."""
    database = opened(("100 1", 80), ("\u00a01001\n", 50), ("1002", 80))
    # The second finds only the slots that came free since the first: of all numbers, or of some.
    answer, later = (database.claim(worker, 500) for worker in (0, 1))
    one, other, third = database.numbers
    assert min(database.gaps(one, other)) >= 20_000
    assert {row["number"] for row in answer["rows"]} == {str(one), str(other), str(third)}
    assert answer["rates"] == {str(one): 50, str(other): 50, str(third): 80}
    assert later["rates"].items() <= answer["rates"].items()
    assert min(database.gaps(third)) >= 12_500
    taken = database.sql.execute(
        "select count(distinct whatsapp_number_id) from send_queue where status = 'processing'"
    ).fetchone()
    assert taken == (3,)
    # A row that is switched off keeps its own campaigns back, and says nothing of the rate.
    database.sql.execute("update whatsapp_numbers set is_active = false where id = %s", (other,))
    database.sql.execute("update wacampaign_buckets set next_slot_at = now()")
    answer = database.claim(0, 500)
    assert {row["number"] for row in answer["rows"]} == {str(one), str(third)}
    assert answer["rates"] == {str(one): 80, str(third): 80}


def test_throttling_and_holds_concern_both_rows_of_a_phone_number(
    opened: Callable[..., Database],
) -> None:
    database = opened(("1001", 100), ("1001 ", 100), ("1002", 100))
    one, other, third = database.numbers
    database.sql.execute("select wacampaign_slow_numbers(array[%s]::uuid[])", (one,))
    shown = dict(
        database.sql.execute("select id, last_stable_rate_per_sec from whatsapp_numbers").fetchall()
    )
    assert (shown[one], shown[other]) == (70, 70)
    assert shown[third] != 70
    listed = database.sql.execute("select wacampaign_numbers()").fetchone()
    assert listed is not None
    assert {n["id"]: n["rate"] for n in listed[0]} == {
        str(one): 70,
        str(other): 70,
        str(third): 100,
    }
    for scope in ("number", "account", "token"):
        database.sql.execute("delete from wacampaign_holds")
        database.sql.execute(
            "update whatsapp_numbers set access_token = id::text, waba_id = id::text"
        )
        database.sql.execute(
            "select wacampaign_hold(%s, null, %s, null, 131031, 'x', 60, null)", (scope, one)
        )
        held = database.sql.execute("select whatsapp_number_id from wacampaign_holds").fetchall()
        assert {number for (number,) in held} == {one, other}


@pytest.mark.parametrize(
    "when",
    ["infinity", "294276-12-31 00:00+00", "2099-01-01", "0001-01-01", "-infinity", "4713-01-01 BC"],
)
def test_a_retry_at_any_time_stops_no_worker(opened: Callable[..., Database], when: str) -> None:
    """22003 in the claim, and what else there is of dates that another program may write."""
    database = opened(("1001", 100))
    sql = database.sql
    sql.execute(f"update send_queue set next_retry_at = '{when}', created_at = '{when}'".encode())
    answer = database.claim(0, 10)
    waits = not when.startswith(("0", "-", "4"))
    assert bool(answer["rows"]) != waits
    if waits:
        assert answer["next_ms"] is None or 0 < answer["next_ms"] < 2**31
    sql.execute("update send_queue set lease_until = 'infinity' where status = 'processing'")
    (campaign,) = sql.execute("select id from campaigns").fetchone() or (None,)
    for call in (
        "select wacampaign_complete(%s, 'test')",
        "select wacampaign_stats(array[%s]::uuid[])",
        "select wacampaign_stuck(array[%s]::uuid[])",
    ):
        (found,) = sql.execute(call, (campaign,)).fetchone() or (None,)
        assert "infinity" not in json.dumps(found)
        assert "+29" not in json.dumps(found)


def test_a_huge_number_of_retries_fails_no_batch(opened: Callable[..., Database]) -> None:
    database = opened(("1001", 100))
    claim = uuid4()
    (answer,) = database.sql.execute(
        "select wacampaign_claim(p_worker_id => %s, p_claim_id => %s, p_limit => 1)",
        (database.workers[0], claim),
    ).fetchone() or ({},)
    (row,) = answer["rows"]
    database.sql.execute("update send_queue set retry_count = 2000 where id = %s", (row["id"],))
    (settled,) = database.sql.execute(
        "select wacampaign_settle(%(worker)s, array[%(id)s]::uuid[], array[%(claim)s]::uuid[],"
        " '{retry}', '{null}', '{131000}', '{x}', '{2000}', '{5000}', '{0}', '{null}', '{0}',"
        " '{0}', '{null}', '{null}')",
        {"worker": database.workers[0], "id": row["id"], "claim": claim},
    ).fetchone() or ({},)
    assert settled["settled"] == 1
