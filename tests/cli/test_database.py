"""`db migrate`, `db sql`, `db check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Wacampaign
from tests.servers import SECRET_KEY, PostgresServer
from wacampaign.store.schema import migrations


@pytest.fixture
def empty(postgres: PostgresServer) -> dict[str, str]:
    """The settings of a database without any table."""
    return {"DATABASE_URL": postgres.new_database("template0")}


def test_migrate_shows_its_plan_asks_and_is_done_once(
    wacampaign: Wacampaign, empty: dict[str, str]
) -> None:
    done = wacampaign("db", "migrate", env=empty)
    assert done.exit_code == 6
    done = wacampaign("db", "migrate", "--dry-run", env=empty)
    assert done.exit_code == 0
    assert "tables: missing or different" in done.stdout
    assert wacampaign("db", "check", env=empty).exit_code == 3
    assert wacampaign("db", "migrate", "--yes", env=empty).exit_code == 0
    done = wacampaign("db", "check", env=empty)
    assert (done.exit_code, done.stdout[:16]) == (0, "as it should be:")
    done = wacampaign("db", "migrate", "--yes", env=empty)
    assert "nothing was changed" in done.stdout


def test_check_as_json(wacampaign: Wacampaign, sql: psycopg.Connection[Any]) -> None:
    sql.execute("drop index wacampaign_queue_fresh")
    done = wacampaign("db", "check", "--json")
    assert done.exit_code == 3
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    assert not answer["ok"]
    assert answer["differences"] == [
        {
            "kind": "index",
            "name": "wacampaign_queue_fresh",
            "text": "index wacampaign_queue_fresh is missing",
        }
    ]


def test_sql_needs_no_database(wacampaign: Wacampaign, tmp_path: Path) -> None:
    done = wacampaign("db", "sql", env={"DATABASE_URL": "nonsense"})
    assert done.exit_code == 0
    for migration in migrations():
        assert f"-- {migration.file_name}\n" in done.stdout
        assert migration.sql.rstrip() in done.stdout
    folder = tmp_path / "supabase" / "migrations"
    assert "written" in wacampaign("db", "sql", "--output-dir", str(folder)).stdout
    assert {path.name for path in folder.iterdir()} == {one.file_name for one in migrations()}
    assert "written" not in wacampaign("db", "sql", "--output-dir", str(folder)).stdout


def test_the_printed_sql_makes_the_schema(wacampaign: Wacampaign, empty: dict[str, str]) -> None:
    with psycopg.connect(empty["DATABASE_URL"]) as connection:
        connection.execute(wacampaign("db", "sql").stdout.encode())
    assert wacampaign("db", "check", env=empty).exit_code == 0


def test_rest_alone_cannot_migrate(wacampaign: Wacampaign) -> None:
    rest = {"SUPABASE_URL": "http://localhost:1", "SUPABASE_SERVICE_KEY": SECRET_KEY}
    done = wacampaign("db", "migrate", "--yes", "--store", "supabase", env=rest)
    assert done.exit_code == 78
    assert done.stderr.splitlines()[-1].startswith("→ wacampaign db sql")


def test_check_over_rest(
    wacampaign: Wacampaign, rest_url: str, sql: psycopg.Connection[Any]
) -> None:
    rest = {"SUPABASE_URL": rest_url, "SUPABASE_SERVICE_KEY": SECRET_KEY}
    done = wacampaign("db", "check", "--store", "supabase", env=rest)
    assert done.exit_code == 0, done.output
    sql.execute(
        "create or replace function wacampaign_schema_version() returns jsonb language sql"
        """ as $$ select '{"version": "1"}'::jsonb $$"""
    )
    done = wacampaign("db", "check", "--store", "supabase", env=rest)
    assert done.exit_code == 3
    assert "the database has version 1" in done.stdout
    assert done.stdout.splitlines()[-1] == "→ wacampaign db sql"
