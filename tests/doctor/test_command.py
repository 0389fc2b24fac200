"""`wacampaign doctor` on a terminal and for scripts, and what `--fix` mends."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.doctor.faults import NOWHERE, other_env
from tests.doctor.rig import Installation
from wacampaign.cli.app import app
from wacampaign.sandbox.demo import DEMO_APP_SECRET, DEMO_TOKEN

Doctor = Callable[..., Result]
#: Seconds within which it has to be done, whatever is away.
LIMIT_SECONDS = 15


@pytest.fixture
def doctor(installation: Installation) -> Doctor:
    assert installation
    return lambda *args: CliRunner().invoke(app, ["doctor", *args], env={"COLUMNS": "80"})


def checks(done: Result) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in json.loads(done.stdout)["checks"]}


def test_the_object_for_scripts(installation: Installation, doctor: Doctor) -> None:
    done = doctor("--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["schema_version"], answer["changed"]) == (1, False)
    assert set(answer["checks"][0]) == {"id", "status", "text", "fix", "fix_with"}
    assert checks(done)["database_reachable"]["status"] == "ok"
    assert checks(done)["database_reachable"]["fix"] is None
    installation.run_sql("alter table send_queue disable trigger wacampaign_guard_row")
    installation.env_file.chmod(0o644)
    done = doctor("--json")
    assert done.exit_code == 3
    worst, *rest = json.loads(done.stdout)["checks"]
    assert (worst["id"], worst["status"], worst["fix_with"]) == ("guard", "fail", "sql")
    assert worst["fix"] == "alter table public.send_queue enable trigger wacampaign_guard_row;"
    assert (rest[0]["id"], rest[0]["status"], rest[0]["fix_with"]) == (
        "env_rights",
        "warn",
        "shell",
    )


def test_warnings_alone_are_no_finding(installation: Installation, doctor: Doctor) -> None:
    installation.env_file.chmod(0o644)
    done = doctor()
    assert done.exit_code == 0
    assert f"\n  → chmod 600 {installation.env_file}\n" in done.stdout, "broken over lines"
    assert "1 warn (env_rights), " in done.stdout
    assert done.stdout.endswith(f"→ chmod 600 {installation.env_file}\n")


def test_no_secret_is_shown(installation: Installation, doctor: Doctor) -> None:
    other_env(installation)
    installation.meta.revoke_token(DEMO_TOKEN)
    done = doctor()
    assert done.exit_code == 3
    said = done.output + doctor("--json").output
    for secret in (DEMO_TOKEN, DEMO_APP_SECRET, "of-another-app", "sb_secret"):
        assert secret not in said.replace("(sb_secret_…)", ""), secret
    assert re.search(r"differs\s+from", done.stdout)


def test_fix_mends_files_and_nothing_else(installation: Installation, doctor: Doctor) -> None:
    home = installation.folder / "home"
    home.rmdir()
    installation.env_file.chmod(0o666)
    installation.run_sql("drop index wacampaign_queue_fresh")
    tried = doctor("--fix", "--dry-run")
    assert tried.exit_code == 3
    assert "1 file: mode 666 → mode 600" in tried.stdout
    assert "1 folder: not there → made, mode 700" in tried.stdout
    assert "1 more are left to you" in tried.stdout
    assert not home.exists()
    assert doctor("--fix").exit_code == 6
    assert not home.exists()
    done = doctor("--fix", "--yes")
    assert done.exit_code == 3, "the index is left"
    assert (home.stat().st_mode & 0o777, installation.env_file.stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )
    assert "1 fail (indexes)" in done.stdout
    assert [one.id for one in installation.wrong()] == ["indexes"]
    again = doctor("--fix", "--yes", "--json")
    assert json.loads(again.stdout)["changed"] is False
    assert again.exit_code == 3


def test_pm2s_dump_is_closed(installation: Installation, doctor: Doctor) -> None:
    dump = installation.pm2_home / "dump.pm2"
    dump.write_text('[{"env": {"META_ACCESS_TOKEN": "EAAx"}}]')
    dump.chmod(0o644)
    done = doctor("--fix", "--yes", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["changed"] is True
    assert dump.stat().st_mode & 0o777 == 0o600
    # It is there still, for root and for PM2: that is told, too.
    assert checks(done)["pm2_secrets"]["status"] == "warn"


def test_flags_without_fix(doctor: Doctor) -> None:
    done = doctor("--yes")
    assert done.exit_code == 2
    assert "belong to --fix" in done.stderr


def test_with_everything_away_it_is_done_soon(installation: Installation, doctor: Doctor) -> None:
    program = installation.program.with_name("pm2")
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    # Takes connections, and never says a word.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        if installation.store == "postgres":
            away = {"DATABASE_URL": f"postgresql://postgres@{place}/x"}
        else:
            away = {"SUPABASE_URL": f"http://{place}"}
        installation.write_env(WHATSAPP_API_URL=f"http://{place}", **away)
        began = time.monotonic()
        done = doctor("--json")
    assert time.monotonic() - began < LIMIT_SECONDS
    assert done.exit_code == 3
    found = checks(done)
    assert found["database_reachable"]["status"] == "fail"
    assert found["schema"]["status"] == found["token"]["status"] == "skipped"
    assert found["pm2"]["status"] == "skipped"


def test_a_silent_meta_is_given_up_soon(installation: Installation, doctor: Doctor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        installation.write_env(WHATSAPP_API_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        found = checks(doctor("--json"))
    assert time.monotonic() - began < LIMIT_SECONDS
    assert found["cloud_api"]["status"] == "fail"
    assert found["subscription"]["status"] == "skipped"


def test_meta_away_leaves_the_database_looked_at(
    installation: Installation, doctor: Doctor
) -> None:
    installation.write_env(WHATSAPP_API_URL=NOWHERE)
    found = checks(doctor("--json"))
    assert found["cloud_api"]["status"] == "fail"
    assert found["token"]["status"] == found["subscription"]["status"] == "skipped"
    assert found["schema"]["status"] == "ok"


def test_of_an_empty_database_only_the_schema_is_told(
    installation: Installation, doctor: Doctor
) -> None:
    installation.run_sql("drop schema public cascade; create schema public")
    told = {one["id"]: one for one in json.loads(doctor("--json").stdout)["checks"]}
    if installation.store == "postgres":  # by REST nothing of the schema is seen any more
        assert told["schema"]["status"] == "fail"
    assert told["indexes"]["status"] == "skipped"
    fixes = [one["fix"] or "" for one in told.values()]
    assert not [fix for fix in fixes if "create index" in fix]
