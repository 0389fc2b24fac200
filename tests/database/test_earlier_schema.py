"""A database that an earlier version made: what differs is told, workers go on, nothing is lost."""

from __future__ import annotations

import lzma
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.campaigns import run_on
from tests.database.backends import Connection, make_backend, snapshot
from tests.database.kept_counts import counted, kept
from tests.database.test_security import workers_protocol
from tests.servers import NODE_MODULES, tcp_address
from wacampaign.store import schema
from wacampaign.store.supabase_migrations import write_schema

#: The SQL of version 20261125000900, the last one that was named after its newest file.
EARLIER = lzma.decompress(
    (Path(__file__).parent / "schema_20261125000900.sql.xz").read_bytes()
).decode()


def make_earlier(connection: Connection) -> None:
    make_backend(connection, later=True)
    connection.execute(EARLIER.encode())


def test_what_differs_is_added_and_no_row_changes(
    empty_database: str, connect: Callable[..., Connection]
) -> None:
    connection = connect(empty_database)
    make_earlier(connection)
    found = schema.check(empty_database)
    assert {one.kind for one in found} <= {"function", "table", "column", "index", "trigger"}
    # None of those that keep the queue.
    triggers = {one.name for one in found if one.kind == "trigger"}
    assert triggers <= {"wacampaign_status_logged", "wacampaign_message_logged"}
    before = snapshot(connection)
    assert schema.migrate(empty_database) == []
    after = snapshot(connection, like=before)
    for table in before:
        assert after[table] == before[table], table
    assert kept(connection) == counted(connection)


def test_a_worker_of_this_version_works_on_it(
    empty_database: str, connect: Callable[..., Connection]
) -> None:
    connection = connect(empty_database)
    make_earlier(connection)
    connection.execute("update campaigns set status = 'paused'")
    connection.execute("update whatsapp_numbers set is_active = false")

    run_on(empty_database, workers_protocol)


def test_supabase_applies_the_new_file_after_those_of_an_earlier_version(
    empty_database: str, tmp_path: Path
) -> None:
    folder = tmp_path / "supabase" / "migrations"
    folder.mkdir(parents=True)
    (tmp_path / "supabase" / "config.toml").write_text('project_id = "test"\n')
    (folder / "20261125000900_access.sql").write_text(EARLIER, "utf-8")
    with tcp_address(empty_database) as url:
        for differs in (True, False):
            done = subprocess.run(
                [NODE_MODULES / ".bin" / "supabase", "migration", "up", f"--remote={url}", "--yes"],
                env=os.environ | {"SUPABASE_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1"},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            assert bool(schema.check(empty_database)) is differs
            assert write_schema(folder).written is differs
