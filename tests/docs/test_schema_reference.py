"""docs/reference/schema.md names what a migrated database has, and all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.database.backends import EARLY
from tests.docs.pages import DOCS, section, subsections, table_rows
from tests.servers import PostgresServer, migrate
from wacampaign.store import schema

PAGE = (DOCS / "reference" / "schema.md").read_text("utf-8")
SHORT = {
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "integer": "int",
    "boolean": "bool",
}


class Catalogue(NamedTuple):
    """What there is in the schema `public`."""

    columns: dict[tuple[str, str], str]
    functions: set[str]
    triggers: set[tuple[str, str]]
    indexes: set[tuple[str, str]]


def short(text: str) -> str:
    for long, name in SHORT.items():
        text = text.replace(long, name)
    return text


def read(connection: psycopg.Connection[Any]) -> Catalogue:
    columns = connection.execute(
        "select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)"
        " from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'"
        " and a.attnum > 0 and not a.attisdropped"
    )
    functions = connection.execute(
        "select proname::text || '(' || pg_get_function_identity_arguments(oid) || ')'"
        " from pg_proc where pronamespace = 'public'::regnamespace"
    )
    triggers = connection.execute(
        "select tgname::text, tgrelid::regclass::text from pg_trigger where not tgisinternal"
    )
    indexes = connection.execute(
        "select indexname::text, tablename::text from pg_indexes"
        " where schemaname = 'public' and indexname not like '%\\_pkey'"
    )
    return Catalogue(
        {(table, column): short(kind) for table, column, kind in columns},
        {short(text) for (text,) in functions},
        set(triggers),
        set(indexes),
    )


@pytest.fixture(scope="module")
def added(postgres: PostgresServer) -> Iterator[Catalogue]:
    """What the migrations add to the earliest database that the backend contract describes."""
    url = postgres.new_database("template0")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(EARLY.encode())
        before = read(connection)
        migrate(url)
        after = read(connection)
    yield Catalogue(
        {key: kind for key, kind in after.columns.items() if key not in before.columns},
        after.functions - before.functions,
        after.triggers - before.triggers,
        after.indexes - before.indexes,
    )


def documented_columns(title: str) -> dict[tuple[str, str], str]:
    return {
        (table, row[0]): row[1]
        for table, text in subsections(section(PAGE, title))
        for row in table_rows(text)
    }


def test_columns_of_the_backends_tables(added: Catalogue) -> None:
    found = {
        key: kind
        for key, kind in added.columns.items()
        # A whole table of the backend's that only later databases have.
        if not key[0].startswith("wacampaign_")
        and (key[0] != "media_library" or key == ("media_library", "sha256"))
    }
    assert documented_columns("Columns added to the backend's tables") == found


def test_tables_and_their_columns(added: Catalogue) -> None:
    found = {k: kind for k, kind in added.columns.items() if k[0].startswith("wacampaign_")}
    assert documented_columns("Tables") == found


def test_functions_with_their_parameters(added: Catalogue) -> None:
    assert {row[0] for row in table_rows(section(PAGE, "Functions"))} == added.functions


def test_triggers(added: Catalogue) -> None:
    rows = table_rows(section(PAGE, "Triggers"))
    assert {(row[0], row[1]) for row in rows} == added.triggers


def test_indexes(added: Catalogue) -> None:
    rows = table_rows(section(PAGE, "Indexes"))
    assert {(row[0], row[1]) for row in rows} == added.indexes


def test_kinds_of_events() -> None:
    rows = [
        line.split(" | ")[0]
        for line in section(PAGE, "Kinds of events").splitlines()
        if line.startswith("| `")
    ]
    documented = {kind for row in rows for kind in re.findall(r"`(\w+)`", row)}
    # The first literal of each is the kind; `set_status` chooses by its action.
    written = {
        found
        for file in schema.sql_files()
        for found in re.findall(
            r"(?:insert into public\.wacampaign_events\b[^']*|wacampaign_event\([^,']*,\s*)'(\w+)'",
            file.sql,
        )
    }
    assert {"resumed", "paused"} <= written
    assert documented == written | {"started", "resumed", "paused", "cancelled"}


def test_the_plan_that_the_tutorial_shows(added: Catalogue) -> None:
    tutorial = (DOCS / "tutorial" / "first-campaign.md").read_text("utf-8")
    # Every change of the SQL changes the version's second half.
    date, _, _ = schema.expected_version().partition("-")
    backends = set(re.findall(r"create table (\w+)", EARLY))
    new_tables = {table for table, _ in added.columns} - backends
    for line in (
        f"plan: apply {len(schema.sql_files())} migrations, up to version {date}-…\n",
        f"  {len(new_tables)} tables: missing",
        f"  {len(added.functions)} functions: missing",
    ):
        assert f"\n{line}" in tutorial
