"""Machines on which little is as usual: each doctor tells of it, and all else is looked at."""

from __future__ import annotations

import base64
import errno
import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.doctor.rig import Installation
from wacampaign.cli.app import app
from wacampaign.core.doctor.model import Mending
from wacampaign.core.preflight.model import Check

#: A JWT of the role service_role that expires at a time of 400 digits.
WITHOUT_END = ".".join(
    base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    for part in (b'{"alg":"HS256"}', b'{"role":"service_role","exp":1e400}', b"signature")
)


def make_homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home folder and without a name, as in containers."""

    def nobody(user: int) -> Any:
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "XDG_DATA_HOME", "PM2_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_a_user_without_a_home(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    make_homeless(monkeypatch)
    assert installation.wrong() == []
    installation.write_env(WACAMPAIGN_HOME=None)
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 3
    worst, *others = json.loads(done.stdout)["checks"]
    assert (worst["id"], worst["status"]) == ("settings", "fail")
    assert "WACAMPAIGN_HOME" in worst["fix"]
    assert {one["status"] for one in others} == {"skipped"}
    assert {"home", "disk", "env_rights", "clock"} <= {one["id"] for one in others}
    done = CliRunner().invoke(app, ["queue-stats"])
    assert done.exit_code == 78, done.output


def test_a_home_whose_name_is_too_long(installation: Installation) -> None:
    installation.write_env(WACAMPAIGN_HOME="/" + "a" * 300)
    (found,) = installation.wrong()
    assert (found.id, found.verdict, found.mending) == ("home", Check.FAIL, Mending.WORDS)
    done = CliRunner().invoke(app, ["doctor", "--fix", "--yes"])
    assert done.exit_code == 3, done.output
    assert "nothing was changed" in done.output


@pytest.mark.parametrize("times", [1, 2])
def test_rights_are_mended_behind_a_link_and_once(installation: Installation, times: int) -> None:
    kept = installation.folder / "kept.env"
    installation.env_file.rename(kept)
    installation.env_file.symlink_to(kept.name)
    kept.chmod(0o644)
    for time in range(times):
        done = CliRunner().invoke(app, ["doctor", "--fix", "--yes", "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["changed"] is (time == 0)
    assert installation.env_file.is_symlink()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_home_on_a_full_disk_is_not_given_to_another_owner(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    (found,) = installation.found("home")
    assert "No space left" in found.text
    assert "chown" not in found.fix


def test_another_env_that_may_not_be_read_is_not_the_same(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (installation.folder / "backend").mkdir()
    closed = installation.folder / "backend" / ".env"
    closed.write_text("META_APP_SECRET=of-another-app\n")
    usual = Path.open

    def refuse(self: Path, *args: Any, **more: Any) -> Any:
        if self == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return usual(self, *args, **more)

    monkeypatch.setattr(Path, "open", refuse)  # root, who runs tests, may read all
    (found,) = [one for one in installation.examine() if one.id == "env_files"]
    assert (found.verdict, found.text) == (
        Check.SKIPPED,
        f"{closed} cannot be read: Permission denied",
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"#" * ((1 << 20) + 1), "it is larger than 1 MiB, which no file of settings is"),
        (b"META_APP_SECRET=\xff\n", "it is not UTF-8 text"),
    ],
    ids=["large", "bytes"],
)
def test_another_env_that_no_program_of_ours_reads_is_told(
    installation: Installation, content: bytes, why: str
) -> None:
    (installation.folder / "backend").mkdir()
    other = installation.folder / "backend" / ".env"
    other.write_bytes(content)
    (found,) = [one for one in installation.examine() if one.id == "env_files"]
    assert (found.verdict, found.text) == (Check.SKIPPED, f"{other} cannot be read: {why}")


def test_an_env_that_leads_to_itself_is_passed_by(installation: Installation) -> None:
    (installation.folder / "backend").mkdir()
    (installation.folder / "backend" / ".env").symlink_to(".env")
    assert installation.wrong() == []


def test_what_is_to_be_unset_is_named_as_it_is_called(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    if installation.store == "postgres":
        pytest.skip("one of its settings has several names")
    monkeypatch.setenv("SUPABASE_SECRET_KEY", WITHOUT_END)
    (found,) = installation.found("environment")
    assert found.fix == "unset SUPABASE_SECRET_KEY"


def test_the_version_is_taken_out_of_where_it_stands(installation: Installation) -> None:
    url = installation.settings["WHATSAPP_API_URL"]
    installation.write_env(WHATSAPP_API_URL=f"{url}/v20.0")
    (found,) = installation.found("api_version")
    assert "WHATSAPP_API_URL in .env" in found.fix
    installation.write_env(WHATSAPP_API_URL=url, WHATSAPP_API_VERSION="v20.0")
    (found,) = installation.found("api_version")
    assert "WHATSAPP_API_VERSION in .env" in found.fix
