"""What is told, when and by whom is decided in the database: the same over both transports."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.campaigns import OpenStore, add_campaign, add_number, run
from wacampaign.core.alerts.alert import Alert, AlertKind
from wacampaign.core.alerts.causes import Cause, causes_of
from wacampaign.store.alerts import Alerts
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.workers import Workers

Sql = psycopg.Connection[Any]
STALLED = Cause(
    "stalled:c", AlertKind.STALLED, "error", "Stands still", "why", "what to type", settles=0
)


def pass_time(sql: Sql, interval: str) -> None:
    """Everything that was noted happened so much earlier."""
    seen, told = ("first_seen_at", "last_seen_at"), ("last_told_at", "ended_at", "end_told_at")
    columns = (*seen, *told, "leased_until")
    moved = ", ".join(f"{name} = {name} - interval '{interval}'" for name in columns)
    sql.execute(f"update wacampaign_alerts set {moved}".encode())
    moved = f"turn_until = turn_until - interval '{interval}'"
    sql.execute(f"update wacampaign_watch set {moved}".encode())


async def look(store: Store, sql: Sql, *causes: Cause, addressed: bool = True) -> Sequence[Alert]:
    """A watcher has the turn, finds these causes, and gets what is to be told."""
    sql.execute("update wacampaign_watch set turn_until = '-infinity'")
    turn = uuid4()
    assert await Alerts(store).turn(turn, "worker", addressed=addressed) is not None
    taken = await Alerts(store).take(turn, causes)
    await Alerts(store).ring(turn)
    return taken


async def tell(store: Store, sql: Sql, *causes: Cause) -> list[tuple[str, str]]:
    """As `look`, and an address takes all of it; what was told and its title."""
    alerts = await look(store, sql, *causes)
    for alert in alerts:
        await Alerts(store).told(alert, ["a"], done=True, problem=None)
    return [(alert.due, alert.title) for alert in alerts]


def test_one_has_the_turn_until_it_is_over(open_test_store: OpenStore, sql: Sql) -> None:
    async def scenario(store: Store) -> None:
        alerts = Alerts(store)
        turns = [uuid4() for _ in range(6)]
        got = await asyncio.gather(*(alerts.turn(turn, "worker") for turn in turns))
        (mine,) = [turn for turn, answer in zip(turns, got, strict=True) if answer is not None]
        assert await alerts.turn(mine, "worker") is not None, "a repeated call"
        assert await alerts.turn(uuid4(), "worker") is None
        pass_time(sql, "10 seconds")
        other = uuid4()
        assert await alerts.turn(other, "worker") is not None
        # Whoever lost the turn changes nothing any more.
        assert await alerts.take(mine, [STALLED]) == []
        assert sql.execute("select count(*) from wacampaign_alerts").fetchone() == (0,)
        assert len(await alerts.take(other, [STALLED])) == 1

    run(open_test_store, scenario)


def test_a_cause_is_told_once_reminded_of_and_ended(open_test_store: OpenStore, sql: Sql) -> None:
    async def scenario(store: Store) -> None:
        assert await tell(store, sql, STALLED) == [("new", "Stands still")]
        for wait, told in [
            ("50 minutes", []),
            ("11 minutes", [("reminder", "Still: Stands still")]),
            ("3 hours", []),
            ("61 minutes", [("reminder", "Still: Stands still")]),
            ("23 hours", []),
            ("61 minutes", [("reminder", "Still: Stands still")]),
            ("25 hours", [("reminder", "Still: Stands still")]),
        ]:
            pass_time(sql, wait)
            assert await tell(store, sql, STALLED) == told, wait
        assert await tell(store, sql) == [], "away for a moment"
        pass_time(sql, "20 seconds")
        assert await tell(store, sql, STALLED) == []
        pass_time(sql, "31 seconds")
        assert await tell(store, sql) == [("end", "Over: Stands still")]
        pass_time(sql, "2 days")
        assert await tell(store, sql) == []
        assert await tell(store, sql, STALLED) == [("new", "Stands still")], "another time"

    run(open_test_store, scenario)


def test_a_blip_tells_nothing(open_test_store: OpenStore, sql: Sql) -> None:
    async def scenario(store: Store) -> None:
        slow = replace(STALLED, settles=20)
        assert await tell(store, sql, slow) == []
        pass_time(sql, "40 seconds")
        assert await tell(store, sql) == []
        pass_time(sql, "40 seconds")
        # It has to stand anew.
        assert await tell(store, sql, slow) == []
        pass_time(sql, "21 seconds")
        assert await tell(store, sql, slow) == [("new", "Stands still")]

    run(open_test_store, scenario)


def test_what_keeps_coming_back_is_told_less_and_less(open_test_store: OpenStore, sql: Sql) -> None:
    async def scenario(store: Store) -> None:
        told = 0
        for _ in range(60):  # two hours, a minute there and a minute gone
            told += len(await tell(store, sql, STALLED))
            pass_time(sql, "60 seconds")
            told += len(await tell(store, sql))
            pass_time(sql, "60 seconds")
        assert 4 <= told <= 16
        # A day later it is a new one.
        pass_time(sql, "1 day")
        await tell(store, sql)
        assert await tell(store, sql, STALLED) == [("new", "Stands still")]

    run(open_test_store, scenario)


def test_an_event_is_told_once_with_neither_reminder_nor_end(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        done = replace(STALLED, key="ended:c", once=True)
        assert await look(store, sql, done) != []
        pass_time(sql, "61 seconds")
        # Nobody confirmed it, and it need not be found again to be told.
        assert await tell(store, sql) == [("new", "Stands still")]
        for wait in ("2 hours", "2 days"):
            pass_time(sql, wait)
            assert await tell(store, sql, done) == []
            assert await tell(store, sql) == []

    run(open_test_store, scenario)


def test_nobody_else_gets_what_is_being_told(open_test_store: OpenStore, sql: Sql) -> None:
    async def scenario(store: Store) -> None:
        (first,) = await look(store, sql, STALLED)
        assert await look(store, sql, STALLED) == []
        # Its watcher was killed: another one tells the same.
        pass_time(sql, "61 seconds")
        (second,) = await look(store, sql, STALLED)
        assert (second.id, second.attempt) == (first.id, 2)
        await Alerts(store).told(second, ["a"], done=True, problem=None)
        await Alerts(store).told(first, ["a"], done=True, problem=None)  # it was not dead after all
        assert sql.execute("select times_told from wacampaign_alerts").fetchone() == (1,)
        pass_time(sql, "61 seconds")
        assert await look(store, sql, STALLED) == []

    run(open_test_store, scenario)


def test_an_address_that_did_not_take_it_gets_it_later(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        (alert,) = await look(store, sql, STALLED)
        await Alerts(store).told(alert, ["a"], done=False, problem="b is away")
        assert await look(store, sql, STALLED) == []
        pass_time(sql, "61 seconds")
        (alert,) = await look(store, sql, STALLED)
        assert alert.taken_by == ("a",)
        await Alerts(store).told(alert, ["a"], done=True, problem="b is away")
        (event,) = sql.execute(
            "select reason, detail ->> 'alert' from wacampaign_events where kind = 'alert_given_up'"
        ).fetchall()
        assert event == ("b is away", "Stands still")

    run(open_test_store, scenario)


def test_one_that_ends_while_it_is_told_is_said_to_have_ended(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        await look(store, sql, STALLED)  # and its watcher dies: perhaps told, perhaps not
        pass_time(sql, "61 seconds")
        assert await tell(store, sql) == [("end", "Over: Stands still")]
        # Its end is being told, and it is back.
        await tell(store, sql, STALLED)
        pass_time(sql, "61 seconds")
        (end,) = await look(store, sql)
        assert await look(store, sql, STALLED) == []
        await Alerts(store).told(end, ["a"], done=True, problem=None)
        assert await tell(store, sql, STALLED) == [("new", "Stands still")]

    run(open_test_store, scenario)


BELL = "select type, title, message, action_url, is_read from notifications order by created_at"


def test_the_backends_screens_are_told_too(open_test_store: OpenStore, sql: Sql) -> None:
    async def scenario(store: Store) -> None:
        await look(store, sql, STALLED, replace(STALLED, key="b", title="Own", bell=False))
        pass_time(sql, "61 seconds")
        await look(store, sql, STALLED)  # again, as nobody confirmed it
        pass_time(sql, "61 seconds")
        await tell(store, sql)
        rung = sql.execute(BELL.encode()).fetchall()
        assert sorted(rung, key=lambda row: row[1] + row[0]) == [
            ("success", "Over: Own", "why", "/campaigns", False),
            ("success", "Over: Stands still", "why", "/campaigns", False),
            ("error", "Stands still", "why → what to type", "/campaigns", False),
        ]

    run(open_test_store, scenario)


ODD_TABLES = {
    "absent": "drop table notifications",
    "few columns": "alter table notifications drop action_url, drop related_entity_id,"
    " drop is_read, drop created_at, drop related_entity_type",
    "short title": "alter table notifications alter title type varchar(5)",
    "a user is needed": "alter table notifications add user_id uuid not null",
    "a trigger that fails": "create function boom() returns trigger language plpgsql as"
    " $$ begin raise exception 'boom'; end $$;"
    " create trigger boom before insert on notifications for each row execute function boom()",
    "a trigger that asserts": "create function boom() returns trigger language plpgsql as"
    " $$ begin assert false, 'boom'; end $$;"
    " create trigger boom before insert on notifications for each row execute function boom()",
    "another check": "alter table notifications add check (type = 'nothing')",
}


@pytest.mark.parametrize("odd", ODD_TABLES)
def test_no_notifications_table_keeps_alerts_back(
    open_test_store: OpenStore, sql: Sql, odd: str
) -> None:
    sql.execute(ODD_TABLES[odd].encode())

    async def scenario(store: Store) -> None:
        sql.execute("insert into wacampaign_watch default values")
        turn = uuid4()
        assert await Alerts(store).turn(turn, "worker") is not None
        assert len(await Alerts(store).take(turn, [STALLED])) == 1
        refused, written = await Alerts(store).ring(turn)
        assert (refused is None, written) == ((odd == "few columns"), int(odd == "few columns"))

    run(open_test_store, scenario)


async def _found(store: Store, sql: Sql) -> list[Cause]:
    """What a watcher finds now."""
    sql.execute("update wacampaign_watch set turn_until = '-infinity'")
    turn = await Alerts(store).turn(uuid4(), "worker")
    assert turn is not None
    stats = await Campaigns(store).stats(None)
    return causes_of(stats, turn)


def test_a_campaign_that_ended_is_told(open_test_store: OpenStore, sql: Sql) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        before = await add_campaign(store, number, 1, name="long ago")
        await Campaigns(store).set_status(before, "cancel", "somebody")
        assert await _found(store, sql) == [], "what was before the first look is no news"
        cancelled = await add_campaign(store, number, 3, name="cancelled one")
        done = await add_campaign(store, number, 0, name="done one")
        await store.call("complete", campaign_id=done, actor="worker", in_doubt_minutes=10)
        foreign = await add_campaign(store, number, 2, name="of the backend")
        await Campaigns(store).set_status(cancelled, "cancel", "ann@host")
        sql.execute(
            "update campaigns set status = 'failed', end_time = now() where id = %s", (foreign,)
        )
        found = {cause.campaign_id: cause for cause in await _found(store, sql)}
        assert {one.title for one in found.values() if one.once} == {
            "Campaign cancelled: cancelled one",
            "Campaign completed: done one",
            "Campaign failed: of the backend",
        }
        assert "by ann@host" in found[cancelled].text
        assert "3 rows not sent" in found[cancelled].text
        assert found[done].bell is False, "the completion has written one"
        assert found[foreign].bell is True
        sql.execute("delete from notifications")
        await tell(store, sql, *found.values())
        assert not [cause for cause in await _found(store, sql) if cause.once]

    run(open_test_store, scenario)


def _silent(sql: Sql, worker: UUID, seconds: int) -> None:
    sql.execute(
        "update wacampaign_workers set last_beat_at = now() - make_interval(secs => %s),"
        " started_at = started_at - interval '1 hour' where id = %s",
        (seconds, worker),
    )


def test_a_worker_without_a_sign_of_life_is_told_by_the_others(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        sql.execute("insert into wacampaign_watch (since) values (now() - interval '1 day')")
        first, second, stopped = uuid4(), uuid4(), uuid4()
        for worker, host, pid in ((first, "alpha", 11), (second, "beta", 12), (stopped, "b", 13)):
            await Workers(store).register(worker, host, pid, "1")
        await Workers(store).goodbye(stopped)
        assert await _found(store, sql) == []
        _silent(sql, first, 42)
        (gone,) = await _found(store, sql)
        assert gone.title == "Worker gone: alpha pid 11"
        assert "no sign of life for 42 s; 1 other goes on" in gone.text
        # Another one on its machine has taken its place, and ended since.
        third = uuid4()
        await Workers(store).register(third, "alpha", 14, "1")
        await Workers(store).goodbye(third)
        assert await _found(store, sql) == []

    run(open_test_store, scenario)


def test_of_two_that_are_gone_one_successor_replaces_one(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        sql.execute("insert into wacampaign_watch (since) values (now() - interval '1 day')")
        both = [uuid4(), uuid4()]
        for pid, worker in enumerate(both):
            await Workers(store).register(worker, "alpha", pid, "1")
            _silent(sql, worker, 60 + pid)
        await Workers(store).register(uuid4(), "alpha", 7, "1")
        assert [cause.kind for cause in await _found(store, sql)] == ["worker_gone"]
        await Workers(store).register(uuid4(), "alpha", 8, "1")
        assert await _found(store, sql) == []

    run(open_test_store, scenario)


def test_without_any_worker_a_running_campaign_is_told_of(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        sql.execute("insert into wacampaign_watch (since) values (now() - interval '1 day')")
        worker = uuid4()
        await Workers(store).register(worker, "alpha", 11, "1")
        number = await add_number(store)
        await add_campaign(store, number, 30, name="first\n\x1b[31mred")
        await add_campaign(store, number, 5, name="second")
        assert await _found(store, sql) == []
        _silent(sql, worker, 42)
        (cause,) = await _found(store, sql)
        assert cause.key == "no_worker"
        assert cause.text == (
            "no worker is alive while campaign first �[31mred has 30 rows left;"
            " the last one was alpha pid 11 (and 1 more campaign)"
        )

    run(open_test_store, scenario)


def test_a_slow_notifications_table_holds_few_alerts_up(
    open_test_store: OpenStore, sql: Sql
) -> None:
    sql.execute(
        "create table rung (n int);"
        "create function crawl() returns trigger language plpgsql as"
        " $$ begin perform pg_sleep(2.1); insert into rung values (1); return new; end $$;"
        "create trigger crawl before insert on notifications for each row execute function crawl()"
    )

    async def scenario(store: Store) -> None:
        sql.execute("insert into wacampaign_watch default values")
        turn = uuid4()
        assert await Alerts(store).turn(turn, "worker") is not None
        causes = [replace(STALLED, key=f"{n}") for n in range(3)]
        assert len(await Alerts(store).take(turn, causes)) == 3
        for n in (1, 2):
            slow = ("the table notifications is slow", 1)
            assert await Alerts(store).ring(turn) == slow, "a turn has not more time"
            assert sql.execute("select count(*) from rung").fetchone() == (n,)
        assert await Alerts(store).ring(turn) == (None, 1), "those that had to wait come later"
        assert await Alerts(store).ring(turn) == (None, 0)

    run(open_test_store, scenario)


def test_the_worst_of_many_is_told_first(open_test_store: OpenStore, sql: Sql) -> None:
    async def scenario(store: Store) -> None:
        ended = [
            replace(STALLED, key=f"ended:{n:03}", severity="info", once=True) for n in range(50)
        ]
        await look(store, sql, *ended)
        pass_time(sql, "61 seconds")
        told = await look(store, sql, *ended, replace(STALLED, key="no_worker"))
        assert told[0].key == "no_worker"
        assert len(told) == 10, "as many as can be told within the lease"

    run(open_test_store, scenario)
