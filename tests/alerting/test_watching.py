"""Workers and receivers watch in turn: real processes, a real address, kill -9."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.alerting.listener import AlertListener
from tests.campaigns import OpenStore, add_campaign, add_number, run
from tests.servers import wait_until
from tests.webhook.rig import ReceiverRig
from tests.worker.rig import Rig
from wacampaign.alerting.watching import Watching
from wacampaign.core.alerts.alert import AlertKind
from wacampaign.settings import load_settings
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.states import DatabaseUnreachable
from wacampaign.store.store import Store

Sql = psycopg.Connection[Any]
HOST = socket.gethostname()


def silent_log(event: str, *, level: str = "info", **fields: object) -> None:
    """Nobody reads it."""


def watching(store: Store, listener: AlertListener, who: str, **more: Any) -> Watching:
    settings = load_settings(environ={"WACAMPAIGN_ALERT_URLS": listener.url})
    return Watching(store, settings, silent_log, who, **more)


def settle(sql: Sql, kind: AlertKind) -> None:
    """What stands has stood for ten minutes, as soon as somebody has found it."""

    def found() -> bool:
        moved = sql.execute(
            "update wacampaign_alerts set first_seen_at = first_seen_at - interval '10 minutes'"
            " where kind = %s",
            (kind,),
        )
        return moved.rowcount > 0

    wait_until(found, 60, f"a watcher has found {kind}")


def test_three_watchers_tell_a_cause_once(
    open_test_store: OpenStore, sql: Sql, listener: AlertListener
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 3, name="\x1b[2Jspring\nsale")
        stores = [open_test_store() for _ in range(3)]
        watchers = [watching(one, listener, f"worker {n}") for n, one in enumerate(stores)]
        await asyncio.gather(*(one.look() for one in watchers))
        await Campaigns(store).set_status(campaign, "pause", "ann@host")

        async def minute_passes() -> None:
            sql.execute(
                "update wacampaign_alerts set first_seen_at = first_seen_at - interval '1 minute',"
                " last_seen_at = last_seen_at - interval '1 minute'"
            )
            sql.execute("update wacampaign_watch set turn_until = '-infinity'")
            await asyncio.gather(*(one.look() for one in watchers))
            for one in watchers:
                await one.told()

        for _ in range(5):
            await minute_passes()
        assert [(one["kind"], one["what"]) for one in listener.took] == [("paused", "new")]
        assert listener.took[0]["title"] == "Campaign paused: �[2Jspring sale"
        assert listener.took[0]["command"] == f"wacampaign resume {campaign[:8]}"
        await Campaigns(store).set_status(campaign, "cancel", "ann@host")
        for _ in range(5):
            await minute_passes()
        told = {(one["kind"], one["what"]) for one in listener.took[1:]}
        assert told == {("paused", "end"), ("cancelled", "new")}
        assert len(listener.took) == 3
        for one in stores:
            await one.close()

    run(open_test_store, scenario)


def test_one_without_an_address_leaves_it_to_one_that_has_some(
    open_test_store: OpenStore, sql: Sql, listener: AlertListener
) -> None:
    logged: list[tuple[str, Any]] = []

    def log(event: str, **fields: object) -> None:
        logged.append((event, fields.get("title")))

    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 3, name="spring")
        stores = [open_test_store(), open_test_store()]
        bare = Watching(stores[0], load_settings(environ={}), log, "receiver 1")
        other = watching(stores[1], listener, "worker 2")

        async def pass_minute(*watchers: Watching) -> list[bool]:
            sql.execute(
                "update wacampaign_alerts set first_seen_at = first_seen_at - interval '1 minute',"
                " last_seen_at = last_seen_at - interval '1 minute',"
                " last_told_at = last_told_at - interval '1 minute'"
            )
            sql.execute("update wacampaign_watch set turn_until = '-infinity'")
            looked = [await one.look() for one in watchers]
            for one in watchers:
                await one.told()
            return looked

        assert await other.look()
        await Campaigns(store).set_status(campaign, "pause", "ann@host")
        for _ in range(3):
            assert await pass_minute(bare, other) == [False, True]
        assert [one["what"] for one in listener.took] == ["new"]
        assert logged == []
        # The one with the address is killed, and there again later.
        sql.execute("update wacampaign_watch set addressed_at = now() - interval '61 seconds'")
        await Campaigns(store).set_status(campaign, "cancel", "ann@host")
        assert await pass_minute(bare) == [True]
        ended = ["Campaign cancelled: spring", "Over: Campaign paused: spring"]
        assert sorted(logged) == [("alert_bell_only", title) for title in ended]
        bells = "select title from notifications order by title"
        standing = ("Campaign paused: spring",)
        assert sql.execute(bells.encode()).fetchall() == [(ended[0],), standing, (ended[1],)]
        for _ in range(2):
            assert await pass_minute(other, bare) == [True, False]
        assert sorted(one["title"] for one in listener.took[1:]) == ended
        assert len(sql.execute(bells.encode()).fetchall()) == 3
        for one in stores:
            await one.close()

    run(open_test_store, scenario)


def test_a_worker_that_was_killed_is_told_by_the_other(
    rig: Rig, listener: AlertListener, sql: Sql
) -> None:
    sql.execute("insert into wacampaign_watch (since) values (now() - interval '1 day')")
    rig.campaign(rig.number("100000000000001", rate=1), 1000)
    killed, other = (rig.start_worker(WACAMPAIGN_ALERT_URLS=listener.url) for _ in range(2))
    for worker in (killed, other):
        rig.wait_started(worker)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    # On the same machine the other one reads its journal: that is no goodbye.
    wait_until(lambda: "event=journal_read" in rig.log_of(other), 60, "its journal is read")
    # Both have been there for an hour, and the last beat is a minute old.
    sql.execute("update wacampaign_workers set started_at = started_at - interval '1 hour'")
    sql.execute(
        "update wacampaign_workers set last_beat_at = last_beat_at - interval '1 minute'"
        " where pid = %s",
        (killed.pid,),
    )
    got = listener.wait_for("worker_gone")
    assert got["title"] == f"Worker gone: {HOST} pid {killed.pid}"
    assert "; 1 other goes on" in got["reason"]
    assert got["command"] == "wacampaign run-worker"
    assert got["severity"] == "warning"
    # Another one begins in its place.
    rig.wait_started(rig.start_worker(WACAMPAIGN_ALERT_URLS=listener.url))
    sql.execute("update wacampaign_alerts set ends_after = 0")
    ended = listener.wait_for("worker_gone", what="end")
    assert not ended["text"].endswith(":"), "no command follows it"
    assert len(listener.of_kind("worker_gone")) == 2


def test_a_telling_that_was_cut_off_is_told_by_another(
    rig: Rig, listener: AlertListener, sql: Sql
) -> None:
    campaign = rig.campaign(rig.number("100000000000001", rate=1), 1000)
    listener.answers = [0]  # it reads, and gives no answer
    worker = rig.start_worker(WACAMPAIGN_ALERT_URLS=listener.url)
    rig.wait_started(worker)
    rig.ask(lambda store: Campaigns(store).set_status(campaign, "pause", "ann@host"))
    settle(sql, AlertKind.PAUSED)
    wait_until(lambda: listener.requests, 60, "it is being told")
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    (telling,) = sql.execute(
        "select telling from wacampaign_alerts where kind = 'paused'"
    ).fetchone() or (None,)
    listener.answers = [200]
    sql.execute("update wacampaign_alerts set leased_until = now()")
    rig.start_worker(WACAMPAIGN_ALERT_URLS=listener.url)
    assert listener.wait_for("paused")["id"] == telling
    wait_until(
        lambda: sql.execute("select 1 from wacampaign_alerts where times_told = 1").fetchone(),
        what="that is confirmed",
    )
    assert len(listener.of_kind("paused")) == 1


def test_the_end_of_a_campaign_is_told_before_the_worker_goes(
    rig: Rig, listener: AlertListener, sql: Sql
) -> None:
    rig.campaign(rig.number("100000000000001"), 30, name="spring")
    worker = rig.start_worker("--until-idle", WACAMPAIGN_ALERT_URLS=listener.url)
    assert rig.finished(worker) == 0
    (got,) = listener.took
    assert (got["kind"], got["severity"]) == ("completed", "success")
    assert got["title"] == "Campaign completed: spring"
    assert got["reason"].startswith("30 sent, 0 failed, after ")
    bells = sql.execute("select title from notifications").fetchall()
    assert bells == [("Campaign completed: spring",)]


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/T0KEN-OF-THE-ADDRESS"


def test_a_deaf_address_holds_nothing_up(rig: Rig, deaf: str) -> None:
    rig.campaign(rig.number("100000000000001"), 300)
    worker = rig.start_worker("--until-idle", WACAMPAIGN_ALERT_URLS=deaf)
    rig.wait_accepted(300)
    assert rig.finished(worker) == 0
    assert "T0KEN" not in rig.log_of(worker)


def test_the_receiver_tells_that_no_worker_is_left(
    database: str, tmp_path: Path, sql: Sql, listener: AlertListener
) -> None:
    receiver = ReceiverRig(database, tmp_path / "home")
    try:
        process = receiver.start(WACAMPAIGN_ALERT_URLS=listener.url)

        async def scenario(store: Store) -> None:
            await add_campaign(store, await add_number(store), 7, name="spring")

        receiver.ask(scenario)
        settle(sql, AlertKind.NO_WORKER)
        got = listener.wait_for("no_worker")
        assert got["reason"] == "no worker is alive while campaign spring has 7 rows left"
        assert got["command"] == "wacampaign run-worker"
        assert receiver.stop(process) == 0
    finally:
        receiver.close()


def test_a_database_that_is_away_is_told_by_each_and_its_end(
    database: str, listener: AlertListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wacampaign.alerting.watching.ASK_SECONDS", 0.05)

    class Unsteady(PostgresTransport):
        away = True

        async def call(self, function: str, params: dict[str, Any]) -> Any:
            if self.away:
                raise DatabaseUnreachable("the database cannot be reached")
            return await super().call(function, params)

    async def scenario() -> None:
        transport = Unsteady(database)
        store = Store(transport, patience_seconds=0)
        task = asyncio.create_task(watching(store, listener, "worker 1", away_seconds=0.1).run())

        heard = partial(asyncio.to_thread, listener.wait_for, "database_away")
        await heard()
        transport.away = False
        await heard(what="end")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()

    asyncio.run(scenario())
    assert [(one["kind"], one["what"]) for one in listener.took] == [
        ("database_away", "new"),
        ("database_away", "end"),
    ]
    assert listener.took[0]["key"] == f"database_away:{HOST}"
