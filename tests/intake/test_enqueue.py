"""A surveyed list becomes a paused campaign: all of it, in order, or visibly not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.campaigns import add_number
from tests.intake.in_order import survey
from wacampaign.intake.contacts import FileChanged
from wacampaign.operations.enqueue import BATCH_ROWS, Filling, NewCampaign, new_campaign
from wacampaign.problems import Problem, Refused
from wacampaign.store.states import DatabaseUnreachable
from wacampaign.store.store import Store

SQL = psycopg.Connection[Any]
ROWS = 2 * BATCH_ROWS + 17


def write_list(folder: Path, rows: int = ROWS) -> Path:
    path = folder / "offer.csv"
    path.write_text(
        "phone,name\n" + "".join(f"{919000000001 + i},Person {i} “ü”\n" for i in range(rows))
    )
    return path


def with_store(open_store: Callable[[], Store], work: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        store = open_store()
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(run())


async def planned(store: Store, path: Path, templates: tuple[str, ...] = ("hello",)) -> NewCampaign:
    number = await add_number(store, templates=templates)
    return new_campaign(survey(path), number, dict.fromkeys(templates, "en"))


def test_every_contact_once_in_the_order_of_the_list(
    open_test_store: Callable[[], Store], sql: SQL, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []

    async def work(store: Store) -> None:
        campaign = await planned(store, write_list(tmp_path), ("a", "b", "c"))
        filling = Filling(store, campaign, "test")
        await filling.run(lambda done, total: seen.append((done, total)))
        assert (filling.written, filling.complete) == (ROWS, True)
        assert campaign.shares == {"a": 3339, "b": 3339, "c": 3339}

    with_store(open_test_store, work)
    assert [done for done, _ in seen] == [BATCH_ROWS, 2 * BATCH_ROWS, ROWS]
    rows = sql.execute(
        "select phone, template_name, payload from send_queue order by created_at, id"
    ).fetchall()
    assert rows == [
        (str(919000000001 + i), "abc"[i % 3], {"var1": f"Person {i} “ü”"}) for i in range(ROWS)
    ]
    assert sql.execute(
        "select name, status, pause_reason, total_contacts, invalid_contacts_count from campaigns"
    ).fetchall() == [("offer", "paused", "not started yet", ROWS, 0)]


def test_a_list_that_changed_before_creates_nothing(
    open_test_store: Callable[[], Store], sql: SQL, tmp_path: Path
) -> None:
    async def work(store: Store) -> None:
        path = write_list(tmp_path, 10)
        filling = Filling(store, await planned(store, path), "test")
        path.write_text(path.read_text() + "919000009999,late\n")
        with pytest.raises(FileChanged) as caught:
            await filling.run()
        assert (filling.begun, caught.value.changed) == (False, False)

    with_store(open_test_store, work)
    assert sql.execute("select count(*) from campaigns").fetchone() == (0,)


def test_a_list_that_changes_in_the_middle_leaves_a_paused_incomplete_campaign(
    open_test_store: Callable[[], Store], sql: SQL, tmp_path: Path
) -> None:
    async def work(store: Store) -> None:
        path = write_list(tmp_path, 12 * BATCH_ROWS)
        filling = Filling(store, await planned(store, path), "test")

        def change(done: int, _total: int) -> None:
            if done == BATCH_ROWS:
                with path.open("a") as file:
                    file.write("919000999999,late\n")

        with pytest.raises(FileChanged) as caught:
            await filling.run(change)
        assert caught.value.changed
        assert not filling.complete
        assert 0 < filling.written < 12 * BATCH_ROWS
        with pytest.raises(Refused, match="contacts are not in the queue"):
            await store.call("filled", campaign_id=str(filling.campaign.id), actor="test")

    with_store(open_test_store, work)
    assert sql.execute("select status, pause_reason from campaigns").fetchall() == [
        ("paused", "its contacts are being written")
    ]


@pytest.mark.parametrize("function", ["create", "enqueue", "filled"])
def test_a_lost_answer_is_repeated_and_nothing_is_written_twice(
    function: str, database: str, sql: SQL, tmp_path: Path
) -> None:
    from wacampaign.store.postgres import PostgresTransport

    class LosesAnswers(PostgresTransport):
        lost = 0

        async def call(self, function_: str, params: dict[str, Any]) -> Any:
            answer = await super().call(function_, params)
            if function_ == function and self.lost < 2:
                self.lost += 1
                raise DatabaseUnreachable("the answer was lost")
            return answer

    async def work(store: Store) -> None:
        await Filling(store, await planned(store, write_list(tmp_path)), "test").run()

    with_store(lambda: Store(LosesAnswers(database)), work)
    assert sql.execute(
        "select count(*), count(distinct phone), count(distinct id) from send_queue"
    ).fetchone() == (ROWS, ROWS, ROWS)


def test_an_outage_says_how_far_it_came(database: str, tmp_path: Path) -> None:
    from wacampaign.store.postgres import PostgresTransport

    class Fails(PostgresTransport):
        enqueued = 0

        async def call(self, function: str, params: dict[str, Any]) -> Any:
            if function == "enqueue" and self.enqueued == 1:
                raise DatabaseUnreachable("gone")
            self.enqueued += function == "enqueue"
            return await super().call(function, params)

    async def work(store: Store) -> None:
        filling = Filling(store, await planned(store, write_list(tmp_path)), "test")
        with pytest.raises(Problem) as caught:
            await filling.run()
        assert caught.value.changed
        assert (filling.written, filling.complete) == (BATCH_ROWS, False)

    with_store(lambda: Store(Fails(database), patience_seconds=0), work)


def test_who_stops_it_waits_for_the_rows_on_their_way(
    database: str, sql: SQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When all others had been read, they were given up, though they were said to be waited for."""
    from wacampaign.store.postgres import PostgresTransport

    on_their_way, all_read, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
    rows, in_a_thread = BATCH_ROWS + 17, asyncio.to_thread

    class Waits(PostgresTransport):
        async def call(self, function: str, params: dict[str, Any]) -> Any:
            if function == "enqueue" and len(params["ids"]) < BATCH_ROWS:
                on_their_way.set()
                await go_on.wait()
            return await super().call(function, params)

    async def read(*args: Any) -> Any:
        batch = await in_a_thread(*args)
        if batch is None:
            all_read.set()
        return batch

    monkeypatch.setattr(asyncio, "to_thread", read)

    async def work(store: Store) -> None:
        filling = Filling(store, await planned(store, write_list(tmp_path, rows)), "test")
        running = asyncio.create_task(filling.run())
        await on_their_way.wait()
        await all_read.wait()
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=0.1)
        assert not done
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (filling.written, filling.complete) == (rows, False)

    with_store(lambda: Store(Waits(database)), work)
    assert sql.execute("select count(*) from send_queue").fetchone() == (rows,)


def test_the_beginning_of_an_id_is_never_masked_as_a_phone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "offer.csv"
    path.write_text("phone\n447700900001\n")
    like_a_phone = UUID("44770090-0001-4777-8ccf-425f9ab00b5b")
    other = UUID("4477009a-0001-4777-8ccf-425f9ab00b5b")
    ids = iter((like_a_phone, other))
    monkeypatch.setattr("wacampaign.operations.enqueue.uuid4", lambda: next(ids))
    assert new_campaign(survey(path), "number", {"hello": "en"}).id == other
