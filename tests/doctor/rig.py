"""A sound installation: `.env`, database, sandbox, PM2's answers. Tests break one thing each."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.campaigns import add_campaign, run_on
from tests.pm2 import install_command
from wacampaign.core.doctor.model import Examined
from wacampaign.core.preflight.model import Check
from wacampaign.operations.doctor.run import run_doctor, run_without_settings
from wacampaign.problems import Misconfigured
from wacampaign.sandbox.client import SandboxControl
from wacampaign.settings import load_settings

#: One process of PM2 as `pm2 jlist` shows it with the how-to's file (pm2 7.0.4).
PM2_ENV: dict[str, Any] = {
    "status": "online",
    "args": ["run-worker"],
    "exec_interpreter": "none",
    "exec_mode": "fork_mode",
    "autorestart": True,
    "kill_timeout": 30000,
    "stop_exit_codes": [78, 130],
    "restart_time": 0,
    "env": {"PYTHONUNBUFFERED": "1"},
}


@dataclass
class Installation:
    """Everything in one folder; `store` is postgres or supabase."""

    folder: Path
    store: str
    database: str
    sql: psycopg.Connection[Any]
    meta: SandboxControl
    number: str
    settings: dict[str, str]
    clock: Callable[[], float] = time.time
    pm2_env: dict[str, Any] = field(default_factory=lambda: dict(PM2_ENV))

    @property
    def env_file(self) -> Path:
        return self.folder / ".env"

    def write_env(self, **changed: str | None) -> None:
        """Writes `.env` anew with these settings changed; None takes one out."""
        self.settings = {k: v for k, v in (self.settings | changed).items() if v is not None}
        lines = (f"{name}={value}\n" for name, value in self.settings.items())
        self.env_file.write_text("".join(lines), "utf-8")
        self.env_file.chmod(0o600)

    def write_pm2(self, **changed: Any) -> None:
        """What PM2 answers from now on."""
        self.pm2_env |= changed
        env = {"pm_exec_path": str(self.program), "pm_cwd": str(self.folder)} | self.pm2_env
        app = {"name": "wacampaign-worker", "pid": 1, "pm_id": 0, "pm2_env": env}
        home = self.pm2_home
        (home / "list.json").write_text(json.dumps([app]))
        program = self.program.with_name("pm2")
        said = ('echo "[PM2] a word before"', f"cat {home / 'list.json'}", "echo after")
        program.write_text("\n".join(("#!/bin/sh", *said)))
        program.chmod(0o755)

    @property
    def pm2_home(self) -> Path:
        return Path(os.environ["PM2_HOME"])

    @property
    def program(self) -> Path:
        return self.folder / ".venv" / "bin" / "wacampaign"

    def examine(self) -> list[Examined]:
        """As `wacampaign doctor` does it."""
        try:
            settings = load_settings()
        except Misconfigured as problem:
            return asyncio.run(run_without_settings(problem))
        return asyncio.run(run_doctor(settings, self.clock))

    def found(self, name: str) -> list[Examined]:
        """What is wrong by this check."""
        return [one for one in self.wrong() if one.id == name]

    def wrong(self) -> list[Examined]:
        """What is wrong by any, but for how fast the database answers while every core is busy."""
        return [
            one
            for one in self.examine()
            if one.verdict in (Check.WARN, Check.FAIL) and one.id != "database_speed"
        ]

    def type(self, command: str) -> None:
        """What a person types in this folder."""
        path = f"{self.program.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def run_sql(self, text: str) -> None:
        """What a person runs in the SQL editor."""
        for line in text.splitlines():
            self.sql.execute(line.encode())

    def run_sql_anew(self, text: str) -> None:
        """The same on a connection of its own, which finds the database as it is set up now."""
        with psycopg.connect(self.database, autocommit=True) as editor:
            for line in text.splitlines():
                editor.execute(line.encode())

    def campaign(self, rows: int = 20, *, start: bool = False) -> str:
        """A campaign of the number."""
        return run_on(
            self.database,
            lambda store: add_campaign(
                store, self.number, rows, name="market_1", templates=("demo_text",), start=start
            ),
        )

    def worker(self, version: str) -> None:
        """One that has just given a sign of life."""
        self.sql.execute(
            "insert into wacampaign_workers (id, host, pid, version)"
            " values (gen_random_uuid(), 'app1', 4121, %s)",
            (version,),
        )


def lay_out(installation: Installation) -> None:
    """Puts the files of a sound one into its folder."""
    install_command(installation.folder)
    (installation.folder / "home").mkdir(mode=0o700)
    installation.write_env()
    installation.write_pm2()
