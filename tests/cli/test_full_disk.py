"""A database whose disk is full: it answers, and looks well; what cannot be written says so."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Wacampaign
from wacampaign.cli.session import say_kept_out
from wacampaign.problems import Busy


@pytest.fixture
def small_disk(sql: psycopg.Connection[Any]) -> Iterator[Path]:
    """A file system of 1 MiB that the server's passing files go to."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system")
    folder = Path(mkdtemp(dir="/tmp"))
    # One for the whole server, so its name and its end are the test's.
    name = f"small_{folder.name.lower()}"
    data = (sql.execute("show data_directory").fetchone() or ("",))[0]
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "tmpfs", folder], check=False
    )
    try:
        if mounted.returncode:
            pytest.skip("this machine mounts nothing")
        space = folder / "space"
        space.mkdir()
        owner = Path(data).stat()
        os.chown(space, owner.st_uid, owner.st_gid)
        folder.chmod(0o755)
        sql.execute(f"create tablespace {name} location '{space}'".encode())
        sql.execute(f"alter database {sql.info.dbname} set temp_tablespaces = '{name}'".encode())
        yield folder
        sql.execute(f"alter database {sql.info.dbname} reset temp_tablespaces".encode())
        sql.execute(f"drop tablespace {name}".encode())
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", folder], check=True)
        shutil.rmtree(folder)


def writable(wacampaign: Wacampaign) -> Any:
    checks = json.loads(wacampaign("doctor", "--json").stdout)["checks"]
    return next(one for one in checks if one["id"] == "database_writable")


@pytest.mark.usefixtures("small_disk")
def test_doctor_writes_to_find_out(wacampaign: Wacampaign) -> None:
    found = writable(wacampaign)
    assert found["status"] == "fail"
    assert "the database's disk is full: could not write to file" in found["text"]
    assert "No space left on device" in found["text"]


def test_there_is_room(wacampaign: Wacampaign) -> None:
    assert writable(wacampaign)["status"] == "ok"


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("command", ["queue-stats", "monitor"])
def test_what_reads_says_that_it_took_nothing(
    wacampaign: Wacampaign,
    sql: psycopg.Connection[Any],
    command: str,
) -> None:
    sql.execute(
        "create or replace function public.wacampaign_take_logged(p_limit int, p_rules text)"
        " returns jsonb language plpgsql as $$ begin raise sqlstate '53100' using"
        " message = 'could not extend file'; end $$"
    )
    done = wacampaign(command, *(("--once",) if command == "monitor" else ()))
    assert done.exit_code == 0
    said, step = done.stderr.splitlines()[:2]
    assert said == (
        "! what arrived could not be taken: the database's disk is full: could not extend file"
    )
    assert step.startswith("  → free space on the database's disk or enlarge it; rows are kept")
    assert "market_1" in done.stdout


def test_what_was_kept_out_is_said_in_ascii_where_there_is_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stderr", stream)
    say_kept_out(Busy("the disk is full", "free some"))
    said = stream.buffer.getvalue()  # type: ignore[attr-defined]
    assert said == b"! what arrived could not be taken: the disk is full\n  -> free some\n"


def test_a_database_without_a_free_connection_is_told_once(
    wacampaign: Wacampaign, environment: dict[str, str], sql: psycopg.Connection[Any]
) -> None:
    login = f"crowded_{sql.info.dbname}"
    sql.execute(f"create role {login} login connection limit 0".encode())
    try:
        address = environment["DATABASE_URL"].replace("postgres@", f"{login}@")
        done = wacampaign("queue-stats", env={"DATABASE_URL": address})
    finally:
        sql.execute(f"drop role {login}".encode())
    assert (done.exit_code, done.stdout) == (75, "")
    assert done.stderr.startswith("error: the database has no connection free: ")
    assert done.stderr.count("no connection free") == 1
