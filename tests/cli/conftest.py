"""A command line on a real database, in a folder of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from tests.campaigns import add_campaign, add_number, run_on
from wacampaign.cli.app import app
from wacampaign.store.store import Store

Wacampaign = Callable[..., Result]


@pytest.fixture
def environment(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of a process that works on the test's database, and nothing else."""
    monkeypatch.chdir(tmp_path)
    # An API that is away at once: no test asks Meta's own.
    monkeypatch.setattr("wacampaign.meta.client.BACK_OFF_S", 0.01)
    return {
        "WHATSAPP_API_URL": "http://127.0.0.1:9",
        "DATABASE_URL": database,
        "WACAMPAIGN_HOME": str(tmp_path / "home"),
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }


@pytest.fixture
def wacampaign(environment: dict[str, str]) -> Wacampaign:
    """Runs one command line inside this process."""

    def run(*args: str, **more: Any) -> Result:
        return CliRunner().invoke(app, list(args), env=environment | more.pop("env", {}), **more)

    return run


@dataclass(frozen=True)
class Seeded:
    """A running campaign `market_1` of 20 rows, none sent."""

    number_id: str
    campaign_id: str


@pytest.fixture
def seeded(database: str) -> Seeded:
    async def seed(store: Store) -> Seeded:
        number = await add_number(store)
        return Seeded(number, await add_campaign(store, number, 20, name="market_1"))

    return run_on(database, seed)


@pytest.fixture
def live_worker(sql: psycopg.Connection[Any]) -> str:
    """A worker that has just given a sign of life."""
    row = sql.execute(
        "insert into wacampaign_workers (id, host, pid, version, in_flight)"
        " values (gen_random_uuid(), 'app1', 4121, '0.1.0', 3) returning id::text"
    ).fetchone()
    assert row is not None
    return str(row[0])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Where somebody takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield listening.getsockname()[1]
