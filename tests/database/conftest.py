from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest

from tests.database.backends import Connection
from tests.servers import PostgresServer


@pytest.fixture
def connect() -> Iterator[Callable[..., Connection]]:
    """Opens connections in autocommit mode; they are closed at the end."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(psycopg.connect(url, autocommit=True))


@pytest.fixture
def empty_database(postgres: PostgresServer) -> Iterator[str]:
    """The address of a database with nothing in it."""
    url = postgres.new_database("template1")
    yield url
    postgres.drop_database(url)
