"""Watchers with and without addresses, and what the backend's notifications are told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import OpenStore, run
from tests.servers import wait_until
from tests.store.test_alerts import STALLED, look, pass_time
from wacampaign.core.alerts.alert import Alert
from wacampaign.core.alerts.causes import Cause
from wacampaign.store.alerts import Alerts
from wacampaign.store.store import Store

Sql = psycopg.Connection[Any]


async def tell(
    store: Store, sql: Sql, *causes: Cause, addressed: bool
) -> list[tuple[str, str, int]]:
    """A look, and all is told; what, which, and how often it was told before."""
    alerts = await look(store, sql, *causes, addressed=addressed)
    for alert in alerts:
        await Alerts(store).told(alert, ["a"] if addressed else [], done=True, problem=None)
    return [(alert.due, alert.key, alert.times_told) for alert in alerts]


def rung(sql: Sql) -> list[str]:
    return [
        title
        for (title,) in sql.execute(
            "select title from notifications order by created_at, title"
        ).fetchall()
    ]


def no_address_since(sql: Sql, interval: str) -> None:
    sql.execute(
        "update wacampaign_watch set addressed_at = addressed_at - %s::interval", (interval,)
    )


def test_one_without_addresses_leaves_the_turn_to_those_that_have_some(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        alerts = Alerts(store)
        assert await alerts.turn(uuid4(), "bare", addressed=False) is not None, "it is alone"
        # It is another's turn, and it has been here.
        assert await alerts.turn(uuid4(), "worker") is None
        for _ in range(3):
            pass_time(sql, "10 seconds")
            assert await alerts.turn(uuid4(), "bare", addressed=False) is None
        assert await alerts.turn(uuid4(), "worker") is not None
        pass_time(sql, "10 seconds")
        no_address_since(sql, "50 seconds")
        assert await alerts.turn(uuid4(), "bare", addressed=False) is None
        # It was killed.
        no_address_since(sql, "11 seconds")
        mine = uuid4()
        assert await alerts.turn(mine, "bare", addressed=False) is not None
        assert await alerts.turn(uuid4(), "worker") is None, "until that turn is over"
        assert await alerts.turn(mine, "bare", addressed=False) is not None, "a repeated call"
        pass_time(sql, "10 seconds")
        assert await alerts.turn(uuid4(), "bare", addressed=False) is None

    run(open_test_store, scenario)


def test_a_program_of_an_earlier_version_takes_part(open_test_store: OpenStore, sql: Sql) -> None:
    async def scenario(store: Store) -> None:
        assert await Alerts(store).turn(uuid4(), "worker") is not None
        pass_time(sql, "10 seconds")
        turn = str(uuid4())
        answer = await store.call("watch_turn", turn=turn, watcher="old", seconds=9)
        assert answer["turn"]
        causes = (
            '[{"key": "k", "kind": "stalled", "severity": "error", "title": "t", "text": "",'
            ' "command": "", "settles": 0, "ends_after": 30, "once": false, "bell": true}]'
        )
        answer = await store.call("alerts_take", turn=turn, causes=causes, lease_seconds=60)
        assert len(answer["alerts"]) == 1
        # It does not ask for its notifications.
        assert answer["bell"] is None
        assert rung(sql) == ["t"]

    run(open_test_store, scenario)


def test_what_only_the_bell_was_told_is_told_once_somebody_has_an_address(
    open_test_store: OpenStore, sql: Sql
) -> None:
    done = replace(STALLED, key="ended:c", once=True, title="Completed", bell=False)

    async def scenario(store: Store) -> None:
        assert await tell(store, sql, STALLED, done, addressed=False) == [
            ("new", "ended:c", 0),
            ("new", "stalled:c", 0),
        ]
        pass_time(sql, "61 minutes")
        assert await tell(store, sql, STALLED, addressed=False) == [("reminder", "stalled:c", 1)]
        assert rung(sql) == ["Stands still", "Still: Stands still"]
        pass_time(sql, "10 seconds")
        assert await tell(store, sql, STALLED, addressed=True) == [
            ("new", "ended:c", 0),
            ("new", "stalled:c", 0),
        ]
        for addressed in (True, False):
            no_address_since(sql, "2 minutes")
            pass_time(sql, "10 seconds")
            assert await tell(store, sql, STALLED, addressed=addressed) == []
        assert rung(sql) == ["Stands still", "Still: Stands still"], "it stands there already"
        pass_time(sql, "60 minutes")
        assert await tell(store, sql, STALLED, addressed=True) == [("reminder", "stalled:c", 1)]
        # Another time: the bell is told as well.
        pass_time(sql, "31 seconds")
        no_address_since(sql, "2 minutes")
        assert await tell(store, sql, addressed=False) == [("end", "stalled:c", 2)]
        pass_time(sql, "2 hours")
        sql.execute("delete from notifications")
        assert await tell(store, sql, STALLED, addressed=True) == [("new", "stalled:c", 0)]
        assert rung(sql) == ["Stands still"]

    run(open_test_store, scenario)


def test_an_end_that_only_the_bell_was_told_is_told_to_whoever_heard_of_the_cause(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        await tell(store, sql, STALLED, addressed=True)
        for addressed, told in ((False, 1), (True, 1), (True, 0)):
            pass_time(sql, "31 seconds")
            no_address_since(sql, "2 minutes")
            ends = [("end", "stalled:c", 1)] * told
            assert await tell(store, sql, addressed=addressed) == ends
        assert rung(sql) == ["Stands still", "Over: Stands still"]
        # Of what came and went meanwhile nobody is called.
        pass_time(sql, "2 hours")
        no_address_since(sql, "2 minutes")
        assert await tell(store, sql, STALLED, addressed=False) == [("new", "stalled:c", 0)]
        pass_time(sql, "31 seconds")
        assert await tell(store, sql, addressed=False) == [("end", "stalled:c", 1)]
        pass_time(sql, "31 seconds")
        assert await tell(store, sql, addressed=True) == []

    run(open_test_store, scenario)


def test_what_only_the_bell_was_told_no_address_has_taken(
    open_test_store: OpenStore, sql: Sql
) -> None:
    other = replace(STALLED, key="stalled:d")

    async def scenario(store: Store) -> None:
        (alert,) = await look(store, sql, STALLED)
        await Alerts(store).told(alert, [], done=True, problem="answered 404")
        pass_time(sql, "10 seconds")
        no_address_since(sql, "2 minutes")
        await tell(store, sql, STALLED, other, addressed=False)
        row = sql.execute("select wacampaign_traffic(7) -> 'alerts'").fetchone()
        assert row is not None
        assert (row[0]["given_up"], row[0]["taken"]) == (1, None), "so doctor tells of it"
        pass_time(sql, "10 seconds")
        await tell(store, sql, STALLED, other, addressed=True)
        row = sql.execute("select wacampaign_traffic(7) -> 'alerts'").fetchone()
        assert row is not None
        assert row[0]["taken"] is not None

    run(open_test_store, scenario)


def test_what_ended_while_nobody_had_an_address_is_over_for_all(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        await tell(store, sql, STALLED, addressed=False)
        pass_time(sql, "31 seconds")
        assert await tell(store, sql, addressed=True) == [("end", "stalled:c", 1)]
        pass_time(sql, "31 seconds")
        assert await tell(store, sql, addressed=True) == []
        assert rung(sql) == ["Stands still", "Over: Stands still"]
        # What ended two days ago is no news for whoever comes now.
        done = replace(STALLED, key="ended:c", once=True)
        no_address_since(sql, "2 minutes")
        await tell(store, sql, done, addressed=False)
        pass_time(sql, "2 days")
        assert await tell(store, sql, addressed=True) == []

    run(open_test_store, scenario)


def test_a_refused_notification_is_written_later(open_test_store: OpenStore, sql: Sql) -> None:
    async def scenario(store: Store) -> None:
        sql.execute("alter table notifications add constraint odd check (title <> 'Stands still')")
        other = replace(STALLED, key="b", title="Other", severity="warning")
        await look(store, sql, STALLED, other)
        assert rung(sql) == ["Other"], "one that is refused keeps no other back"
        sql.execute("alter table notifications drop constraint odd")
        await look(store, sql, STALLED, other)
        assert rung(sql) == ["Other"], "not at once"
        sql.execute("update wacampaign_bells set next_at = next_at - interval '11 seconds'")
        await look(store, sql, STALLED, other)
        await look(store, sql, STALLED, other)
        assert rung(sql) == ["Other", "Stands still"]
        assert sql.execute("select count(*) from wacampaign_bells").fetchone() == (0,)

    run(open_test_store, scenario)


def test_of_a_cause_the_latest_is_written_and_nothing_after_a_day(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        sql.execute("alter table notifications rename to elsewhere")
        await tell(store, sql, STALLED, replace(STALLED, key="b", title="Old"), addressed=True)
        sql.execute("update wacampaign_bells set at = at - interval '25 hours' where title = 'Old'")
        pass_time(sql, "31 seconds")
        await tell(store, sql, replace(STALLED, key="b", title="Old"), addressed=True)
        sql.execute("alter table elsewhere rename to notifications")
        sql.execute("update wacampaign_bells set next_at = now()")
        await look(store, sql, replace(STALLED, key="b", title="Old"))
        assert rung(sql) == ["Over: Stands still"]

    run(open_test_store, scenario)


def test_a_notification_that_hangs_keeps_no_alert_and_no_turn_back(
    open_test_store: OpenStore, sql: Sql, postgres_connection: Sql
) -> None:
    async def scenario(store: Store) -> None:
        with postgres_connection.transaction():
            # As a trigger that waits for somebody.
            postgres_connection.execute("select pg_advisory_xact_lock(7)")
            assert await Alerts(store).turn(first, "worker") is not None
            assert len(await Alerts(store).take(first, [STALLED])) == 1
            ringing = asyncio.create_task(Alerts(store).ring(first))
            await asyncio.to_thread(wait_until, waits, 20, "it waits")
            pass_time(sql, "10 seconds")
            second = uuid4()
            assert await Alerts(store).turn(second, "worker") is not None
            (late,) = await take_of_two(store, second)
            assert late.key == "b"
            await Alerts(store).told(late, ["a"], done=True, problem=None)
        assert await ringing == (None, 1)
        assert await Alerts(store).ring(second) == (None, 1)
        assert rung(sql) == ["Stands still", "Stands still"]

    async def take_of_two(store: Store, turn: Any) -> list[Alert]:
        return await Alerts(store).take(turn, [STALLED, replace(STALLED, key="b")])

    def waits() -> bool:
        return bool(
            sql.execute(
                "select 1 from pg_locks where locktype = 'advisory' and not granted"
            ).fetchone()
        )

    first = uuid4()
    sql.execute(
        "create function waits() returns trigger language plpgsql as"
        " $$ begin perform pg_advisory_xact_lock_shared(7); return new; end $$;"
        "create trigger waits before insert on notifications for each row execute function waits()"
    )
    run(open_test_store, scenario)


@pytest.fixture
def postgres_connection(database: str) -> Any:
    with psycopg.connect(database) as connection:
        yield connection
