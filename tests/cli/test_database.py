"""`db migrate`, `db sql`, `db check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Wacampaign
from tests.servers import SECRET_KEY, PostgresServer
from wacampaign.store.schema import sql_files


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
    for file in sql_files():
        assert f"-- {file.name}\n" in done.stdout
        assert file.sql.rstrip() in done.stdout
    folder = tmp_path / "supabase" / "migrations"
    assert "written" in wacampaign("db", "sql", "--output-dir", str(folder)).stdout
    (path,) = folder.iterdir()
    assert path.name.endswith("_wacampaign.sql")
    assert path.read_text("utf-8").rstrip() == done.stdout.rstrip()
    assert "written" not in wacampaign("db", "sql", "--output-dir", str(folder)).stdout
    assert list(folder.iterdir()) == [path]


def test_files_of_earlier_versions_stay(wacampaign: Wacampaign, tmp_path: Path) -> None:
    """`supabase db push` refuses when one that it has applied is missing, or one is older."""
    earlier = {
        "20261123000050_rights.sql": "select public.wacampaign_keep_rights();\n",
        "20261125000900_access.sql": "select public.wacampaign_keep_rights();\n",
        "20991231000000_of_another_program.sql": "select 1;\n",
    }
    for name, text in earlier.items():
        (tmp_path / name).write_text(text)
    done = wacampaign("db", "sql", "--output-dir", str(tmp_path))
    assert "2 files of earlier versions stay" in done.stdout
    assert {name: (tmp_path / name).read_text() for name in earlier} == earlier
    (new,) = {path.name for path in tmp_path.iterdir()} - earlier.keys()
    assert new > max(earlier)
    (tmp_path / new).write_text("select public.wacampaign_keep_rights();\n")
    assert "written" in wacampaign("db", "sql", "--output-dir", str(tmp_path)).stdout
    assert len(list(tmp_path.iterdir())) == len(earlier) + 2


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
