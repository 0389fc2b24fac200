"""A sound installation over each transport, and what may be planted in it."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.doctor.rig import Installation, lay_out
from tests.servers import SECRET_KEY
from wacampaign import settings
from wacampaign.sandbox.demo import (
    DEMO_APP_SECRET,
    DEMO_PHONE_NUMBER_ID,
    DEMO_TOKEN,
    DEMO_WABA_ID,
)
from wacampaign.sandbox.process import SandboxProcess


@pytest.fixture
def pm2_home() -> Iterator[Path]:
    """PM2's folder (short, as a socket lies there), where its daemon listens."""
    with (
        tempfile.TemporaryDirectory(prefix="pm2-") as home,
        socket.socket(socket.AF_UNIX) as daemon,
    ):
        daemon.bind(f"{home}/rpc.sock")
        daemon.listen()
        yield Path(home)


@pytest.fixture(params=["postgres", "supabase"])
def installation(
    request: pytest.FixtureRequest,
    database: str,
    sql: psycopg.Connection[Any],
    sandbox: SandboxProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pm2_home: Path,
) -> Installation:
    folder = tmp_path / "installation"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("wacampaign.meta.client.BACK_OFF_S", 0.01)
    for name in {name for one in settings._KNOWN.values() for name in one.names}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PM2_HOME", str(pm2_home))
    bin_folder = folder / ".venv" / "bin"
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    if request.param == "postgres":
        place = {"DATABASE_URL": database}
    else:
        rest = request.getfixturevalue("rest_url")
        place = {"SUPABASE_URL": rest, "SUPABASE_SERVICE_KEY": SECRET_KEY}
    made = Installation(
        folder=folder,
        store=request.param,
        database=database,
        sql=sql,
        meta=sandbox.control,
        number="",
        settings=place
        | {
            "WHATSAPP_API_URL": sandbox.url,
            "META_ACCESS_TOKEN": DEMO_TOKEN,
            "META_APP_SECRET": DEMO_APP_SECRET,
            "WACAMPAIGN_HOME": str(folder / "home"),
        },
    )
    lay_out(made)
    made.type(f"wacampaign number add {DEMO_PHONE_NUMBER_ID} --waba {DEMO_WABA_ID} --yes")
    row = sql.execute("select id::text from whatsapp_numbers").fetchone()
    assert row is not None
    made.number = row[0]
    return made
