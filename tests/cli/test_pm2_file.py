"""`wacampaign pm2` as a person calls it: what it prints, and what it says beside that."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.pm2 import clean_environment, install_command


def printed(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [folder / ".venv" / "bin" / "wacampaign", "pm2", *arguments],
        env=clean_environment() | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_names_this_program_and_this_folder(tmp_path: Path) -> None:
    command = install_command(tmp_path)
    (tmp_path / ".env").write_text(f"WACAMPAIGN_HOME={tmp_path}\n")
    (tmp_path / ".env").chmod(0o600)
    said = printed(tmp_path)
    assert f'script: "{command}"' in said.stdout
    assert f'cwd: "{tmp_path}"' in said.stdout
    assert [line for line in said.stderr.splitlines() if "as root" not in line] == [
        "→ pm2 start ecosystem.config.cjs && pm2 save",
        "→ pm2 describe wacampaign-worker",
    ]


def test_what_a_service_would_miss_is_said(tmp_path: Path) -> None:
    install_command(tmp_path)
    home = tmp_path / "not there"
    said = printed(
        tmp_path, DATABASE_URL="postgresql://a:secret@127.0.0.1:1/b", WACAMPAIGN_HOME=str(home)
    )
    notes = "\n".join(line for line in said.stderr.splitlines() if line.startswith("NOTE: "))
    assert "DATABASE_URL, WACAMPAIGN_HOME come from this shell" in notes
    assert f"there is no .env in {tmp_path}" in notes
    assert f"mkdir -p -m 700 '{home}'" in notes
    assert "secret@" not in said.stdout + said.stderr
    (tmp_path / ".env").touch(mode=0o644)
    assert f"chmod 600 {tmp_path / '.env'}" in printed(tmp_path).stderr


def test_the_command_beside_two_units_puts_each_into_its_file(tmp_path: Path) -> None:
    install_command(tmp_path)
    (tmp_path / ".env").touch(mode=0o600)
    said = printed(tmp_path, "--systemd", "--webhook", "--port", "9000")
    (line,) = [line for line in said.stderr.splitlines() if " | sudo awk " in line]
    typed, _, dividing = line.removeprefix("→ ").partition(" | sudo ")
    assert shlex.split(typed) == shlex.split("wacampaign pm2 --systemd --webhook --port 9000")
    units = tmp_path / "units"
    units.mkdir()
    dividing = dividing.replace("/etc/systemd/system/", f"{units}/")
    subprocess.run(["/bin/sh", "-c", dividing], input=said.stdout, text=True, check=True)
    files = {path.name: path.read_text() for path in units.iterdir()}
    assert sorted(files) == ["wacampaign-webhook.service", "wacampaign-worker.service"]
    assert re.findall(r"^ExecStart=.*", files["wacampaign-webhook.service"], re.MULTILINE) == [
        f"ExecStart={tmp_path}/.venv/bin/wacampaign webhook --port 9000"
    ]


def test_without_a_script_the_interpreter_is_named(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "wacampaign", "pm2"],
        env=clean_environment() | {"PYTHONPATH": ":".join(filter(None, sys.path))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    script = re.findall(r'script: "(.*)"', said.stdout)[0]
    assert Path(script).name in ("wacampaign", Path(sys.executable).name)
