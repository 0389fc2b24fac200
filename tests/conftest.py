"""Fixtures that every test may use."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import settings

from tests.servers import (
    SECRET_KEY,
    NoInstalledPostgresError,
    PostgresServer,
    installed_postgres_server,
    lite_server,
    postgres_server,
)
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.rest import RestTransport
from wacampaign.store.store import Store

# How long an example takes says nothing about it: timings belong into bench/.
settings.register_profile("wacampaign", deadline=None)
settings.load_profile("wacampaign")


#: Folders and modules whose tests run on both servers: what they test is decided in the database,
#: or hangs on its pace. (All workers' tests twice would be ten minutes more.)
ON_BOTH_SERVERS = frozenset(
    {"store", "database", "test_chaos", "test_nights", "test_pace", "test_transports"}
)


def pytest_configure() -> None:
    """Hear Ctrl-C, and let what tests start hear it: a shell's background job does not."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which servers a test runs on."""
    if "postgres" in metafunc.fixturenames:
        path = metafunc.definition.path
        both = not ON_BOTH_SERVERS.isdisjoint({path.parent.name, path.stem})
        servers = ["embedded", "installed"] if both else ["embedded"]
        metafunc.parametrize("postgres", servers, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Over REST on the wheel's server only: what REST adds is the same on every server, and each of
    these tests starts a server of Node's, which costs two seconds."""
    dropped = [item for item in items if "installed" in item.name and "supabase" in item.name]
    items[:] = [item for item in items if item not in dropped]
    config.hook.pytest_deselected(items=dropped)


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> PostgresServer:
    """The wheel's server, or a distribution's with its defaults where there is one."""
    server: PostgresServer = request.getfixturevalue(f"{request.param}_postgres")
    return server


@pytest.fixture(scope="session")
def embedded_postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def installed_postgres() -> Iterator[PostgresServer]:
    try:
        with installed_postgres_server() as server:
            yield server
    except NoInstalledPostgresError as none:
        pytest.skip(str(none))


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """The address of a fresh, migrated database."""
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


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
