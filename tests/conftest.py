"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import settings

from tests.servers import SECRET_KEY, PostgresServer, lite_server, postgres_server
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.rest import RestTransport
from wacampaign.store.store import Store

# How long an example takes says nothing about it: timings belong into bench/.
settings.register_profile("wacampaign", deadline=None)
settings.load_profile("wacampaign")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """The address of a fresh, migrated database."""
    return postgres.new_database()


@pytest.fixture
def sql(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A person's own connection to the test's database."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def rest_url(database: str) -> Iterator[str]:
    """A PostgREST-compatible address of the test's database."""
    with lite_server(database) as url:
        yield url


@pytest.fixture(params=["postgres", "supabase"])
def open_test_store(request: pytest.FixtureRequest, database: str) -> Callable[[], Store]:
    """Opens a store on the test's database, over each transport in turn."""
    if request.param == "postgres":
        return lambda: Store(PostgresTransport(database))
    url = request.getfixturevalue("rest_url")
    return lambda: Store(RestTransport(url, SECRET_KEY))
