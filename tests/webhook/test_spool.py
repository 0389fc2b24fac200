"""The file behind the promise of 200, on a disk that refuses now this and now that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest

from wacampaign.core.webhook.received import ReceivedBody
from wacampaign.problems import Problem
from wacampaign.store.states import DatabaseUnreachable
from wacampaign.store.webhooks import Webhooks
from wacampaign.webhook.body_log import BodyLog
from wacampaign.webhook.kept_bodies import FOLDER, KeptBodies
from wacampaign.webhook.storing import Storing

OWNER = "5f0c7d0e-0000-4000-8000-000000000001"


def bodies(count: int) -> list[ReceivedBody]:
    return [
        ReceivedBody(str(uuid4()), datetime.now(UTC), b"body %d" % n, "sha256=0", "text/plain")
        for n in range(count)
    ]


class Database:
    """Takes bodies, but for those that it refuses for ever."""

    def __init__(self) -> None:
        self.problem: Problem | None = DatabaseUnreachable("away")
        self.refused: set[bytes] = set()
        self.kind: type[Problem] = Problem
        self.got: list[ReceivedBody] = []
        self.calls = 0

    async def keep(self, given: Sequence[ReceivedBody]) -> int:
        self.calls += 1
        if self.problem is not None:
            raise self.problem
        if any(one.body in self.refused for one in given):
            raise self.kind("413 from a gateway")
        self.got += given
        return len(given)


def play(home: Path, scenario: Callable[[Storing, KeptBodies, Database], Awaitable[None]]) -> None:
    async def run() -> None:
        database = Database()
        spool = KeptBodies(home, "spool", OWNER, _say_nothing, durable=True)
        storing = Storing(cast(Webhooks, database), spool, _say_nothing)
        task = asyncio.create_task(storing.run())
        try:
            async with asyncio.timeout(20):
                await scenario(storing, spool, database)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await spool.close()

    asyncio.run(run())


def _say_nothing(event: str, /, *, level: str = "info", **fields: Any) -> None:
    pass


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - nothing tells it
        await asyncio.sleep(0.02)


def test_a_position_that_cannot_be_written_only_has_bodies_come_twice(tmp_path: Path) -> None:
    """A disk that was filled by the bodies themselves has no room for it."""

    async def scenario(storing: Storing, spool: KeptBodies, database: Database) -> None:
        for one in bodies(3):
            await storing.keep(one)
        # Nothing can be written under that name.
        (tmp_path / FOLDER / "spool" / f"{OWNER}.position").mkdir()
        database.problem = None
        await until(lambda: storing.away is None)
        assert spool.empty
        assert {one.body for one in database.got} == {b"body 0", b"body 1", b"body 2"}
        await storing.keep(bodies(4)[3])
        assert database.got[-1].body == b"body 3"
        (tmp_path / FOLDER / "spool" / f"{OWNER}.position").rmdir()

    play(tmp_path, scenario)


def test_a_spool_that_somebody_emptied_is_empty(tmp_path: Path) -> None:
    async def scenario(storing: Storing, spool: KeptBodies, database: Database) -> None:
        for one in bodies(3):
            await storing.keep(one)
        for path in (tmp_path / FOLDER / "spool").glob("*.bodies"):
            path.unlink()
        # What is answered after that is safe: not in a file without a name.
        await storing.keep(bodies(4)[3])
        database.problem = None
        await until(lambda: storing.away is None)
        assert spool.empty
        assert [one.body for one in database.got] == [b"body 3"]
        calls = database.calls
        await asyncio.sleep(0.2)
        assert database.calls == calls

    play(tmp_path, scenario)


@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize("kind", [Problem, DatabaseUnreachable])
def test_a_body_that_the_database_refuses_keeps_no_other(
    tmp_path: Path, place: int, kind: type[Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway before the database may take no more than a megabyte, and say so or hang up."""
    monkeypatch.setattr("wacampaign.webhook.storing.REFUSED_SECONDS", 0.3)
    sent = bodies(5)

    async def scenario(storing: Storing, spool: KeptBodies, database: Database) -> None:
        database.refused, database.kind = {sent[place].body}, kind
        for one in sent:
            await storing.keep(one)
        database.problem = None
        others = {one.body for one in sent} - database.refused
        await until(lambda: {one.body for one in database.got} == others)
        after = bodies(9)[8]
        await storing.keep(after)
        await until(lambda: after in database.got)
        await until(lambda: storing.away is None)
        assert spool.waiting == 1
        # Others do not even wait for it.
        direct = bodies(10)[9]
        await storing.keep(direct)
        assert database.got[-1] == direct
        # It is tried again, at leisure.
        calls = database.calls
        await asyncio.sleep(1.0)
        assert 0 < database.calls - calls < 10
        database.refused = set()
        await until(lambda: sent[place] in database.got)
        await until(lambda: spool.empty)

    play(tmp_path, scenario)


@pytest.mark.parametrize("kind", [Problem, DatabaseUnreachable])
def test_a_database_that_answers_but_takes_nothing_is_asked_at_leisure(
    tmp_path: Path, kind: type[Problem]
) -> None:
    """Its disk is full."""
    sent = bodies(60)

    async def scenario(storing: Storing, spool: KeptBodies, database: Database) -> None:
        database.refused, database.kind = {one.body for one in sent}, kind
        for one in sent:
            await storing.keep(one)
        database.problem = None
        await asyncio.sleep(1.0)
        calls = database.calls
        await asyncio.sleep(2.0)
        assert database.calls - calls < 20
        assert spool.waiting == 60
        database.refused = set()
        await until(lambda: spool.empty)
        assert {one.body for one in database.got} == {one.body for one in sent}

    play(tmp_path, scenario)


def test_bodies_that_were_refused_but_stand_in_the_file_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails to sync, and then to cut off what was not answered."""
    log = BodyLog(tmp_path, OWNER, durable=True)
    first, second, third = bodies(3)
    log.append([first])

    def fail(*_: object) -> None:
        raise OSError("the disk")

    with monkeypatch.context() as patched:
        patched.setattr("os.fdatasync", fail)
        patched.setattr("os.ftruncate", fail)
        with pytest.raises(OSError, match="the disk"):
            log.append([second])
    log.append([third])
    while found := log.read(1, 1000):
        log.done(len(found))
    assert (log.waiting, log.waiting_bytes) == (0, 0)
    log.append([first])
    assert log.read(9, 1000) == [first]
    log.close()
