"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import psycopg
import pytest
from hypothesis import HealthCheck, settings

from tests.servers import (
    SECRET_KEY,
    NoInstalledPostgresError,
    PostgresServer,
    RestServer,
    installed_postgres_server,
    postgres_server,
    reset_sandbox,
)
from wacampaign.sandbox.process import SandboxProcess
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.rest import RestTransport
from wacampaign.store.store import Store

# How long an example or the finding of one takes says nothing about it: timings belong into bench/.
settings.register_profile("wacampaign", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wacampaign")


#: Folders and modules whose tests run on both servers: what they test is decided in the database,
#: or hangs on its pace. (All workers' tests twice would be ten minutes more.)
ON_BOTH_SERVERS = frozenset(
    {"store", "database", "test_chaos", "test_nights", "test_pace", "test_transports"}
)


#: Modules whose tests take ten seconds or more, the longest first.
LONG = (
    "test_chaos",
    "test_state_machine",
    "test_pm2",
    "test_captures",
    "test_promise",
    "test_receiver",
    "test_forwarding",
    "test_sandbox_and_demo",
    "test_copied_homes",
    "test_nights",
    "test_watchdog",
    "test_transports",
    "test_scheduled",
    "test_bad_days",
    "test_gateway",
    "test_outages",
    "test_run_worker",
    "test_closed_streams",
)


def pytest_configure() -> None:
    """Set up what the processes that tests start inherit."""
    # Hundreds start wacampaign: each would compile it again.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Each HTTP client reads whom to trust: 40 ms for Mozilla's 140 authorities, 1 ms for one.
    os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("an_authority.pem"))
    certifi.where = lambda: os.environ["SSL_CERT_FILE"]
    # Ctrl-C is for them, too, and a shell's background job does not hear it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Modules and tests are no garbage: each look for some need not go through them."""
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which servers a test runs on."""
    if "postgres" in metafunc.fixturenames:
        path = metafunc.definition.path
        both = not ON_BOTH_SERVERS.isdisjoint({path.parent.name, path.stem})
        servers = ["embedded", "installed"] if both else ["embedded"]
        metafunc.parametrize("postgres", servers, indirect=True, scope="session")


@pytest.hookimpl(trylast=True)  # pytest itself sorts by fixtures
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Over REST on the wheel's server only: what REST adds is the same on every server."""
    dropped = [item for item in items if "installed" in item.name and over_rest(item)]
    kept = [item for item in items if item not in dropped]
    config.hook.pytest_deselected(items=dropped)
    processes = getattr(config, "workerinput", {"workercount": 1})["workercount"]
    items[:] = spread(kept, processes) if processes > 1 else kept


def spread(items: list[pytest.Item], processes: int) -> list[pytest.Item]:
    """Each process, which gets its part of the list, begins with tests that take long, and has
    short ones between them: while one test waits, others work."""
    long = [item for module in LONG for item in items if item.path.stem == module]
    short = [item for item in items if item.path.stem not in LONG]
    ordered: list[pytest.Item] = []
    for process in range(processes):
        mine = long[process::processes]
        rest = short[len(short) * process // processes : len(short) * (process + 1) // processes]
        # Ends with short ones, which processes that are done take over.
        between = len(rest) * 4 // 5 // max(len(mine), 1)
        for n, item in enumerate(mine):
            ordered += [item, *rest[n * between : (n + 1) * between]]
        ordered += rest[len(mine) * between :]
    return ordered


def over_rest(item: Any) -> bool:
    """Whether a test asks for the REST address of its database, at once or by its transport."""
    return "rest_url" in item.fixturenames or "supabase" in item.name


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


@pytest.fixture(scope="session")
def rest_servers() -> Iterator[Callable[[PostgresServer], RestServer]]:
    """The REST server on a PostgreSQL server, started when a test first needs it."""
    with ExitStack() as stack:
        yield cache(lambda postgres: stack.enter_context(RestServer(postgres)))


@pytest.fixture
def database(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[str]:
    """The address of a fresh, migrated database."""
    if over_rest(request.node):
        url = request.getfixturevalue("rest_servers")(postgres).new_database()
    else:
        url = postgres.new_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def sql(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A person's own connection to the test's database."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def rest_url(
    database: str,
    postgres: PostgresServer,
    rest_servers: Callable[[PostgresServer], RestServer],
) -> str:
    """A PostgREST-compatible address of the test's database."""
    return rest_servers(postgres).address_of(database)


@pytest.fixture(params=["postgres", "supabase"])
def open_test_store(request: pytest.FixtureRequest, database: str) -> Callable[[], Store]:
    """Opens a store on the test's database, over each transport in turn."""
    if request.param == "postgres":
        return lambda: Store(PostgresTransport(database))
    url = request.getfixturevalue("rest_url")
    return lambda: Store(RestTransport(url, SECRET_KEY))


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxProcess]:
    with SandboxProcess() as process:
        yield process


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> SandboxProcess:
    """A sandbox in its first state."""
    reset_sandbox(sandbox_process)
    return sandbox_process
