"""A PM2 of the test's own, and the program laid out in a folder as the how-tos say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.servers import NODE_MODULES, node, wait_until

#: Settings, and what a PM2 around the tests says: none of it is to reach the one of a test.
_NOT_INHERITED = ("PM2", "WACAMPAIGN", "SUPABASE", "META", "WHATSAPP", "DATABASE")
#: What a shell may hold, and what must go nowhere.
SECRET = "EAAsecretofthetests"
WORKER, RECEIVER = "wacampaign-worker", "wacampaign-webhook"


def install_command(folder: Path) -> Path:
    """Writes `.venv/bin/wacampaign` as pip does; the package itself may lie anywhere."""
    command = folder / ".venv" / "bin" / "wacampaign"
    command.parent.mkdir(parents=True)
    command.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path[:0] = {sys.path!r}\n"
        "from wacampaign.__main__ import main\nsys.exit(main())\n"
    )
    command.chmod(0o755)
    return command


def clean_environment() -> dict[str, str]:
    """Of a shell without settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}


class Pm2:
    """A PM2 of its own in a folder with `.env` and the file that `wacampaign pm2` printed."""

    def __init__(self, folder: Path, settings: Mapping[str, str], *arguments: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.home = folder / "pm2"
        self.config = folder / "ecosystem.config.cjs"
        self._settings = dict(settings)
        self.write_settings()
        path = f"{Path(node()).parent}{os.pathsep}{os.environ['PATH']}"
        printed = subprocess.run(
            [install_command(folder), "pm2", *arguments],
            env=clean_environment(),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        self.config.write_text(printed.stdout)
        self.environment = clean_environment() | {
            "PM2_HOME": str(self.home),
            "PATH": path,
            # A person's shell: were these to reach the worker, it would not work.
            "DATABASE_URL": f"postgresql://somebody:{SECRET}@127.0.0.1:1/none",
            "META_ACCESS_TOKEN": SECRET,
            "SUPABASE_SERVICE_KEY": SECRET,
            "WACAMPAIGN_STORE": "supabase",
            "WHATSAPP_API_URL": "http://127.0.0.1:1",
            # Nothing of ours.
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "GITHUB_TOKEN": SECRET,
            "PGPASSWORD": SECRET,
        }

    def write_settings(self, **more: str) -> None:
        path = self.folder / ".env"
        settings = self._settings | more
        path.write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))
        path.chmod(0o600)

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [node(), str(NODE_MODULES / "pm2" / "bin" / "pm2"), *arguments],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, *arguments: str) -> str:
        process = self.popen(*arguments)
        try:
            said, _ = process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return said

    def app(self, name: str = WORKER) -> dict[str, Any]:
        """What PM2 says of the app."""
        said = self("jlist")
        found = json.loads(said[said.index("[{") :])
        (app,) = [entry for entry in found if entry["name"] == name]
        return {"pid": app["pid"], **app["pm2_env"]}

    def trigger(self, name: str, *word: str, app: str = WORKER) -> dict[str, Any]:
        """What the app answers: `[name:id:namespace]=JSON`."""
        said = self("trigger", app, name, *word)
        (line,) = [line for line in said.splitlines() if line.startswith(f"[{app}:")]
        answer: dict[str, Any] = json.loads(line.partition("]=")[2])
        return answer

    @property
    def daemon(self) -> int:
        return int((self.home / "pm2.pid").read_text())

    def log(self, name: str = WORKER) -> str:
        return "".join(path.read_text() for path in self.home.glob(f"logs/{name}-out*.log"))

    def wait_logged(self, words: str, name: str = WORKER) -> None:
        """The daemon writes what an app says when it comes to it, its answers before that."""
        wait_until(lambda: words in self.log(name), what=f"{words} in the log")

    def kept(self) -> dict[str, str]:
        """Each file that PM2 wrote, and what stands there."""
        files = [path for path in self.home.rglob("*") if path.is_file()]
        return {path.name: path.read_text(errors="replace") for path in files}

    def close(self) -> None:
        print(self("list"), self.kept().get("pm2.log", "")[-1500:])
        self("kill")
